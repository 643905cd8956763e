/* Counting scanned lines, some tens at a time: what each will need from memory is asked for some lines ahead.
 *
 * What was read of a client or a name is remembered by its text, so each is read strictly once and then
 * recognised. A name is recognised by a tag of 64 bits with this process's key, its length and its first
 * eight bytes; a client by its whole text. Both memories are bounded. */
#include "tally.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

/* Text of an address: 45 bytes and a scope that is cut. */
#define CLIENT_TEXT_BYTES 48

#define TEXTS_LEAST ((size_t)1 << 10)
#define TEXTS_MOST ((size_t)1 << 18)

#define MEMOS_LEAST ((size_t)1 << 12)
#define MEMOS_MOST ((size_t)1 << 18)

/* Places where a name may be remembered. */
#define MEMO_WAYS 4

_Static_assert(sizeof(struct name_memo) == 64, "one cache line");

/* ---- clients ---- */

/* The bytes of a client, zeros behind them. */
static void client_text(const struct scan *scan, uint64_t text[6])
{
    const char *at = scan->line + scan->client_at;
    memset(text, 0, CLIENT_TEXT_BYTES);
    if (scan->client_count > 16) {
        memcpy(text, at, scan->client_count);
        return;
    }
    // Of fixed length, then cut: most clients are IPv4.
    static const uint8_t KEEP[32] = {255, 255, 255, 255, 255, 255, 255, 255,
                                     255, 255, 255, 255, 255, 255, 255, 255};
    uint64_t keep[2];
    memcpy(keep, KEEP + 16 - scan->client_count, sizeof keep);
    memcpy(text, at, 16);
    text[0] &= keep[0];
    text[1] &= keep[1];
}

/* Texts of up to 16 bytes are two words: nearly all are IPv4. */
static inline size_t text_home(const uint64_t text[6], bool is_wide, size_t mask)
{
    uint64_t hash = (text[0] ^ memory_seed()) * 0x9e3779b97f4a7c15u;
    hash = ((hash ^ hash >> 32) + text[1]) * 0x9e3779b97f4a7c15u;
    for (int i = 2; i < 6 && is_wide; i++)
        hash = ((hash ^ hash >> 32) + text[i]) * 0x9e3779b97f4a7c15u;
    return (size_t)(hash >> 20) & mask;
}

/* The item of a text, or the free one where it belongs; at most half of the items are taken. */
static inline struct asker_text *text_place(const struct asker_texts *texts, const uint64_t text[6])
{
    const size_t mask = texts->item_count - 1;
    const bool is_wide = text[2] != 0;
    size_t at = text_home(text, is_wide, mask);
    for (; texts->items[at].asker != 0; at = (at + 1) & mask) {
        const uint64_t *other = texts->items[at].text;
        if (other[0] == text[0] && other[1] == text[1] && other[2] == text[2] &&
            (!is_wide || memcmp(other, text, CLIENT_TEXT_BYTES) == 0))
            break;
    }
    return &texts->items[at];
}

/* Makes room for another text: doubles the table, or forgets all when it has its full size. */
static enum status texts_reserve(struct asker_texts *texts, struct error *err)
{
    struct asker_texts old = *texts;
    if (2 * (old.count + 1) <= old.item_count)
        return STATUS_OK;
    if (old.item_count == TEXTS_MOST) {
        memset(texts->items, 0, texts->item_count * sizeof *texts->items);
        texts->count = 0;
        return STATUS_OK;
    }
    texts->item_count = old.item_count ? 2 * old.item_count : TEXTS_LEAST;
    texts->items = calloc(texts->item_count, sizeof *texts->items);
    if (!texts->items) {
        *texts = old;
        return error_set(err, STATUS_NO_MEMORY, "clients", "use more ranks", "no room for %zu clients",
                         2 * old.count);
    }
    for (size_t i = 0; i < old.item_count; i++)
        if (old.items[i].asker != 0)
            *text_place(texts, old.items[i].text) = old.items[i];
    free(old.items);
    return STATUS_OK;
}

/* Returns false in `found` when the text is no address. */
static enum status client_find(struct tallies *tallies, const struct scan *scan, uint32_t *asker, bool *found,
                               struct error *err)
{
    enum status status = STATUS_OK;
    uint64_t text[6];
    struct ip ip;
    *found = scan->client_count <= CLIENT_TEXT_BYTES;
    if (!*found)
        return STATUS_OK;
    TRY(texts_reserve(&tallies->texts, err));
    client_text(scan, text);
    struct asker_text *place = text_place(&tallies->texts, text);
    if (place->asker != 0) {
        *asker = place->asker - 1;
        return STATUS_OK;
    }
    *found = scan_client(scan, &ip);
    if (!*found)
        return STATUS_OK;
    ip_mask_v6(&ip, tallies->plan->ipv6_prefix);
    TRY(asker_of(tallies, &ip, asker, err));
    memcpy(place->text, text, sizeof place->text);
    place->asker = *asker + 1;
    tallies->texts.count++;
done:
    return status;
}

/* ---- names ---- */

void name_memos_clear(struct name_memos *memos)
{
    free(memos->items);
    *memos = (struct name_memos){0};
}

/* Where a name may be remembered, in this order. */
static inline struct name_memo *memo_place(const struct name_memos *memos, uint64_t tag, size_t way)
{
    return &memos->items[((size_t)tag + way) & (memos->item_count - 1)];
}

/* Doubles the table while half of it is in use, up to its full size. */
static enum status memos_reserve(struct name_memos *memos, size_t most, struct error *err)
{
    const struct name_memos old = *memos;
    if (old.item_count >= most || (old.item_count > 0 && 2 * (old.count + SCAN_LINES) <= old.item_count))
        return STATUS_OK;
    memos->item_count = old.item_count ? 2 * old.item_count : MEMOS_LEAST;
    memos->items = large_alloc(memos->item_count * sizeof *memos->items, true);
    memos->count = 0;
    if (!memos->items) {
        *memos = old;
        return error_set(err, STATUS_NO_MEMORY, "names", "use more ranks", "no room to remember %zu names",
                         2 * old.item_count);
    }
    for (size_t i = 0; i < old.item_count; i++) {
        if (old.items[i].tag == 0)
            continue;
        for (size_t way = 0; way < MEMO_WAYS; way++) {
            struct name_memo *place = memo_place(memos, old.items[i].tag, way);
            if (place->tag == 0) {
                *place = old.items[i];
                memos->count++;
                break;
            }
        }
    }
    free(old.items);
    return STATUS_OK;
}

static struct name_memo *memo_find(const struct name_memos *memos, const struct scan *scan)
{
    for (size_t way = 0; way < MEMO_WAYS; way++) {
        struct name_memo *memo = memo_place(memos, scan->name_tag, way);
        if (memo->tag == scan->name_tag && memo->start == scan->name_start && memo->count == scan->name_count)
            return memo;
        if (memo->tag == 0)
            return NULL;
    }
    return NULL;
}

/* Reads a name and remembers it if it is kept, in the place of another if need be. Returns false in `found`
 * when it is none. */
static enum status memo_learn(struct tallies *tallies, const struct scan *scan, struct seen *seen,
                              bool *found, struct error *err)
{
    enum status status = STATUS_OK;
    struct tally *tally = seen->tally;
    struct query query;
    size_t way = 0;
    *found = scan_name(scan, &query);
    if (!*found)
        return STATUS_OK;
    TRY(name_find(tallies, &query.qname, seen, err));
    if (seen->name == NOT_KEPT)
        return STATUS_OK;
    const struct name *name = map_at(&tally->names, seen->name);
    const uint64_t hash = seen->hash;
    while (way < MEMO_WAYS && memo_place(&tally->memos, scan->name_tag, way)->tag != 0)
        way++;
    tally->memos.count += way < MEMO_WAYS;
    *memo_place(&tally->memos, scan->name_tag, way < MEMO_WAYS ? way : hash % MEMO_WAYS) =
        (struct name_memo){.tag = scan->name_tag,
                           .start = scan->name_start,
                           .hash = hash,
                           .name = seen->name,
                           .domain = name->domain,
                           .bigram_score = name->traits.bigram_score,
                           .bigrams = name->traits.bigrams,
                           .sub_bytes = name->traits.sub_bytes,
                           .count = (uint8_t)scan->name_count,
                           .label_max = name->traits.label_max,
                           .encodings = name->traits.encodings,
                           .sub_labels = name->traits.sub_labels};
done:
    return status;
}

/* ---- a batch ---- */

struct batch {
    struct tallies *tallies;
    struct tally *lines;  // the day's first part, which counts lines by resolver
    struct scan_servers *servers;
    const struct line_parser *parser;
    const struct scan *scans;
    uint32_t askers[SCAN_LINES];
    struct seen seen[SCAN_LINES];
};

/* Finds the clients; returns how many lines there are before one that has none. */
static enum status clients_find(struct batch *batch, size_t *count, struct error *err)
{
    enum status status = STATUS_OK;
    struct tallies *tallies = batch->tallies;
    for (size_t i = 0; i < *count; i++) {
        bool found = false;
        TRY(client_find(tallies, &batch->scans[i], &batch->askers[i], &found, err));
        if (!found)
            *count = i;
    }
    // Now that no more are added they stay where they are.
    for (size_t i = 0; i < *count; i++) {
        struct seen *seen = &batch->seen[i];
        const struct scan *scan = &batch->scans[i];
        seen->asker = map_at(&tallies->askers, batch->askers[i]);
        seen->time_ms = scan->time_ms;
        seen->qtype = scan->qtype;
        seen->flags = scan->flags;
        seen->mixed_case = scan->mixed_case;
        if (seen->asker->part == 0)
            seen->tally = batch->lines;
        else
            TRY(tally_of(tallies, batch->lines->day, seen->asker->part, &seen->tally, err));
        if (seen->asker->watched)
            TRY(asker_enter(seen->asker, seen->tally, err));
        seen->client = seen->asker->client;
        seen->is_fresh = false;
        if (seen->asker->row > 0) {
            const char *row = map_at(&seen->tally->rows, seen->asker->row - 1);
            __builtin_prefetch(row, 1);
            __builtin_prefetch(row + 64, 1);
        }
    }
done:
    return status;
}

static enum status resolver_find(struct batch *batch, const struct scan *scan, uint32_t *resolver,
                                 struct error *err)
{
    char text[IP_TEXT_BYTES];
    uint32_t *known = &batch->servers->resolver[scan->server];
    if (*known == 0) {
        const size_t count = ip_write(scan_server(batch->parser, scan->server), text);
        enum status status = resolver_of(batch->tallies, content_hash(text, count), resolver, err);
        if (status != STATUS_OK)
            return status;
        *known = *resolver + 1;
    }
    *resolver = *known - 1;
    return STATUS_OK;
}

/* One line more of the resolver's. */
static enum status line_count(struct batch *batch, const struct scan *scan, const struct seen *seen,
                              struct error *err)
{
    char text[IP_TEXT_BYTES];
    struct tallies *tallies = batch->tallies;
    struct source *source = NULL;
    place_find(tallies, batch->lines, scan->time_ms);
    const struct resolver *resolver = map_at(&tallies->resolvers, seen->resolver);
    if (resolver->shard == batch->lines->number + 1 && resolver->window == tallies->place.window) {
        source = map_at(&batch->lines->sources, resolver->source);
    } else {
        const size_t count = ip_write(scan_server(batch->parser, scan->server), text);
        enum status status = source_of(tallies, batch->lines, seen->resolver, (struct span){text, count},
                                       tallies->place.window, &source, err);
        if (status != STATUS_OK)
            return status;
    }
    source->lines++;
    source->queries++;
    source->unit_seen[tallies->place.unit] = 1;
    return STATUS_OK;
}

/* What mixed case adds to what is known of a name. */
static void spelling_find(const struct scan *scan, struct seen *seen, uint8_t sub_labels)
{
    struct query query;
    (void)scan_name(scan, &query);  // a name in other case has been read
    seen->case_changes = query.case_changes;
    seen->encodings |= name_base64(query.wire_as_sent, sub_labels);
    seen->spelling = content_hash(query.wire_as_sent, query.qname.bytes);
}

static void memo_take(const struct name_memo *memo, struct seen *seen)
{
    seen->hash = memo->hash;
    seen->name = memo->name;
    seen->domain = memo->domain;
    seen->traits = (struct name_traits){.sub_bytes = memo->sub_bytes,
                                        .sub_labels = memo->sub_labels,
                                        .label_max = memo->label_max,
                                        .bigram_score = memo->bigram_score,
                                        .bigrams = memo->bigrams,
                                        .encodings = memo->encodings};
}

/* Finds the names; returns how many lines there are before one that has none. */
static enum status names_find(struct batch *batch, size_t *count, struct error *err)
{
    enum status status = STATUS_OK;
    struct tallies *tallies = batch->tallies;
    for (size_t i = 0; i < *count; i++) {
        const struct scan *scan = &batch->scans[i];
        struct seen *seen = &batch->seen[i];
        const struct name_memo *memo = memo_find(&seen->tally->memos, scan);
        bool found = true;
        if (memo)
            memo_take(memo, seen);
        else
            TRY(memo_learn(tallies, scan, seen, &found, err));
        if (!found) {
            *count = i;
            break;
        }
        seen->encodings = seen->traits.encodings;
        if (scan->mixed_case)
            spelling_find(scan, seen, seen->traits.sub_labels);
    }
done:
    return status;
}

static enum status scan_count(struct batch *batch, size_t at, struct error *err)
{
    enum status status = STATUS_OK;
    TRY(line_count(batch, &batch->scans[at], &batch->seen[at], err));
    TRY(count_seen(batch->tallies, &batch->seen[at], err));
done:
    return status;
}

static enum status rows_count(struct batch *batch, size_t count, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count; i++)
        if (batch->seen[i].asker->watched)
            TRY(count_row_only(batch->tallies, &batch->seen[i], err));
done:
    return status;
}

/* Asks for what is remembered of the names, before the clients are looked up if it is known where that is. */
static enum status memos_prepare(struct batch *batch, struct tally *tally, size_t first, size_t count,
                                 struct error *err)
{
    enum status status = STATUS_OK;
    const size_t parts = (size_t)batch->tallies->plan->parts;
    const size_t most = MEMOS_MOST / parts > MEMOS_LEAST ? MEMOS_MOST / parts : MEMOS_LEAST;
    TRY(memos_reserve(&tally->memos, most, err));
    for (size_t i = first; i < first + count; i++)
        __builtin_prefetch(memo_place(&tally->memos, batch->scans[i].name_tag, 0), 1);
done:
    return status;
}

/* What is remembered of another day's names is not needed any more. */
static enum status day_enter(struct batch *batch, struct error *err)
{
    struct tallies *tallies = batch->tallies;
    enum status status = tally_of(tallies, tallies->now_day, 0, &batch->lines, err);
    if (status != STATUS_OK || tallies->scan_day == tallies->now_day)
        return status;
    for (size_t i = 0; i < tallies->count; i++)
        if (tallies->shards[i] && tallies->shards[i]->day != tallies->now_day)
            name_memos_clear(&tallies->shards[i]->memos);
    tallies->scan_day = tallies->now_day;
    return status;
}

enum status tallies_scans(struct tallies *tallies, const struct line_parser *parser,
                          struct scan_servers *servers, const struct scan *scans, size_t count, size_t *done,
                          size_t *unwatched, struct error *err)
{
    enum status status = STATUS_OK;
    struct batch batch;  // not all of it is used: clearing it would take as long as some lines
    batch.tallies = tallies;
    batch.servers = servers;
    batch.parser = parser;
    batch.scans = scans;
    const bool in_parts = tallies->plan->parts > 1, with_names = tallies->plan->depth != TALLY_ROWS;
    *done = *unwatched = 0;
    TRY(day_enter(&batch, err));
    if (with_names && !in_parts)
        TRY(memos_prepare(&batch, batch.lines, 0, count, err));
    TRY(clients_find(&batch, &count, err));
    for (size_t i = 0; i < count; i++)
        TRY(resolver_find(&batch, &scans[i], &batch.seen[i].resolver, err));
    if (!with_names) {
        TRY(rows_count(&batch, count, err));
    } else {
        for (size_t i = 0; i < count && in_parts; i++)
            TRY(memos_prepare(&batch, batch.seen[i].tally, i, 1, err));
        TRY(names_find(&batch, &count, err));
        for (size_t i = 0; i < count && tallies->plan->depth == TALLY_ALL; i++)
            TRY(scan_count(&batch, i, err));
    }
    for (size_t i = 0; i < count; i++)
        *unwatched += !batch.seen[i].asker->watched;
    *done = count;
done:
    return status;
}
