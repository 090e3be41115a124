/*
 * grammar - an automaton over bytes with a stack, as a table of rules.
 *
 * A grammar says which texts are allowed: literal bytes, special tokens, sequences, choices, and
 * the values of JSON with the bounds a schema can put on them. It is built with grammar_add_*()
 * (a rule can be reserved first and filled later, so rules may be recursive), closed with
 * grammar_finish(), and never changes again. grammar_state.h runs it.
 *
 * A text is a row of symbols: bytes, and special tokens, which count as one symbol each.
 *
 * Ownership: a grammar owns its rules and copies all texts. Reference-counted.
 * Threads: read-only once finished; grammar_ref() and grammar_unref() may be called by any thread.
 * Depends on: base/. Used by: grammar_schema.c, grammar_state.c, grammar_rest.c, token_mask*.c.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "infer/grammar_network.h"
#include "infer/grammar_number.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct strbuf;

enum {
    GRAMMAR_WARNINGS_LEN_MAX = 16 * 1024, /* bytes of all warnings */

    GRAMMAR_NODES_AROUND = 8, /* stack nodes for what stands around the outermost value */

    GRAMMAR_RULES_MAX = 16384,
    GRAMMAR_LINKS_MAX = 256 * 1024,     /* references from rules to rules */
    GRAMMAR_TEXT_MAX = 4 * 1024 * 1024, /* bytes of all literals, keys and words together */
    GRAMMAR_CHOICES_MAX = 128,          /* alternatives of one choice */
    GRAMMAR_WORDS_MAX = 8192,           /* of one list */
    GRAMMAR_PROPERTIES_MAX = 1024,      /* of one object */
    GRAMMAR_OPEN_PROPERTIES_MAX = 64,   /* of one object that may also hold other keys */
    GRAMMAR_EXTRA_KEYS_MAX = 16,        /* such keys in one object */
    GRAMMAR_STRING_LEN_MAX = 1024 * 1024,
    GRAMMAR_DEPTH_MAX = 48,          /* values inside values; under JSON_DEPTH_MAX */
    GRAMMAR_TEXT_DEPTH_MAX = 256,    /* rules inside rules, where the text is no JSON */
    GRAMMAR_BEGINNINGS_MAX = 64,     /* rules that begin with a rule that begins with a rule ... */
    GRAMMAR_STATES_MAX = 256 * 1024, /* of all networks together */
    GRAMMAR_CELLS_MAX = 8 * 1024 * 1024,
    GRAMMAR_SHORTEST_MAX = 64 * 1024, /* symbols of the shortest text of a rule */

    GRAMMAR_STRING_LEN_DEFAULT = 4096,
    GRAMMAR_ARRAY_LEN_DEFAULT = 256,
    GRAMMAR_KEY_LEN_DEFAULT = 64,
    GRAMMAR_DEPTH_DEFAULT = 24,
};

#define GRAMMAR_NONE    UINT32_MAX /* no rule */
#define GRAMMAR_ENDLESS UINT32_MAX /* "shortest text": there is none */

/* What a schema does not say but must be bounded all the same. 0 means the default above. */
struct grammar_limits {
    uint32_t string_len_max; /* characters of a string without maxLength */
    uint32_t array_len_max;  /* items of an array without maxItems */
    uint32_t extra_keys_max; /* keys of one object that its schema does not name */
    uint32_t key_len_max;    /* characters of such a key */
    uint32_t depth_max;      /* values inside values */

    /* NULL: what a schema demands and cannot be enforced is an error. Otherwise it is not enforced,
     * and said here, a line each. */
    struct strbuf *warnings;
};

enum grammar_kind {
    GRAMMAR_NEVER,    /* allows nothing; what a reserved rule is until it is filled */
    GRAMMAR_LITERAL,  /* these bytes */
    GRAMMAR_SPECIAL,  /* this token */
    GRAMMAR_SEQUENCE, /* these rules, one after the other */
    GRAMMAR_CHOICE,   /* one of these rules */
    GRAMMAR_WORDS,    /* one of these texts, each with a rule behind it or none */
    GRAMMAR_STRING,   /* a JSON string */
    GRAMMAR_KEY,      /* a JSON string that is a key of the object around it, used by no other */
    GRAMMAR_NUMBER,   /* a JSON number */
    GRAMMAR_OBJECT,   /* a JSON object */
    GRAMMAR_ARRAY,    /* a JSON array */
    GRAMMAR_REPEAT,   /* a rule, then another up to so many times */
    GRAMMAR_MARK,     /* a rule whose text can be excluded (grammar_exclusions.h) */
    GRAMMAR_NETWORK,  /* what an automaton with states reads (grammar_network.h) */
    GRAMMAR_TEXT,     /* any characters, without quotes, in which one text does not occur */
    GRAMMAR_FREE,     /* anything: from here on another judge decides, see token_mask.h */
};

/* The shape of a rule; which fields count depends on the kind. */
struct grammar_rule {
    enum grammar_kind kind;
    uint32_t shortest; /* symbols of the shortest text; GRAMMAR_ENDLESS: none (set by finish) */
    uint32_t depth;    /* stack nodes that text needs */
    uint32_t first;    /* LITERAL: in texts. SEQUENCE, CHOICE, ARRAY: in links. WORDS: in words.
                          OBJECT: in properties. NUMBER: in numbers. NETWORK: in networks. TEXT:
                          the text that must not occur, in texts */
    uint32_t count;    /* how many of them; ARRAY: items with a rule of their own */
    uint32_t rule;     /* MARK, REPEAT: the rule. ARRAY: of further items. OBJECT: of the values of
                          further keys. GRAMMAR_NONE: no further ones. FREE: what must come in the
                          end, or GRAMMAR_NONE */
    uint32_t more;     /* REPEAT: the rule from the second time on. OBJECT: the KEY rule. MARK: the
                          shortest text if that was set, or GRAMMAR_NONE */
    uint32_t len_min;  /* STRING, KEY, TEXT: characters. ARRAY: items */
    uint32_t len_max;  /* and: OBJECT: further keys. REPEAT: times */
    int32_t token;     /* SPECIAL */
    uint32_t tag;      /* MARK: which */
};

/* A text among the words of one list, which is sorted by bytes. */
struct grammar_word {
    uint32_t text; /* in texts */
    uint32_t len;
    uint32_t then; /* the rule behind it, or GRAMMAR_NONE */
};

/* A named member of an object, in the order in which members are written. */
struct grammar_property {
    uint32_t key; /* in texts: `"name": ` as it is written */
    uint32_t len;
    uint32_t value; /* rule */
    bool is_required;
    uint32_t next_required; /* index of the first required property from this one on, or count */
    uint32_t sorted;        /* in this slot: the index of the property that is next by bytes */
    uint32_t required_tail; /* symbols of the shortest `, "name": value` for this property and those
                               behind it, required ones only */
    uint64_t hash;          /* of the key's bytes between the quotes */
};

struct grammar {
    struct grammar_rule *rules;
    uint32_t rule_count;
    uint32_t *links; /* rule ids */
    uint32_t link_count;
    char *texts;
    size_t text_count;
    struct grammar_word *words;
    uint32_t word_count;
    struct grammar_property *properties;
    uint32_t property_count;
    struct grammar_number *numbers;
    uint32_t number_count;
    struct grammar_network *networks;
    uint32_t network_count;
    struct grammar_network_state *states;
    uint32_t state_count;
    uint16_t *cells; /* network [state][class] next state, GRAMMAR_NO_STATE: none */
    uint32_t cell_count;
    struct grammar_network_call *calls;
    uint32_t call_count;
    bool is_text;            /* not JSON: rules may nest up to GRAMMAR_TEXT_DEPTH_MAX */
    bool has_lengths;        /* finish: depths are being measured */
    uint32_t depth_max;      /* values inside values, as given to grammar_finish() */
    uint32_t node_depth_max; /* stack nodes a state may use */
    uint32_t capacities[10]; /* of the arrays above */
    int reference_count;     /* atomic */

    const char *too_much; /* the limit that was passed, or NULL: see grammar_finish() */
};

struct grammar *grammar_new(void);
struct grammar *grammar_ref(struct grammar *grammar);
void grammar_unref(struct grammar *grammar); /* NULL is allowed */

static inline void grammar_unrefp(struct grammar **grammar)
{
    grammar_unref(*grammar);
}

/* Rules. Each returns the id of a new rule. A limit that is passed is remembered and reported by
 * grammar_finish(), so that builders need not look at every call. */
uint32_t grammar_reserve(struct grammar *grammar);
/* Gives the reserved rule `id` the content of the rule `from`, which was added last and is nowhere
 * referred to: its id ends. */
void grammar_fill(struct grammar *grammar, uint32_t id, uint32_t from);

uint32_t grammar_add_literal(struct grammar *grammar, struct str text); /* not empty */
uint32_t grammar_add_special(struct grammar *grammar, int32_t token);
uint32_t grammar_add_sequence(struct grammar *grammar, const uint32_t *rules, uint32_t count);
uint32_t grammar_add_choice(struct grammar *grammar, const uint32_t *rules, uint32_t count);
uint32_t grammar_add_string(struct grammar *grammar, uint32_t len_min, uint32_t len_max);
/* Characters as they stand: UTF-8 without control characters other than tab and line feed.
 * `without` (may be empty) begins with '<', which is nowhere else in it: it does not occur. */
uint32_t grammar_add_text(struct grammar *grammar, struct str without, uint32_t len_min,
                          uint32_t len_max);
/* Where free text begins; `then` (may be GRAMMAR_NONE) is what must come in the end. */
uint32_t grammar_add_free(struct grammar *grammar, uint32_t then);
uint32_t grammar_add_number(struct grammar *grammar, const struct grammar_number *number);
uint32_t grammar_add_repeat(struct grammar *grammar, uint32_t rule, uint32_t more,
                            uint32_t count_max);
uint32_t grammar_add_mark(struct grammar *grammar, uint32_t rule, uint32_t tag);

/* `then[i]` (the array may be NULL) is the rule behind text i, or GRAMMAR_NONE. Equal texts are
 * one word. */
uint32_t grammar_add_words(struct grammar *grammar, const struct str *texts, const uint32_t *then,
                           uint32_t count);

struct grammar_array_spec {
    const uint32_t *prefix; /* rules of the first items */
    uint32_t prefix_count;
    uint32_t items; /* rule of the others, or GRAMMAR_NONE */
    uint32_t len_min;
    uint32_t len_max;
};
uint32_t grammar_add_array(struct grammar *grammar, const struct grammar_array_spec *spec);

struct grammar_property_spec {
    struct str name; /* valid UTF-8 */
    uint32_t value;
    bool is_required;
};
struct grammar_object_spec {
    const struct grammar_property_spec *properties; /* names differ */
    uint32_t property_count;
    uint32_t extra; /* rule of the values of further keys, or GRAMMAR_NONE */
    uint32_t extra_keys_max;
    uint32_t key_len_max;
};
uint32_t grammar_add_object(struct grammar *grammar, const struct grammar_object_spec *spec);

/* The spec is copied. Only networks may be empty texts, or begin or end with a rule that may be. */
uint32_t grammar_add_network(struct grammar *grammar, const struct grammar_network_spec *spec);
/* A further rule with the network (`first`) of another NETWORK rule. */
uint32_t grammar_add_network_again(struct grammar *grammar, uint32_t network);

/*
 * Closes the grammar: computes the shortest text of every rule. E_LIMIT when something was too
 * large; a rule that allows no text, or whose shortest one is longer than GRAMMAR_SHORTEST_MAX or
 * deeper than the stack, is `shortest` == GRAMMAR_ENDLESS and never entered.
 */
MUST_USE enum status grammar_finish(struct grammar *grammar, uint32_t depth_max, struct error *err);

/* How much is in a grammar, and back to it: what was added since is gone. Nothing that stays may
 * refer to it. */
struct grammar_extent {
    size_t texts;
    uint32_t rules;
    uint32_t links;
    uint32_t words;
    uint32_t properties;
    uint32_t numbers;
    uint32_t networks;
    uint32_t states;
    uint32_t cells;
    uint32_t calls;
    const char *too_much;
};
struct grammar_extent grammar_get_extent(const struct grammar *grammar);
void grammar_cut(struct grammar *grammar, const struct grammar_extent *extent);

/* For a mask that narrows a finished grammar of its own: a copy, changes, and grammar_finish()
 * again with copy->depth_max. */
struct grammar *grammar_copy(const struct grammar *grammar);
/* The rule `shortest` is the shortest text of a MARK rule, where the shortest one of all is
 * excluded. */
void grammar_set_mark_rule(struct grammar *grammar, uint32_t mark, uint32_t shortest);
/* Takes the words that lead to `then` off the list. */
void grammar_remove_word(struct grammar *grammar, uint32_t words, uint32_t then);

/* The hash of a key's bytes: start with GRAMMAR_HASH_START, add byte by byte. */
#define GRAMMAR_HASH_START 0xcbf29ce484222325u
static inline uint64_t grammar_hash_add(uint64_t hash, unsigned char byte)
{
    hash = (hash ^ byte) * 0x100000001b3u; /* FNV-1a */
    return hash ^ hash >> 29;
}

/* The state of a NETWORK rule. */
static inline const struct grammar_network_state *
grammar_network_at(const struct grammar *grammar, const struct grammar_rule *rule, uint32_t state)
{
    return &grammar->states[grammar->networks[rule->first].first_state + state];
}

/* The state behind `byte`, or GRAMMAR_NO_STATE. */
static inline uint32_t grammar_network_next(const struct grammar *grammar,
                                            const struct grammar_rule *rule, uint32_t state,
                                            unsigned char byte)
{
    const struct grammar_network *network = &grammar->networks[rule->first];
    const size_t row = network->first_cell + (size_t)state * network->class_count;
    return grammar->cells[row + network->classes[byte]];
}

/* a + b, GRAMMAR_ENDLESS if either is or the sum would not fit. */
static inline uint32_t grammar_plus(uint32_t a, uint32_t b)
{
    return a > GRAMMAR_ENDLESS - 1 - b || b == GRAMMAR_ENDLESS ? GRAMMAR_ENDLESS : a + b;
}
