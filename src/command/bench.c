/* quern bench WHAT: rates on this machine, as a share of its limits. */
#include "bench.h"

#include <string.h>

static const struct {
    const char *name;
    enum status (*run)(struct session *session, struct error *err);
} BENCHES[] = {
    {"extract", bench_extract_run}, {"parse", bench_parse_run},   {"allreduce", bench_allreduce_run},
    {"io", bench_io_run},           {"kmeans", bench_kmeans_run}, {"autoencoder", bench_autoencoder_run},
};

enum status command_bench(struct session *session, struct error *err)
{
    const char *what = session->options.words[0];
    for (size_t i = 0; i < sizeof BENCHES / sizeof BENCHES[0]; i++)
        if (strcmp(what, BENCHES[i].name) == 0)
            return BENCHES[i].run(session, err);
    return error_set(err, STATUS_USAGE, "bench", "quern bench --help lists what can be timed",
                     "there is nothing called \"%.40s\" to time", what);
}
