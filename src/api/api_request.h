/*
 * api_request - what a client asks for, the same whatever protocol it came in.
 *
 * Made by one of the readers (openai_read.h, anthropic_read.h, ollama_read.h) from the JSON of a
 * request body; everything in it has met its limit. Texts are valid UTF-8.
 *
 * Threads: one at a time. Used by: server/.
 */
#pragma once

#include "api/stop_texts.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "chat/chat_request.h"
#include "engine/fill_middle.h"
#include "engine/session.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    API_MESSAGES_MAX = 10000,
    API_TOOLS_MAX = 1024,
    API_CHOICES_MAX = 16,     /* answers to one request */
    API_TOKENS_MAX = 1 << 24, /* of one answer */
    API_MODEL_NAME_MAX = 256,
    API_PROMPTS_MAX = 128,        /* texts to go on with, of one request */
    API_ANSWERS_MAX = 128,        /* to all of them */
    API_PROMPT_IDS_MAX = 1 << 22, /* tokens of prompts given as such */
};

enum api_tool_choice { API_TOOLS_AUTO, API_TOOLS_REQUIRED, API_TOOLS_NONE };

/* A part of a prompt: a text, or tokens. */
struct api_prompt_part {
    struct str text;
    const int32_t *ids; /* [id_count]; 0: a text */
    size_t id_count;
};

/* Is added to the logit of every token of a text. */
struct api_bias_text {
    struct str text;
    float add;
};

/* What is gone on with as it is. */
struct api_prompt {
    const struct api_prompt_part *parts; /* [part_count] */
    size_t part_count;
};

struct api_request {
    struct chat_request chat;         /* unless is_raw */
    json_t *told_tools;               /* what the model is told of, where not all of it may be
                                         called (chat.tools); NULL: the same; owned */
    const struct api_prompt *prompts; /* [prompt_count] if is_raw; in the chat's arena */
    size_t prompt_count;
    struct fill_middle middle; /* in place of prompts if fills_middle; in the chat's arena */
    struct strbuf model;       /* as the client named it; empty: the default */
    json_t *tool_names;        /* what functions stand for (client_tools.h), {name for the model:
                                  {"name", "namespace", "custom"}}; NULL: for themselves; owned */
    json_t *repeated;          /* what of the request its answer repeats; NULL: nothing; owned */
    json_t *fields;            /* llama.cpp: of a whole answer, those that are told, as paths; NULL:
                                  all; owned */
    json_t *tool_grammars;     /* of custom tools, as tool_mask_options.inputs; or NULL; owned */
    json_t *schema;            /* the answer is one value of it; NULL: free; owned */
    struct str grammar;        /* GBNF: the answer is a text of it; empty: free; in the chat's
                                  arena */
    const json_t *settings;    /* of the model that is asked (model_settings.h); NULL: none;
                                  borrowed, set before reading */
    struct sampler_options sampler;
    const struct sampler_bias *biases; /* [bias_count] in the chat's arena */
    size_t bias_count;
    const struct api_bias_text *bias_texts; /* [bias_text_count] in the chat's arena; prompt_make()
                                               turns them into biases */
    size_t bias_text_count;
    struct stop_texts stops;
    enum api_tool_choice tool_choice;
    struct str tool_name;     /* only this tool may be called; empty: any; in the chat's arena */
    uint32_t choice_count;    /* answers wanted to each prompt; 0: one */
    uint32_t top_count;       /* most likely tokens told with each, if wants_tokens */
    uint32_t context_tokens;  /* of context that the client counts on; 0: it says nothing */
    uint32_t token_count_max; /* 0: as many as there is room for */
    bool is_raw;
    bool fills_middle;
    bool continues;     /* the last message is an answer that goes on */
    bool has_seed;      /* else the server draws one */
    bool one_call_only; /* parallel_tool_calls: false */
    bool streams;
    bool may_wait;       /* OpenAI: service_tier flex */
    bool wants_tokens;   /* their probabilities */
    bool wants_ids;      /* llama.cpp: the numbers of tokens */
    bool wants_progress; /* llama.cpp: how far the prompt is read, in a stream */
    bool wants_timings;  /* llama.cpp: how fast it is, in every piece of a stream */
    bool wants_usage;    /* OpenAI: a last chunk with the counts */
    bool echoes;         /* the answer begins with the prompt */
    bool ignores_end;    /* as llama.cpp's ignore_eos: benchmarks go on to the length */
    bool only_reads;     /* llama.cpp: the prompt is read and nothing made */
    bool only_loads;     /* Ollama: an empty prompt loads the model */
};

void api_request_done(struct api_request *request);

/* Requires a call of this tool; the others stay in the prompt, which is then the same as without
 * the demand. E_INVALID: no such tool. */
MUST_USE enum status api_request_require_tool(struct api_request *request, struct str name,
                                              struct error *err);

/* What the model's settings say of sampling and lengths: readers take it between the defaults of
 * their protocol and what the client says. */
MUST_USE enum status api_request_take_defaults(struct api_request *request, struct error *err);

/* The same in Ollama's words, from `options`: "temperature", "num_predict", "num_ctx", "stop", ...
 * What is absent stays as it is. */
MUST_USE enum status api_request_read_options(struct api_request *request, const json_t *options,
                                              struct error *err);

/* Once the request is read: puts the messages of the settings in front of a conversation, its
 * system text unless the client has one, and its stop texts unless there are others. */
MUST_USE enum status api_request_settle(struct api_request *request, struct error *err);

/* "grammar" (GBNF) and "json_schema" of `body`, as llama.cpp has them; the answer is held to one
 * thing at most. */
MUST_USE enum status api_request_read_grammar(struct api_request *request, const json_t *body,
                                              struct error *err);

/* Adds one stop text. E_LIMIT, E_INVALID. */
MUST_USE enum status api_request_add_stop(struct api_request *request, const json_t *text,
                                          struct error *err);

/* The field "seed" of `object`; negative: none. */
MUST_USE enum status api_request_read_seed(struct api_request *request, const json_t *object,
                                           struct error *err);

/* The field "logit_bias" of `body`: {"ID": NUMBER} as OpenAI has it, or [[ID, NUMBER]]; llama.cpp
 * has texts in place of IDs, whose tokens all are meant, and false in place of a number: never. */
MUST_USE enum status api_request_read_biases(struct api_request *request, const json_t *body,
                                             struct error *err);

/* "presence_penalty" and "frequency_penalty" of `object`. */
MUST_USE enum status api_request_read_penalties(struct api_request *request, const json_t *object,
                                                struct error *err);

/* What to go on with: a text, {"prompt_string": text}, a list of tokens, or of tokens and texts
 * that are one prompt; or a list of several of these, of which no list holds a number itself. After
 * choice_count was read. */
MUST_USE enum status api_request_read_prompt(struct api_request *request, const json_t *prompt,
                                             struct error *err);

/* A text is what to go on with. */
void api_request_set_text(struct api_request *request, struct str text);

/* The text of a prompt that is nothing else; empty otherwise. */
struct str api_request_text(const struct api_request *request, size_t index);

/* How many answers there will be, each prompt's own one behind the other. */
static inline uint32_t api_request_answer_count(const struct api_request *request)
{
    const uint32_t prompts = request->prompt_count > 1 ? (uint32_t)request->prompt_count : 1;
    return prompts * (request->choice_count > 1 ? request->choice_count : 1);
}

/* The last message, if it is an answer without calls, is to be gone on with. */
void api_request_continue(struct api_request *request);

/* "logprobs": true and "top_logprobs" of `body`. */
MUST_USE enum status api_request_read_logprobs(struct api_request *request, const json_t *body,
                                               struct error *err);

/* `stop`: NULL, a text, or an array of texts. */
MUST_USE enum status api_request_add_stops(struct api_request *request, const json_t *stop,
                                           struct error *err);
