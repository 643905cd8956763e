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

/** Gives the folder back; −1 is fine. Local. */
void folder_unlock(int lock);

#endif
