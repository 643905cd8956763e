#include "usual.h"

#include "order.h"

#include "base/hash.h"
#include "base/map.h"

#include <stdlib.h>
#include <string.h>

#define ROWS_LEAST 5
#define HOURS 24
#define ROLE_SLOTS (2 * HOURS)  // a role's entries: hours of working days, then of holidays
#define ROLE_ROWS_MOST (1 << 20)

/* Groups are made in passes, each of some of them and about so many rows a rank: a row on its way is in
 * memory three times. */
#define PASS_ROWS 1024
#define PASSES_MOST 64

static const int PERCENTS[] = {5, 50, 95};
enum { LOW, MIDDLE, HIGH, PERCENT_COUNT };

int usual_compare(const struct usual *a, const struct usual *b)
{
    if (a->is_host != b->is_host)
        return a->is_host < b->is_host ? -1 : 1;
    if (a->host != b->host)
        return a->host < b->host ? -1 : 1;
    if (!a->is_host && a->role != b->role)  // a host has one role
        return a->role < b->role ? -1 : 1;
    if (a->holiday != b->holiday)
        return a->holiday < b->holiday ? -1 : 1;
    return (a->time > b->time) - (a->time < b->time);
}

enum status usuals_make(size_t count, size_t columns, struct usuals *out, struct error *err)
{
    *out = (struct usuals){.count = count, .columns = columns};
    out->items = calloc(count + 1, sizeof *out->items);
    for (int p = 0; p < PERCENT_COUNT; p++)
        out->values[p] = calloc(count * columns + 1, sizeof *out->values[p]);
    if (out->items && out->values[LOW] && out->values[MIDDLE] && out->values[HIGH])
        return STATUS_OK;
    usuals_clear(out);
    return model_no_memory("usual values", count, err);
}

void usuals_clear(struct usuals *usuals)
{
    free(usuals->items);
    for (int p = 0; p < PERCENT_COUNT; p++)
        free(usuals->values[p]);
    *usuals = (struct usuals){0};
}

/* An entry on its way between ranks. Plain bytes. */
struct usual_made {
    struct usual key;
    float values[PERCENT_COUNT][MODEL_COLUMNS_MOST];
};

/* ---- rows, sorted by who owns their group ---- */

/* A row as its group's owner gets it. Plain bytes. */
struct usual_row {
    uint64_t host;  // content hash of the IP, or the role
    int32_t slot;  // of a host holiday · 2 + night, of a role holiday · 24 + hour
    int32_t role;
    float values[MODEL_COLUMNS_MOST];
};

/* A host in one of four kinds of time, or a role at an hour. */
struct usual_group {
    uint64_t host;  // key
    int64_t slot;  // key
    int64_t rows, first;
    int32_t role, unused;
};

/* What is dealt together, whatever the number of ranks: the rows of a host, or of a role's hour. */
static uint64_t group_of(const struct usual_row *row, bool is_host)
{
    return is_host ? row->host : row->host * ROLE_SLOTS + (uint64_t)row->slot;
}

static int row_owner(const void *row, int ranks, const void *is_host)
{
    return (int)(group_of(row, is_host != NULL) % (uint64_t)ranks);
}

/* Some of the rows: those of each `passes`-th group that a rank owns. */
struct usual_pass {
    bool is_host;
    uint64_t first;  // number of this rank's first row among all rows
    int64_t total;  // rows of all ranks
    uint64_t ranks, passes, pass;
};

static bool is_in_pass(const struct usual_pass *pass, const struct usual_row *row)
{
    return group_of(row, pass->is_host) / pass->ranks % pass->passes == pass->pass;
}

/* Of very many rows, roles need but some: chosen by number, so the same for any split. */
static bool is_drawn(uint64_t number, int64_t total)
{
    return total <= ROLE_ROWS_MOST || content_hash(&number, sizeof number) % (uint64_t)total < ROLE_ROWS_MOST;
}

/* Whose row it is, without values; false for one that does not say what is usual, or in another pass. */
static bool row_begin(const struct model_input *input, const struct usual_pass *pass, size_t row,
                      struct usual_row *out)
{
    const struct model_moment *at = &input->moments[row];
    if (!at->counts || (!pass->is_host && !is_drawn(pass->first + row, pass->total)))
        return false;
    out->host = pass->is_host ? input->ip_hash[row] : at->role;
    out->slot = pass->is_host ? at->is_holiday * 2 + at->is_night : at->is_holiday * HOURS + at->hour;
    out->role = at->role;
    return is_in_pass(pass, out);
}

static enum status rows_make_local(const struct model_input *input, const struct usual_pass *pass,
                                   struct usual_row **out, size_t *count, struct error *err)
{
    struct usual_row row = {0};
    size_t most = 0;
    for (size_t i = 0; i < input->row_count; i++)
        most += row_begin(input, pass, i, &row);
    struct usual_row *rows = calloc(most + 1, sizeof *rows);
    if (!rows)
        return model_no_memory("usual values", most, err);
    *count = 0;
    for (size_t i = 0; i < input->row_count; i++)
        if (row_begin(input, pass, i, &rows[*count])) {
            struct usual_row *to = &rows[(*count)++];
            memcpy(to->values, input->shown + i * input->columns, input->columns * sizeof *to->values);
        }
    *out = rows;
    return STATUS_OK;
}

static int compare_keys(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* The entry of the rows by_group[first … first + rows). */
static void entry_make(const struct usual_group *group, bool is_host, const struct usual_row *rows,
                       const size_t *by_group, size_t columns, uint32_t *room, struct usual_made *out)
{
    const size_t count = (size_t)group->rows;
    const int32_t times = is_host ? 2 : HOURS;
    *out = (struct usual_made){.key = {.is_host = is_host,
                                       .host = is_host ? group->host : 0,
                                       .rows = group->rows,
                                       .role = group->role,
                                       .holiday = (int32_t)group->slot / times,
                                       .time = (int32_t)group->slot % times}};
    for (size_t column = 0; column < columns; column++) {
        for (size_t i = 0; i < count; i++)
            room[i] = order_key(rows[by_group[(size_t)group->first + i]].values[column]);
        qsort(room, count, sizeof *room, compare_keys);
        for (int p = 0; p < PERCENT_COUNT; p++)
            out->values[p][column] = order_float(room[(count * (size_t)PERCENTS[p] + 99) / 100 - 1]);
    }
}

/* Groups the rows: which they are, and which rows each has, in by_group. */
static enum status rows_group(const struct usual_row *rows, size_t count, struct map *groups,
                              size_t *by_group, struct error *err)
{
    enum status status = STATUS_OK;
    void *found = NULL;
    int64_t next = 0;
    for (size_t i = 0; i < count; i++) {
        const struct usual_group key = {.host = rows[i].host, .slot = rows[i].slot};
        TRY(map_put(groups, &key, &found, NULL, err));
        struct usual_group *group = found;
        group->rows++;
        group->role = rows[i].role;
    }
    for (size_t g = 0; g < groups->count; g++) {
        struct usual_group *group = map_at(groups, g);
        group->first = next;
        next += group->rows;
        group->rows = 0;
    }
    for (size_t i = 0; i < count; i++) {
        const struct usual_group key = {.host = rows[i].host, .slot = rows[i].slot};
        struct usual_group *group = map_get(groups, &key);
        by_group[group->first + group->rows++] = i;
    }
done:
    return status;
}

static int compare_made(const void *a, const void *b)
{
    return usual_compare(&((const struct usual_made *)a)->key, &((const struct usual_made *)b)->key);
}

/* Sorts entries and cuts behind the hosts of least hash. Returns how many stay. */
static size_t made_cut(struct usual_made *made, size_t count)
{
    size_t hosts = 0;
    if (count > 0)
        qsort(made, count, sizeof *made, compare_made);
    for (size_t i = 0; i < count; i++) {
        hosts += i == 0 || made[i].key.host != made[i - 1].key.host;
        if (hosts > USUAL_HOSTS_MOST)
            return i;
    }
    return count;
}

/* This rank's entries, sorted; free() them. */
static enum status entries_make_local(const struct usual_row *rows, size_t count, bool is_host,
                                      size_t columns, struct usual_made **out, size_t *made_count,
                                      struct error *err)
{
    enum status status = STATUS_OK;
    struct map groups;
    struct usual_made *made = NULL;
    size_t *by_group = malloc((count + 1) * sizeof *by_group);
    uint32_t *room = malloc((count + 1) * sizeof *room);
    map_init(&groups, sizeof(struct usual_group), offsetof(struct usual_group, rows));
    if (!by_group || !room)
        TRY(model_no_memory("usual values", count, err));
    TRY(rows_group(rows, count, &groups, by_group, err));
    made = malloc((groups.count + 1) * sizeof *made);
    if (!made)
        TRY(model_no_memory("usual values", groups.count, err));
    size_t kept = 0;
    for (size_t g = 0; g < groups.count; g++) {
        const struct usual_group *group = map_at(&groups, g);
        if (group->rows >= ROWS_LEAST)
            entry_make(group, is_host, rows, by_group, columns, room, &made[kept++]);
    }
    *made_count = made_cut(made, kept);
    *out = made;
    made = NULL;
done:
    free(made);
    map_clear(&groups);
    free(room);
    free(by_group);
    return status;
}

/* The entries of a pass, of all ranks; free() them. */
static enum status pass_make(const struct team *team, const struct model_input *input,
                             const struct usual_pass *pass, struct usual_made **out, size_t *count,
                             struct error *err)
{
    enum status status = STATUS_OK;
    struct usual_row *mine = NULL;
    struct usual_made *made = NULL;
    void *rows = NULL, *all = NULL;
    size_t mine_count = 0, row_count = 0, made_count = 0, bytes = 0;
    TRY(team_agree(team, rows_make_local(input, pass, &mine, &mine_count, err), err));
    TRY(team_deal(team, mine, mine_count, sizeof *mine, row_owner, pass->is_host ? input : NULL, &rows,
                  &row_count, err));
    free(mine);
    mine = NULL;
    TRY(team_agree(
        team, entries_make_local(rows, row_count, pass->is_host, input->columns, &made, &made_count, err),
        err));
    TRY(team_gather(team, made, made_count * sizeof *made, &all, &bytes, err));
    *count = bytes / sizeof *made;
    *out = all;
done:
    free(rows);
    free(made);
    free(mine);
    return status;
}

/* Adds the entries of a pass to those before; of hosts the ones of least hash stay, as if all were there. */
static enum status made_add(struct usual_made **all, size_t *count, const struct usual_made *more,
                            size_t more_count, struct error *err)
{
    if (more_count == 0)
        return STATUS_OK;
    struct usual_made *grown = realloc(*all, (*count + more_count) * sizeof *grown);
    if (!grown)
        return model_no_memory("usual values", *count + more_count, err);
    memcpy(grown + *count, more, more_count * sizeof *grown);
    *all = grown;
    *count = made_cut(grown, *count + more_count);
    return STATUS_OK;
}

/* The entries of all hosts, or of all roles, sorted; free() them. */
static enum status entries_make(const struct team *team, const struct model_input *input, bool is_host,
                                struct usual_made **out, size_t *count, struct error *err)
{
    enum status status = STATUS_OK;
    struct usual_made *made = NULL;
    size_t made_count = 0;
    struct usual_pass pass = {.is_host = is_host,
                              .first = team_sum_before(team, input->row_count),
                              .total = (int64_t)input->row_count,
                              .ranks = (uint64_t)team_size(team)};
    team_sum_i64(team, &pass.total, 1);
    const uint64_t wanted = (uint64_t)pass.total / pass.ranks / PASS_ROWS + 1;
    pass.passes = wanted < PASSES_MOST ? wanted : PASSES_MOST;
    for (; pass.pass < pass.passes; pass.pass++) {
        TRY(pass_make(team, input, &pass, &made, &made_count, err));
        TRY(team_agree(team, made_add(out, count, made, made_count, err), err));
        free(made);
        made = NULL;
    }
done:
    free(made);
    return status;
}

/* ---- both ---- */

static void usual_put(struct usuals *usuals, size_t at, const struct usual_made *made)
{
    usuals->items[at] = made->key;
    for (int p = 0; p < PERCENT_COUNT; p++)
        memcpy(usuals->values[p] + at * usuals->columns, made->values[p],
               usuals->columns * sizeof *usuals->values[p]);
}

enum status usuals_fit(const struct team *team, const struct model_input *input, struct usuals *out,
                       struct error *err)
{
    enum status status = STATUS_OK;
    struct usual_made *hosts = NULL, *roles = NULL;
    size_t host_count = 0, role_count = 0;
    *out = (struct usuals){.columns = input->columns};
    if (!input->moments)
        return STATUS_OK;
    TRY(entries_make(team, input, false, &roles, &role_count, err));
    TRY(entries_make(team, input, true, &hosts, &host_count, err));
    TRY(team_agree(team, usuals_make(role_count + host_count, input->columns, out, err), err));
    for (size_t i = 0; i < role_count; i++)
        usual_put(out, i, &roles[i]);
    for (size_t i = 0; i < host_count; i++)
        usual_put(out, role_count + i, &hosts[i]);
done:
    free(hosts);
    free(roles);
    return status;
}

/* The first entry that does not stand before the key. */
static size_t lower_bound(const struct usuals *usuals, const struct usual *key)
{
    size_t low = 0, high = usuals->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (usual_compare(&usuals->items[middle], key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static ptrdiff_t find(const struct usuals *usuals, const struct usual *key)
{
    const size_t at = lower_bound(usuals, key);
    return at < usuals->count && usual_compare(&usuals->items[at], key) == 0 ? (ptrdiff_t)at : -1;
}

struct usual_found usuals_find(const struct usuals *usuals, uint64_t host, const struct model_moment *moment)
{
    const struct usual first = {.is_host = 1, .host = host};
    const struct usual own = {
        .is_host = 1, .host = host, .holiday = moment->is_holiday, .time = moment->is_night};
    struct usual role = {.holiday = moment->is_holiday, .time = moment->hour};
    const size_t at = lower_bound(usuals, &first);
    if (at < usuals->count && usuals->items[at].host == host)
        role.role = usuals->items[at].role;
    return (struct usual_found){.host = find(usuals, &own), .role = find(usuals, &role)};
}
