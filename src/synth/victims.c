/* Who is struck, among the addresses that real logs have: by what they are and by how much they ask. */
#include "into.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A host by its days. */
struct host {
    struct ip ip;
    int64_t folder;  // in whose log it has the most
    int64_t queries, days, hours, night_hours;
    int64_t first_day, last_day;
    bool is_server, is_used;
};

struct choice {
    const struct census *census;
    struct host *hosts;  // [count]
    size_t count;
    int64_t median;  // queries a day
    int64_t *folders;  // [attack_count]
    size_t attack;  // number of the next one
};

static int compare_by_day(const void *a, const void *b)
{
    const struct seen_day *x = a, *y = b;
    return (x->day > y->day) - (x->day < y->day);
}

/* Hours 1 to 5 of the clock. */
#define NIGHT_HOURS UINT64_C(0x1e)

/* A host from its days, [count] by folder, which are put in order of days. A server was there in nine of ten
 * hours between its first day and its last one. */
static void host_make(struct seen_day *days, size_t count, struct host *host)
{
    int64_t best = 0, sum = 0;
    *host = (struct host){.ip = days[0].ip, .folder = days[0].folder};
    for (size_t i = 0; i < count; i++) {
        sum = i > 0 && days[i].folder == days[i - 1].folder ? sum + days[i].queries : days[i].queries;
        host->queries += days[i].queries;
        if (sum > best) {
            best = sum;
            host->folder = days[i].folder;
        }
    }
    qsort(days, count, sizeof *days, compare_by_day);
    host->first_day = days[0].day;
    host->last_day = days[count - 1].day;
    for (size_t from = 0, to = 0; from < count; from = to) {
        uint64_t hours = 0;
        for (; to < count && days[to].day == days[from].day; to++)
            hours |= days[to].hours;
        host->days++;
        host->hours += __builtin_popcountll(hours);
        host->night_hours += __builtin_popcountll(hours & NIGHT_HOURS);
    }
    host->is_server = 10 * host->hours >= 9 * 24 * (host->last_day - host->first_day + 1);
}

static int64_t queries_a_day(const struct host *host)
{
    return host->days > 0 ? host->queries / host->days : 0;
}

static int compare_numbers(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static enum status hosts_make(struct choice *choice, struct error *err)
{
    const struct census *census = choice->census;
    int64_t *rates = calloc(census->day_count + 1, sizeof *rates);
    choice->hosts = calloc(census->day_count + 1, sizeof *choice->hosts);
    if (!rates || !choice->hosts) {
        free(rates);
        return error_set(err, STATUS_NO_MEMORY, "--into", "", "no room for hosts");
    }
    for (size_t from = 0, to = 0; from < census->day_count; from = to) {
        while (to < census->day_count && ip_compare(&census->days[to].ip, &census->days[from].ip) == 0)
            to++;
        struct host *host = &choice->hosts[choice->count];
        host_make(census->days + from, to - from, host);
        rates[choice->count++] = queries_a_day(host);
    }
    if (choice->count > 0)
        qsort(rates, choice->count, sizeof *rates, compare_numbers);
    choice->median = rates[choice->count / 2];
    free(rates);
    return STATUS_OK;
}

/* Whether a host is what an attack is for. A burst changes who asks little, a night's work who rests then. */
static bool is_fit(const struct choice *choice, const struct host *host, const struct attack *attack)
{
    const struct attack_spec *of = attack->spec;
    const bool wants_server = of->role == ROLE_SERVER;
    if (host->is_used || host->is_server != wants_server || host->first_day > of->to_day - 1 ||
        host->last_day < of->from_day)
        return false;
    if (of->family == FAMILY_BURST && queries_a_day(host) > choice->median)
        return false;
    return of->family != FAMILY_NIGHT || 10 * host->night_hours <= host->days;
}

static enum status victim_take(const struct spec *spec, void *context, struct attack *attack,
                               struct error *err)
{
    struct choice *choice = context;
    const struct attack_spec *of = attack->spec;
    const uint64_t key = random_u64((uint64_t)spec->seed, RANDOM_SYNTH, 4, 0);
    if (of->role != ROLE_WORKSTATION && of->role != ROLE_SERVER)
        return error_set(err, STATUS_USAGE, "role",
                         "servers are there in nine hours of ten, workstations are all others",
                         "hosts of real logs are a workstation or a server, not a %s", role_word(of->role));
    if (strcmp(of->under, "popular") == 0)
        return error_set(err, STATUS_USAGE, "under", "name one that you know to be popular",
                         "popular domains are known of made-up archives only");
    for (size_t i = 0; i < choice->count; i++) {
        const size_t at = (size_t)random_place(key, i, choice->count);
        if (!is_fit(choice, &choice->hosts[at], attack))
            continue;
        choice->hosts[at].is_used = true;
        attack->client = (uint32_t)at;
        choice->folders[choice->attack++] = choice->hosts[at].folder;
        return STATUS_OK;
    }
    return error_set(err, STATUS_USAGE, "attacks", "take hosts away, or give other days",
                     "the logs have too few hosts of role %s for family %s", role_word(of->role),
                     family_word(of->family));
}

static enum status names_take(const struct census *census, struct names *names, struct error *err)
{
    *names = (struct names){.host_count = (uint32_t)census->name_count};
    names->hosts = calloc(census->name_count + 1, sizeof *names->hosts);
    names->popular = (struct alias){.count = names->host_count,
                                    .limits = calloc(census->name_count + 1, sizeof(uint32_t)),
                                    .others = calloc(census->name_count + 1, sizeof(uint32_t))};
    if (!names->hosts || !names->popular.limits || !names->popular.others)
        return error_set(err, STATUS_NO_MEMORY, "--into", "", "no room for names");
    for (size_t i = 0; i < census->name_count; i++) {
        names->hosts[i] = census->names[i].name;
        names->popular.limits[i] = UINT32_MAX;  // drawn by how often they are asked already
    }
    return STATUS_OK;
}

static enum status span_check(const struct census *census, struct error *err)
{
    int64_t first = INT64_MAX, last = INT64_MIN;
    int years[2], months[2], dates[2];
    const struct spec *spec = census->spec;
    for (size_t i = 0; i < census->day_count; i++) {
        first = census->days[i].day < first ? census->days[i].day : first;
        last = census->days[i].day > last ? census->days[i].day : last;
    }
    if (census->day_count == 0)
        return error_set(err, STATUS_NO_INPUT, "--into", "", "no query with a time in the logs");
    civil_from_day(first, &years[0], &months[0], &dates[0]);
    civil_from_day(last, &years[1], &months[1], &dates[1]);
    if (spec->from_day >= first && spec->from_day + spec->days - 1 <= last)
        return STATUS_OK;
    return error_set(err, STATUS_USAGE, "from", "write from: and days: of the spec so that they fit",
                     "the logs go from %04d-%02d-%02d to %04d-%02d-%02d", years[0], months[0], dates[0],
                     years[1], months[1], dates[1]);
}

enum status victims_choose(const struct census *census, struct names *names, struct people *people,
                           int64_t **folders, struct error *err)
{
    enum status status = STATUS_OK;
    struct choice choice = {.census = census};
    TRY(span_check(census, err));
    TRY(names_take(census, names, err));
    TRY(hosts_make(&choice, err));
    people->count = (uint32_t)choice.count;
    people->clients = calloc(choice.count + 1, sizeof *people->clients);
    choice.folders = calloc(attacks_count(census->spec) + 1, sizeof *choice.folders);
    if (!people->clients || !choice.folders) {
        status = error_set(err, STATUS_NO_MEMORY, "--into", "", "no room for hosts");
        goto done;
    }
    for (size_t i = 0; i < choice.count; i++) {
        people->clients[i].ip_count = (uint8_t)ip_write(&choice.hosts[i].ip, people->clients[i].ip);
        people->clients[i].role = choice.hosts[i].is_server ? ROLE_SERVER : ROLE_WORKSTATION;
    }
    TRY(attacks_make(census->spec, names, victim_take, &choice, people, err));
    *folders = choice.folders;
    choice.folders = NULL;
done:
    free(choice.hosts);
    free(choice.folders);
    return status;
}
