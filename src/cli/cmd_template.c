/* holt template - a model's chat template, or a conversation as it writes it, with the origin of
 * every piece. */
#include "base/strbuf.h"
#include "chat/chat_request_json.h"
#include "chat/chat_template.h"
#include "cli/command_list.h"
#include "cli/json_print.h"
#include "cli/model_command.h"
#include "cli/model_file.h"
#include "engine/engine.h"
#include "gguf/gguf.h"
#include "os/clock.h"
#include "os/file.h"
#include "text/json.h"
#include "text/utf8.h"
#include "tokenizer/tokenizer.h"

enum { CONVERSATION_MAX = 64 * 1024 * 1024 };

struct template_args {
    const char *model;
    bool is_json;
    bool shows_spans;
    bool without_prompt;
    bool thinks;
    bool without_thinking;
};

static const struct option_spec options[] = {
    OPTION_PATH(struct template_args, model, 'm', "model", "MODEL", OPTION_VALUE_MODEL,
                "a GGUF file, a name in the models folder, or builtin"),
    OPTION_FLAG(struct template_args, shows_spans, 0, "spans",
                "one line for each piece of one origin"),
    OPTION_FLAG(struct template_args, without_prompt, 0, "no-prompt",
                "do not end with the opening of the model's turn"),
    OPTION_FLAG(struct template_args, thinks, 0, "thinking", "ask for an answer with thinking"),
    OPTION_FLAG(struct template_args, without_thinking, 0, "no-thinking",
                "ask for an answer without thinking"),
    OPTION_FLAG(struct template_args, is_json, 0, "json", "print JSON"),
    OPTION_END,
};

struct work {
    const struct template_args *args;
    const char *model_path;
    const char *conversation_path; /* NULL: the template is asked for */
    struct strbuf conversation;
};

/* ---------------------------------------------------------------- output */

static const char *const origin_names[SEGMENT_ORIGIN_COUNT] = {
    [SEGMENT_TEMPLATE] = "template", [SEGMENT_SYSTEM] = "system", [SEGMENT_USER] = "user",
    [SEGMENT_MODEL] = "model",       [SEGMENT_MEMORY] = "memory", [SEGMENT_TOOL] = "tool",
    [SEGMENT_WEB] = "web",
};

static struct str run_text(const struct chat_spans *spans, size_t run)
{
    const struct segment_run *at = &spans->runs[run];
    return str_slice(strbuf_view(&spans->text), at->offset, at->offset + at->length);
}

static json_t *text_json(struct str text)
{
    CLEANUP(strbuf_done) struct strbuf clean = {0};
    utf8_add_clean(&clean, text);
    return json_stringn(strbuf_c(&clean), clean.len);
}

static void print_spans(const struct chat_spans *spans)
{
    for (size_t i = 0; i < spans->run_count; i++) {
        CLEANUP(strbuf_done) struct strbuf line = {0};
        CLEANUP(json_decrefp) json_t *text = text_json(run_text(spans, i));
        json_write_python(text, &line);
        printf("%-8s  %s\n", origin_names[spans->runs[i].origin], strbuf_c(&line));
    }
}

static void print_json(const struct chat_spans *spans)
{
    json_t *list = json_array();
    for (size_t i = 0; i < spans->run_count; i++)
        json_array_append_new(list,
                              json_pack("{s:s, s:o}", "origin", origin_names[spans->runs[i].origin],
                                        "text", text_json(run_text(spans, i))));
    CLEANUP(json_decrefp)
    json_t *object = json_pack("{s:o, s:b, s:o}", "text", text_json(strbuf_view(&spans->text)),
                               "starts_with_bos", spans->starts_with_bos, "spans", list);
    json_print(object);
}

static void print_text(struct str text)
{
    fwrite(text.ptr, 1, text.len, stdout);
    if (!str_ends_with(text, STR("\n")))
        putchar('\n');
}

/* ---------------------------------------------------------------- work */

static enum status render(const struct work *work, const struct chat_template *chat_template,
                          struct error *err)
{
    const struct template_args *args = work->args;
    CLEANUP(json_decrefp) json_t *conversation = NULL;
    CLEANUP(chat_request_done) struct chat_request request = {0};
    CLEANUP(chat_spans_done) struct chat_spans spans = {0};
    const struct json_limits limits = {.size_max = CONVERSATION_MAX};
    if (json_parse(strbuf_view(&work->conversation), &limits, &conversation, err) != OK ||
        chat_request_json_read(conversation, &request, err) != OK)
        return model_file_blame(work->conversation_path, err);
    const bool says = json_object_get(conversation, "add_generation_prompt") != NULL;
    request.add_generation_prompt =
        !args->without_prompt && (request.add_generation_prompt || !says);
    request.local_seconds = clock_local_seconds();
    request.thinking = args->without_thinking ? CHAT_THINKING_OFF
                       : args->thinks         ? CHAT_THINKING_ON
                                              : CHAT_THINKING_DEFAULT;
    if (chat_template_render(chat_template, &request, &spans, err) != OK)
        return model_file_blame(work->model_path, err);
    if (args->is_json)
        print_json(&spans);
    else if (args->shows_spans)
        print_spans(&spans);
    else
        print_text(strbuf_view(&spans.text));
    return OK;
}

static enum status show(const struct work *work, struct error *err)
{
    CLEANUP(gguf_closep) struct gguf *file = NULL;
    CLEANUP(tokenizer_freep) struct tokenizer *tokenizer = NULL;
    CLEANUP(chat_template_freep) struct chat_template *chat_template = NULL;
    enum status status = model_file_open(work->model_path, &file, err);
    if (status == OK)
        status = tokenizer_new(file, &tokenizer, err);
    if (status == OK)
        status = engine_open_template(file, tokenizer, (struct str){0}, &chat_template, err);
    if (status == OK && !chat_template)
        status = error_set(err, E_UNSUPPORTED, "the model has no chat template");
    if (status != OK)
        return model_file_blame(work->model_path, err);
    if (work->conversation_path)
        return render(work, chat_template, err);
    const struct str source = chat_template_source(chat_template);
    if (work->args->is_json) {
        CLEANUP(json_decrefp) json_t *object = json_pack("{s:o}", "source", text_json(source));
        json_print(object);
    } else {
        print_text(source);
    }
    return OK;
}

static int run_work(void *context)
{
    struct error err = {0};
    const struct work *work = context;
    if (show(work, &err) == OK)
        return EXIT_OK;
    return command_fail(&err);
}

static int run(const struct command_call *call)
{
    const struct template_args *args = call->options;
    struct work work = {.args = args};
    struct error err = {0};
    const int first = args->model ? 0 : 1; /* operands: MODEL, unless --model gave it */
    const char *model = args->model ? args->model : call->operand_count ? call->operands[0] : NULL;
    if (args->thinks && args->without_thinking)
        return command_usage(call->command, "--thinking and --no-thinking exclude each other");
    if (call->operand_count > first + 1)
        return command_usage(call->command, "template takes one MODEL and one CONVERSATION");
    if (call->operand_count > first) {
        work.conversation_path = call->operands[first];
        if (file_read(work.conversation_path, CONVERSATION_MAX, &work.conversation, &err) != OK)
            return command_fail(&err);
    }
    const int code = model_command_run(call, model, &work.model_path, NULL, run_work, &work);
    strbuf_done(&work.conversation);
    return code;
}

const struct command cmd_template = {
    .name = "template",
    .summary = "show a model's chat template, or a conversation as it writes it",
    .operands = "[MODEL [CONVERSATION]]",
    .description =
        "CONVERSATION is a JSON file: a list of messages, or an object with \"messages\" "
        "and, if you like, \"tools\" and other variables, as in the OpenAI API. With "
        "--spans every piece is shown with its origin; only what the template itself "
        "wrote may become control tokens.",
    .examples = "holt template model.gguf\n"
                "holt template model.gguf conversation.json --spans",
    .group = COMMAND_GROUP_MODEL,
    .operand_value = OPTION_VALUE_MODEL,
    .options = options,
    .args_size = sizeof(struct template_args),
    .operand_count_max = 2,
    .run = run,
};
