/* The job as run, written by libyaml's emitter: it knows which texts need escapes to be read back. */
#include "job/job.h"

#include "keys.h"
#include "value.h"

#include <yaml.h>

#include <stdlib.h>
#include <string.h>

struct writer {
    yaml_emitter_t emitter;
    bool failed;  // only memory can fail here; looked at once, at the end
    char *bytes;
    size_t count;
    size_t capacity;
};

static int take_bytes(void *data, unsigned char *bytes, size_t count)
{
    struct writer *writer = data;
    if (writer->count + count + 1 > writer->capacity) {
        size_t capacity = 2 * (writer->count + count + 1);
        char *grown = realloc(writer->bytes, capacity);
        if (!grown)
            return 0;
        writer->bytes = grown;
        writer->capacity = capacity;
    }
    memcpy(writer->bytes + writer->count, bytes, count);
    writer->count += count;
    writer->bytes[writer->count] = '\0';
    return 1;
}

/* `made`: what yaml_…_event_initialize returned. The emitter takes the event, also when it fails. */
static void emit(struct writer *writer, int made, yaml_event_t *event)
{
    if (!made || writer->failed) {
        writer->failed = true;
        if (made)
            yaml_event_delete(event);
    } else if (!yaml_emitter_emit(&writer->emitter, event)) {
        writer->failed = true;
    }
}

static void emit_scalar(struct writer *writer, const char *text, yaml_scalar_style_t style)
{
    yaml_event_t event;
    int made = yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text, (int)strlen(text),
                                            1, 1, style);
    emit(writer, made, &event);
}

static void emit_plain(struct writer *writer, const char *text)
{
    emit_scalar(writer, text, YAML_PLAIN_SCALAR_STYLE);
}

/* In quotes, so that no text turns into ~ or a number; NULL becomes ~. */
static void emit_text(struct writer *writer, const char *text)
{
    if (text)
        emit_scalar(writer, text, YAML_DOUBLE_QUOTED_SCALAR_STYLE);
    else
        emit_plain(writer, "~");
}

static void begin_map(struct writer *writer, yaml_mapping_style_t style)
{
    yaml_event_t event;
    int made = yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, style);
    emit(writer, made, &event);
}

static void end_map(struct writer *writer)
{
    yaml_event_t event;
    int made = yaml_mapping_end_event_initialize(&event);
    emit(writer, made, &event);
}

static void begin_list(struct writer *writer)
{
    yaml_event_t event;
    int made = yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, YAML_FLOW_SEQUENCE_STYLE);
    emit(writer, made, &event);
}

static void end_list(struct writer *writer)
{
    yaml_event_t event;
    int made = yaml_sequence_end_event_initialize(&event);
    emit(writer, made, &event);
}

static void emit_value(struct writer *writer, const struct key *key, const void *record);

static void emit_record(struct writer *writer, struct key_table table, const void *record)
{
    begin_map(writer, YAML_FLOW_MAPPING_STYLE);
    for (size_t at = 0; at < table.count; at++) {
        emit_plain(writer, table.keys[at].path);
        emit_value(writer, &table.keys[at], record);
    }
    end_map(writer);
}

static void emit_list(struct writer *writer, const struct key *key, const void *member)
{
    char text[VALUE_BYTES];
    begin_list(writer);
    if (key->type == VALUE_TEXTS) {
        const struct text_list *list = member;
        for (size_t at = 0; at < list->count; at++)
            emit_text(writer, list->items[at]);
    } else if (key->type == VALUE_SOURCES) {
        const struct source_list *list = member;
        for (size_t at = 0; at < list->count; at++)
            emit_record(writer, source_keys(), &list->items[at]);
    } else if (key->type == VALUE_SPANS) {
        const struct span_list *list = member;
        for (size_t at = 0; at < list->count; at++)
            emit_record(writer, span_keys(), &list->items[at]);
    } else if (key->type == VALUE_FEEDS) {
        const struct feed_list *list = member;
        for (size_t at = 0; at < list->count; at++)
            emit_record(writer, feed_keys(), &list->items[at]);
    } else if (key->type == VALUE_RANGES) {
        const struct range_list *list = member;
        for (size_t at = 0; at < list->count; at++) {
            range_write(&list->items[at], text);
            emit_text(writer, text);
        }
    } else {
        const struct integer_list *list = member;
        for (size_t at = 0; at < list->count; at++) {
            struct key element = {.type = VALUE_INTEGER};
            value_write(&element, list->items[at], text);
            emit_plain(writer, text);
        }
    }
    end_list(writer);
}

static void emit_value(struct writer *writer, const struct key *key, const void *record)
{
    const void *member = (const char *)record + key->offset;
    char text[VALUE_BYTES];
    if (key->type == VALUE_TEXT) {
        emit_text(writer, *(char *const *)member);
    } else if (key->type == VALUE_NIGHT) {
        night_write(*(const struct job_night *)member, text);
        emit_plain(writer, text);
    } else if (key->type < VALUE_NIGHT) {
        emit_list(writer, key, member);
    } else {
        int64_t value = *(const int64_t *)member;
        bool absent =
            key->type == VALUE_TIME ? value == JOB_NO_TIME : key->type == VALUE_INTEGER && value < key->least;
        value_write(key, absent ? 0 : value, text);
        emit_plain(writer, absent ? "~" : text);
    }
}

/* The length of the sections that both paths are in, with the dot behind: 12 for archive.from and archive.to
 * being 8. */
static size_t shared_sections(const char *a, const char *b)
{
    size_t shared = 0;
    for (size_t at = 0; a[at] && a[at] == b[at]; at++)
        if (a[at] == '.')
            shared = at + 1;
    return shared;
}

static void emit_job(struct writer *writer, const struct job *job)
{
    struct key_table table = job_keys();
    const char *before = "";
    begin_map(writer, YAML_BLOCK_MAPPING_STYLE);
    for (size_t at = 0; at < table.count; at++) {
        const char *path = table.keys[at].path;
        size_t shared = shared_sections(before, path);
        for (const char *dot = strchr(before + shared, '.'); dot; dot = strchr(dot + 1, '.'))
            end_map(writer);
        const char *part = path + shared;
        for (const char *dot = strchr(part, '.'); dot; dot = strchr(part, '.')) {
            char section[32];
            size_t length = (size_t)(dot - part) < sizeof section ? (size_t)(dot - part) : sizeof section - 1;
            memcpy(section, part, length);
            section[length] = '\0';
            emit_plain(writer, section);
            begin_map(writer, YAML_BLOCK_MAPPING_STYLE);
            part = dot + 1;
        }
        emit_plain(writer, part);
        emit_value(writer, &table.keys[at], job);
        before = path;
    }
    for (const char *dot = strchr(before, '.'); dot; dot = strchr(dot + 1, '.'))
        end_map(writer);
    end_map(writer);
}

enum status job_text(const struct job *job, char **text, struct error *err)
{
    struct writer writer = {0};
    yaml_event_t event;
    if (!yaml_emitter_initialize(&writer.emitter))
        return error_set(err, STATUS_NO_MEMORY, "", "", "no memory to write the job down");
    yaml_emitter_set_output(&writer.emitter, take_bytes, &writer);
    yaml_emitter_set_unicode(&writer.emitter, 1);
    yaml_emitter_set_width(&writer.emitter, -1);
    int made = yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING);
    emit(&writer, made, &event);
    made = yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1);
    emit(&writer, made, &event);
    emit_job(&writer, job);
    made = yaml_document_end_event_initialize(&event, 1);
    emit(&writer, made, &event);
    made = yaml_stream_end_event_initialize(&event);
    emit(&writer, made, &event);
    bool failed = writer.failed || !yaml_emitter_flush(&writer.emitter) || !writer.bytes;
    yaml_emitter_delete(&writer.emitter);
    if (failed) {
        free(writer.bytes);
        return error_set(err, STATUS_NO_MEMORY, "", "", "no memory to write the job down");
    }
    *text = writer.bytes;
    return STATUS_OK;
}
