/*
 * byte_tree - a set of texts with numbers, walked byte by byte: which of them begin here?
 *
 * Threads: read-only once built. Depends on: base/. Used by: special_finder.c, wordpiece.c.
 */
#pragma once

#include "base/attr.h"
#include "base/str.h"

#include <stdint.h>

/* One byte of some text, behind a given beginning. */
struct byte_tree_node {
    uint32_t child;   /* first node of the next byte; 0: none */
    uint32_t sibling; /* next node with the same beginning; 0: none */
    int32_t id;       /* the text that ends here; -1: none */
    unsigned char byte;
};

/* Zeroed holds nothing. */
struct byte_tree {
    struct byte_tree_node *nodes; /* [0] is unused: 0 means none */
    uint32_t node_count;
    uint32_t node_capacity;
    uint32_t roots[256]; /* node of each first byte */
};

/* Of two alike the later one counts. `text` is not empty; its bytes are copied. False: no memory.*/
MUST_USE bool byte_tree_add(struct byte_tree *tree, struct str text, int32_t id);
void byte_tree_done(struct byte_tree *tree);

/* The child of `node` for `byte`; 0 if none. */
static inline uint32_t byte_tree_child(const struct byte_tree *tree, uint32_t node,
                                       unsigned char byte)
{
    uint32_t child = tree->nodes[node].child;
    while (child != 0 && tree->nodes[child].byte != byte)
        child = tree->nodes[child].sibling;
    return child;
}

/* The longest text of the tree that `text` begins with: its number, and *out_len its length; -1 if
 * there is none. */
int32_t byte_tree_longest(const struct byte_tree *tree, struct str text, size_t *out_len);
