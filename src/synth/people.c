/* Who is there: clients with their roles and habits, and who of them is attacked. */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum presence {
    OFFICE,
    SHORT,
    ALWAYS,
    NIGHT,
    LONG,  // of guests: early to late, on free days too
    BURSTS,  // always, and in some hours ten times as much
    DUTY,  // office hours, and one night in seven
    MOVES,  // a machine that has one of three addresses a day
};

struct role_row {
    int64_t rate;
    enum presence presence;
};

static const struct role_row ROWS[ROLES] = {
#define X(NAME, name, share, rate, presence, behaviour, ptr, srv, txt, mx, other, aaaa) {rate, presence},
#include "roles.def"
#undef X
};

/* Share of the office's machines that are on, per thousand, by hour of a working day. */
static const int OFFICE_HOURS[24] = {40,  30,  30,  30,  30,  40,  80,  320, 620, 860, 920, 930,
                                     880, 920, 930, 910, 880, 800, 620, 420, 260, 160, 90,  60};

/* How much is asked in an hour by those who are there, per thousand. */
static int load_of(const struct hour *hour)
{
    return 400 +
           (hour->is_holiday ? OFFICE_HOURS[hour->local_hour] / 4 : OFFICE_HOURS[hour->local_hour]) * 6 / 10;
}

static int presence_of(enum presence presence, const struct hour *hour)
{
    const int office = OFFICE_HOURS[hour->local_hour];
    switch (presence) {
    case OFFICE: return hour->is_holiday ? 25 + office * 8 / 100 : office;
    case SHORT: return hour->is_holiday ? 10 : office * 7 / 10;
    case NIGHT: return hour->local_hour >= 1 && hour->local_hour < 4 ? 1000 : 0;
    case LONG: return hour->local_hour >= 7 && hour->local_hour < 23 ? 1000 : 0;
    case DUTY: return hour->is_holiday ? 25 + office * 8 / 100 : office;
    case MOVES: return hour->is_holiday ? 10 : office * 8 / 10;
    case BURSTS:
    case ALWAYS: break;
    }
    return 1000;
}

static bool is_silent(const struct people *people, uint32_t client, int64_t start_s)
{
    for (size_t i = 0; i < people->attack_count; i++)
        if (people->attacks[i].spec->family == FAMILY_SILENCE && people->attacks[i].client == client &&
            start_s >= people->attacks[i].from_s && start_s < people->attacks[i].to_s)
            return true;
    return false;
}

/* Streams of a client's days beside STREAM_DAY's own. */
#define DUTY_STREAM UINT32_C(0x80000000)
#define MOVE_STREAM UINT32_C(0x40000000)

/* Whether this is a night of the client's duty: one in seven, from 20 to 6. */
static bool has_duty(const struct spec *spec, uint32_t client, const struct hour *hour)
{
    if (hour->local_hour >= 6 && hour->local_hour < 20)
        return false;
    const int64_t evening = hour->local_hour < 6 ? hour->day - 1 : hour->day;
    struct dice stream = dice_begin(spec->seed, STREAM_DAY, client | DUTY_STREAM, (uint64_t)evening);
    return dice_below(&stream, 7) == 0;
}

uint32_t client_machine(const struct client *client, uint32_t number)
{
    return client->role == ROLE_ROAMING ? MOVE_STREAM | number / ADDRESSES : number;
}

/* Whether the machine has this address today. */
static bool is_here(const struct spec *spec, const struct client *who, uint32_t client,
                    const struct hour *hour)
{
    struct dice stream =
        dice_begin(spec->seed, STREAM_DAY, client_machine(who, client) | DUTY_STREAM, (uint64_t)hour->day);
    return dice_below(&stream, ADDRESSES) == client % ADDRESSES;
}

/* How much more than usual builds ask in an hour: the nightly ones, and those of a busy hour. */
static int64_t build_load(const struct hour *hour, struct dice *stream)
{
    if (hour->local_hour == 2)
        return 8000;
    return hour->local_hour >= 8 && hour->local_hour < 20 && dice_below(stream, 5) == 0 ? 10000 : 400;
}

static bool is_present(const struct spec *spec, const struct people *people, uint32_t client,
                       const struct hour *hour)
{
    const struct client *who = &people->clients[client];
    const enum presence presence = ROWS[who->role].presence;
    const int64_t share = presence_of(presence, hour);
    if (presence == ALWAYS || presence == BURSTS)
        return !is_silent(people, client, hour->start_s);
    if (presence == NIGHT || presence == LONG)
        return share > 0;
    if (presence == MOVES && !is_here(spec, who, client, hour))
        return false;
    if (presence == DUTY && has_duty(spec, client, hour))
        return true;
    // A day's lot that is small most of the time for the same people: they come early and leave late, and
    // few machines stay on over night.
    struct dice day = dice_begin(spec->seed, STREAM_DAY, client_machine(who, client), (uint64_t)hour->day);
    int64_t lot = (7 * (int64_t)who->habit + 3 * (int64_t)dice_below(&day, 65536)) / 10;
    return lot * 1000 < share * 65536 / 1024 * people->presence_scale;
}

int64_t client_weight(const struct spec *spec, const struct people *people, uint32_t client,
                      const struct hour *hour)
{
    const struct client *who = &people->clients[client];
    const struct role_row *row = &ROWS[who->role];
    if (!is_present(spec, people, client, hour))
        return 0;
    struct dice stream = dice_begin(spec->seed, STREAM_WEIGHT, client, (uint64_t)(hour->start_s / 3600));
    int64_t load = row->presence == ALWAYS   ? 1000
                   : row->presence == BURSTS ? build_load(hour, &stream)
                                             : load_of(hour);
    const bool is_steady = who->role == ROLE_PRINTER || who->role == ROLE_MONITORING || who->role == ROLE_IOT;
    int64_t noise = is_steady ? 512 : 256 + dice_below(&stream, 512);
    return 1 + row->rate * who->factor * load / 1000 * noise / 512;
}

static void client_make(const struct spec *spec, uint32_t at, enum role role, struct client *client)
{
    static const uint8_t FLAGS[] = {0, 0, 0, 0, 0, 1, 1, 2, 3, 4};
    client->role = (uint8_t)role;
    struct dice stream = dice_begin(spec->seed, STREAM_CLIENT, 0, client_machine(client, at));
    char *end = put_text(client->ip, "10.");
    end = put_number(end, 80 + at / 62500);
    *end++ = '.';
    end = put_number(end, at / 250 % 250);
    *end++ = '.';
    end = put_number(end, 1 + at % 250);
    client->ip_count = (uint8_t)(end - client->ip);
    client->flags = FLAGS[dice_below(&stream, sizeof FLAGS)];
    client->resolver = (uint8_t)dice_below(&stream, (uint32_t)spec->resolvers);
    client->habit = dice_below(&stream, 65536);
    // A long tail: 5 to 85, 17 on average.
    client->factor = 5 + 262144 / (3277 + dice_below(&stream, 65536));
}

/* ---- attacks ---- */

static const int64_t FAMILY_RATES[FAMILIES] = {
#define X(NAME, name, rate, unit, period, text) rate,
#include "families.def"
#undef X
};
static const int64_t FAMILY_PERIODS[FAMILIES] = {
#define X(NAME, name, rate, unit, period, text) period,
#include "families.def"
#undef X
};

static void domain_choose(const struct spec *spec, const struct names *names, const struct attack_spec *of,
                          size_t entry, uint32_t number, char domain[64])
{
    // A flood has one domain, whoever takes part.
    bool is_shared = of->family == FAMILY_SUBDOMAIN_FLOOD || of->shared;
    struct dice stream = dice_begin(spec->seed, STREAM_ATTACK, 1, is_shared ? 1000000 + entry : number);
    memset(domain, 0, 64);
    if (of->domain[0]) {
        memcpy(domain, of->domain, sizeof of->domain);
        return;
    }
    char *end = put_word(domain, &stream);
    if (!of->under[0])
        end = put_word(end, &stream);
    *end++ = 'x';
    end = put_number(end, is_shared ? entry : number);
    if (strcmp(of->under, "popular") == 0) {
        // One of the ten domains under which most is asked.
        const struct text *popular = &names->domains[dice_below(&stream, 10) % names->domain_count];
        *end++ = '.';
        memcpy(end, popular->bytes, popular->count);
    } else if (of->under[0]) {
        *end++ = '.';
        (void)put_text(end, of->under);
    } else {
        (void)put_text(end, dice_below(&stream, 2) ? ".net" : ".org");
    }
}

/* Whom the attacks of each role have struck so far. */
struct chosen {
    struct people *people;
    uint32_t used[ROLES];
};

static enum status victim_choose(const struct spec *spec, void *context, struct attack *attack,
                                 struct error *err)
{
    struct chosen *chosen = context;
    struct people *people = chosen->people;
    const int64_t role = attack->spec->role;
    uint64_t count = (uint64_t)spec->role_count[role], at = chosen->used[role]++;
    if (at >= count)
        return error_set(err, STATUS_USAGE, "attacks", "add clients of the role, or take hosts away",
                         "more victims than clients of the role %s", role_word(role));
    uint64_t key = random_u64((uint64_t)spec->seed, RANDOM_SYNTH, 1, (uint64_t)role);
    uint32_t first = 0;
    for (int r = 0; r < role; r++)
        first += (uint32_t)spec->role_count[r];
    attack->client = first + (uint32_t)random_place(key, at, count);
    if (attack->spec->family == FAMILY_BURST || attack->spec->family == FAMILY_NIGHT)
        people->clients[attack->client].factor = 5;  // who changes its behaviour has a quiet one
    if (attack->spec->family == FAMILY_NIGHT && people->clients[attack->client].habit < 32768)
        people->clients[attack->client].habit += 32768;  // a day worker
    return STATUS_OK;
}

size_t attacks_count(const struct spec *spec)
{
    size_t count = 0;
    for (size_t i = 0; i < spec->attack_count; i++)
        count += (size_t)spec->attacks[i].hosts;
    return count;
}

enum status attacks_make(const struct spec *spec, const struct names *names, victim_chooser *choose,
                         void *context, struct people *people, struct error *err)
{
    enum status status = STATUS_OK;
    const size_t count = attacks_count(spec);
    people->attacks = calloc(count + 1, sizeof *people->attacks);
    if (!people->attacks)
        return error_set(err, STATUS_NO_MEMORY, "attacks", "", "no room for them");
    for (size_t i = 0; i < spec->attack_count; i++)
        for (int64_t h = 0; h < spec->attacks[i].hosts; h++) {
            const struct attack_spec *of = &spec->attacks[i];
            struct attack *attack = &people->attacks[people->attack_count];
            attack->spec = of;
            attack->number = (uint32_t)people->attack_count++;
            attack->rate = of->rate >= 0 ? of->rate : FAMILY_RATES[of->family];
            attack->period = of->period >= 0 ? of->period : FAMILY_PERIODS[of->family];
            attack->from_s = zone_day_start(spec->zone, of->from_day);
            attack->to_s = zone_day_start(spec->zone, of->to_day);
            domain_choose(spec, names, of, i, attack->number, attack->domain);
            TRY(choose(spec, context, attack, err));
            int64_t span = (attack->to_s - attack->from_s) / 3600, length = of->hours ? of->hours : span;
            struct dice stream = dice_begin(spec->seed, STREAM_ATTACK, 2, attack->number);
            if (length < span)
                attack->from_s += 3600 * (int64_t)dice_below(&stream, (uint32_t)(span - length + 1));
            if (attack->from_s + length * 3600 < attack->to_s)
                attack->to_s = attack->from_s + length * 3600;
        }
done:
    return status;
}

/* ---- how many are there ---- */

static int64_t rows_of(const struct spec *spec, const struct people *people, int64_t days)
{
    int64_t rows = 0;
    for (int64_t d = 0; d < days; d++)
        for (int h = 0; h < 24; h++) {
            struct hour hour = {.start_s = zone_day_start(spec->zone, spec->from_day + d) + h * 3600,
                                .day = spec->from_day + d,
                                .local_hour = h,
                                .is_holiday =
                                    calendar_kind(spec->calendar, spec->from_day + d) == DAY_HOLIDAY};
            for (uint32_t c = 0; c < people->count; c++)
                rows += client_weight(spec, people, c, &hour) > 0;
        }
    return rows;
}

/* Finds the scale of presence with which `active` clients are there in an hour. */
static void presence_fit(const struct spec *spec, struct people *people)
{
    const int64_t days = spec->days < 14 ? spec->days : 14, wanted = spec->active * 24 * days;
    uint32_t low = 0, high = 16384;
    people->presence_scale = 1024;
    while (spec->active > 0 && high - low > 1) {
        people->presence_scale = (low + high) / 2;
        if (rows_of(spec, people, days) > wanted)
            high = people->presence_scale;
        else
            low = people->presence_scale;
    }
}

enum status people_make(const struct spec *spec, const struct names *names, struct people *people,
                        struct error *err)
{
    enum status status = STATUS_OK;
    uint32_t at = 0;
    struct chosen chosen = {.people = people};
    *people = (struct people){.count = (uint32_t)spec->clients};
    people->clients = calloc(people->count, sizeof *people->clients);
    if (!people->clients)
        return error_set(err, STATUS_NO_MEMORY, "clients", "", "no room for them");
    for (int role = 0; role < ROLES; role++)
        for (int64_t i = 0; i < spec->role_count[role]; i++, at++)
            client_make(spec, at, (enum role)role, &people->clients[at]);
    TRY(attacks_make(spec, names, victim_choose, &chosen, people, err));
    presence_fit(spec, people);
done:
    return status;
}

void people_clear(struct people *people)
{
    free(people->clients);
    free(people->attacks);
    *people = (struct people){0};
}
