/*
 * jinja_context - one rendering: its memory, its limits, its output and its error.
 *
 * Templates come from files nobody has checked. Whatever they do is counted: steps and, with a
 * clock, the time they take, nesting, bytes of each string, bytes of the result, bytes of all
 * values together.
 * Passing a bound ends the rendering with E_LIMIT and one sentence.
 *
 * Functions of jinja_* take the context instead of an error: it holds where to write it.
 *
 * Threads: one at a time.
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "chat/jinja_text.h"
#include "chat/jinja_value.h"

#include <stdint.h>

enum {
    JINJA_SOURCE_BYTES_MAX = 1024 * 1024,
    JINJA_NESTING_MAX = 150,  /* of brackets and blocks in a template */
    JINJA_DEPTH_MAX = 600,    /* of evaluation: nesting times macro calls */
    JINJA_ARGUMENTS_MAX = 64, /* of one call */
    JINJA_RANGE_MAX = 100000, /* items of one range() */
    JINJA_STEP_BYTES = 32,    /* bytes of text that count as one step */
    JINJA_STEPS_DEFAULT = 50 * 1000 * 1000,
    JINJA_STEPS_BETWEEN_LOOKS = 64 * 1024, /* steps from one look at the clock to the next */
    JINJA_TIME_MS_DEFAULT = 10 * 1000,
    JINJA_OUTPUT_BYTES_DEFAULT = 32 * 1024 * 1024,
    JINJA_STRING_BYTES_DEFAULT = 16 * 1024 * 1024,
    JINJA_MEMORY_BYTES_DEFAULT = 256 * 1024 * 1024,
};

/* A field that is 0 means its default above. */
struct jinja_limits {
    uint64_t steps_max;
    size_t output_bytes_max;
    size_t string_bytes_max;
    size_t memory_bytes_max;
    uint64_t time_ms_max;
    uint64_t (*now_ns)(void); /* a clock that never goes back; NULL: only steps bound the time */
};

enum jinja_flow { JINJA_FLOW_NEXT, JINJA_FLOW_BREAK, JINJA_FLOW_CONTINUE };

struct jinja_scope;
struct jinja_template;

struct jinja_context {
    struct arena arena; /* owned: all values of this rendering */
    struct error *err;  /* borrowed, may be NULL */
    struct jinja_limits limits;
    uint64_t steps;
    uint64_t look_at; /* steps at which the clock is looked at */
    uint64_t end_ns;  /* when the time is up */
    uint32_t depth;
    uint32_t line; /* of the template, for messages */
    enum jinja_flow flow;
    struct jinja_text *out;                      /* where output goes now */
    const struct jinja_template *jinja_template; /* what is being rendered */
    int64_t local_seconds;                       /* what strftime_now() shows */
};

/* `limits` may be NULL. */
void jinja_context_init(struct jinja_context *context, const struct jinja_limits *limits,
                        struct error *err);
void jinja_context_done(struct jinja_context *context);

/* Fills the error: "chat template, line N: " and the text. */
MUST_USE enum status jinja_context_fail(struct jinja_context *context, enum status status,
                                        const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Counts steps; E_LIMIT when there were too many, or the time is up. */
MUST_USE enum status jinja_context_charge(struct jinja_context *context, uint64_t steps);

/* Counts work on `bytes` bytes of text. */
MUST_USE enum status jinja_context_charge_bytes(struct jinja_context *context, size_t bytes);

/* Zeroed memory of the rendering; `out_pointer` is the address of a pointer. E_LIMIT. */
MUST_USE enum status jinja_context_alloc(struct jinja_context *context, size_t count, size_t size,
                                         void *out_pointer);

/* One level deeper, until jinja_context_leave(). E_LIMIT, and then there is nothing to leave. */
MUST_USE enum status jinja_context_enter(struct jinja_context *context);

static inline void jinja_context_leave(struct jinja_context *context)
{
    context->depth--;
}

/* A text to build a string in. */
struct jinja_text jinja_context_text(const struct jinja_context *context);

/* Ends a text: *out is the string. E_LIMIT when it or its memory passed its bound. */
MUST_USE enum status jinja_context_finish(struct jinja_context *context,
                                          const struct jinja_text *text, struct jinja_value *out);
