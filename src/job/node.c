#include "node.h"

#include "file.h"

#include <yaml.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct loader {
    yaml_parser_t parser;
    const char *origin;
    bool lined;
    const char *bytes;
    size_t count;
    struct error *err;
};

static enum status refuse(const struct loader *loader, size_t line, const char *hint, const char *what)
{
    char where[sizeof loader->err->where];
    where_write(loader->origin, loader->lined ? (long)line : 0, where);
    return error_set(loader->err, STATUS_USAGE, where, hint, "%s", what);
}

static enum status no_memory(const struct loader *loader)
{
    return error_set(loader->err, STATUS_NO_MEMORY, loader->origin, "", "no memory to read it");
}

static enum status refuse_syntax(const struct loader *loader)
{
    const yaml_parser_t *parser = &loader->parser;
    size_t line = parser->problem_mark.line + 1;
    if (parser->error == YAML_MEMORY_ERROR)
        return no_memory(loader);
    if (parser->error == YAML_READER_ERROR) {
        line = 1;
        for (size_t at = 0; at < parser->problem_offset && at < loader->count; at++)
            line += loader->bytes[at] == '\n';
    }
    char where[sizeof loader->err->where];
    where_write(loader->origin, loader->lined ? (long)line : 0, where);
    return error_set(loader->err, STATUS_USAGE, where, "", "not YAML: %s%s%s",
                     parser->context ? parser->context : "", parser->context ? ", " : "",
                     parser->problem ? parser->problem : "unreadable");
}

/* The next event, with what no job file needs refused: what is left has one reading. */
static enum status next_event(struct loader *loader, yaml_event_t *event)
{
    memset(event, 0, sizeof *event);
    if (!yaml_parser_parse(&loader->parser, event))
        return refuse_syntax(loader);
    const yaml_char_t *anchor = NULL;
    const yaml_char_t *tag = NULL;
    if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
    }
    size_t line = event->start_mark.line + 1;
    if (event->type == YAML_ALIAS_EVENT)
        return refuse(loader, line, "write the value out, or put it in quotes when it begins with *",
                      "an alias (*name), which job files do not have");
    if (anchor)
        return refuse(loader, line, "write the value out, or put it in quotes when it begins with &",
                      "an anchor (&name), which job files do not have");
    if (tag)
        return refuse(loader, line, "leave it out, or put the value in quotes when it begins with !",
                      "a tag (!name), which job files do not have");
    return STATUS_OK;
}

static enum status make_scalar(const struct loader *loader, const yaml_event_t *event, struct node *node)
{
    const char *value = (const char *)event->data.scalar.value;
    size_t length = event->data.scalar.length;
    // "\0" in double quotes makes one, although the file has none.
    if (memchr(value, '\0', length))
        return refuse(loader, event->start_mark.line + 1, "", "a NUL byte in a text");
    node->text = malloc(length + 1);
    if (!node->text)
        return no_memory(loader);
    memcpy(node->text, value, length + 1);
    node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    return STATUS_OK;
}

static enum status make_node(struct loader *loader, const yaml_event_t *event, int depth, struct node **out);

/* The key of a map's entry: its text moves out of `event`'s node. */
static enum status make_name(struct loader *loader, const yaml_event_t *event, char **name)
{
    struct node node = {0};
    if (event->type != YAML_SCALAR_EVENT)
        return refuse(loader, event->start_mark.line + 1, "", "a list or map where a key was expected");
    enum status status = make_scalar(loader, event, &node);
    *name = node.text;
    return status;
}

/* Children up to the event that ends the list or map. */
static enum status make_children(struct loader *loader, struct node *parent, int depth)
{
    enum status status = STATUS_OK;
    struct node **last = &parent->first;
    bool map = parent->kind == NODE_MAP;
    yaml_event_t event = {0};
    char *name = NULL;
    for (;;) {
        TRY(next_event(loader, &event));
        if (event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT)
            break;
        long name_line = loader->lined ? (long)event.start_mark.line + 1 : 0;
        if (map) {
            TRY(make_name(loader, &event, &name));
            yaml_event_delete(&event);
            TRY(next_event(loader, &event));
        }
        struct node *child = NULL;
        TRY(make_node(loader, &event, depth, &child));
        assert(child);
        child->name = name;
        child->name_line = name_line;
        name = NULL;
        *last = child;
        last = &child->next;
        parent->count++;
        yaml_event_delete(&event);
    }
done:
    yaml_event_delete(&event);
    free(name);
    return status;
}

/* Recursion ends at NODE_MOST_DEPTH, which is checked before libyaml is asked for what is inside. */
static enum status make_node(struct loader *loader, const yaml_event_t *event, int depth, struct node **out)
{
    enum status status = STATUS_OK;
    size_t line = event->start_mark.line + 1;
    struct node *node = calloc(1, sizeof *node);
    if (!node) {
        status = no_memory(loader);
        goto done;
    }
    node->line = loader->lined ? (long)line : 0;
    if (event->type == YAML_SCALAR_EVENT) {
        TRY(make_scalar(loader, event, node));
    } else if (depth >= NODE_MOST_DEPTH) {
        status = refuse(loader, line, "", "lists and maps more than 16 deep");
        goto done;
    } else {
        node->kind = event->type == YAML_MAPPING_START_EVENT ? NODE_MAP : NODE_LIST;
        TRY(make_children(loader, node, depth + 1));
    }
    *out = node;
    node = NULL;
done:
    node_free(node);
    return status;
}

/* The events of a stream: start, document start, the root's, document end, end. */
static enum status make_root(struct loader *loader, struct node **root)
{
    enum status status = STATUS_OK;
    yaml_event_t event = {0};
    TRY(next_event(loader, &event));
    yaml_event_delete(&event);
    TRY(next_event(loader, &event));
    if (event.type == YAML_STREAM_END_EVENT)
        goto done;
    yaml_event_delete(&event);
    TRY(next_event(loader, &event));
    TRY(make_node(loader, &event, 0, root));
    yaml_event_delete(&event);
    TRY(next_event(loader, &event));
    yaml_event_delete(&event);
    TRY(next_event(loader, &event));
    if (event.type != YAML_STREAM_END_EVENT)
        status = refuse(loader, event.start_mark.line + 1, "one job a file", "a second YAML document");
done:
    yaml_event_delete(&event);
    return status;
}

enum status node_parse(const char *origin, bool lined, const char *bytes, size_t count, struct node **root,
                       struct error *err)
{
    struct loader loader = {.origin = origin, .lined = lined, .bytes = bytes, .count = count, .err = err};
    struct node *made = NULL;
    if (!yaml_parser_initialize(&loader.parser))
        return no_memory(&loader);
    // Else a file that begins like UTF-16 would be read as such, and lines counted by bytes be wrong.
    yaml_parser_set_encoding(&loader.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&loader.parser, (const unsigned char *)bytes, count);
    enum status status = make_root(&loader, &made);
    yaml_parser_delete(&loader.parser);
    if (status == STATUS_OK)
        *root = made;
    else
        node_free(made);
    return status;
}

void node_free(struct node *node)
{
    while (node) {
        struct node *next = node->next;
        node_free(node->first);
        free(node->text);
        free(node->name);
        free(node);
        node = next;
    }
}

bool node_is_null(const struct node *node)
{
    return node->kind == NODE_SCALAR && !node->quoted &&
           (strcmp(node->text, "~") == 0 || strcmp(node->text, "null") == 0);
}

bool node_is_empty(const struct node *node)
{
    return node->kind == NODE_SCALAR && !node->quoted && node->text[0] == '\0';
}
