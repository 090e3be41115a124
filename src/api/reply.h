/*
 * reply - the answer to one request: events of the model in, bytes of the client's protocol out.
 *
 * A stream hands out bytes as the events come; a whole answer is collected and written at the end.
 * Stop texts end the answer where they appear. Tool calls get ids when the model's format has none.
 * Nothing here reads or writes a socket: who drives it takes `out`.
 *
 *   reply_begin()    once, before the first event: the prompt's counts are known
 *   reply_event()    for each event; false: the answer has ended, tell the model to stop
 *   reply_progress() so much of the prompt is read
 *   reply_wait()     a stream waits for its turn: it is opened and told why
 *   reply_ping()     a stream has been silent for long
 *   reply_end()      once, or reply_fail() when it cannot be finished
 *
 * Threads: one at a time. Depends on: chat/, engine/session.h. Used by: server/.
 */
#pragma once

#include "api/api_failure.h"
#include "api/custom_input.h"
#include "api/stop_texts.h"
#include "api/token_log.h"
#include "base/strbuf.h"
#include "chat/chat_event.h"
#include "engine/session.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REPLY_ID_BYTES = 33 };

/* Why an answer ended, in no protocol's words. */
enum reply_end {
    REPLY_END_STOP,
    REPLY_END_STOP_TEXT,
    REPLY_END_LENGTH,
    REPLY_END_CONTEXT, /* the context is full */
    REPLY_END_CALLS,
};

/* How far the prompt is read, in tokens. */
struct reply_progress {
    uint32_t total;
    uint32_t cached; /* of these, not computed again */
    uint32_t done;   /* those included */
    double seconds;  /* since it began */
};

/* What the other answers to a request add to the counts of one. */
struct reply_counts {
    int64_t prompt_tokens;
    int64_t cached_tokens;
    int64_t generated_tokens;
    int64_t reasoning_tokens;
};

struct reply;

/* What a protocol adds: one row each. Functions append to reply->out. */
struct reply_format {
    enum api_protocol protocol;
    const char *stream_type; /* content type of a stream */
    /* Events of pieces of text are the same but for the text, as long as no block begins: they are
     * made once and then written around each text (struct reply_shape). */
    bool repeats;
    bool tells_ids;    /* of tokens, beside their text */
    bool tells_prompt; /* as the model read it */
    bool is_list;      /* several whole answers are a list of them, not one with several choices */
    /* A stream begins; NULL: nothing goes first. */
    void (*begin)(struct reply *reply);
    void (*text)(struct reply *reply, struct str text);
    void (*reasoning)(struct reply *reply, struct str text);
    /* A call begins (it is the last of reply->calls), a piece of its arguments, its end; NULL: the
     * form says nothing there. */
    void (*call_begin)(struct reply *reply, struct str id, struct str name);
    void (*call_arguments)(struct reply *reply, struct str piece);
    void (*call_end)(struct reply *reply, const json_t *call);
    void (*end)(struct reply *reply, enum reply_end why);
    void (*ping)(struct reply *reply);
    /* So much of the prompt is read; NULL: the form cannot tell. */
    void (*progress)(struct reply *reply, const struct reply_progress *progress);
    void (*fail)(struct reply *reply, const struct api_failure *failure);
    /* A model was loaded, or will be unloaded: the only line. NULL: the form knows no such. */
    json_t *(*loaded)(struct reply *reply, bool unloads);
    /* The whole answer; a new reference. */
    json_t *(*whole)(struct reply *reply, enum reply_end why);
};

/* The bytes of an event in front of and behind the JSON of its text; of one block, where the form
 * has such. */
struct reply_shape {
    bool is_made;
    size_t block_count;
    int block_kind;
    struct strbuf head, tail;
};

struct reply {
    const struct reply_format *format;
    unsigned index;     /* of several answers to one request */
    bool others_follow; /* this is not the last of them to end */
    struct reply_counts others;
    bool streams;
    bool wants_usage;
    bool wants_tokens;       /* their probabilities are part of the answer */
    bool wants_ids;          /* their numbers are */
    bool wants_progress;     /* and how far the prompt is read */
    bool wants_timings;      /* in every piece; `result` is kept up to date then */
    char id[REPLY_ID_BYTES]; /* letters and digits; protocols put their prefix before it */
    struct strbuf model;     /* as the client named it */
    int64_t created_us;      /* since 1970 */
    int64_t ended_us;        /* the same; 0: not yet */
    struct session_result result;
    uint32_t token_count;    /* generated so far, where tokens are told */
    bool has_progress;       /* it was told how far the prompt is read, */
    uint32_t done_tokens;    /* so far */
    double load_seconds;     /* until the answer began */
    uint64_t seed;           /* that it was drawn with */
    uint32_t context_tokens; /* there is room for */
    struct stop_texts stops;
    struct token_log tokens;
    struct str echo;      /* the prompt, where the answer begins with it; the request's */
    struct strbuf prompt; /* as the model read it, where that is told */
    struct strbuf text;   /* all of it, without what a stop text cut */
    struct strbuf reasoning;
    json_t *calls;     /* [{"id", "name", "arguments" (text)}] */
    size_t call_count; /* begun, the open one included */
    bool call_is_open;
    struct custom_input custom; /* of the open call, if it is one of a custom tool */
    bool is_open;               /* the client was told that it waits */
    bool has_begun;
    bool is_stopped;
    struct strbuf out;  /* for the client, not taken yet */
    struct strbuf safe; /* scratch: what stop texts let pass */
    struct reply_shape text_shape, reasoning_shape;
    size_t block_count; /* Anthropic: blocks begun; the state of its stream */
    int block_kind;
    json_t *items;     /* Responses: finished items, */
    json_t *likely;    /* Responses: tokens of the open item, told so far; NULL: none; owned */
    size_t void_items; /* and how many were begun and came to nothing */
    size_t item_from;  /* where the open item's text begins in text or reasoning */
    uint64_t event_count;
    json_t *tool_names; /* api_request.tool_names; owned */
    json_t *repeated;   /* api_request.repeated; owned */
    json_t *fields;     /* api_request.fields; owned */
    json_t *final;      /* Responses: the response, once it is finished; owned */
};

/* Takes `stops` over. `random`: 16 bytes for the id; `now_us`: microseconds since 1970. */
void reply_init(struct reply *reply, const struct reply_format *format, struct str model,
                struct stop_texts *stops, const uint8_t random[16], int64_t now_us);
void reply_done(struct reply *reply);

void reply_begin(struct reply *reply, const struct session_result *prompt);
bool reply_event(struct reply *reply, const struct chat_event *event);
/* `done`: tokens of the prompt, those that were there included. Tells nothing twice. */
void reply_progress(struct reply *reply, uint32_t done, double seconds);
/* Before reply_begin(), as often as need be; nothing where the reply is no stream. */
void reply_wait(struct reply *reply, struct str why);
void reply_ping(struct reply *reply);
void reply_end(struct reply *reply, const struct session_result *result);
/* Instead of reply_end() for a whole answer of several: the object, a new reference; its "choices"
 * has this one alone. */
json_t *reply_end_whole(struct reply *reply, const struct session_result *result);
/* Instead of all of these, where the request only loads the model. */
void reply_loaded(struct reply *reply, bool unloads);
void reply_fail(struct reply *reply, const struct api_failure *failure);

/* For formats: appends `value` on one line, and takes it over. */
void reply_add_json(struct reply *reply, json_t *value);
/* "event: NAME\ndata: JSON\n\n"; without `event` only the data line. Takes `value` over. */
void reply_add_sse(struct reply *reply, const char *event, json_t *value);

/* As llama.cpp tells them; new references. */
json_t *reply_progress_json(const struct reply_progress *progress);
json_t *reply_timings_json(const struct session_result *result);

/* A text as a JSON string; a new reference. */
static inline json_t *reply_text(struct str text)
{
    return json_stringn(text.ptr ? text.ptr : "", text.len);
}

/* The rows. */
extern const struct reply_format reply_openai_chat;
extern const struct reply_format reply_openai_completion;
extern const struct reply_format reply_llama_completion;
extern const struct reply_format reply_responses;
extern const struct reply_format reply_anthropic;
extern const struct reply_format reply_ollama_chat;
extern const struct reply_format reply_ollama_generate;
extern const struct reply_format reply_ollama_lines; /* of what is no answer of a model */
