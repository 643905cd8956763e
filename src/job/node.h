/** YAML as a tree of nodes: scalars, lists and maps, each with its line. */
#ifndef JOB_NODE_H
#define JOB_NODE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/** How deep lists and maps may stand inside each other. */
#define NODE_MOST_DEPTH 16

enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAP };

struct node {
    enum node_kind kind;
    bool quoted;  // a scalar in quotes or a block: never null
    long line;  // 0 in a tree that comes from no file
    char *text;  // of a scalar, without NUL bytes; else NULL
    char *name;  // the key, in a map; else NULL
    long name_line;
    size_t count;  // of children
    struct node *first;  // child
    struct node *next;  // in the same list or map
};

/**
 * Makes a tree of one YAML document in UTF-8. Aliases, anchors, tags and a second document are refused.
 * Local.
 *
 * @param origin  borrowed; what errors call the document
 * @param lined   whether errors and nodes carry lines
 * @param root    returns new, free it with node_free; NULL for an empty document. Untouched on failure.
 * @return        STATUS_USAGE, STATUS_NO_MEMORY
 */
MUST_CHECK enum status node_parse(const char *origin, bool lined, const char *bytes, size_t count,
                                  struct node **root, struct error *err);

/** Takes the tree, or NULL. Local. */
void node_free(struct node *node);

/** Returns whether the node says that there is no value: ~ or null, not in quotes. Local. */
bool node_is_null(const struct node *node);

/** Returns whether nothing at all is written where a value should be. Local. */
bool node_is_empty(const struct node *node);

#endif
