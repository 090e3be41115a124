#include "tokenizer/byte_tree.h"

#include "base/mem.h"

enum { NODES_MAX = 64 * 1024 * 1024, CAPACITY_MIN = 64 };

/* A new node; 0 without memory. */
static uint32_t add_node(struct byte_tree *tree, unsigned char byte)
{
    if (tree->node_count == tree->node_capacity) {
        const uint32_t capacity =
            tree->node_capacity ? tree->node_capacity * 2 : (uint32_t)CAPACITY_MIN;
        if (capacity > NODES_MAX)
            return 0;
        struct byte_tree_node *nodes = mem_try_realloc(tree->nodes, capacity * sizeof(*nodes));
        if (!nodes)
            return 0;
        tree->nodes = nodes;
        tree->node_capacity = capacity;
    }
    if (tree->node_count == 0)
        tree->node_count = 1; /* node 0 means none */
    tree->nodes[tree->node_count] = (struct byte_tree_node){.id = -1, .byte = byte};
    return tree->node_count++;
}

bool byte_tree_add(struct byte_tree *tree, struct str text, int32_t id)
{
    const unsigned char first = (unsigned char)text.ptr[0];
    if (tree->roots[first] == 0)
        tree->roots[first] = add_node(tree, first);
    uint32_t node = tree->roots[first];
    for (size_t i = 1; i < text.len && node != 0; i++) {
        const unsigned char byte = (unsigned char)text.ptr[i];
        uint32_t child = byte_tree_child(tree, node, byte);
        if (child == 0) {
            child = add_node(tree, byte);
            if (child == 0)
                return false;
            tree->nodes[child].sibling = tree->nodes[node].child;
            tree->nodes[node].child = child;
        }
        node = child;
    }
    if (node == 0)
        return false;
    tree->nodes[node].id = id;
    return true;
}

void byte_tree_done(struct byte_tree *tree)
{
    mem_free(tree->nodes);
    *tree = (struct byte_tree){0};
}

int32_t byte_tree_longest(const struct byte_tree *tree, struct str text, size_t *out_len)
{
    int32_t longest = -1;
    uint32_t node = text.len > 0 ? tree->roots[(unsigned char)text.ptr[0]] : 0;
    for (size_t len = 1; node != 0; len++) {
        if (tree->nodes[node].id >= 0) {
            longest = tree->nodes[node].id;
            *out_len = len;
        }
        if (len == text.len)
            break;
        node = byte_tree_child(tree, node, (unsigned char)text.ptr[len]);
    }
    return longest;
}
