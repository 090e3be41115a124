#include "engine/generation.h"

#include "engine/engine_internal.h"
#include "engine/session_internal.h"
#include "infer/token_mask.h"
#include "infer/token_ranking.h"

enum { TEXT_BEFORE_TOKENS = 8 };

static bool pass_event(void *context, const struct chat_event *event)
{
    struct generation *g = context;
    if (g->event && !g->event(g->context, event))
        g->is_cancelled = true;
    return !g->is_cancelled;
}

void generation_init(struct generation *g, const struct generation_config *config)
{
    struct session *session = config->session;
    const struct engine *engine = session->engine;
    const uint32_t room = session_room(session);
    const uint32_t wanted = config->limits->token_count_max;
    *g = (struct generation){
        .session = session,
        .limits = *config->limits,
        .mask = config->mask,
        .event = config->event,
        .context = config->context,
        .token_count_max = config->limits->only_reads ? 0
                           : wanted && wanted < room  ? wanted
                                                      : room,
        .result = {.prompt_tokens = session->log.count,
                   .cached_tokens = session_cached_tokens(session)},
    };
    session_log_reserve(&session->log, g->token_count_max);
    recent_ids_reserve(&session->recent, sampler_repeat_count(&session->sampler));
    if (sampler_sees_answer(&session->sampler))
        recent_ids_reserve(&session->recent, g->token_count_max);
    session_draft_begin(session);
    detokenizer_init(&g->detokenizer, engine->tokenizer, DETOKENIZER_SHOW_SPECIAL);
    const struct output_parser_config plain = {0};
    const struct output_parser_config parser = {
        .format = engine->tool_format,
        .makes_no_calls = g->limits.makes_no_calls,
        .tools = g->limits.tools,
        .reasoning = engine->reasoning,
        .starts_in_reasoning = g->limits.starts_in_reasoning,
    };
    output_parser_init(&g->parser, g->limits.is_plain ? &plain : &parser);
}

void generation_done(struct generation *g)
{
    detokenizer_done(&g->detokenizer);
    output_parser_done(&g->parser);
    token_list_done(&g->forced);
}

/* Tokens that may still be made, the end token included. */
static uint32_t tokens_left(const struct generation *g)
{
    return g->token_count_max - g->result.generated_tokens;
}

bool generation_is_over(const struct generation *g)
{
    return g->is_ended || g->is_cancelled || tokens_left(g) == 0;
}

/* What the mask may spend: the end token has a place of its own. */
static uint32_t mask_budget(const struct generation *g)
{
    const uint32_t left = tokens_left(g);
    return left > 0 ? left - 1 : 0;
}

/* The mask begins behind the last tokens of the log. */
static enum status start_mask(struct generation *g, struct error *err)
{
    struct session *session = g->session;
    strbuf_clear(&session->text);
    uint32_t from =
        session->log.count > TEXT_BEFORE_TOKENS ? session->log.count - TEXT_BEFORE_TOKENS : 0;
    for (; from < session->log.count; from++)
        strbuf_add_str(&session->text,
                       tokenizer_piece(session->engine->tokenizer, session_token(session, from)));
    token_mask_set_reasoning(g->mask, g->limits.starts_in_reasoning);
    return token_mask_start(g->mask, mask_budget(g), strbuf_view(&session->text), err);
}

static void tell_id(struct generation *g, int32_t id)
{
    const struct chat_token token = {
        .text = tokenizer_piece(g->session->engine->tokenizer, id),
        .id = id,
    };
    (void)pass_event(
        g, &(struct chat_event){.kind = CHAT_EVENT_TOKEN, .tokens = &token, .token_count = 1});
}

/* `logits`: what it was chosen by; NULL: there was no choice. */
static void tell_token(struct generation *g, int32_t id, const float *logits)
{
    struct token_ranking_row rows[1 + TOKEN_RANKING_TOP_MAX];
    struct chat_token tokens[1 + TOKEN_RANKING_TOP_MAX];
    const struct engine *engine = g->session->engine;
    const struct token_ranking_input input = {.logits = logits,
                                              .vocab_size = engine->pick_count,
                                              .id = id,
                                              .top_count = g->limits.top_count};
    const size_t count = token_ranking_make(&input, rows);
    for (size_t i = 0; i < count; i++)
        tokens[i] = (struct chat_token){.text = tokenizer_piece(engine->tokenizer, rows[i].id),
                                        .id = rows[i].id,
                                        .logprob = rows[i].logprob};
    (void)pass_event(
        g, &(struct chat_event){.kind = CHAT_EVENT_TOKEN, .tokens = tokens, .token_count = count});
}

/* Counts a token that was read at `before`. The mark that ends thinking is part of it; a call that
 * begins in it is not, as soon as it is known to be one. */
static void count_reasoning(struct generation *g, enum output_parser_place before)
{
    const enum output_parser_place after = output_parser_place(&g->parser);
    if (before == OUTPUT_PARSER_OUTSIDE)
        return;
    g->undecided_tokens++;
    if (after == OUTPUT_PARSER_UNDECIDED)
        return;
    if (after == OUTPUT_PARSER_INSIDE || before == OUTPUT_PARSER_INSIDE)
        g->result.reasoning_tokens += g->undecided_tokens;
    g->undecided_tokens = 0;
}

/* Takes one token into log, mask and text. `logits` as in tell_token(). */
static enum status take(struct generation *g, int32_t id, const float *logits, struct error *err)
{
    struct session *session = g->session;
    const struct tokenizer *tokenizer = session->engine->tokenizer;
    if (g->mask)
        TRY(token_mask_accept(g->mask, id, err));
    const bool is_text = g->limits.ignores_end || !tokenizer_is_eog(tokenizer, id);
    if (g->limits.wants_tokens && is_text)
        tell_token(g, id, logits);
    else if (g->limits.wants_ids && is_text)
        tell_id(g, id);
    session_push(session, id, SEGMENT_MODEL, tokenizer_piece(tokenizer, id).len);
    session_draft_push(session, id);
    g->result.generated_tokens++;
    if (tokenizer_is_eog(tokenizer, id) && !g->limits.ignores_end) {
        g->is_ended = true;
        return OK;
    }
    const enum output_parser_place before = output_parser_place(&g->parser);
    const struct str text = detokenizer_feed(&g->detokenizer, id);
    output_parser_feed(&g->parser, text, pass_event, g);
    count_reasoning(g, before);
    g->is_ended = output_parser_has_ended(&g->parser) && !g->limits.ignores_end;
    return OK;
}

/* The only token of the set, or -1. */
static int32_t single_token(const uint64_t *allowed, uint32_t vocab_size)
{
    int32_t found = -1;
    for (uint32_t word = 0; word < (vocab_size + 63) / 64; word++) {
        if (allowed[word] == 0)
            continue;
        if (found >= 0 || (allowed[word] & (allowed[word] - 1)))
            return -1;
        found = (int32_t)(word * 64 + (uint32_t)__builtin_ctzll(allowed[word]));
    }
    return found;
}

/* Appends what the mask leaves no choice about. */
static enum status take_forced(struct generation *g, struct error *err)
{
    if (!g->mask || token_mask_is_free(g->mask))
        return OK;
    token_list_clear(&g->forced);
    TRY(token_mask_forced_tokens(g->mask, mask_budget(g), &g->forced, err));
    for (size_t i = 0; i < g->forced.count && !generation_is_over(g); i++) {
        TRY(take(g, g->forced.ids[i], NULL, err));
        g->result.forced_tokens++;
    }
    return OK;
}

static int32_t pick(struct generation *g, const uint64_t *allowed)
{
    struct session *session = g->session;
    const uint32_t answer = sampler_sees_answer(&session->sampler) ? g->result.generated_tokens : 0;
    const uint32_t wanted = sampler_repeat_count(&session->sampler);
    const uint32_t longer = wanted > answer ? wanted : answer;
    const uint32_t seen = session->log.count < longer ? session->log.count : longer;
    const struct sampler_input input = {
        .logits = session_last_logits(session),
        .allowed = allowed,
        .history = recent_ids_of(&session->recent, &session->log, seen),
        .history_count = seen,
        .answer_count = answer,
        .biases = g->limits.biases,
        .bias_count = g->limits.bias_count,
        .position = session->log.count,
    };
    const int32_t id = sampler_pick(session->engine->sampler, &session->sampler, &input);
    return g->limits.replayed ? g->limits.replayed[g->result.generated_tokens] : id;
}

/* One token: sampled, or one that the mask's set decides without the model. *out_waits: the model
 * must be asked first, and nothing was taken. */
static enum status take_next(struct generation *g, bool *out_waits, struct error *err)
{
    const uint64_t *allowed = g->mask ? token_mask_allowed(g->mask, mask_budget(g)) : NULL;
    int32_t id = allowed ? single_token(allowed, g->session->engine->pick_count) : -1;
    *out_waits = id < 0 && session_pending(g->session) > 0;
    if (*out_waits)
        return OK;
    const bool is_forced = id >= 0;
    if (is_forced)
        g->result.forced_tokens++;
    else
        id = pick(g, allowed);
    if (id < 0)
        return error_set(err, E_INVALID, "no token is allowed here");
    return take(g, id, is_forced ? NULL : session_last_logits(g->session), err);
}

static enum status take_decided(struct generation *g, struct error *err)
{
    if (!g->has_started && g->mask && !g->limits.only_reads)
        TRY(start_mask(g, err));
    g->has_started = true;
    bool waits = false;
    while (!generation_is_over(g) && !waits) {
        TRY(take_forced(g, err));
        if (!generation_is_over(g))
            TRY(take_next(g, &waits, err));
    }
    return OK;
}

enum status generation_advance(struct generation *g, struct error *err)
{
    struct session *session = g->session;
    const uint32_t drafted = session->draft.is_computed ? session->draft.count : 0;
    const enum status status = take_decided(g, err);
    g->result.drafted_tokens += drafted;
    g->result.accepted_tokens += session->draft.taken;
    session_draft_settle(session);
    return status;
}

void generation_propose(struct generation *g)
{
    const uint32_t left = tokens_left(g);
    session_draft_propose(g->session, left > 0 ? left - 1 : 0);
}

void generation_finish(struct generation *g)
{
    if (!g->is_cancelled) {
        output_parser_feed(&g->parser, detokenizer_flush(&g->detokenizer), pass_event, g);
        g->result.reasoning_tokens += g->undecided_tokens; /* it is no call, as it has no end */
        g->undecided_tokens = 0;
        output_parser_finish(&g->parser, pass_event, g);
    }
    const uint32_t wanted = g->limits.token_count_max;
    g->result.end = g->is_cancelled                          ? SESSION_END_CANCELLED
                    : g->is_ended                            ? SESSION_END_STOP
                    : g->limits.only_reads                   ? SESSION_END_LENGTH
                    : wanted && g->token_count_max == wanted ? SESSION_END_LENGTH
                                                             : SESSION_END_CONTEXT;
}
