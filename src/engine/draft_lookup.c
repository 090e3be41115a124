#include "engine/draft_lookup.h"

#include "base/check.h"
#include "base/mem.h"

#include <stdbool.h>

enum {
    LEVELS = 2,
    CANDIDATES_MAX = 24, /* positions of one hash that are looked at, newest first */
    HEADS_MIN = 1 << 8,
    HEADS_MAX = 1 << 16,
    NOWHERE = 0, /* a match ends behind at least one token */
    WORTHS = 9,
};

static const uint32_t level_lengths[LEVELS] = {DRAFT_LOOKUP_LONG, DRAFT_LOOKUP_SHORT};

/* How much a new token counts in the worth of a match. */
static const double WORTH_SHARE = 0.06;

/* Positions are counts of tokens: position p is behind log[p - 1]. */
struct level {
    uint32_t *heads;    /* [head_count] the newest position behind a hash */
    uint32_t *previous; /* [capacity + 1] the one before it with the same hash */
};

struct draft_lookup {
    struct level levels[LEVELS];
    int32_t *log; /* [capacity] what is indexed */
    uint32_t count;
    uint32_t capacity;
    uint32_t head_bits;
    uint32_t match;       /* the log's end also stood in front of log[match]; NOWHERE: not found */
    uint32_t length;      /* of the match, up to DRAFT_LOOKUP_MATCH_MAX */
    double worth[WORTHS]; /* by length: how often it told the next token */
};

/* Lengths of one worth end before these; the last worth is that of the longest. */
static const uint32_t worth_ends[] = {3, 4, 5, 6, 8, 12, 20, DRAFT_LOOKUP_MATCH_MAX};

static uint32_t worth_of(uint32_t length)
{
    uint32_t i = 0;
    while (i < ARRAY_LEN(worth_ends) && length >= worth_ends[i])
        i++;
    return i;
}

struct draft_lookup *draft_lookup_new(uint32_t capacity)
{
    struct draft_lookup *lookup = mem_zalloc(sizeof(*lookup));
    bool has_memory = true;
    lookup->capacity = capacity;
    lookup->head_bits = 8;
    while ((1u << lookup->head_bits) < capacity && (1u << lookup->head_bits) < HEADS_MAX)
        lookup->head_bits++;
    lookup->log = mem_try_zalloc(capacity, sizeof(*lookup->log));
    for (int i = 0; i < LEVELS; i++) {
        struct level *level = &lookup->levels[i];
        level->heads = mem_try_zalloc((size_t)1 << lookup->head_bits, sizeof(*level->heads));
        level->previous = mem_try_zalloc((size_t)capacity + 1, sizeof(*level->previous));
        has_memory = has_memory && level->heads && level->previous;
    }
    /* A guess to begin with: long matches go on, short ones often do not. */
    for (uint32_t i = DRAFT_LOOKUP_SHORT; i <= DRAFT_LOOKUP_MATCH_MAX; i++)
        lookup->worth[worth_of(i)] = (double)i / ((double)i + 3.0);
    if (has_memory && lookup->log)
        return lookup;
    draft_lookup_free(lookup);
    return NULL;
}

void draft_lookup_free(struct draft_lookup *lookup)
{
    if (!lookup)
        return;
    for (int i = 0; i < LEVELS; i++) {
        mem_free(lookup->levels[i].heads);
        mem_free(lookup->levels[i].previous);
    }
    mem_free(lookup->log);
    mem_free(lookup);
}

/* ---------------------------------------------------------------- the index */

/* Where the hash of the `length` tokens before `position` leads. */
static uint32_t *head_of(const struct draft_lookup *lookup, int level, uint32_t position)
{
    uint64_t hash = 0;
    for (uint32_t i = 1; i <= level_lengths[level]; i++)
        hash = (hash ^ (uint32_t)lookup->log[position - i]) * UINT64_C(0x9e3779b97f4a7c15);
    return &lookup->levels[level].heads[hash >> (64 - lookup->head_bits)];
}

/* The end of the log becomes a place that can be found. */
static void index_end(struct draft_lookup *lookup)
{
    for (int i = 0; i < LEVELS; i++) {
        if (lookup->count < level_lengths[i])
            continue;
        uint32_t *head = head_of(lookup, i, lookup->count);
        lookup->levels[i].previous[lookup->count] = *head;
        *head = lookup->count;
    }
}

static void cut(struct draft_lookup *lookup, uint32_t count)
{
    lookup->match = NOWHERE;
    for (; lookup->count > count; lookup->count--)
        for (int i = 0; i < LEVELS; i++)
            if (lookup->count >= level_lengths[i])
                *head_of(lookup, i, lookup->count) = lookup->levels[i].previous[lookup->count];
}

/* Tokens before `position` that are those before the end of the log. */
static uint32_t match_length(const struct draft_lookup *lookup, uint32_t position)
{
    uint32_t length = 0;
    while (length < position && length < DRAFT_LOOKUP_MATCH_MAX &&
           lookup->log[position - 1 - length] == lookup->log[lookup->count - 1 - length])
        length++;
    return length;
}

/* The longest match of the log's end among the newest places, the newest of these. */
static void find_match(struct draft_lookup *lookup)
{
    lookup->match = NOWHERE;
    lookup->length = DRAFT_LOOKUP_SHORT - 1;
    for (int i = 0; i < LEVELS && lookup->match == NOWHERE; i++) {
        if (lookup->count < level_lengths[i])
            continue;
        uint32_t position = lookup->levels[i].previous[lookup->count];
        for (int k = 0; k < CANDIDATES_MAX && position != NOWHERE; k++) {
            const uint32_t length = match_length(lookup, position);
            if (length > lookup->length) {
                lookup->match = position;
                lookup->length = length;
            }
            position = lookup->levels[i].previous[position];
        }
    }
}

/* ---------------------------------------------------------------- following */

static void add(struct draft_lookup *lookup, int32_t token)
{
    CHECK(lookup->count < lookup->capacity);
    lookup->log[lookup->count++] = token;
    index_end(lookup);
}

void draft_lookup_follow(struct draft_lookup *lookup, const int32_t *log, uint32_t count)
{
    uint32_t common = 0;
    while (common < count && common < lookup->count && lookup->log[common] == log[common])
        common++;
    cut(lookup, common);
    while (lookup->count < count)
        add(lookup, log[lookup->count]);
    find_match(lookup);
}

void draft_lookup_add(struct draft_lookup *lookup, int32_t token)
{
    const bool has_match = lookup->match != NOWHERE;
    const bool is_right = has_match && lookup->log[lookup->match] == token;
    if (has_match) {
        double *worth = &lookup->worth[worth_of(lookup->length)];
        *worth += WORTH_SHARE * ((is_right ? 1.0 : 0.0) - *worth);
    }
    add(lookup, token);
    if (!is_right) {
        find_match(lookup);
        return;
    }
    lookup->match++;
    lookup->length += lookup->length < DRAFT_LOOKUP_MATCH_MAX;
}

uint32_t draft_lookup_propose(const struct draft_lookup *lookup, uint32_t max, int32_t *out_tokens,
                              double *out_chance)
{
    if (lookup->match == NOWHERE)
        return 0;
    double chance = 1;
    for (uint32_t i = 0; i < max; i++) {
        const uint32_t from = lookup->match + i; /* behind the log's end: what repeats goes on */
        chance *= lookup->worth[worth_of(lookup->length + i)];
        out_tokens[i] = from < lookup->count ? lookup->log[from] : out_tokens[from - lookup->count];
        out_chance[i] = chance;
    }
    return max;
}
