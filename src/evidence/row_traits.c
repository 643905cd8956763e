/* Rules 1 and 2 look at rows: how many queries nobody had asked just before, the volume by units, the shares
 * of types by hours. */
#include "day_reading.h"
#include "spectrum.h"

#include <stdlib.h>
#include <string.h>

/* A line needs so many units with a query, and a type's share so many queries in a day. */
#define ACTIVE_LEAST 24
#define TYPE_LEAST 24

/* Types whose shares are looked at, as the columns of a row. */
enum { TYPES = 9 };

static int64_t type_queries(const struct day_table *table, size_t row, int type)
{
    switch (type) {
    case 0: return table->row_type_a[row];
    case 1: return table->row_type_aaaa[row];
    case 2: return table->row_type_ptr[row];
    case 3: return table->row_type_txt[row];
    case 4: return table->row_type_null[row];
    case 5: return table->row_type_mx[row];
    case 6: return table->row_type_srv[row];
    case 7: return table->row_type_https[row];
    default: return table->row_type_other[row];
    }
}

/* A row, to be put in order of IPs. */
struct row_place {
    struct ip ip;
    size_t row;
};

static int compare_rows(const void *a, const void *b)
{
    const struct row_place *x = a, *y = b;
    const int order = ip_compare(&x->ip, &y->ip);
    return order ? order : (x->row > y->row) - (x->row < y->row);
}

/* What is worked out with. */
struct rooms {
    double *series;  // [unit_count] of the day
    size_t unit_count;
    struct row_place *rows;  // [row count]
};

/* The unit of the day with which a row begins; beyond the last one when it begins elsewhere. */
static size_t first_unit(const struct day_reading *reading, size_t row)
{
    const struct day_table *table = reading->table;
    const int64_t elapsed_s = table->row_window[row] - reading->start_s;
    return elapsed_s < 0 ? SIZE_MAX : (size_t)(elapsed_s / reading->unit_s);
}

/* The strongest line of the volume of rows[count], which are one host's of the day. */
static enum status volume_line(const struct day_reading *reading, const struct row_place *rows, size_t count,
                               const struct rooms *rooms, struct host_record *host, struct error *err)
{
    enum status status = STATUS_OK;
    const struct day_table *table = reading->table;
    struct spectral_line line = {0, 0};
    size_t active = 0;
    memset(rooms->series, 0, rooms->unit_count * sizeof *rooms->series);
    for (size_t i = 0; i < count; i++) {
        const size_t first = first_unit(reading, rows[i].row);
        const uint32_t *units = &table->row_unit_queries[rows[i].row * table->unit_count];
        for (size_t u = 0;
             u < table->unit_count && first < rooms->unit_count && first + u < rooms->unit_count; u++) {
            rooms->series[first + u] = units[u];
            active += units[u] > 0;
        }
    }
    if (active < ACTIVE_LEAST)
        return STATUS_OK;
    TRY(spectrum_line(rooms->series, rooms->unit_count, NULL, NULL, &line, err));
    host->volume_line = line.ratio;
    host->volume_cycles = (uint32_t)line.cycles;
done:
    return status;
}

static enum status types_add(const struct day_reading *reading, const struct row_place *rows, size_t count,
                             struct error *err)
{
    enum status status = STATUS_OK;
    const struct day_table *table = reading->table;
    struct day_records *records = reading->records;
    int64_t all[HOURS] = {0}, of_type[TYPES][HOURS] = {{0}}, total[TYPES] = {0};
    for (size_t i = 0; i < count; i++) {
        const int64_t hour = (table->row_window[rows[i].row] - reading->start_s) / 3600;
        if (hour < 0 || hour >= HOURS)
            continue;
        all[hour] += table->row_queries[rows[i].row];
        for (int type = 0; type < TYPES; type++) {
            of_type[type][hour] += type_queries(table, rows[i].row, type);
            total[type] += type_queries(table, rows[i].row, type);
        }
    }
    for (int type = 0; type < TYPES; type++) {
        if (total[type] < TYPE_LEAST)
            continue;
        TRY(array_reserve(&records->types, &records->type_capacity, records->type_count + 1,
                          sizeof *records->types, err));
        struct type_day *day = &records->types[records->type_count++];
        *day = (struct type_day){.ip = rows[0].ip, .day = table->day, .type = type};
        for (int hour = 0; hour < HOURS; hour++) {
            day->shares[hour] = SHARE_NONE;
            if (all[hour] > 0)
                day->shares[hour] = (uint16_t)(SHARE_WHOLE * of_type[type][hour] / all[hour]);
        }
    }
done:
    return status;
}

/* Rule 1: hits and queries of the host's day, by the resolvers that it asked. */
static enum status ratios_add(const struct day_reading *reading, const struct row_place *rows, size_t count,
                              struct error *err)
{
    enum status status = STATUS_OK;
    const struct day_table *table = reading->table;
    struct day_records *records = reading->records;
    const size_t first = records->ratio_count;
    for (size_t i = 0; i < count; i++) {
        const size_t row = rows[i].row;
        size_t at = first;
        while (at < records->ratio_count && records->ratios[at].resolvers != table->row_resolver_set[row])
            at++;
        if (at == records->ratio_count) {
            TRY(array_reserve(&records->ratios, &records->ratio_capacity, at + 1, sizeof *records->ratios,
                              err));
            records->ratios[records->ratio_count++] = (struct ratio_day){
                .ip = rows[i].ip, .day = table->day, .resolvers = table->row_resolver_set[row]};
        }
        records->ratios[at].queries += table->row_queries[row] - table->row_type_ptr[row];
        records->ratios[at].hits += table->row_repeated[row] - table->row_repeated_ptr[row];
    }
done:
    return status;
}

static enum status host_rows_add(const struct day_reading *reading, const struct row_place *rows,
                                 size_t count, const struct rooms *rooms, struct error *err)
{
    enum status status = STATUS_OK;
    const struct host_place *place = map_get(&reading->hosts, &rows[0].ip);
    if (!place)
        return STATUS_OK;
    struct host_record *host = &reading->records->hosts[place->at - 1];
    TRY(ratios_add(reading, rows, count, err));
    TRY(volume_line(reading, rows, count, rooms, host, err));
    TRY(types_add(reading, rows, count, err));
done:
    return status;
}

enum status row_traits_add(const struct day_reading *reading, struct error *err)
{
    enum status status = STATUS_OK;
    const struct day_table *table = reading->table;
    const size_t count = table->size[DAY_row];
    struct rooms rooms = {.unit_count = (size_t)((reading->end_s - reading->start_s) / reading->unit_s)};
    rooms.series = malloc((rooms.unit_count + 1) * sizeof *rooms.series);
    rooms.rows = malloc((count + 1) * sizeof *rooms.rows);
    if (!rooms.series || !rooms.rows) {
        status = error_set(err, STATUS_NO_MEMORY, "evidence", "use more ranks", "no room for a day's rows");
        goto done;
    }
    for (size_t row = 0; row < count; row++) {
        memcpy(&rooms.rows[row].ip, &table->row_ip[16 * row], sizeof rooms.rows[row].ip);
        rooms.rows[row].row = row;
    }
    if (count > 0)
        qsort(rooms.rows, count, sizeof *rooms.rows, compare_rows);
    for (size_t from = 0, to = 0; from < count; from = to) {
        while (to < count && ip_compare(&rooms.rows[to].ip, &rooms.rows[from].ip) == 0)
            to++;
        TRY(host_rows_add(reading, rooms.rows + from, to - from, &rooms, err));
    }
done:
    free(rooms.series);
    free(rooms.rows);
    return status;
}
