/* Columns of the parts, and lists that lie one behind the other. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

size_t part_entries(const struct parts *parts, size_t part, enum day_column column)
{
    return parts->heads[part].size[day_column_info(column)->dimension];
}

size_t parts_entry_bytes(const struct parts *parts, enum day_column column)
{
    return day_column_width(&parts->heads[0], column) * column_type_bytes(day_column_info(column)->type);
}

enum status part_read(const struct parts *parts, size_t part, enum day_column column, const void **values,
                      struct error *err)
{
    enum status status = STATUS_OK;
    *values = parts;
    if (part_entries(parts, part, column) > 0)
        TRY(parts->read(parts->context, part, column, values, err));
done:
    return status;
}

enum status part_copy(const struct parts *parts, size_t part, enum day_column column, void *copied,
                      struct error *err)
{
    enum status status = STATUS_OK;
    const void *values = NULL;
    const size_t bytes = part_entries(parts, part, column) * parts_entry_bytes(parts, column);
    void *copy = malloc(bytes + 1);
    if (!copy)
        return merge_no_room(err);
    TRY(part_read(parts, part, column, &values, err));
    if (bytes > 0)
        memcpy(copy, values, bytes);
    memcpy(copied, &copy, sizeof copy);
    copy = NULL;
done:
    free(copy);
    return status;
}

int64_t begin_of(const int64_t *ends, size_t at)
{
    return at ? ends[at - 1] : 0;
}

size_t ends_of_lengths(int64_t *lengths, size_t count)
{
    int64_t end = 0;
    for (size_t i = 0; i < count; i++)
        end = lengths[i] += end;
    return (size_t)end;
}
