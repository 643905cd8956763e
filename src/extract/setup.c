/* Before the first byte: zones, suffixes, and the settings that a shard depends on. */
#include "internal.h"

#include "base/hash.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SETTINGS_BYTES 12000

/* From the page cache all sizes are read equally fast, but a block of this size is still in a near cache when
 * its lines are scanned: 28 ns a line instead of 42 with 1 MiB. */
#define READ_BYTES (1 << 18)

#define DEFAULT_RESOLVER "archive"

/* Days that any query can be of: 1970-01-01 … 9999-12-31, and one more on each side for zones. */
#define FIRST_DAY (-1)
#define END_DAY 2932898

static enum status source_add(struct extraction *run, char *const *paths, size_t path_count,
                              const char *resolver, const char *timezone, int64_t year, const char *key,
                              struct error *err)
{
    struct source_setup *setup = &run->sources[run->source_count];
    char text[600];
    const char *name = timezone ? timezone : "UTC";
    setup->resolver = resolver ? resolver : DEFAULT_RESOLVER;
    setup->year = (int)year;
    (void)snprintf(text, sizeof text, "%.255s\n%d\n%.255s", name, setup->year, setup->resolver);
    setup->hash = content_hash(text, strlen(text));
    run->archive_sources[run->source_count] =
        (struct archive_source){.paths = (const char *const *)paths, .path_count = path_count};
    run->source_count++;
    enum status status = zone_load(name, &setup->zone, err);
    if (status != STATUS_OK && err)
        (void)snprintf(err->where, sizeof err->where, "%s", key);
    return status;
}

static enum status sources_make(struct extraction *run, struct error *err)
{
    enum status status = STATUS_OK;
    const struct job *job = run->job;
    size_t count = job->archive_sources.count ? job->archive_sources.count : 1;
    run->sources = calloc(count, sizeof *run->sources);
    run->archive_sources = calloc(count, sizeof *run->archive_sources);
    if (!run->sources || !run->archive_sources)
        return error_set(err, STATUS_NO_MEMORY, "archive.sources", "", "no room for %zu sources", count);
    for (size_t i = 0; i < job->archive_sources.count; i++) {
        const struct job_source *source = &job->archive_sources.items[i];
        char key[64];
        (void)snprintf(key, sizeof key, "archive.sources[%zu].timezone", i);
        TRY(source_add(run, source->paths.items, source->paths.count, source->resolver, source->timezone,
                       source->year, key, err));
    }
    if (job->archive_sources.count == 0)
        TRY(source_add(run, job->archive_paths.items, job->archive_paths.count, NULL, job->archive_timezone,
                       job->archive_year, "archive.timezone", err));
done:
    return status;
}

void extract_span(const struct job *job, const struct zone *zone, int64_t *from_s, int64_t *to_s)
{
    int64_t utc[2];
    *from_s = INT64_MIN;
    *to_s = INT64_MAX;
    // In a fold the earlier instant, so that nothing asked for is lost; in a gap the zone gives the moment
    // after it.
    if (job->archive_from_s != JOB_NO_TIME) {
        (void)zone_to_utc(zone, job->archive_from_s, utc);
        *from_s = utc[0];
    }
    if (job->archive_to_s != JOB_NO_TIME) {
        (void)zone_to_utc(zone, job->archive_to_s, utc);
        *to_s = utc[0];
    }
}

static uint64_t asked_types_hash(void)
{
    static const char TEXT[] =
#define X(NAME, number, odd) #NAME " " #number " " #odd "\n"
#include "feature/asked_types.def"
#undef X
        ;
    return content_hash(TEXT, sizeof TEXT - 1);
}

/* "key=value" a line: what two stores must share to be one. */
static enum status settings_make(struct extraction *run, struct error *err)
{
    const struct job *job = run->job;
    run->settings = calloc(SETTINGS_BYTES, 1);
    if (!run->settings)
        return error_set(err, STATUS_NO_MEMORY, "settings", "", "no room for the settings");
    int count = snprintf(
        run->settings, SETTINGS_BYTES,
        "features.timezone=%.255s\nfeatures.window=%" PRId64 "\nfeatures.unit=%" PRId64
        "\narchive.ipv6_prefix=%" PRId64 "\narchive.doubled=%s\narchive.duplicates=%s\nlimits.names=%" PRId64
        "\nlimits.pairs=%" PRId64 "\nlimits.ip_names=%" PRId64 "\nfeatures.suffixes=%016" PRIx64
        "\nasked_types.def=%016" PRIx64 "\narchive.clients=",
        job->features_timezone, job->features_window_s, job->features_unit_s, job->archive_ipv6_prefix,
        job->archive_doubled == DOUBLED_SKIP ? "skip" : "count",
        job->archive_duplicates == DUPLICATES_SKIP ? "skip" : "warn", job->limits_names, job->limits_pairs,
        job->limits_ip_names, suffixes_hash(run->suffixes), asked_types_hash());
    for (size_t i = 0; i < job->archive_clients.count; i++) {
        char text[IP_TEXT_BYTES];
        const struct ip_range *range = &job->archive_clients.items[i];
        (void)ip_write(&range->base, text);
        if (count + IP_TEXT_BYTES + 8 > SETTINGS_BYTES)
            return error_set(err, STATUS_USAGE, "archive.clients", "unite neighbouring ranges",
                             "more ranges than a store's settings can hold");
        count += snprintf(run->settings + count, (size_t)(SETTINGS_BYTES - count), "%s%s/%d", i ? "," : "",
                          text, range->bits);
    }
    (void)snprintf(run->settings + count, (size_t)(SETTINGS_BYTES - count), "\n");
    return STATUS_OK;
}

/* Tests set QUERN_READ_BYTES: no result may depend on where a read ends. */
static size_t read_bytes_find(void)
{
    const char *text = getenv("QUERN_READ_BYTES");
    long bytes = text ? strtol(text, NULL, 10) : 0;
    return bytes > 0 && bytes < READ_BYTES ? (size_t)bytes : READ_BYTES;
}

enum status setup_local(struct extraction *run, struct error *err)
{
    enum status status = STATUS_OK;
    const struct job *job = run->job;
    char path[4096];
    int64_t from_s = 0, to_s = 0;
    run->read_bytes = read_bytes_find();
    TRY(sources_make(run, err));
    if (!job_data_path(job->features_suffixes, path, sizeof path))
        return error_set(err, STATUS_IO, job->features_suffixes,
                         "set features.suffixes, or QUERN_DATA to quern's data",
                         "cannot find the list of public suffixes");
    TRY(suffixes_read(path, &run->suffixes, err));
    extract_span(job, run->zone, &from_s, &to_s);
    run->plan =
        (struct tally_plan){.zone = run->zone,
                            .suffixes = run->suffixes,
                            .window_s = job->features_window_s,
                            .unit_s = job->features_unit_s,
                            .first_day = from_s == INT64_MIN ? FIRST_DAY : zone_day_of(run->zone, from_s),
                            .end_day = to_s == INT64_MAX ? END_DAY : zone_day_of(run->zone, to_s - 1) + 1,
                            .clients = job->archive_clients.items,
                            .client_count = job->archive_clients.count,
                            .ipv6_prefix = (int)job->archive_ipv6_prefix,
                            .parts = (int)job->store_parts,
                            .names_most = job->limits_names,
                            .pairs_most = job->limits_pairs,
                            .ip_names_most = job->limits_ip_names};
    TRY(tally_plan_check(&run->plan, err));
    TRY(settings_make(run, err));
    run->tallies = tallies_new(&run->plan);
    if (!run->tallies)
        status = error_set(err, STATUS_NO_MEMORY, "tallies", "", "no room for tallies");
done:
    return status;
}

void setup_clear(struct extraction *run)
{
    for (size_t i = 0; i < run->source_count; i++)
        zone_free(run->sources[i].zone);
    free(run->sources);
    free(run->archive_sources);
    suffixes_free(run->suffixes);
    tallies_free(run->tallies);
    aside_clear(&run->aside);
    free(run->settings);
    archive_clear(&run->archive);
    free(run->sums);
    free(run->touches);
    known_clear(&run->known);
    free(run->again);
    free(run->times);
    free(run->taken);
    free(run->states);
    free(run->dirty);
}
