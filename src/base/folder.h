/** Folders that results go to: made when absent, and held by one job at a time. */
#ifndef BASE_FOLDER_H
#define BASE_FOLDER_H

#include "base/error.h"

/** Makes a folder and those above it; one that is there is fine. Returns STATUS_IO. Local. */
MUST_CHECK enum status folder_make(const char *path, struct error *err);

/**
 * Takes a folder for this process, so that a second job that would write there is told. Local.
 *
 * The lock is flock(2)'s on a file `.quern.lock`: it ends with the process, however that ends.
 *
 * @param lock  returns what folder_unlock takes; −1 where the file system knows no locks
 * @return      STATUS_FAILED when another process holds it, STATUS_IO
 */
MUST_CHECK enum status folder_lock(const char *path, int *lock, struct error *err);

/**
 * Takes part in reading a folder, beside other readers and whoever writes whole files there. Local.
 *
 * @param lock  returns what folder_unlock takes; −1 where there is no such folder, where one may not write a
 * lock file there, or where the file system knows no locks
 * @return      STATUS_FAILED while somebody removes files there (folder_lock_readers)
 */
MUST_CHECK enum status folder_share(const char *path, int *lock, struct error *err);

/** Keeps readers out of a folder, to remove what they may want to read; as folder_lock. Local.
 *
 * @return  STATUS_FAILED while somebody reads there, STATUS_IO
 */
MUST_CHECK enum status folder_lock_readers(const char *path, int *lock, struct error *err);

/** Gives the folder back; −1 is fine. Local. */
void folder_unlock(int lock);

#endif
