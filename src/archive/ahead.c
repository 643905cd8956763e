/* Decoding ahead: a thread fills a ring of buffers while the rank parses. It calls nothing of MPI and touches
 * only the reader, which the rank leaves alone until the thread has ended. */
// NOLINTNEXTLINE(bugprone-reserved-identifier,readability-identifier-naming): sched_getaffinity
#define _GNU_SOURCE
#include "internal.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* As much as two of a stream's reads: with less, each side waits for the other. */
enum { RING_BUFFERS = 8, RING_BYTES = 1 << 18 };

struct ahead {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct reader *reader;
    int64_t goal;  // beyond this byte of the text no more is decoded than is asked for
    size_t filled;  // buffers filled since the start
    size_t emptied;  // buffers emptied since the start
    bool is_last;  // the thread will fill no more
    bool is_stopped;  // the thread shall fill no more
    bool is_joined;
    size_t at;  // in the buffer that is being emptied
    size_t counts[RING_BUFFERS];
    uint8_t bytes[RING_BUFFERS][RING_BYTES];
};

int archive_spare_cores(int host_ranks)
{
    cpu_set_t cores;
    CPU_ZERO(&cores);
    if (sched_getaffinity(0, sizeof cores, &cores) != 0)
        return 0;
    // A rank that is bound has its cores for itself; else all ranks of the host share what they all may use.
    int mine = CPU_COUNT(&cores);
    long all = sysconf(_SC_NPROCESSORS_ONLN);
    return mine < all ? mine - 1 : mine / (host_ranks > 0 ? host_ranks : 1) - 1;
}

/* How many filled buffers are enough. */
static size_t ring_most(const struct ahead *ahead)
{
    return reader_given(ahead->reader) < ahead->goal ? RING_BUFFERS : 1;
}

static void *ahead_run(void *context)
{
    struct ahead *ahead = context;
    for (size_t count = RING_BYTES; count == RING_BYTES;) {
        pthread_mutex_lock(&ahead->lock);
        while (ahead->filled - ahead->emptied >= ring_most(ahead) && !ahead->is_stopped)
            pthread_cond_wait(&ahead->changed, &ahead->lock);
        size_t place = ahead->filled % RING_BUFFERS;
        bool is_stopped = ahead->is_stopped;
        pthread_mutex_unlock(&ahead->lock);
        count = is_stopped ? 0 : reader_decode(ahead->reader, ahead->bytes[place], RING_BYTES);
        pthread_mutex_lock(&ahead->lock);
        ahead->counts[place] = count;
        ahead->filled += count > 0;
        ahead->is_last = count < RING_BYTES;
        pthread_cond_signal(&ahead->changed);
        pthread_mutex_unlock(&ahead->lock);
    }
    return NULL;
}

struct ahead *ahead_new(struct reader *reader, int64_t goal)
{
    struct ahead *ahead = malloc(sizeof *ahead);
    if (!ahead)
        return NULL;
    ahead->reader = reader;
    ahead->goal = goal;
    ahead->filled = ahead->emptied = ahead->at = 0;
    ahead->is_last = ahead->is_stopped = ahead->is_joined = false;
    (void)pthread_mutex_init(&ahead->lock, NULL);
    (void)pthread_cond_init(&ahead->changed, NULL);
    if (pthread_create(&ahead->thread, NULL, ahead_run, ahead) == 0)
        return ahead;
    free(ahead);
    return NULL;
}

static void ahead_join(struct ahead *ahead)
{
    if (!ahead->is_joined)
        (void)pthread_join(ahead->thread, NULL);
    ahead->is_joined = true;
}

void ahead_free(struct ahead *ahead)
{
    if (!ahead)
        return;
    pthread_mutex_lock(&ahead->lock);
    ahead->is_stopped = true;
    pthread_cond_signal(&ahead->changed);
    pthread_mutex_unlock(&ahead->lock);
    ahead_join(ahead);
    (void)pthread_cond_destroy(&ahead->changed);
    (void)pthread_mutex_destroy(&ahead->lock);
    free(ahead);
}

/* Waits for a filled buffer; false when no more will come. */
static bool ahead_wait(struct ahead *ahead)
{
    pthread_mutex_lock(&ahead->lock);
    while (ahead->filled == ahead->emptied && !ahead->is_last)
        pthread_cond_wait(&ahead->changed, &ahead->lock);
    bool is_there = ahead->filled > ahead->emptied;
    pthread_mutex_unlock(&ahead->lock);
    return is_there;
}

size_t ahead_read(struct ahead *ahead, void *bytes, size_t room)
{
    size_t count = 0;
    while (count < room) {
        if (ahead->is_joined || !ahead_wait(ahead)) {
            ahead_join(ahead);  // from here on the reader's fault and end may be looked at
            break;
        }
        size_t place = ahead->emptied % RING_BUFFERS;
        size_t left = ahead->counts[place] - ahead->at;
        size_t part = left < room - count ? left : room - count;
        memcpy((uint8_t *)bytes + count, ahead->bytes[place] + ahead->at, part);
        count += part;
        ahead->at += part;
        if (ahead->at < ahead->counts[place])
            continue;
        pthread_mutex_lock(&ahead->lock);
        ahead->at = 0;
        ahead->emptied++;
        pthread_cond_signal(&ahead->changed);
        pthread_mutex_unlock(&ahead->lock);
    }
    return count;
}

bool ahead_ended(const struct ahead *ahead)
{
    return ahead->is_joined;
}
