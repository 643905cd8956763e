#include "parallel/parallel.h"

#include "internal.h"
#include "parallel/handle.h"

#undef team_agree_at

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#ifndef NDEBUG
/* FNV-1a over the file's name and the line (http://www.isthe.com/chongo/tech/comp/fnv/). */
static uint64_t site_hash(const char *file, int line)
{
    uint64_t hash = 14695981039346656037u;
    for (const char *c = file; *c; c++)
        hash = (hash ^ (uint8_t)*c) * 1099511628211u;
    return (hash ^ (uint64_t)line) * 1099511628211u;
}

/* Every collective of this room starts here, so ranks that went different ways meet in this one reduction
 * instead of in two that do not match. The least h and the least ~h are each other's complement only when all
 * h are equal. */
void check_site(const struct team *team, const char *file, int line)
{
    if (team->comm == MPI_COMM_NULL)
        return;
    uint64_t mine = site_hash(file, line);
    uint64_t least[2] = {mine, ~mine};
    MPI_Allreduce(MPI_IN_PLACE, least, 2, MPI_UINT64_T, MPI_MIN, team->comm);
    if (least[0] == ~least[1])
        return;
    (void)fprintf(stderr, "rank %d is in the collective at %s:%d, another rank is elsewhere\n", team->rank,
                  file, line);
    (void)fflush(stderr);
    // Every rank prints its own place before the first abort takes the others down.
    MPI_Barrier(team->comm);
    MPI_Abort(team->comm, EXIT_FAILURE);
}
#else
void check_site(const struct team *team, const char *file, int line)
{
    (void)team, (void)file, (void)line;
}
#endif

/* Whether a launcher started this process; each of these is set by one that MPI can talk to. */
static bool has_launcher(void)
{
    static const char *const NAMES[] = {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "PMI_SIZE",
                                        "SLURM_STEP_NUM_TASKS"};
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++)
        if (getenv(NAMES[i]))
            return true;
    return false;
}

/* MPI 3 counts are int, and a table may be longer than that: all goes in pieces of so many bytes, the same on
 * every rank. A count of MPI then stays below 2^28, whatever it counts. Tests set QUERN_PIECE_BYTES: no
 * result may depend on where a piece ends. */
#define PIECE_BYTES ((size_t)1 << 28)

static size_t piece_bytes_find(void)
{
    const char *text = getenv("QUERN_PIECE_BYTES");
    const long bytes = text ? strtol(text, NULL, 10) : 0;
    return bytes >= 16 && (size_t)bytes < PIECE_BYTES ? (size_t)bytes : PIECE_BYTES;
}

/* A team without its communicator, or NULL. */
static struct team *team_make(void)
{
    struct team *team = calloc(1, sizeof *team);
    struct team_traffic *traffic = calloc(1, sizeof *traffic);
    if (!team || !traffic) {
        free(team);
        free(traffic);
        return NULL;
    }
    *team = (struct team){.comm = MPI_COMM_NULL,
                          .size = 1,
                          .host_ranks = 1,
                          .piece_bytes = piece_bytes_find(),
                          .traffic = traffic};
    return team;
}

static void host_ranks_find(struct team *team)
{
    MPI_Comm host;
    MPI_Comm_split_type(team->comm, MPI_COMM_TYPE_SHARED, team->rank, MPI_INFO_NULL, &host);
    MPI_Comm_size(host, &team->host_ranks);
    MPI_Comm_free(&host);
}

struct team *team_new(int *argc, char ***argv)
{
    int provided = 0;
    // A lone Open MPI process would fork a daemon that could start more of them, which takes 100 ms and which
    // nobody here asks for.
    if (!has_launcher())
        (void)setenv("OMPI_MCA_ess_singleton_isolated", "1", 0);
    // Threads that decode ahead never call MPI.
    MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &provided);
    struct team *team = team_make();
    if (!team) {
        MPI_Abort(MPI_COMM_WORLD, EXIT_FAILURE);  // no team yet, so nobody to agree with
        abort();
    }
    team->comm = MPI_COMM_WORLD;
    MPI_Comm_rank(team->comm, &team->rank);
    MPI_Comm_size(team->comm, &team->size);
    host_ranks_find(team);
    return team;
}

struct team *team_alone(void)
{
    return team_make();
}

enum status team_part(const struct team *team, int count, struct team **part, struct error *err)
{
    enum status status = STATUS_OK;
    struct team *made = team->rank < count ? team_make() : NULL;
    *part = NULL;
    enum status had = STATUS_OK;
    if (team->rank < count && !made)
        had = error_set(err, STATUS_NO_MEMORY, "ranks", "", "no room for a team");
    TRY(team_agree(team, had, err));
    if (team->comm != MPI_COMM_NULL) {
        MPI_Comm comm;
        MPI_Comm_split(team->comm, made ? 0 : MPI_UNDEFINED, team->rank, &comm);
        if (made) {
            made->comm = comm;
            made->is_part = true;
            MPI_Comm_rank(comm, &made->rank);
            MPI_Comm_size(comm, &made->size);
            host_ranks_find(made);
        }
    }
    *part = made;
    made = NULL;
done:
    if (made)
        free(made->traffic);
    free(made);
    return status;
}

size_t team_piece_bytes(const struct team *team)
{
    return team->piece_bytes;
}

const char *team_call_name(enum team_call call)
{
    static const char *const NAMES[TEAM_CALLS] = {"agree",    "reduce", "broadcast",
                                                  "exchange", "gather", "one-sided"};
    return NAMES[call];
}

struct team_traffic team_traffic_take(const struct team *team)
{
    const struct team_traffic taken = *team->traffic;
    *team->traffic = (struct team_traffic){{0}, {0}};
    return taken;
}

int64_t team_traffic_bytes(const struct team *team)
{
    const struct team_traffic taken = team_traffic_take(team);
    int64_t bytes = 0;
    for (int call = 0; call < TEAM_CALLS; call++)
        bytes += taken.bytes[call];
    team_sum_i64(team, &bytes, 1);
    return bytes;
}

void team_free_at(struct team *team, const char *file, int line)
{
    if (!team)
        return;
    // A rank that left a loop one collective early is found here: the others are still inside.
    check_site(team, file, line);
    const bool with_mpi = team->comm != MPI_COMM_NULL, is_part = team->is_part;
    if (with_mpi && is_part)
        MPI_Comm_free(&team->comm);
    free(team->traffic);
    free(team);
    if (with_mpi && !is_part)
        MPI_Finalize();
}

int team_rank(const struct team *team)
{
    return team->rank;
}

int team_size(const struct team *team)
{
    return team->size;
}

int team_host_ranks(const struct team *team)
{
    return team->host_ranks;
}

MPI_Comm team_comm(const struct team *team)
{
    return team->comm;
}

/* The number that a launcher left in the environment, or 0. */
static long announced(const char *name)
{
    const char *text = getenv(name);
    return text ? strtol(text, NULL, 10) : 0;
}

enum status team_check_launcher(const struct team *team, struct error *err)
{
    if (team->size > 1 || team->comm == MPI_COMM_NULL)
        return STATUS_OK;
    // Open MPI's own mpirun, MPICH's hydra, and srun with PMIx, each by what it sets for the step (not the
    // job).
    long ranks = announced("OMPI_COMM_WORLD_SIZE");
    if (announced("PMI_SIZE") > ranks)
        ranks = announced("PMI_SIZE");
    if (getenv("PMIX_RANK") && announced("SLURM_STEP_NUM_TASKS") > ranks)
        ranks = announced("SLURM_STEP_NUM_TASKS");
    if (ranks <= 1)
        return STATUS_OK;
    return error_set(err, STATUS_USAGE, "launcher",
                     "use the mpirun of the MPI that quern was built with, or srun --mpi=pmix",
                     "it started %ld processes, but MPI sees one: it belongs to another MPI", ranks);
}

enum status team_agree_at(const struct team *team, enum status mine, struct error *err, const char *file,
                          int line)
{
    check_site(team, file, line);
    if (team->comm == MPI_COMM_NULL) {
        if (mine != STATUS_OK && err) {
            err->status = (int32_t)mine;
            err->rank = 0;
        }
        return mine;
    }
    int first = mine == STATUS_OK ? team->size : team->rank;
    traffic_add(team, TEAM_AGREE, sizeof first);
    MPI_Allreduce(MPI_IN_PLACE, &first, 1, MPI_INT, MPI_MIN, team->comm);
    if (first == team->size)
        return STATUS_OK;
    struct error agreed = {0};
    if (first == team->rank) {
        if (err)
            agreed = *err;
        // The status travels even when the caller kept no struct error, or filled it with another one.
        agreed.status = (int32_t)mine;
        agreed.rank = (int32_t)team->rank;
    }
    MPI_Bcast(&agreed, (int)sizeof agreed, MPI_BYTE, first, team->comm);
    if (err)
        *err = agreed;
    return (enum status)agreed.status;
}
