#include "parallel/parallel.h"

#include "internal.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static void reduce_i64(const struct team *team, int64_t *values, size_t count, MPI_Op op)
{
    const size_t piece_most = team->piece_bytes / sizeof *values;
    for (size_t at = 0; at < count && team->comm != MPI_COMM_NULL;) {
        size_t piece = count - at < piece_most ? count - at : piece_most;
        MPI_Allreduce(MPI_IN_PLACE, values + at, (int)piece, MPI_INT64_T, op, team->comm);
        traffic_add(team, TEAM_REDUCE, piece * sizeof *values);
        at += piece;
    }
}

void team_sum_i64_at(const struct team *team, int64_t *values, size_t count, const char *file, int line)
{
    check_site(team, file, line);
    reduce_i64(team, values, count, MPI_SUM);
}

void team_max_i64_at(const struct team *team, int64_t *values, size_t count, const char *file, int line)
{
    check_site(team, file, line);
    reduce_i64(team, values, count, MPI_MAX);
}

uint64_t team_sum_before_at(const struct team *team, uint64_t value, const char *file, int line)
{
    check_site(team, file, line);
    uint64_t before = 0;
    if (team->comm != MPI_COMM_NULL) {
        MPI_Exscan(&value, &before, 1, MPI_UINT64_T, MPI_SUM, team->comm);
        traffic_add(team, TEAM_REDUCE, sizeof value);
    }
    return team->rank == 0 ? 0 : before;  // MPI leaves rank 0's undefined
}

void team_broadcast_at(const struct team *team, void *bytes, size_t count, int root, const char *file,
                       int line)
{
    check_site(team, file, line);
    for (size_t at = 0; at < count && team->comm != MPI_COMM_NULL;) {
        size_t piece = count - at < team->piece_bytes ? count - at : team->piece_bytes;
        MPI_Bcast((unsigned char *)bytes + at, (int)piece, MPI_BYTE, root, team->comm);
        traffic_add(team, TEAM_BROADCAST, team->rank == root ? piece : 0);
        at += piece;
    }
}

static size_t sum_of(const size_t *counts, int size)
{
    size_t sum = 0;
    for (int i = 0; i < size; i++)
        sum += counts[i];
    return sum;
}

static enum status room_make(size_t bytes, void **room, struct error *err)
{
    *room = NULL;
    if (bytes == 0)
        return STATUS_OK;
    *room = malloc(bytes);
    return *room ? STATUS_OK
                 : error_set(err, STATUS_NO_MEMORY, "exchange between ranks", "use more ranks or more memory",
                             "no room for %zu bytes from the other ranks", bytes);
}

/* Sends to one rank while receiving from another, in pieces; both sides know both lengths. */
static void trade(const struct team *team, const unsigned char *out, size_t out_count, int to,
                  unsigned char *in, size_t in_count, int from)
{
    size_t sent = 0, got = 0;
    while (sent < out_count || got < in_count) {
        size_t send = out_count - sent < team->piece_bytes ? out_count - sent : team->piece_bytes;
        size_t receive = in_count - got < team->piece_bytes ? in_count - got : team->piece_bytes;
        MPI_Sendrecv(out + sent, (int)send, MPI_BYTE, send ? to : MPI_PROC_NULL, 0, in + got, (int)receive,
                     MPI_BYTE, receive ? from : MPI_PROC_NULL, 0, team->comm, MPI_STATUS_IGNORE);
        traffic_add(team, TEAM_EXCHANGE, send);
        sent += send;
        got += receive;
    }
}

enum status team_exchange_at(const struct team *team, const void *out, const size_t *out_counts, void **in,
                             size_t *in_counts, struct error *err, const char *file, int line)
{
    enum status status = STATUS_OK;
    void *room = NULL;
    check_site(team, file, line);
    *in = NULL;
    if (team->comm == MPI_COMM_NULL)
        in_counts[0] = out_counts[0];
    else {
        MPI_Alltoall(out_counts, (int)sizeof *out_counts, MPI_BYTE, in_counts, (int)sizeof *in_counts,
                     MPI_BYTE, team->comm);
        traffic_add(team, TEAM_EXCHANGE, (size_t)team->size * sizeof *out_counts);
    }
    TRY(team_agree_at(team, room_make(sum_of(in_counts, team->size), &room, err), err, file, line));
    for (int step = 0; step < team->size; step++) {
        int to = (team->rank + step) % team->size;
        int from = (team->rank - step + team->size) % team->size;
        const unsigned char *send = (const unsigned char *)out + sum_of(out_counts, to);
        unsigned char *receive = (unsigned char *)room + sum_of(in_counts, from);
        if (step > 0)
            trade(team, send, out_counts[to], to, receive, in_counts[from], from);
        else if (room && out_counts[to] > 0)
            memcpy(receive, send, out_counts[to]);
    }
    *in = room;
    room = NULL;
done:
    free(room);
    return status;
}

enum status team_gather_at(const struct team *team, const void *mine, size_t count, void **all, size_t *total,
                           struct error *err, const char *file, int line)
{
    enum status status = STATUS_OK;
    void *room = NULL;
    size_t *counts = calloc((size_t)team->size, sizeof *counts);
    enum status had =
        counts ? STATUS_OK : error_set(err, STATUS_NO_MEMORY, "gather", "", "no room for counts");
    TRY(team_agree_at(team, had, err, file, line));
    counts[team->rank] = count;
    if (team->comm != MPI_COMM_NULL) {
        MPI_Allgather(MPI_IN_PLACE, 0, MPI_BYTE, counts, (int)sizeof *counts, MPI_BYTE, team->comm);
        traffic_add(team, TEAM_GATHER, sizeof *counts);
    }
    *total = sum_of(counts, team->size);
    TRY(team_agree_at(team, room_make(*total, &room, err), err, file, line));
    if (room && count > 0)  // room is there when anybody has something
        memcpy((unsigned char *)room + sum_of(counts, team->rank), mine, count);
    for (int rank = 0; rank < team->size; rank++)
        if (counts[rank] > 0)
            team_broadcast_at(team, (unsigned char *)room + sum_of(counts, rank), counts[rank], rank, file,
                              line);
    *all = room;
    room = NULL;
done:
    free(room);
    free(counts);
    return status;
}
