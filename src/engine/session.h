/*
 * session - the waist of holt: one sequence of tokens that a model continues.
 *
 *   session = token log + position in the KV pages + sampler state
 *
 * The log is append-only except for session_rewind(): every token has an origin, and only text of
 * origin SEGMENT_TEMPLATE can become control tokens. Logits are a function of the model, the KV
 * kind and the tokens alone (docs/decisions/0001): how the log was cut into appends, forked,
 * rewound or computed beside others changes no bit. Everything above (agent/, cli/, later api/)
 * uses these calls and nothing goes around them.
 *
 * Appending computes nothing; the model runs when logits are needed. Positions and counts are in
 * tokens and exact.
 *
 * Threads: those of the engine, one at a time.
 * Depends on: chat/, tokenizer/, infer/. Used by: agent/, cli/.
 */
#pragma once

#include "base/error.h"
#include "chat/segment.h"
#include "engine/engine.h"
#include "infer/sampler.h"
#include "infer/token_ranking.h"

#include <jansson.h>
#include <stdint.h>

struct session;
struct chat_event;
struct chat_spans;
struct token_mask;

enum {
    SESSION_CHOICES_MAX = 64,   /* of one probe */
    SESSION_TEXT_MAX = 1 << 26, /* bytes of one append */
};

/* A piece of text and where it comes from. The bytes are borrowed for the call. */
struct session_segment {
    struct str text;
    enum segment_origin origin;
};

/* Events arrive on the caller's thread, in order; views are valid during the call. Return false
 * to stop: generation ends with SESSION_END_CANCELLED; what was made so far stays in the log. */
typedef bool(session_event_fn)(void *context, const struct chat_event *event);

struct session_limits {
    uint32_t token_count_max; /* tokens to make at most; 0: as many as there is room for */
    bool starts_in_reasoning; /* the generation prompt ended inside an open reasoning block */
    bool ignores_end;         /* benchmarks: end-of-generation tokens do not end it */
    bool makes_no_calls;      /* what looks like a call is text: no tools were offered */
    bool is_plain;            /* neither reasoning nor calls are looked for: all is text */
    const int32_t *replayed;  /* benchmarks: [token_count_max] are taken, whatever is sampled;
                                 borrowed; may be NULL */
    const struct sampler_bias *biases; /* [bias_count] borrowed */
    size_t bias_count;
    bool wants_tokens;   /* CHAT_EVENT_TOKEN for every token of a text */
    bool wants_ids;      /* the same, but nothing is said of how likely it was */
    bool only_reads;     /* the prompt is computed and nothing made */
    uint32_t top_count;  /* most likely tokens told with each; at most TOKEN_RANKING_TOP_MAX */
    const json_t *tools; /* what may be called, as in chat_request: types of arguments, which
                                 some tool formats do not write; may be NULL; borrowed */
};

enum session_end {
    SESSION_END_STOP,      /* the model ended its turn */
    SESSION_END_LENGTH,    /* token_count_max reached */
    SESSION_END_CONTEXT,   /* no room left */
    SESSION_END_CANCELLED, /* the event function said so */
};

struct session_result {
    enum session_end end;
    uint32_t prompt_tokens;    /* in the log before */
    uint32_t cached_tokens;    /* of these, already computed before this call */
    uint32_t generated_tokens; /* added to the log, end token included */
    uint32_t reasoning_tokens; /* of these, thinking, its closing mark included */
    uint32_t forced_tokens;    /* of the generated ones, decided by the mask without a choice */
    uint32_t drafted_tokens;   /* guessed and computed on trial, beside these */
    uint32_t accepted_tokens;  /* of the generated ones, guessed right */
    uint32_t step_count;       /* of the model, behind the prompt */
    double prompt_seconds;
    double generate_seconds;
};

/* The session borrows the engine. `sampler` is copied. */
MUST_USE enum status session_new(struct engine *engine, const struct sampler_options *sampler,
                                 struct session **out, struct error *err);
void session_free(struct session *session); /* NULL is allowed */
static inline void session_freep(struct session **session)
{
    session_free(*session);
}

/* Other options for the tokens to come. E_INVALID names the field that is out of range. */
MUST_USE enum status session_set_sampler(struct session *session,
                                         const struct sampler_options *sampler, struct error *err);

/*
 * Adds text to the log. The segments of one call are tokenized as one text; only the bytes of
 * SEGMENT_TEMPLATE ones may become control tokens. A beginning-of-text token is added to an empty
 * log where the model wants one. On failure (E_LIMIT: no room, both numbers in the text) the log
 * is unchanged.
 */
MUST_USE enum status session_append(struct session *session, const struct session_segment *segments,
                                    size_t count, struct error *err);

/* Benchmarks: the same with tokens as they are, of which some may stand for no text. */
MUST_USE enum status session_append_ids(struct session *session, const int32_t *ids, uint32_t count,
                                        struct error *err);

/*
 * Makes the log equal to a rendered conversation: what it shares with the log keeps its tokens
 * (sampled ones included) where all of it is shared; else up to the last control token of that, in
 * front of which nothing can be split otherwise, and behind it as far as the new text, split anew,
 * gives the tokens that are there. The rest is appended. *out_kept (may be NULL) gets the tokens
 * kept.
 */
MUST_USE enum status session_sync(struct session *session, const struct chat_spans *spans,
                                  uint32_t *out_kept, struct error *err);

/*
 * Computes what was appended and generates. `mask` (may be NULL) restricts the tokens and is moved
 * along; `event` (may be NULL) gets reasoning, text and tool calls in the model's own format, and
 * `progress` (may be NULL) the prompt's progress. Tokens made stay in the log also when it fails.
 * Steady decode allocates nothing.
 */
MUST_USE enum status session_generate(struct session *session, const struct session_limits *limits,
                                      struct token_mask *mask, session_event_fn *event,
                                      engine_progress_fn *progress, void *context,
                                      struct session_result *out, struct error *err);

/* A second session with the same log and state; pages are shared until one of them goes on. */
MUST_USE enum status session_fork(struct session *session, struct session **out, struct error *err);

/*
 * Asks a closed question on an implicit fork: appends `question`, and gives each choice the
 * probability of its first token among all choices (they sum to 1). E_INVALID if two choices begin
 * with the same token. The session is unchanged.
 */
MUST_USE enum status session_probe(struct session *session, const struct session_segment *question,
                                   size_t segment_count, const struct str *choices,
                                   size_t choice_count, double *out_probabilities,
                                   struct error *err);

/*
 * Writes the whole session to `path` (snapshot.h), and takes it up again, in this process or
 * another: restored = never stopped, bit for bit. Nothing of a file that is damaged, cut short or
 * of another model, KV kind or arithmetic is used: E_FORMAT or E_UNSUPPORTED with the reason.
 * E_LIMIT: it is longer than the context here, or pages are short.
 */
MUST_USE enum status session_snapshot(const struct session *session, const char *path,
                                      struct error *err);
MUST_USE enum status session_restore(struct engine *engine, const char *path,
                                     const struct sampler_options *sampler, struct session **out,
                                     struct error *err);

/* What of a session other sessions may begin with. */
enum session_keep_what {
    SESSION_KEEP_PREFIX, /* the system message and tools: up to the first text of a user */
    SESSION_KEEP_ALL,    /* all that is computed */
};

struct session_keep_options {
    enum session_keep_what what;
    uint32_t new_tokens_min;        /* fewer that are not kept yet are not worth a file */
    const uint8_t *owner;           /* [SNAPSHOT_OWNER_BYTES] whose it is, or NULL */
    bool (*goes_on)(void *context); /* asked now and then: false stops; may be NULL */
    void *context;
};

/*
 * Keeps the beginning of a session where the engine stores prefixes (engine_config.prefix_folder),
 * unless it is there already. E_CANCELLED when `goes_on` said so: nothing was kept. Failures to
 * write are told by engine_prefix_facts(), not here.
 */
MUST_USE enum status session_keep(struct session *session,
                                  const struct session_keep_options *options, struct error *err);

/* Forgets every token at position >= `token_count`. E_INVALID if the log is shorter. */
MUST_USE enum status session_rewind(struct session *session, uint32_t token_count,
                                    struct error *err);

uint32_t session_token_count(const struct session *session); /* in the log */
uint32_t session_room(const struct session *session);        /* tokens that may still be added */

/* The log. Views are valid until it changes. `index` < session_token_count(). */
int32_t session_token(const struct session *session, uint32_t index);
enum segment_origin session_token_origin(const struct session *session, uint32_t index);

/* Tokens `text` would take as a segment of the given origin: exact, nothing is appended. */
MUST_USE enum status session_measure(const struct session *session, struct session_segment segment,
                                     uint32_t *out_token_count, struct error *err);

/* Logits of the next token, computed if need be: [vocab_size] f32, valid until the next call that
 * runs the model. E_INVALID for an empty log. */
MUST_USE enum status session_logits(struct session *session, const float **out, struct error *err);
