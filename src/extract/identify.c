/* Which files the store knows already. A file is known by its text, never by its name: logs are renamed and
 * compressed by rotation, and grow.
 *
 * What has device, inode, size and time of change as it was left is not opened. Of all others the first line
 * and the first 64 KiB were read when they were found; only files that share their first line with another,
 * or with a known one, are looked at further: whether the 64 KiB that end where the known text ended are
 * still the same. */
#include "internal.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

/* A file or a known file, by the first line of its text. */
struct member {
    uint64_t first_hash;
    int64_t known;  // -1: it is a file
    size_t file;
};

enum likeness { LIKE_DIFFERENT, LIKE_SAME, LIKE_LONGER };

bool is_left_out(const struct extraction *run, size_t file)
{
    const struct file_state *state = &run->states[file];
    bool is_double = state->same_as >= 0 && run->job->archive_duplicates == DUPLICATES_SKIP;
    return state->is_outside || is_double;
}

bool is_grown(const struct extraction *run, size_t file)
{
    return run->states[file].known >= 0 && run->states[file].from > 0;
}

bool is_to_read(const struct extraction *run, size_t file)
{
    return !is_left_out(run, file) && (run->states[file].known < 0 || is_grown(run, file));
}

static struct archive_text known_text(const struct known_file *known)
{
    return (struct archive_text){.bytes = known->text_bytes,
                                 .first_hash = (uint64_t)known->first_hash,
                                 .head_hash = (uint64_t)known->head_hash,
                                 .tail_hash = (uint64_t)known->tail_hash,
                                 .is_broken = known->is_broken != 0};
}

/* ---- comparing texts ---- */

/* Learns how much text a file has, and the hash of the 64 KiB before a place in it. */
static enum status text_measure(struct extraction *run, size_t file, int64_t place, uint64_t *hash,
                                struct error *err)
{
    return archive_measure(&run->archive, file, &run->archive.files[file].text, place, hash, err);
}

/* Whether a file's text is, or begins with, another one, as far as first and last 64 KiB tell. */
static enum status text_compare(struct extraction *run, size_t file, const struct archive_text *other,
                                enum likeness *like, struct error *err)
{
    enum status status = STATUS_OK;
    const struct archive_text *text = &run->archive.files[file].text;
    uint64_t hash = 0;
    *like = LIKE_DIFFERENT;
    if (other->bytes <= 0 || (text->bytes >= 0 && text->bytes < other->bytes))
        return STATUS_OK;
    // Of a shorter one the tail is all of it, and the heads need not have the same length.
    if (other->bytes >= ARCHIVE_END_BYTES && text->head_hash != other->head_hash)
        return STATUS_OK;
    if (text->bytes == other->bytes && text->tail_hash != 0) {
        *like = text->tail_hash == other->tail_hash ? LIKE_SAME : LIKE_DIFFERENT;
        return STATUS_OK;
    }
    TRY(text_measure(run, file, other->bytes, &hash, err));
    if (text->bytes >= other->bytes && hash == other->tail_hash)
        *like = text->bytes == other->bytes ? LIKE_SAME : LIKE_LONGER;
done:
    return status;
}

/* ---- known files ---- */

/* Whether a known file has no line of the days asked for, and whether those it has were asked for then. */
static bool is_known_outside(const struct extraction *run, const struct known_file *known)
{
    return known->first_ms > known->last_ms ||
           zone_day_of(run->zone, known->last_ms / 1000) < run->plan.first_day ||
           zone_day_of(run->zone, known->first_ms / 1000) >= run->plan.end_day;
}

static bool is_covered(const struct extraction *run, const struct known_file *known)
{
    if (known->first_ms > known->last_ms)
        return true;
    int64_t first = zone_day_of(run->zone, known->first_ms / 1000);
    int64_t end = zone_day_of(run->zone, known->last_ms / 1000) + 1;
    first = first < run->plan.first_day ? run->plan.first_day : first;
    end = end > run->plan.end_day ? run->plan.end_day : end;
    return first >= end || (known->from_day <= first && known->end_day >= end);
}

static bool is_read_alike(const struct extraction *run, size_t file, const struct known_file *known)
{
    size_t source = run->archive.files[file].source;
    return (uint64_t)known->source_hash == run->sources[source].hash;
}

/* The file has the text of a known one, and perhaps more. */
static void known_take(struct extraction *run, size_t file, int64_t at, enum likeness like)
{
    const struct known_file *known = &run->known.files[at];
    struct file_state *state = &run->states[file];
    run->taken[at] = (int64_t)file;
    state->id = known->id;
    // Days that were not asked for then, or half of a line that was counted as one, can only be had by
    // reading it anew.
    // So can the days of an older version.
    if (run->known.is_older || !is_covered(run, known) || (like == LIKE_LONGER && known->ends_inside))
        return;
    state->known = at;
    state->from = like == LIKE_LONGER ? known->text_bytes : 0;
    state->is_outside =
        like == LIKE_SAME && known->first_ms <= known->last_ms && is_known_outside(run, known);
}

/* The known files that a run finds as it left them. */
static void remembered_take(struct extraction *run)
{
    for (size_t file = 0; file < run->archive.file_count; file++) {
        int64_t at = run->archive.files[file].remembered;
        if (at < 0)
            continue;
        const struct known_file *known = &run->known.files[at];
        if (known->id != 0 && is_read_alike(run, file, known))
            known_take(run, file, at, LIKE_SAME);
    }
}

static enum status file_match(struct extraction *run, size_t file, const struct member *members, size_t count,
                              enum likeness wanted, struct error *err)
{
    enum status status = STATUS_OK;
    enum likeness like = LIKE_DIFFERENT;
    for (size_t i = 0; i < count && run->states[file].id == 0; i++) {
        int64_t at = members[i].known;
        const struct known_file *known = at >= 0 ? &run->known.files[at] : NULL;
        if (!known || known->id == 0 || run->taken[at] >= 0 || !is_read_alike(run, file, known))
            continue;
        struct archive_text text = known_text(known);
        TRY(text_compare(run, file, &text, &like, err));
        if (like == wanted)
            known_take(run, file, at, like);
    }
done:
    return status;
}

/* Those that are the same first, so that of a log and its copy each finds its own. */
static enum status group_match(struct extraction *run, const struct member *members, size_t count,
                               struct error *err)
{
    enum status status = STATUS_OK;
    static const enum likeness order[] = {LIKE_SAME, LIKE_LONGER};
    for (size_t o = 0; o < 2; o++)
        for (size_t i = 0; i < count; i++)
            if (members[i].known < 0 && run->states[members[i].file].id == 0)
                TRY(file_match(run, members[i].file, members, count, order[o], err));
done:
    return status;
}

/* ---- files with the same lines ---- */

static bool is_unchanged(const struct extraction *run, size_t file)
{
    return run->archive.files[file].remembered >= 0;
}

/* The one that has fewer lines, or is known less well, has the same lines as the other. */
static void double_note(struct extraction *run, size_t less, size_t more)
{
    struct file_state *state = &run->states[less], *other = &run->states[more];
    state->same_as = (int64_t)more;
    if (run->job->archive_duplicates != DUPLICATES_SKIP || state->known < 0 || other->known >= 0)
        return;
    // What was read of the one need not be read of the other.
    const struct known_file *known = &run->known.files[state->known];
    if (!is_read_alike(run, more, known))
        return;
    enum likeness like = run->archive.files[more].text.bytes > known->text_bytes ? LIKE_LONGER : LIKE_SAME;
    known_take(run, more, state->known, like);
    *state = (struct file_state){.known = -1, .same_as = (int64_t)more};
}

static enum status pair_compare(struct extraction *run, size_t one, size_t other, struct error *err)
{
    enum status status = STATUS_OK;
    const struct archive_text *first = &run->archive.files[one].text;
    const struct archive_text *second = &run->archive.files[other].text;
    enum likeness like = LIKE_DIFFERENT;
    uint64_t hash = 0;
    if (is_unchanged(run, one) && is_unchanged(run, other) && first->bytes != second->bytes)
        return STATUS_OK;  // compared when they came
    if (first->bytes >= ARCHIVE_END_BYTES && second->bytes >= ARCHIVE_END_BYTES &&
        first->head_hash != second->head_hash)
        return STATUS_OK;
    if (first->bytes < 0 || first->tail_hash == 0)
        TRY(text_measure(run, one, 0, &hash, err));
    if (second->bytes < 0 || second->tail_hash == 0)
        TRY(text_measure(run, other, 0, &hash, err));
    if (first->bytes < 0 || second->bytes < 0)
        return STATUS_OK;  // they cannot be read
    bool one_is_more = first->bytes != second->bytes   ? first->bytes > second->bytes
                       : run->states[other].known >= 0 ? run->states[one].known >= 0
                                                       : true;
    size_t more = one_is_more ? one : other, less = one_is_more ? other : one;
    struct archive_text text = run->archive.files[less].text;
    TRY(text_compare(run, more, &text, &like, err));
    if (like != LIKE_DIFFERENT)
        double_note(run, less, more);
done:
    return status;
}

static enum status group_doubles(struct extraction *run, const struct member *members, size_t count,
                                 struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = i + 1; j < count; j++) {
            if (members[i].known >= 0 || members[j].known >= 0 || run->states[members[i].file].same_as >= 0 ||
                run->states[members[j].file].same_as >= 0)
                continue;
            TRY(pair_compare(run, members[i].file, members[j].file, err));
        }
    }
done:
    return status;
}

/* Of copies of copies, all are of the one file that is read. */
static void doubles_resolve(struct extraction *run)
{
    for (size_t file = 0; file < run->archive.file_count; file++) {
        int64_t root = run->states[file].same_as;
        // Ends, since each has more lines than the one before, or as many and a place of its own in the
        // order.
        while (root >= 0 && run->states[root].same_as >= 0)
            root = run->states[root].same_as;
        run->states[file].same_as = root;
    }
}

/* A file that had another's lines has them still if both are as they were left. */
static void doubles_recall(struct extraction *run)
{
    for (size_t file = 0; file < run->archive.file_count; file++) {
        int64_t at = run->archive.files[file].remembered;
        int64_t same_as = at >= 0 ? run->known.files[at].same_as : 0;
        for (size_t i = 0; same_as != 0 && i < run->known.count; i++) {
            int64_t other = run->known.files[i].id == same_as ? run->taken[i] : -1;
            if (other >= 0 && (size_t)other != file && run->states[other].same_as < 0)
                run->states[file].same_as = other;
        }
    }
}

/* ---- all files ---- */

static int compare_members(const void *a, const void *b)
{
    const struct member *x = a, *y = b;
    if (x->first_hash != y->first_hash)
        return x->first_hash < y->first_hash ? -1 : 1;
    if (x->file != y->file)
        return x->file < y->file ? -1 : 1;
    return (x->known > y->known) - (x->known < y->known);
}

static enum status members_make(const struct extraction *run, struct member **members, size_t *count,
                                struct error *err)
{
    size_t room = run->archive.file_count + run->known.count + 1, at = 0;
    *members = calloc(room, sizeof **members);
    if (!*members)
        return error_set(err, STATUS_NO_MEMORY, "archive", "", "no room for %zu files", room);
    for (size_t file = 0; file < run->archive.file_count; file++)
        (*members)[at++] = (struct member){run->archive.files[file].text.first_hash, -1, file};
    for (size_t i = 0; i < run->known.count; i++)
        (*members)[at++] = (struct member){(uint64_t)run->known.files[i].first_hash, (int64_t)i, SIZE_MAX};
    qsort(*members, at, sizeof **members, compare_members);
    *count = at;
    return STATUS_OK;
}

/* Names for the files that have none: of the text's beginning and of how it is read. Copies get another one.
 */
static enum status ids_make(struct extraction *run, struct error *err)
{
    enum status status = STATUS_OK;
    struct map ids;
    void *entry = NULL;
    map_init(&ids, sizeof(int64_t), sizeof(int64_t));
    for (size_t i = 0; i < run->known.count; i++)
        TRY(map_put(&ids, &run->known.files[i].id, &entry, NULL, err));
    for (size_t file = 0; file < run->archive.file_count; file++) {
        struct file_state *state = &run->states[file];
        const struct archive_file *item = &run->archive.files[file];
        uint64_t name[3] = {item->text.first_hash, item->text.head_hash, run->sources[item->source].hash};
        bool fresh = state->id != 0;
        while (!fresh) {
            name[0] = content_hash(name, sizeof name);
            state->id = (int64_t)name[0];
            if (state->id != INPUT_INCOMPLETE)
                TRY(map_put(&ids, &state->id, &entry, &fresh, err));
        }
    }
done:
    map_clear(&ids);
    return status;
}

static enum status identify_local(struct extraction *run, struct error *err)
{
    enum status status = STATUS_OK;
    struct member *members = NULL;
    size_t count = 0;
    remembered_take(run);
    doubles_recall(run);
    TRY(members_make(run, &members, &count, err));
    for (size_t from = 0, to = 0; from < count; from = to) {
        while (to < count && members[to].first_hash == members[from].first_hash)
            to++;
        if (to - from < 2)
            continue;
        TRY(group_match(run, members + from, to - from, err));
        TRY(group_doubles(run, members + from, to - from, err));
    }
    doubles_resolve(run);
    TRY(ids_make(run, err));
done:
    free(members);
    return status;
}

static enum status known_load(struct extraction *run, struct archive_memory **memory, struct error *err)
{
    enum status status = STATUS_OK;
    TRY(settings_check(run, err));
    TRY(known_read(run->job->store_dir, &run->known, err));
    size_t count = run->known.count;
    *memory = calloc(count + 1, sizeof **memory);
    run->taken = calloc(count + 1, sizeof *run->taken);
    if (!*memory || !run->taken)
        return error_set(err, STATUS_NO_MEMORY, "archive", "", "no room for %zu known files", count);
    for (size_t i = 0; i < count; i++) {
        const struct known_file *known = &run->known.files[i];
        bool is_sound = known->compression >= 0 && known->compression < COMPRESSIONS;
        run->taken[i] = -1;
        (*memory)[i] = (struct archive_memory){.device = (uint64_t)known->device,
                                               .inode = (uint64_t)known->inode,
                                               .bytes = is_sound ? known->bytes : -1,
                                               .mtime_ms = known->mtime_ms,
                                               .compression = is_sound ? (enum compression)known->compression
                                                                       : COMPRESSION_PLAIN,
                                               .text = known_text(known)};
    }
done:
    return status;
}

static enum status states_make(struct extraction *run, struct error *err)
{
    size_t files = run->archive.file_count;
    run->states = calloc(files + 1, sizeof *run->states);
    if (!run->states)
        return error_set(err, STATUS_NO_MEMORY, "archive", "", "no room for %zu files", files);
    for (size_t file = 0; file < files; file++)
        run->states[file] = (struct file_state){.known = -1, .same_as = -1};
    return STATUS_OK;
}

enum status files_identify(struct extraction *run, struct error *err)
{
    enum status status = STATUS_OK;
    struct archive_memory *memory = NULL;
    bool is_first = team_rank(run->team) == 0;
    TRY(team_agree(run->team, is_first ? known_load(run, &memory, err) : STATUS_OK, err));
    TRY(archive_find_again(run->team, run->archive_sources, run->source_count, memory, run->known.count,
                           &run->archive, err));
    TRY(team_agree(run->team, states_make(run, err), err));
    TRY(team_agree(run->team, is_first ? identify_local(run, err) : STATUS_OK, err));
    team_broadcast(run->team, run->states, run->archive.file_count * sizeof *run->states, 0);
    for (size_t file = 0; file < run->archive.file_count; file++)
        run->archive.files[file].from = run->states[file].from;
done:
    free(memory);
    return status;
}
