#include "engine/prefix_tree.h"

#include "base/check.h"
#include "base/mem.h"
#include "chat/chat_spans.h"
#include "engine/session_internal.h"
#include "model/kv_view.h"

#include <string.h>

/* Ways looked at side by side: the same text can be several rows of tokens. */
enum { BRANCHES_MAX = 8 };

struct prefix_node {
    struct prefix_node *parent; /* NULL: the root */
    struct prefix_node *next;   /* of the same parent */
    struct prefix_node *child;
    struct prefix_holder *holders;
    uint32_t depth; /* nodes above, the root aside */
    uint32_t token_count;
    struct log_token tokens[]; /* [token_count] */
};

struct prefix_tree {
    struct prefix_node *root;
};

struct prefix_tree *prefix_tree_new(void)
{
    struct prefix_tree *tree = mem_zalloc(sizeof(*tree));
    tree->root = mem_zalloc(sizeof(*tree->root));
    return tree;
}

/* ---------------------------------------------------------------- nodes */

static bool is_same(const struct log_token *a, const struct log_token *b)
{
    return a->id == b->id && a->bytes == b->bytes;
}

static struct prefix_node *find_child(const struct prefix_node *parent,
                                      const struct log_token *tokens, uint32_t count)
{
    for (struct prefix_node *node = parent->child; node; node = node->next) {
        uint32_t i = 0;
        while (node->token_count == count && i < count && is_same(&node->tokens[i], &tokens[i]))
            i++;
        if (node->token_count == count && i == count)
            return node;
    }
    return NULL;
}

static struct prefix_node *add_child(struct prefix_node *parent, const struct log_token *tokens,
                                     uint32_t count)
{
    struct prefix_node *node = mem_zalloc(sizeof(*node) + count * sizeof(node->tokens[0]));
    node->parent = parent;
    node->depth = parent->parent ? parent->depth + 1 : 0;
    node->token_count = count;
    memcpy(node->tokens, tokens, count * sizeof(*tokens));
    node->next = parent->child;
    parent->child = node;
    return node;
}

static void drop_holder(struct prefix_node *node, const void *owner)
{
    for (struct prefix_holder **link = &node->holders; *link; link = &(*link)->next) {
        struct prefix_holder *holder = *link;
        if (holder->owner != owner)
            continue;
        *link = holder->next;
        mem_free(holder);
        return;
    }
}

/* Nobody holds it or anything below it. */
static void remove_node(struct prefix_node *node)
{
    struct prefix_node **link = &node->parent->child;
    while (*link != node)
        link = &(*link)->next;
    *link = node->next;
    mem_free(node);
}

void prefix_tree_free(struct prefix_tree *tree)
{
    if (!tree)
        return;
    struct prefix_node *node = tree->root;
    for (;;) { /* without recursion: leaves first */
        if (node->child) {
            node = node->child;
            continue;
        }
        while (node->holders)
            drop_holder(node, node->holders->owner);
        if (!node->parent)
            break;
        struct prefix_node *parent = node->parent;
        remove_node(node);
        node = parent;
    }
    mem_free(tree->root);
    mem_free(tree);
}

struct prefix_node *prefix_tree_add(struct prefix_tree *tree, const struct log_token *log,
                                    uint32_t token_count, uint32_t first_page, void *owner)
{
    struct prefix_node *node = tree->root;
    CHECK(token_count > 0);
    for (uint32_t begin = 0; begin < token_count; begin += KV_PAGE_TOKENS) {
        const uint32_t left = token_count - begin;
        const uint32_t count = left < KV_PAGE_TOKENS ? left : KV_PAGE_TOKENS;
        struct prefix_node *child = find_child(node, log + begin, count);
        node = child ? child : add_child(node, log + begin, count);
        if (begin / KV_PAGE_TOKENS < first_page)
            continue;
        struct prefix_holder *holder = mem_alloc(sizeof(*holder));
        *holder = (struct prefix_holder){.next = node->holders, .owner = owner};
        node->holders = holder;
    }
    return node;
}

void prefix_tree_remove(struct prefix_tree *tree, struct prefix_node *place, const void *owner)
{
    for (struct prefix_node *node = place; node != tree->root;) {
        struct prefix_node *parent = node->parent;
        drop_holder(node, owner);
        if (!node->holders && !node->child)
            remove_node(node);
        node = parent;
    }
}

const struct prefix_holder *prefix_tree_holders(const struct prefix_node *node)
{
    return node->holders;
}

const struct log_token *prefix_tree_tokens(const struct prefix_node *node, uint32_t *out_count)
{
    *out_count = node->token_count;
    return node->tokens;
}

/* ---------------------------------------------------------------- looking */

void prefix_tree_path_done(struct prefix_path *path)
{
    mem_free(path->nodes);
    *path = (struct prefix_path){0};
}

static void fill_path(struct prefix_node *last, uint32_t token_count, size_t offset,
                      struct prefix_path *out)
{
    *out = (struct prefix_path){.token_count = token_count, .offset = offset};
    if (token_count == 0)
        return;
    out->node_count = last->depth + 1;
    out->nodes = mem_alloc(out->node_count * sizeof(*out->nodes));
    for (struct prefix_node *node = last; node->parent; node = node->parent)
        out->nodes[node->depth] = node;
}

struct branch {
    struct prefix_node *node;
    struct session_cursor cursor;
};

void prefix_tree_find(const struct prefix_tree *tree, const struct tokenizer *tokenizer,
                      const struct chat_spans *spans, struct prefix_path *out)
{
    struct branch branches[2][BRANCHES_MAX] = {0};
    struct branch best = {0};
    uint32_t best_count = 0;
    size_t branch_count = 0;
    const struct prefix_node *parent = tree->root;
    const struct session_cursor start = {0};
    for (uint32_t level = 0; level == 0 || branch_count > 0; level++) {
        const struct branch *from = branches[level % 2];
        struct branch *to = branches[(level + 1) % 2];
        size_t to_count = 0;
        for (size_t b = 0; b < (level == 0 ? 1 : branch_count); b++) {
            parent = level == 0 ? tree->root : from[b].node;
            for (struct prefix_node *node = parent->child; node; node = node->next) {
                if (!node->holders)
                    continue;
                struct branch way = {.node = node, .cursor = level == 0 ? start : from[b].cursor};
                const uint32_t common =
                    session_match(tokenizer, node->tokens, node->token_count, spans, &way.cursor);
                if (common > 0 && level * KV_PAGE_TOKENS + common > best_count) {
                    best_count = level * KV_PAGE_TOKENS + common;
                    best = way;
                }
                if (common == KV_PAGE_TOKENS && to_count < BRANCHES_MAX)
                    to[to_count++] = way;
            }
        }
        branch_count = to_count;
    }
    fill_path(best.node, best_count, best.cursor.offset, out);
}

void prefix_tree_find_log(const struct prefix_tree *tree, const struct log_token *log,
                          uint32_t token_count, struct prefix_path *out)
{
    const struct prefix_node *parent = tree->root;
    struct prefix_node *best = NULL;
    uint32_t best_count = 0;
    while (parent) {
        const struct prefix_node *full = NULL;
        const uint32_t begin = parent->parent ? (parent->depth + 1) * KV_PAGE_TOKENS : 0;
        for (struct prefix_node *node = parent->child; node; node = node->next) {
            uint32_t common = 0;
            while (node->holders && common < node->token_count && begin + common < token_count &&
                   is_same(&node->tokens[common], &log[begin + common]))
                common++;
            if (common > 0 && begin + common > best_count) {
                best_count = begin + common;
                best = node;
            }
            if (common == KV_PAGE_TOKENS)
                full = node;
        }
        parent = full;
    }
    fill_path(best, best_count, 0, out);
}

const struct log_token *prefix_tree_next_token(const struct prefix_tree *tree,
                                               const struct prefix_path *path)
{
    const struct prefix_node *last = path->node_count ? path->nodes[path->node_count - 1] : NULL;
    const uint32_t inside = last ? path->token_count - last->depth * KV_PAGE_TOKENS : 0;
    if (last && inside < last->token_count)
        return &last->tokens[inside];
    const struct prefix_node *child = last ? last->child : tree->root->child;
    return child ? &child->tokens[0] : NULL;
}
