/*
 * bench_replay - what speculation gains on a recorded answer: the tokens of ANSWER behind those of
 * PROMPT are taken as if they had been sampled, on any model, also one whose weights are random.
 *
 *     bench_replay MODEL PROMPT ANSWER [TOKENS]
 *
 * The texts are files; the built-in model's tokenizer makes the tokens. The answer is made without
 * guesses and with them, in turns, on two forks of one session; nothing was learnt before. Prints
 * tokens a second, their ratio, and the share of guesses that were right.
 */
#include "base/mem.h"
#include "engine/engine_internal.h"
#include "engine/session_internal.h"
#include "infer/infer.h"
#include "os/file.h"
#include "tokenizer/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>

enum { CHUNK = 25, TOKENS_DEFAULT = 200, TEXT_MAX = 1 << 20, ROOM = 64 };

static void check(enum status status, const struct error *err)
{
    if (status == OK)
        return;
    fprintf(stderr, "bench_replay: %s\n", err->text);
    exit(1);
}

static struct token_list tokens_of(const struct engine *builtin, const char *path)
{
    struct token_list list = {0};
    struct error err = {0};
    struct strbuf text = {0};
    check(file_read(path, TEXT_MAX, &text, &err), &err);
    const struct text_span span = {.text = strbuf_view(&text)};
    check(tokenizer_encode_spans(engine_tokenizer(builtin), &span, 1, &list, &err), &err);
    strbuf_done(&text);
    return list;
}

struct replay {
    struct engine *engine;
    struct session *prompt;
    struct token_list answer;
    uint32_t token_count;
};

/* What one way of making the answer took so far. */
struct way {
    enum engine_speculate mode;
    struct session *session;
    struct session_result sum;
};

/* The next tokens of the answer, up to CHUNK. */
static void go_on(const struct replay *replay, struct way *way)
{
    struct error err = {0};
    struct session_result result = {0};
    const uint32_t done = way->sum.generated_tokens;
    const uint32_t left = replay->token_count - done;
    const struct session_limits limits = {.token_count_max = left < CHUNK ? left : CHUNK,
                                          .ignores_end = true,
                                          .is_plain = true,
                                          .replayed = replay->answer.ids + done};
    replay->engine->speculation.mode = way->mode;
    check(session_generate(way->session, &limits, NULL, NULL, NULL, NULL, &result, &err), &err);
    way->sum.generated_tokens += result.generated_tokens;
    way->sum.drafted_tokens += result.drafted_tokens;
    way->sum.accepted_tokens += result.accepted_tokens;
    way->sum.step_count += result.step_count;
    way->sum.generate_seconds += result.generate_seconds + result.prompt_seconds;
}

/* Both ways in turns, so that a machine that slows down slows both. */
static void measure(const struct replay *replay)
{
    struct error err = {0};
    struct way ways[] = {{.mode = ENGINE_SPECULATE_OFF}, {.mode = ENGINE_SPECULATE_AUTO}};
    for (size_t i = 0; i < ARRAY_LEN(ways); i++)
        check(session_fork(replay->prompt, &ways[i].session, &err), &err);
    while (ways[0].sum.generated_tokens < replay->token_count)
        for (size_t i = 0; i < ARRAY_LEN(ways); i++)
            go_on(replay, &ways[i]);
    const struct session_result *off = &ways[0].sum;
    const struct session_result *on = &ways[1].sum;
    printf("%.2f tokens/s without guesses, %.2f with: %.2f times; %u steps for %u tokens, "
           "%.0f %% of %u guesses right\n",
           off->generated_tokens / off->generate_seconds,
           on->generated_tokens / on->generate_seconds,
           off->generate_seconds / on->generate_seconds, on->step_count, on->generated_tokens,
           100.0 * on->accepted_tokens / (on->drafted_tokens ? on->drafted_tokens : 1),
           on->drafted_tokens);
    for (size_t i = 0; i < ARRAY_LEN(ways); i++)
        session_free(ways[i].session);
}

int main(int argc, char **argv)
{
    struct error err = {0};
    struct engine *builtin = NULL;
    struct replay replay = {0};
    if (argc < 4 || argc > 5) {
        fprintf(stderr, "usage: bench_replay MODEL PROMPT ANSWER [TOKENS]\n");
        return 2;
    }
    check(engine_open(&(struct engine_config){.thread_count = 1}, &builtin, &err), &err);
    struct token_list prompt = tokens_of(builtin, argv[2]);
    replay.answer = tokens_of(builtin, argv[3]);
    engine_close(builtin);
    const uint32_t wanted = argc > 4 ? (uint32_t)strtoul(argv[4], NULL, 10) : TOKENS_DEFAULT;
    replay.token_count = wanted < replay.answer.count ? wanted : (uint32_t)replay.answer.count;
    const uint32_t prompt_count = (uint32_t)prompt.count;
    const struct engine_config config = {
        .model_path = argv[1], .context_tokens = prompt_count + 2 * replay.token_count + ROOM};
    check(engine_open(&config, &replay.engine, &err), &err);
    const struct sampler_options greedy = {0};
    check(session_new(replay.engine, &greedy, &replay.prompt, &err), &err);
    for (uint32_t i = 0; i < prompt_count; i++)
        session_push(replay.prompt, prompt.ids[i], SEGMENT_USER, 0);
    check(session_compute(replay.prompt, NULL, NULL, &err), &err);
    printf("a prompt of %u tokens, %u tokens of an answer\n", prompt_count, replay.token_count);
    measure(&replay);
    session_free(replay.prompt);
    engine_close(replay.engine);
    token_list_done(&prompt);
    token_list_done(&replay.answer);
    return 0;
}
