#include "infer/token_mask_sets.h"

#include "base/mem.h"
#include "os/lock.h"

struct row {
    struct token_mask_sets_key key;
    uint64_t last_used; /* 0: unused */
    uint64_t *tokens;   /* [vocab->word_count] */
    struct token_mask_sets_exit *exits;
    uint32_t exit_count;
    uint32_t exit_capacity;
};

struct token_mask_sets {
    struct lock lock;
    struct row rows[TOKEN_MASK_INTERNAL_SETS];
    uint64_t uses;
    uint64_t made;
};

struct token_mask_sets *token_mask_sets_new(void)
{
    struct token_mask_sets *sets = mem_zalloc(sizeof(*sets));
    lock_init(&sets->lock);
    return sets;
}

void token_mask_sets_free(struct token_mask_sets *sets)
{
    if (!sets)
        return;
    for (size_t i = 0; i < TOKEN_MASK_INTERNAL_SETS; i++) {
        mem_free(sets->rows[i].tokens);
        mem_free(sets->rows[i].exits);
    }
    lock_done(&sets->lock);
    mem_free(sets);
}

static void add_exit(struct row *row, uint32_t node, uint32_t state, bool is_end)
{
    if (row->exit_count == row->exit_capacity) {
        row->exit_capacity = row->exit_capacity ? 2 * row->exit_capacity : 64;
        row->exits = mem_realloc(row->exits, row->exit_capacity * sizeof(*row->exits));
    }
    row->exits[row->exit_count++] = (struct token_mask_sets_exit){node, (uint16_t)state, is_end};
}

/* May the byte lead out of the network from this state, or into a rule that it calls? */
static bool has_way_aside(const struct row *row, const struct grammar_network_state *at,
                          unsigned char byte)
{
    return at->call_count > 0 || (at->is_accepting && token_mask_sets_has(&row->key.behind, byte));
}

/* One pass over the vocabulary: what would go aside is noted. */
static void fill(struct row *row, const struct token_mask *mask)
{
    const struct grammar *grammar = mask->grammar;
    const struct token_mask_vocab *vocab = mask->program->vocab;
    const struct token_mask_vocab_trie *trie = &vocab->all;
    const struct grammar_network *network = &grammar->networks[row->key.network];
    const struct grammar_network_state *rows = grammar->states + network->first_state;
    const uint16_t *cells = grammar->cells + network->first_cell;
    uint16_t *states = mask->network_states; /* [depth] */
    row->exit_count = 0;
    memset(row->tokens, 0, vocab->word_count * sizeof(*row->tokens));
    states[0] = (uint16_t)row->key.state;
    for (uint32_t i = 0; i < trie->node_count && row->exit_count <= TOKEN_MASK_INTERNAL_EXITS;) {
        const uint32_t depth = trie->depths[i];
        const uint32_t state = states[depth - 1];
        const uint8_t class = network->classes[trie->bytes[i]];
        const uint32_t next = cells[(size_t)state * network->class_count + class];
        const bool is_own = next != GRAMMAR_NO_STATE && rows[next].rest != GRAMMAR_ENDLESS;
        if (has_way_aside(row, &rows[state], trie->bytes[i]))
            add_exit(row, i, state, false);
        if (is_own && rows[next].is_final)
            add_exit(row, i, state, true);
        if (!is_own || rows[next].is_final) {
            i = trie->ends[i];
            continue;
        }
        for (uint32_t k = trie->first_tokens[i]; k < trie->first_tokens[i + 1]; k++)
            row->tokens[trie->tokens[k] / 64] |= (uint64_t)1 << (trie->tokens[k] % 64);
        states[depth] = (uint16_t)next;
        i++;
    }
}

static bool is_key(const struct token_mask_sets_key *a, const struct token_mask_sets_key *b)
{
    return a->network == b->network && a->state == b->state &&
           memcmp(&a->behind, &b->behind, sizeof(a->behind)) == 0;
}

/* The row of the key, made if there is none, in place of the one not used for longest. */
static const struct row *find_row(struct token_mask_sets *sets, const struct token_mask *mask,
                                  const struct token_mask_sets_key *key)
{
    struct row *oldest = sets->rows;
    sets->uses++;
    for (size_t i = 0; i < TOKEN_MASK_INTERNAL_SETS; i++) {
        struct row *row = &sets->rows[i];
        if (row->last_used && is_key(&row->key, key)) {
            row->last_used = sets->uses;
            return row;
        }
        if (row->last_used < oldest->last_used)
            oldest = row;
    }
    if (!oldest->tokens)
        oldest->tokens = mem_alloc(mask->program->vocab->word_count * sizeof(*oldest->tokens));
    oldest->key = *key;
    oldest->last_used = sets->uses;
    fill(oldest, mask);
    sets->made++;
    return oldest;
}

uint64_t token_mask_sets_made(struct token_mask_sets *sets)
{
    lock_take(&sets->lock);
    const uint64_t made = sets->made;
    lock_give(&sets->lock);
    return made;
}

bool token_mask_sets_add(struct token_mask *mask, const struct token_mask_sets_key *key,
                         uint32_t *out_count)
{
    struct token_mask_sets *sets = mask->program->sets;
    lock_take(&sets->lock);
    const struct row *row = find_row(sets, mask, key);
    const bool is_kept = row->exit_count <= TOKEN_MASK_INTERNAL_EXITS;
    if (is_kept && row->exit_count) {
        if (mask->exit_capacity < row->exit_count) {
            mask->exit_capacity = row->exit_capacity;
            mask->exits = mem_realloc(mask->exits, mask->exit_capacity * sizeof(*mask->exits));
        }
        memcpy(mask->exits, row->exits, row->exit_count * sizeof(*row->exits));
    }
    for (uint32_t i = 0; is_kept && i < mask->program->vocab->word_count; i++)
        mask->allowed[i] |= row->tokens[i];
    *out_count = row->exit_count;
    lock_give(&sets->lock);
    return is_kept;
}
