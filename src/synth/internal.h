/* What the files of this room share: the spec, the people, the names, events and the plan of hours. */
#ifndef SYNTH_INTERNAL_H
#define SYNTH_INTERNAL_H

#include "synth/synth.h"

#include "base/random.h"
#include "base/zone.h"
#include "job/calendar.h"

#include <stdbool.h>
#include <stddef.h>

/* ---- spec ---- */

enum role {
#define X(NAME, name, share, rate, presence, behaviour, ptr, srv, txt, mx, other, aaaa) ROLE_##NAME,
#include "roles.def"
#undef X
    ROLES,
};

enum family {
#define X(NAME, name, rate, unit, period, text) FAMILY_##NAME,
#include "families.def"
#undef X
    FAMILIES,
};

enum encoding {
    ENCODING_DEFAULT,
    ENCODING_BASE32,
    ENCODING_BASE64,
    ENCODING_BASE128,
    ENCODING_HEX,
    ENCODING_RANDOM,
    ENCODING_MIXED,
    ENCODING_DICTIONARY,
    ENCODINGS
};

/* An entry of `attacks`. */
struct attack_spec {
    int64_t family, role, encoding, type;  // type: an enum asked, -1: by the family
    int64_t from_day, to_day;  // local days, [from, to)
#define ATTACK_NUMBER(name, least, most, fallback, text) int64_t name;
#include "spec.def"
    char domain[64];  // "": made, one a victim
    char under[32];  // what a made domain ends in; "popular": a domain that everybody asks; "": a rare one
    char group[32];  // a word of the labels, by which results are told apart
};

struct spec {
#define NUMBER(name, least, most, fallback, text) int64_t name;
#include "spec.def"
    int64_t from_day;
    int64_t role_count[ROLES];
    struct attack_spec *attacks;  // [attack_count]
    size_t attack_count;
    struct zone *zone;
    struct calendar *calendar;
};

const char *role_word(int64_t role);
const char *family_word(int64_t family);
const char *encoding_word(int64_t encoding);

/* ---- random numbers: a stream for each (what, a, b), whoever asks for it ---- */

enum stream_for {
    STREAM_NAMES,
    STREAM_CLIENT,
    STREAM_DAY,
    STREAM_WEIGHT,
    STREAM_HOUR,
    STREAM_ATTACK,
    STREAM_TICK
};

struct dice {
    uint32_t counter[4];
    uint32_t key[2];
    uint32_t words[4];
    unsigned left;
};

static inline struct dice dice_begin(int64_t seed, enum stream_for what, uint64_t a, uint64_t b)
{
    return (struct dice){
        .counter = {0, (uint32_t)a, (uint32_t)b, (uint32_t)RANDOM_SYNTH | (uint32_t)what << 8},
        .key = {(uint32_t)seed, (uint32_t)((uint64_t)seed >> 32)}};
}

static inline uint32_t dice_next(struct dice *stream)
{
    if (stream->left == 0) {
        philox4x32(stream->counter, stream->key, stream->words);
        stream->counter[0]++;
        stream->left = 4;
    }
    return stream->words[--stream->left];
}

static inline uint32_t dice_below(struct dice *stream, uint32_t count)
{
    return (uint32_t)((uint64_t)dice_next(stream) * count >> 32);
}

/* ---- names ---- */

enum asked {
    ASKED_A,
    ASKED_AAAA,
    ASKED_HTTPS,
    ASKED_PTR,
    ASKED_TXT,
    ASKED_SRV,
    ASKED_MX,
    ASKED_NULL,
    ASKED_PRIVATE,
    ASKED_CNAME,
    ASKED_SOA,
    ASKED_NS,
    ASKED_DS,
    ASKED_KEY,
    ASKED
};
const char *asked_word(int64_t asked);

/* A name in a table; text is as BIND prints it, with room to be copied in blocks. */
struct text {
    uint16_t count;
    char bytes[78];
};

/* Drawing from a weighted list in constant time (Walker 1977, the alias method). */
struct alias {
    uint32_t count;
    uint32_t *limits, *others;  // [count]
};

static inline uint32_t alias_draw(const struct alias *alias, struct dice *stream)
{
    uint32_t at = dice_below(stream, alias->count);
    return dice_next(stream) <= alias->limits[at] ? at : alias->others[at];
}

struct names {
    struct text *hosts, *domains, *reverses, *services;
    uint32_t host_count, domain_count, reverse_count, service_count;
    struct alias popular;  // over hosts
};

MUST_CHECK enum status names_make(const struct spec *spec, struct names *names, struct error *err);
void names_clear(struct names *names);

/* Writes letters of a set, or a word of syllables; returns the end. */
char *put_letters(char *at, uint32_t count, const char *set, uint32_t size, struct dice *stream);
char *put_word(char *at, struct dice *stream);
char *put_text(char *at, const char *text);
char *put_number(char *at, uint64_t value);

/* ---- people ---- */

struct client {
    char ip[48];
    uint8_t ip_count;
    uint8_t role;  // enum role
    uint8_t flags;  // of its queries
    uint8_t resolver;
    uint32_t factor;  // of its rate, 16 is 1
    uint32_t habit;  // its chance to be there, 0 … 65535; small ones are there the most
};

struct attack {
    const struct attack_spec *spec;
    uint32_t client, number;
    int64_t from_s, to_s;  // UTC
    int64_t rate, period;
    char domain[64];
};

struct people {
    struct client *clients;  // [count]
    uint32_t count;
    uint32_t presence_scale;  // 1024 is 1
    struct attack *attacks;  // [attack_count]
    size_t attack_count;
};

MUST_CHECK enum status people_make(const struct spec *spec, const struct names *names, struct people *people,
                                   struct error *err);
void people_clear(struct people *people);

/* Finds a victim for the attack: sets its client. */
typedef enum status victim_chooser(const struct spec *spec, void *context, struct attack *attack,
                                   struct error *err);

/* How many attacks the spec has, and the attacks themselves, on whom `choose` says. */
size_t attacks_count(const struct spec *spec);
MUST_CHECK enum status attacks_make(const struct spec *spec, const struct names *names,
                                    victim_chooser *choose, void *context, struct people *people,
                                    struct error *err);

/* A machine that moves has one of so many addresses a day. */
#define ADDRESSES 3

/* Whose habits a client has: its number, or that of the machine which it is an address of. */
uint32_t client_machine(const struct client *client, uint32_t number);

/* An hour of the archive: [start_s, start_s + 3600) in UTC. */
struct hour {
    int64_t start_s;
    int64_t day;  // local
    int local_hour;
    bool is_holiday;
    int64_t rows, weight, attacks, lines;  // lines: background, set when all are known
};

/* The hour that begins at a time. */
struct hour hour_at(const struct spec *spec, int64_t start_s);

/* The weight of a client in an hour, 0 when it is not there. */
int64_t client_weight(const struct spec *spec, const struct people *people, uint32_t client,
                      const struct hour *hour);

/* ---- events ---- */

/* A line to be. */
struct event {
    uint32_t ms;  // of the hour
    uint32_t client;
    uint32_t name;  // table in the top two bits
    uint8_t type;  // enum asked
    uint8_t mixed;
    uint16_t unused;
};

enum { NAME_HOST, NAME_DOMAIN, NAME_OTHER, NAME_MADE };  // OTHER: reverses, then services
#define NAME_SHIFT 30
#define NAME_MASK ((UINT32_C(1) << NAME_SHIFT) - 1)

/* The events of an hour, and the names that were made for it. */
struct crowd {
    struct event *events;
    size_t count, capacity;
    char *made;  // two bytes of length, then the text, for each
    size_t made_count, made_capacity;
    bool is_full;  // more than there is memory for
};

/* Adds an event; a failure is remembered in is_full. */
void crowd_add(struct crowd *crowd, uint32_t ms, uint32_t client, uint32_t name, enum asked type);

/* Adds an event with a name of its own; `count` at most 1,100. */
void crowd_add_made(struct crowd *crowd, uint32_t ms, uint32_t client, const char *text, size_t count,
                    enum asked type);
void crowd_clear(struct crowd *crowd);

/* Sorts by time, stably. */
MUST_CHECK enum status crowd_sort(struct crowd *crowd, struct error *err);

/* What happens in an hour beside attacks: `lines` queries by those who are there. */
void background_add(const struct spec *spec, const struct people *people, const struct names *names,
                    const struct hour *hour, struct crowd *crowd);

/* What an attack does in an hour; returns how many queries. With crowd NULL they are counted only. */
int64_t attack_add(const struct spec *spec, const struct people *people, const struct names *names,
                   const struct attack *attack, const struct hour *hour, struct crowd *crowd);

/* ---- files ---- */

/* Makes a folder, which must have nothing in it. */
MUST_CHECK enum status folder_make_empty(const char *path, struct error *err);

/* What labels.csv is made from. */
struct labelling {
    const struct spec *spec;
    const struct people *people;
    const int64_t *asked;  // [attack_count]
    int64_t from_s, to_s;  // of the kinds
    const char *dir;
    bool has_kinds;  // the clients that are look-alikes are known
};
MUST_CHECK enum status labels_write(const struct labelling *labelling, struct error *err);

struct log_file;
MUST_CHECK enum status log_open(const char *path, bool is_gzip, struct log_file **file, struct error *err);
MUST_CHECK enum status log_add(struct log_file *file, const char *bytes, size_t count, struct error *err);
/* Gives the file its name. Takes it, also on failure. */
MUST_CHECK enum status log_finish(struct log_file *file, struct error *err);
/* Takes the file, or NULL, and removes what was written. */
void log_abandon(struct log_file *file);

/* Lines as BIND 9.18 prints them; room for the longest. */
#define LINE_BYTES 4096

struct printer {
    const struct spec *spec;
    const struct people *people;
    const struct names *names;
    char pointers[256][16];
    char servers[8][16];
};

void printer_begin(struct printer *printer, const struct spec *spec, const struct people *people,
                   const struct names *names);

/* Which resolver an event is sent to; `lot` is its random number. */
unsigned printer_resolver(const struct printer *printer, const struct event *event, uint32_t lot);

/* Writes the line of an event; returns its end, at most LINE_BYTES on. `stamp` is the date and hour. */
char *printer_line(const struct printer *printer, const struct crowd *crowd, const struct event *event,
                   unsigned resolver, uint64_t lot, const char stamp[15], char *at);

#endif
