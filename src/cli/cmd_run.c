/* holt run - a model answers one prompt, without tools. */
#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/agent_options.h"
#include "cli/agent_setup.h"
#include "cli/command_list.h"
#include "cli/config.h"
#include "cli/display.h"
#include "cli/front.h"
#include "cli/json_print.h"
#include "cli/made_model.h"
#include "cli/model_command.h"
#include "cli/model_name.h"
#include "cli/run_role.h"
#include "cli/state.h"
#include "cli/text_input.h"
#include "engine/session.h"
#include "os/file.h"
#include "text/clean_text.h"
#include "text/json.h"

#include <inttypes.h>
#include <jansson.h>

enum { PROMPT_MAX = 16 * 1024 * 1024, TOKENS_MAX = 1 << 24, GRAMMAR_SIZE_MAX = 1024 * 1024 };

struct run_args {
    struct agent_options agent; /* workspace and allow are not used */
    const char *system_text;
    const char *json_schema_path;
    const char *grammar_path;
    int64_t token_count_max;
    bool is_raw;
    bool is_json;
    bool shows_thinking;
    bool without_thinking;
    bool shows_counts;
};

static const struct run_args defaults = {
    .agent.sampling = SAMPLING_OPTIONS_VARIED,
};

static const struct option_spec options[] = {
    AGENT_OPTIONS_MODEL_ROWS(struct run_args, agent),
    OPTION_INT(struct run_args, token_count_max, 'n', "tokens", "N", 1, TOKENS_MAX,
               "stop after N tokens (default: when the model ends)"),
    OPTION_STRING(struct run_args, system_text, 's', "system", "TEXT", "system message"),
    OPTION_FLAG(struct run_args, is_raw, 0, "raw",
                "go on with the text itself, without the chat template"),
    SAMPLING_OPTIONS_ROWS(struct run_args, agent.sampling),
    OPTION_STRING(struct run_args, json_schema_path, 0, "json-schema", "FILE",
                  "the answer is JSON that fits the schema in FILE"),
    OPTION_STRING(struct run_args, grammar_path, 0, "grammar", "FILE",
                  "the answer is a text of the GBNF grammar in FILE"),
    OPTION_FLAG(struct run_args, without_thinking, 0, "no-thinking",
                "ask the template for an answer without thinking"),
    OPTION_FLAG(struct run_args, shows_thinking, 0, "show-thinking",
                "show the thinking on standard error"),
    OPTION_FLAG(struct run_args, shows_counts, 'v', "verbose",
                "print tokens and speed at the end, on standard error"),
    OPTION_FLAG(struct run_args, is_json, 0, "json", "print the answer and its counts as JSON"),
    OPTION_END,
};

struct work {
    const struct run_args *args;
    struct display display;
    struct strbuf text;
    struct strbuf reasoning;
};

static void on_message(void *context, const struct front_message *message)
{
    struct work *work = context;
    if (message->kind == FRONT_TEXT)
        clean_text_whole(message->text, &work->text); /* pieces hold whole characters */
    if (message->kind == FRONT_REASONING)
        clean_text_whole(message->text, &work->reasoning);
    if (!work->args->is_json)
        display_message(&work->display, message);
}

static void on_tick(void *context)
{
    progress_tick(&((struct work *)context)->display.progress);
}

static void on_core_says(void *context, struct str text)
{
    progress_hide(&((struct work *)context)->display.progress);
    fwrite(text.ptr, 1, text.len, stderr);
}

static double seconds(const struct front_message *finished, enum run_role_finished number)
{
    return (double)finished->numbers[number] / 1e6;
}

static void print_json(const struct work *work, const struct front_message *finished)
{
    static const char *const ends[] = {"stop", "length", "context", "cancelled"};
    const uint64_t end = finished->numbers[RUN_ROLE_END];
    CLEANUP(json_decrefp)
    json_t *object =
        json_pack("{s:s%, s:s%, s:s, s:I, s:I, s:I, s:I, s:f, s:f}", "text", strbuf_c(&work->text),
                  work->text.len, "reasoning", strbuf_c(&work->reasoning), work->reasoning.len,
                  "end", end < ARRAY_LEN(ends) ? ends[end] : "?", "prompt_tokens",
                  (json_int_t)finished->numbers[RUN_ROLE_PROMPT_TOKENS], "generated_tokens",
                  (json_int_t)finished->numbers[RUN_ROLE_GENERATED_TOKENS], "drafted_tokens",
                  (json_int_t)finished->numbers[RUN_ROLE_DRAFTED_TOKENS], "accepted_tokens",
                  (json_int_t)finished->numbers[RUN_ROLE_ACCEPTED_TOKENS], "prompt_seconds",
                  seconds(finished, RUN_ROLE_PROMPT_MICROSECONDS), "generate_seconds",
                  seconds(finished, RUN_ROLE_GENERATE_MICROSECONDS));
    json_print(object);
}

static void print_counts(const struct front_message *finished)
{
    const uint64_t prompt = finished->numbers[RUN_ROLE_PROMPT_TOKENS];
    const uint64_t made = finished->numbers[RUN_ROLE_GENERATED_TOKENS];
    const double read_s = seconds(finished, RUN_ROLE_PROMPT_MICROSECONDS);
    const double write_s = seconds(finished, RUN_ROLE_GENERATE_MICROSECONDS);
    fprintf(stderr,
            "%" PRIu64 " tokens read in %.2f s (%.1f per second), %" PRIu64
            " written in %.2f s (%.1f per second)\n",
            prompt, read_s, read_s > 0 ? (double)prompt / read_s : 0, made, write_s,
            write_s > 0 ? (double)made / write_s : 0);
    const uint64_t drafted = finished->numbers[RUN_ROLE_DRAFTED_TOKENS];
    if (drafted > 0)
        fprintf(stderr, "%" PRIu64 " of %" PRIu64 " guessed tokens were right\n",
                finished->numbers[RUN_ROLE_ACCEPTED_TOKENS], drafted);
}

static int finish(struct work *work, const struct front_message *finished)
{
    if (finished->numbers[RUN_ROLE_STATUS] != OK) {
        display_end_answer(&work->display);
        return command_failf("%.*s", STR_ARG(finished->text));
    }
    if (work->args->is_json)
        print_json(work, finished);
    else
        display_end_answer(&work->display);
    if (work->args->shows_counts)
        print_counts(finished);
    const enum session_end end = (enum session_end)finished->numbers[RUN_ROLE_END];
    if (end == SESSION_END_CONTEXT && !work->args->is_json)
        command_warn("the context is full; --context N makes it larger, where the model allows it");
    return end == SESSION_END_CANCELLED ? EXIT_INTERRUPTED : EXIT_OK;
}

static int ask(struct work *work, const struct run_role_config *role, struct str prompt)
{
    const struct front_config config = {.role = run_role_run, .role_context = role};
    const struct front_view view = {
        .context = work,
        .message = on_message,
        .tick = on_tick,
        .core_says = on_core_says,
    };
    struct front front = {0};
    struct front_message finished = {0};
    struct error err = {0};
    enum status status = front_start(&front, &config, &err);
    if (status == OK)
        status = front_wait_ready(&front, &view, &err);
    progress_set(&work->display.progress, "thinking");
    if (status == OK)
        status = front_ask(&front, (struct str){0}, prompt, &view, &finished, &err);
    progress_clear(&work->display.progress);
    int code = EXIT_INTERRUPTED;
    if (status == OK)
        code = finish(work, &finished);
    else if (status != E_CANCELLED)
        code = command_fail(&err);
    front_stop(&front);
    return code;
}

/* What the role's configuration points to. */
struct texts {
    char *model_path;
    char *draft_path;
    struct strbuf json_schema;
    struct strbuf grammar;
    json_t *settings; /* of a model that was made from another */
};

static void texts_done(struct texts *texts)
{
    mem_free(texts->model_path);
    mem_free(texts->draft_path);
    strbuf_done(&texts->json_schema);
    strbuf_done(&texts->grammar);
    json_decref(texts->settings);
}

/* Reads the file that the answer is held to, if there is one. */
static enum status read_bond(const char *path, struct strbuf *text, struct str *out,
                             struct error *err)
{
    if (!path)
        return OK;
    TRY(file_read(path, GRAMMAR_SIZE_MAX, text, err));
    *out = (struct str){strbuf_c(text), text->len};
    return OK;
}

/* If the model was made from another: what it has of its own. */
static enum status take_settings(const struct command_common *common, struct run_args *args,
                                 struct run_role_config *out, struct texts *texts,
                                 struct error *err)
{
    CLEANUP(config_done) struct config config = {0};
    CLEANUP(state_done) struct state state = {0};
    CLEANUP(mem_freep) char *name = NULL;
    TRY(agent_setup_config(common, &config, err));
    TRY(state_find_paths(common, &state, err));
    if (!model_name_made(args->agent.model ? args->agent.model : config.model, &state,
                         config.model_folders, &name, &texts->settings))
        return OK;
    made_model_take(texts->settings, &defaults.agent.sampling, &args->agent.sampling,
                    &args->agent.context_tokens, &args->token_count_max);
    if (!args->system_text)
        args->system_text = json_string_value(json_object_get(texts->settings, "system"));
    out->messages = json_object_get(texts->settings, "messages");
    out->chat_template = json_str(json_object_get(texts->settings, "template"));
    return OK;
}

/* Fills the role's configuration. */
static enum status prepare(const struct command_call *call, struct run_role_config *out,
                           struct texts *texts, struct error *err)
{
    struct run_args own = *(const struct run_args *)call->options;
    const struct run_args *args = &own;
    const struct agent_options *agent = &args->agent;
    struct run_role_config settings = {0};
    TRY(take_settings(call->common, &own, &settings, texts, err));
    *out = (struct run_role_config){
        .messages = settings.messages,
        .chat_template = settings.chat_template,
        .system_text = args->system_text,
        .is_raw = args->is_raw,
        .thinking = args->without_thinking ? CHAT_THINKING_OFF : CHAT_THINKING_DEFAULT,
        .thread_count = (uint32_t)agent->thread_count,
        .context_tokens = (uint32_t)agent->context_tokens,
        .token_count_max = (uint32_t)args->token_count_max,
        .sampler = sampling_options_resolve(&agent->sampling),
    };
    TRY(sampler_options_check(&out->sampler, err));
    TRY(kv_kind_find(agent->kv, &out->kv, err));
    TRY(agent_setup_cpu(agent->cpu_mask, &out->cpu_features_off, err));
    if (args->json_schema_path && args->grammar_path)
        return error_set(err, E_INVALID, "--json-schema and --grammar exclude each other");
    TRY(read_bond(args->json_schema_path, &texts->json_schema, &out->json_schema, err));
    TRY(read_bond(args->grammar_path, &texts->grammar, &out->grammar, err));
    TRY(model_command_find(call->common, agent->model, &texts->model_path, err));
    out->model_path = texts->model_path;
    TRY(speculation_options_resolve(&agent->speculation, call->common, &out->speculate,
                                    &texts->draft_path, err));
    out->draft_path = texts->draft_path;
    return OK;
}

static int run(const struct command_call *call)
{
    const struct run_args *args = call->options;
    CLEANUP(strbuf_done) struct strbuf prompt = {0};
    CLEANUP(texts_done) struct texts texts = {0};
    struct run_role_config role;
    struct error err = {0};
    const char *operand = call->operand_count > 0 ? call->operands[0] : NULL;
    enum status status = text_input_read(operand, PROMPT_MAX, &prompt, &err);
    if (status == E_NOT_FOUND)
        return command_usage(call->command, "run needs a PROMPT");
    if (status == OK)
        status = prepare(call, &role, &texts, &err);
    if (status == E_INVALID)
        return command_usage(call->command, "%s", err.text);
    if (status != OK)
        return command_fail(&err);

    struct work work = {.args = args};
    const struct display_options display = {
        .no_color = call->common->no_color,
        .is_raw = args->is_raw,
        .is_streamed = true,
        .shows_thinking = args->shows_thinking,
    };
    display_init(&work.display, &display);
    progress_set(&work.display.progress, "loading %.60s",
                 args->agent.model ? args->agent.model : "the model");
    const int code = ask(&work, &role, strbuf_view(&prompt));
    display_done(&work.display);
    strbuf_done(&work.text);
    strbuf_done(&work.reasoning);
    return code;
}

const struct command cmd_run = {
    .name = "run",
    .summary = "let a model answer one prompt, without tools",
    .operands = "[PROMPT]",
    .description =
        "The prompt is put into the model's chat template if it has one. The answer appears while "
        "it is written. Without PROMPT, or with -, standard input is read.\n\n"
        "Unless told otherwise tokens are drawn with temperature 0.7, top-k 40, top-p 0.95 and "
        "min-p 0.05.\n\n"
        "With --json-schema or --grammar no token can come that the schema or grammar does not "
        "allow, and the answer ends when it is whole. What a schema says that cannot be enforced "
        "is an error that names it.",
    .examples = "holt run -m model.gguf \"Why is the sky blue?\"\n"
                "holt run -m model.gguf --raw -n 50 -t 0 \"Once upon a time\"\n"
                "holt run -m model.gguf --json-schema person.json \"Invent a person\"",
    .group = COMMAND_GROUP_MODEL,
    .options = options,
    .defaults = &defaults,
    .args_size = sizeof(struct run_args),
    .operand_count_max = 1,
    .run = run,
};
