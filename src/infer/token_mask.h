/*
 * token_mask - which tokens may come next, so that what a model writes cannot be malformed.
 *
 * A mask is an automaton over bytes (grammar.h), compiled from tool schemas in the model's own
 * tool-call form or from one JSON Schema, that moves along with the generated tokens. Before each
 * token it gives the set of tokens whose bytes the automaton accepts from here and after which a
 * valid end is still within the token budget. It is used like this:
 *
 *     token_mask_start(mask, budget, text_before, err)
 *     until token_mask_is_complete(mask) or the model ends its turn:
 *         token_mask_forced_tokens(mask, &list, err)   what needs no model step; may be empty
 *         token_mask_allowed(mask, budget_left)        for sampler_pick()
 *         token_mask_accept(mask, token, err)          for every token, forced ones included
 *
 * What is exact and what is a bound: token_mask_fewest_tokens() is the smallest number of real
 * vocabulary tokens that spell the shortest valid rest (in bytes; ties by alternative and byte
 * order). It is exact wherever only one text is possible (literals, names, closing brackets).
 * Elsewhere it is a bound from above that can always be reached: a longer text might in rare cases
 * need fewer tokens. A mask therefore never runs into its budget, and refuses at the start only
 * what it cannot prove to fit.
 *
 * Text: JSON as Python's json.dumps(ensure_ascii=False) writes it, see grammar_schema.h.
 * Control and user-defined tokens are never allowed inside constrained text, except where the
 * tool-call form spells one; tokens that end generation only once the text is complete.
 *
 * Ownership: a mask borrows its vocabulary tables and nothing else; schemas are not kept.
 * Threads: a mask belongs to one thread at a time; forks of it may be in other threads.
 * Depends on: grammar*.h, token_mask_vocab.h, tokenizer/, jansson. Used by: engine/, agent/.
 */
#pragma once

#include "infer/grammar.h"
#include "infer/grammar_written.h"
#include "infer/token_mask_vocab.h"

#include <jansson.h>

struct strbuf;
struct token_list;
struct token_mask; /* opaque: see token_mask_internal.h */

enum {
    TOKEN_MASK_TOOLS_MAX = 512,
    TOKEN_MASK_NAME_MAX = 256,    /* bytes of a tool's name */
    TOKEN_MASK_SYNTAX_MAX = 1024, /* bytes of one part of the tool-call form */
    TOKEN_MASK_CALLS_MAX = 64,    /* calls in one answer */
    TOKEN_MASK_REFUSED_MAX = 4,
    TOKEN_MASK_FORCED_MAX = 4096,             /* bytes token_mask_forced() looks ahead */
    TOKEN_MASK_FORBIDDEN_MAX = 64,            /* calls forbidden at a time */
    TOKEN_MASK_FORBIDDEN_LEN_MAX = 64 * 1024, /* bytes of one forbidden call's arguments */
};

/* What a tool's arguments are. */
enum token_mask_arguments {
    TOKEN_MASK_JSON,     /* one JSON object */
    TOKEN_MASK_TAGS,     /* members between tags, see grammar_members.h */
    TOKEN_MASK_PYTHON,   /* keyword arguments */
    TOKEN_MASK_BRACES,   /* {key:value} */
    TOKEN_MASK_ELEMENTS, /* members between tags of their own names, see grammar_members.h */
};

/* Whether the output is a row of messages, each with a header; what stands in these is in
 * token_mask_form.c. */
enum token_mask_headers {
    TOKEN_MASK_NO_HEADERS,
    TOKEN_MASK_CHANNELS,   /* as gpt-oss writes */
    TOKEN_MASK_RECIPIENTS, /* as Functionary writes; `open` is the mark in front of a recipient */
};

enum token_mask_id {
    TOKEN_MASK_NO_ID,
    TOKEN_MASK_ID_LETTERS, /* nine letters and digits */
    TOKEN_MASK_ID_INDEX,   /* 0 to TOKEN_MASK_CALLS_MAX - 1 */
};

enum token_mask_place {
    TOKEN_MASK_BEFORE_NAME,
    TOKEN_MASK_BEHIND_NAME,
    TOKEN_MASK_BEHIND_ARGUMENTS,
};

/*
 * How a model writes calls:
 *
 *   answer = section_open call { between call } section_close
 *   call   = open name_prefix NAME name_suffix ARGUMENTS close
 *
 * with `id_open ID id_close` in front of name_prefix, behind NAME or behind ARGUMENTS. Wherever a
 * text spells a control or user-defined token of the vocabulary, exactly that token is meant. NAME
 * is written as in a JSON string unless `has_plain_names`.
 *
 * Free text (AUTO) becomes a call where `trigger` appears, a beginning of the first call; when it
 * is empty, the first part of that up to white space or a special token. The texts `refused` cannot
 * appear: they would be taken for calls. Behind `also` (may be empty) a call follows, too, from
 * name_prefix on.
 */
struct token_mask_syntax {
    struct str section_open;
    struct str open;
    struct str name_prefix;
    struct str name_suffix;
    struct str close;
    struct str between;
    struct str section_close;
    struct str id_open;
    struct str id_close;
    enum token_mask_id id;
    enum token_mask_place id_place;
    bool has_plain_names;
    enum token_mask_arguments arguments;
    struct str key_open; /* TAGS; all of these as in grammar_members.h */
    struct str key_close;
    struct str key_close_other;
    struct str value_close;
    struct str quote; /* BRACES */
    struct str trigger;
    struct str refused[TOKEN_MASK_REFUSED_MAX];
    struct str also;
    bool only_at_start; /* in AUTO: only an answer (or what follows reasoning) that begins with the
                           trigger is a call */
    struct str reasoning_open; /* around reasoning, in which everything is free; may be empty */
    struct str reasoning_close;
    enum token_mask_headers headers;
};

/* Arguments that are one text, which a grammar describes. In a form that writes JSON it is held to
 * it between the quotes, in one that writes texts as they stand it holds no end of one. */
struct token_mask_input {
    struct str key; /* the argument's name: letters */
    struct grammar_written grammar;
};

struct token_mask_tool {
    struct str name;
    const json_t *parameters;             /* JSON Schema of an object; NULL: no arguments, "{}" */
    const struct token_mask_input *input; /* instead of `parameters`, or NULL */
};

enum token_mask_mode {
    TOKEN_MASK_REQUIRED, /* a call, from the first token on or behind reasoning */
    TOKEN_MASK_AUTO,     /* free text; constrained as soon as `open` appears, as its token or as
                            text over any number of tokens */
    TOKEN_MASK_NONE,     /* free text in which `open` cannot appear */
};

/* What an answer that is no call must be. */
struct token_mask_answer {
    const json_t *schema;           /* one JSON value of it, or, where this is NULL, ... */
    struct grammar_written grammar; /* ... a text of this */
};

struct token_mask_options {
    enum token_mask_mode mode;
    const struct token_mask_answer *answer; /* where it may come (AUTO, NONE) there is no free text
                                               but reasoning: this, from the first token on or
                                               behind it; NULL: free text */
    bool is_unthinking;           /* with an answer: only reasoning that the prompt opened */
    uint32_t call_count_max;      /* calls in one answer; 0: 1 */
    struct grammar_limits limits; /* zeroed: the defaults */
};

/*
 * A mask for calls of these tools. E_UNSUPPORTED names the tool and the keyword of its schema that
 * holt cannot enforce; E_INVALID a schema no object satisfies, or two tools with one name; E_LIMIT
 * what is too large. With no tools, REQUIRED is E_INVALID and AUTO is as NONE. An answer's grammar
 * that cannot be read is told with line and column.
 */
MUST_USE enum status token_mask_new_tools(const struct token_mask_vocab *vocab,
                                          const struct token_mask_syntax *syntax,
                                          const struct token_mask_tool *tools, size_t tool_count,
                                          const struct token_mask_options *options,
                                          struct token_mask **out, struct error *err);

/* A mask for an answer that is one JSON value of this schema and nothing else. */
MUST_USE enum status token_mask_new_schema(const struct token_mask_vocab *vocab,
                                           const json_t *schema,
                                           const struct grammar_limits *limits,
                                           struct token_mask **out, struct error *err);

/* A mask for an answer that is a text of this grammar (GBNF, grammar_gbnf.h) and nothing else. */
MUST_USE enum status token_mask_new_grammar(const struct token_mask_vocab *vocab, struct str text,
                                            struct token_mask **out, struct error *err);

void token_mask_free(struct token_mask *mask); /* NULL is allowed */

static inline void token_mask_freep(struct token_mask **mask)
{
    token_mask_free(*mask);
}

/* A second mask in the same state; the compiled automaton is shared, the state (some kilobytes) is
 * copied. */
MUST_USE enum status token_mask_fork(const struct token_mask *mask, struct token_mask **out,
                                     struct error *err);

/* Makes `mask` equal to `from`, a fork of it (or the reverse): how a rewind goes back to a state
 * that was kept. No allocation when `mask` was ever in a state as large. */
void token_mask_assign(struct token_mask *mask, const struct token_mask *from);

/*
 * From now on this complete call cannot be produced; every other still can. `arguments` is the
 * canonical text (json_write_python() of the arguments object). A tool of which no call is left is
 * no longer offered; when no tool is left, REQUIRED refuses to start (E_INVALID) and AUTO and NONE
 * keep calls from opening. Forbidding a call twice, or one that the schema would not allow anyway,
 * changes nothing; nor does it in forms whose arguments are not JSON. Before token_mask_start() or
 * while the state is free only.
 * E_NOT_FOUND: no such tool. E_LIMIT.
 */
MUST_USE enum status token_mask_forbid(struct token_mask *mask, struct str tool_name,
                                       struct str arguments, struct error *err);

/* The same for forms whose arguments are not JSON (in others it changes nothing): the call cannot
 * be written again as it was. `written`: its text, with special tokens spelled. */
MUST_USE enum status token_mask_forbid_written(struct token_mask *mask, struct str tool_name,
                                               struct str written, struct error *err);

/* Whether the answer begins inside reasoning (the prompt opened it): then it is free until its end,
 * or until a call opens in it. At the beginning it does not. For the next token_mask_start(). */
void token_mask_set_reasoning(struct token_mask *mask, bool starts_in_reasoning);

/*
 * Goes to the beginning, forbidden calls stay. `budget`: tokens that may be generated (the token
 * that ends generation not counted). E_LIMIT with both numbers when the fewest tokens to a valid
 * end are more. `text_before`: text that precedes the answer, {0} if none; its last bytes help to
 * tokenize the first forced bytes as the tokenizer would in that place.
 */
MUST_USE enum status token_mask_start(struct token_mask *mask, uint32_t budget,
                                      struct str text_before, struct error *err);

/*
 * The tokens allowed next when `budget` tokens (this one included) may still come: bit t % 64 of
 * word t / 64. NULL: every token is allowed. Valid until the next call on this mask. When the
 * budget was enough at the start and at most one was spent per token, the set is never empty; after
 * completion it is the tokens that end generation.
 */
const uint64_t *token_mask_allowed(struct token_mask *mask, uint32_t budget);

/* Moves along with a token that was generated. E_INVALID when the mask does not allow it (whatever
 * the budget); the state is then unchanged. In free text only a token that makes `open` appear
 * where it must not is refused; after completion tokens that end generation are accepted and change
 * nothing. */
MUST_USE enum status token_mask_accept(struct token_mask *mask, int32_t token, struct error *err);

bool token_mask_is_free(const struct token_mask *mask); /* in free text */

/* True when what was accepted is a whole answer: a call (or value) just ended and none is open.
 * Free text is never complete: it ends when the model says so. */
bool token_mask_is_complete(struct token_mask *mask);

/* Tokens still needed for a valid end (see above); 0 once complete and in free text that may end
 * anywhere. */
uint32_t token_mask_fewest_tokens(struct token_mask *mask);

/* Appends the text that must come next because the automaton allows nothing else, up to the first
 * choice, to a special token or to TOKEN_MASK_FORCED_MAX bytes; nothing in free text. */
void token_mask_forced(struct token_mask *mask, struct strbuf *out);

/*
 * Appends the ids of the tokens that must come next, to be appended without a model step: forced
 * text as the tokenizer itself splits it, and forced special tokens.
 *
 * The boundary behind: forced text that ends where a choice begins is cut back to the last token
 * that no following text can change: every vocabulary token that would begin inside the forced
 * text and go on with bytes the automaton allows holds back all forced tokens from its beginning
 * on. The boundary in front: the split is taken from tokenizing the text before together with the
 * forced text; where the tokens that are already there cannot be part of that split, the forced
 * text is tokenized alone. Tokens are held back too when their number would exceed `budget` or
 * leave too few for a valid end. The list may stay empty: then the model chooses among the allowed
 * tokens. The mask's state does not change; call token_mask_accept() with each.
 */
MUST_USE enum status token_mask_forced_tokens(struct token_mask *mask, uint32_t budget,
                                              struct token_list *list, struct error *err);
