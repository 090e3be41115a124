/*
 * prefix_tree - which beginnings of conversations are computed already, by token ids, and who has
 * them: the sessions of a pool, or the files of a store.
 *
 *   node = one page of tokens (fewer in a last one), below the node of the tokens before it
 *
 * A tree belongs to one engine, so to one model fingerprint and KV kind. Any number of holders
 * share a node; a node without holders goes. What is looked for is the longest way down that a
 * rendered conversation, or a log, has in common with what is held.
 *
 * Threads: the engine's; nothing here locks. Depends on: session_internal.h. Used by: session_pool,
 * prefix_store.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct chat_spans;
struct log_token;
struct prefix_node;
struct prefix_tree;
struct tokenizer;

/* One who has the page of a node. */
struct prefix_holder {
    struct prefix_holder *next;
    void *owner;
};

struct prefix_tree *prefix_tree_new(void);
void prefix_tree_free(struct prefix_tree *tree); /* NULL is allowed */

/* `owner` has the pages from `first_page` on of log [token_count], at least one token. The result
 * is for prefix_tree_remove(). */
struct prefix_node *prefix_tree_add(struct prefix_tree *tree, const struct log_token *log,
                                    uint32_t token_count, uint32_t first_page, void *owner);
void prefix_tree_remove(struct prefix_tree *tree, struct prefix_node *place, const void *owner);

/* A way down. Zeroed is empty. */
struct prefix_path {
    struct prefix_node **nodes; /* [node_count] */
    uint32_t node_count;
    uint32_t token_count; /* in common; the last node may have more */
    size_t offset;        /* bytes of the conversation that they stand for */
};

void prefix_tree_path_done(struct prefix_path *path);

/* The longest way that `spans` begins with and whose pages are all held. Release *out with
 * prefix_tree_path_done(). */
void prefix_tree_find(const struct prefix_tree *tree, const struct tokenizer *tokenizer,
                      const struct chat_spans *spans, struct prefix_path *out);

/* The longest way that the log begins with. */
void prefix_tree_find_log(const struct prefix_tree *tree, const struct log_token *log,
                          uint32_t token_count, struct prefix_path *out);

const struct prefix_holder *prefix_tree_holders(const struct prefix_node *node);
const struct log_token *prefix_tree_tokens(const struct prefix_node *node, uint32_t *out_count);

/* The token that somebody has behind the path; NULL: nobody has more. */
const struct log_token *prefix_tree_next_token(const struct prefix_tree *tree,
                                               const struct prefix_path *path);
