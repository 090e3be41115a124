#include "chat/chat_template.h"

#include "base/mem.h"
#include "chat/chat_template_values.h"
#include "chat/jinja_context.h"
#include "chat/jinja_exec.h"
#include "chat/jinja_parse.h"
#include "chat/tool_format.h"
#include "text/json.h"

enum { PROBE_STEPS_MAX = 1000 * 1000 };

struct chat_template {
    struct jinja_template *parsed;
    char *source;
    size_t source_len;
    struct chat_template_texts texts;
    struct chat_template_caps caps;
};

/* ---------------------------------------------------------------- rendering */

static enum status render(const struct chat_template *chat_template,
                          const struct chat_template_caps *caps, const struct jinja_limits *limits,
                          const struct chat_request *request, struct chat_spans *out,
                          struct error *err)
{
    CLEANUP(jinja_context_done) struct jinja_context context;
    CLEANUP(jinja_text_done) struct jinja_text text = {0};
    const struct jinja_dict *variables = NULL;
    jinja_context_init(&context, limits, err);
    context.local_seconds = request->local_seconds;
    TRY(chat_template_values(&context, &chat_template->texts, caps, request, &variables));
    TRY(jinja_exec_template(&context, chat_template->parsed, variables, &text));

    text.bytes.size_max = 0;
    *out = (struct chat_spans){.text = text.bytes,
                               .runs = text.runs,
                               .run_count = text.run_count,
                               .run_capacity = text.run_capacity};
    const struct str bos = chat_template->texts.bos;
    out->starts_with_bos = bos.len && str_starts_with(strbuf_view(&out->text), bos);
    text = (struct jinja_text){0};
    return OK;
}

enum status chat_template_render(const struct chat_template *chat_template,
                                 const struct chat_request *request, struct chat_spans *out,
                                 struct error *err)
{
    chat_spans_done(out);
    return render(chat_template, &chat_template->caps, NULL, request, out, err);
}

/* ---------------------------------------------------------------- probes */

#define PROBE_USER   "probe_user"
#define PROBE_SYSTEM "probe_system"
#define PROBE_ANSWER "probe_answer"
#define PROBE_REASON "probe_reason"
#define PROBE_RESULT "probe_result"
#define PROBE_SECOND "probe_second"

static bool holds(const struct chat_spans *spans, const char *text)
{
    return str_find(strbuf_view(&spans->text), str_from_c(text), 0) != SIZE_MAX;
}

/* Renders a probe; false when the template refuses it. */
static bool try_render(const struct chat_template *chat_template,
                       const struct chat_template_caps *caps, const struct chat_request *request,
                       struct chat_spans *out)
{
    const struct jinja_limits limits = {.steps_max = PROBE_STEPS_MAX};
    chat_spans_done(out);
    return render(chat_template, caps, &limits, request, out, NULL) == OK;
}

static bool shows(const struct chat_template *chat_template, const struct chat_template_caps *caps,
                  const struct chat_request *request, const char *text)
{
    CLEANUP(chat_spans_done) struct chat_spans spans = {0};
    return try_render(chat_template, caps, request, &spans) && holds(&spans, text);
}

static void probe_content(const struct chat_template *chat_template,
                          struct chat_template_caps *caps)
{
    CLEANUP(chat_request_done) struct chat_request request = {0};
    struct chat_message *message = chat_request_add(&request, CHAT_ROLE_USER, STR(PROBE_USER));
    struct chat_template_caps given = *caps;
    given.parts_content = true;
    caps->string_content = shows(chat_template, &given, &request, PROBE_USER);

    message->content_parts = json_pack("[{s:s, s:s}]", "type", "text", "text", PROBE_USER);
    CLEANUP(chat_spans_done) struct chat_spans spans = {0};
    caps->parts_content = try_render(chat_template, &given, &request, &spans) &&
                          holds(&spans, PROBE_USER) && !holds(&spans, "'text'") &&
                          !holds(&spans, "\"text\""); /* printed as a list, not read */
    if (!caps->parts_content)
        caps->string_content = true; /* when in doubt */
}

static void probe_system(const struct chat_template *chat_template, struct chat_template_caps *caps)
{
    CLEANUP(chat_request_done) struct chat_request request = {0};
    chat_request_add(&request, CHAT_ROLE_SYSTEM, STR(PROBE_SYSTEM));
    chat_request_add(&request, CHAT_ROLE_USER, STR(PROBE_USER));
    caps->system_role = shows(chat_template, caps, &request, PROBE_SYSTEM);
}

static void probe_reasoning(const struct chat_template *chat_template,
                            struct chat_template_caps *caps)
{
    CLEANUP(chat_request_done) struct chat_request request = {0};
    chat_request_add(&request, CHAT_ROLE_USER, STR(PROBE_USER));
    struct chat_message *message =
        chat_request_add(&request, CHAT_ROLE_ASSISTANT, STR(PROBE_ANSWER));
    message->reasoning = STR(PROBE_REASON);
    caps->reasoning = shows(chat_template, caps, &request, PROBE_REASON);
}

/* A user's question, with the probe tool at hand. */
static void add_probe_question(struct chat_request *request)
{
    CLEANUP(json_decrefp)
    json_t *tools =
        json_pack("[{s:s, s:{s:s, s:s, s:{s:s, s:{s:{s:s, s:s}}, s:[s]}}}]", "type", "function",
                  "function", "name", TOOL_FORMAT_PROBE_NAME, "description", "A probe.",
                  "parameters", "type", "object", "properties", TOOL_FORMAT_PROBE_ARGUMENT, "type",
                  "string", "description", "A text.", "required", TOOL_FORMAT_PROBE_ARGUMENT);
    chat_request_set_tools(request, tools);
    chat_request_add(request, CHAT_ROLE_USER, STR(PROBE_USER));
}

static void add_probe_call(struct chat_request *request, struct chat_message *message,
                           struct str name)
{
    CLEANUP(json_decrefp)
    json_t *arguments = json_pack("{s:s}", TOOL_FORMAT_PROBE_ARGUMENT, TOOL_FORMAT_PROBE_VALUE);
    chat_request_add_call(request, message, STR(""), name, arguments);
}

/* The arguments came out as Python would print a dict: the template wants text. */
static bool is_printed_dict(const struct chat_spans *spans)
{
    return holds(spans, "{'" TOOL_FORMAT_PROBE_ARGUMENT "': ");
}

static void probe_tools(const struct chat_template *chat_template, struct chat_template_caps *caps)
{
    CLEANUP(chat_request_done) struct chat_request request = {0};
    CLEANUP(chat_spans_done) struct chat_spans spans = {0};
    struct chat_template_caps as_text = *caps;
    as_text.arguments_as_text = true;

    add_probe_question(&request);
    caps->tools = shows(chat_template, caps, &request, TOOL_FORMAT_PROBE_ARGUMENT);

    struct chat_message *message = chat_request_add(&request, CHAT_ROLE_ASSISTANT, STR(""));
    add_probe_call(&request, message, STR(TOOL_FORMAT_PROBE_NAME));
    const bool object_shown = try_render(chat_template, caps, &request, &spans) &&
                              holds(&spans, TOOL_FORMAT_PROBE_VALUE) && !is_printed_dict(&spans);
    caps->arguments_as_text =
        !object_shown && shows(chat_template, &as_text, &request, TOOL_FORMAT_PROBE_VALUE);
    caps->tool_calls = object_shown || caps->arguments_as_text;

    add_probe_call(&request, message, STR(PROBE_SECOND));
    caps->parallel_calls = shows(chat_template, caps, &request, PROBE_SECOND);
    json_decref(message->tool_calls[--message->tool_call_count].arguments);

    message = chat_request_add(&request, CHAT_ROLE_TOOL, STR(PROBE_RESULT));
    message->tool_name = STR(TOOL_FORMAT_PROBE_NAME);
    caps->tool_results = shows(chat_template, caps, &request, PROBE_RESULT);
}

static void probe(struct chat_template *chat_template)
{
    struct chat_template_caps *caps = &chat_template->caps;
    *caps = (struct chat_template_caps){.system_role = true, .string_content = true};
    probe_content(chat_template, caps);
    probe_system(chat_template, caps);
    probe_reasoning(chat_template, caps);
    probe_tools(chat_template, caps);
}

/* ---------------------------------------------------------------- the template */

enum status chat_template_new(struct str source, struct str bos_text, struct str eos_text,
                              struct chat_template **out, struct error *err)
{
    CLEANUP(chat_template_freep) struct chat_template *made = mem_zalloc(sizeof(*made));
    TRY(jinja_parse_template(source, &made->parsed, err));
    made->source = mem_copy(source.ptr, source.len);
    made->source_len = source.len;
    made->texts.bos = arena_copy_str(&made->parsed->arena, bos_text);
    made->texts.eos = arena_copy_str(&made->parsed->arena, eos_text);
    probe(made);
    *out = made;
    made = NULL;
    return OK;
}

void chat_template_free(struct chat_template *chat_template)
{
    if (!chat_template)
        return;
    jinja_parse_free(chat_template->parsed);
    mem_free(chat_template->source);
    mem_free(chat_template);
}

const struct chat_template_caps *chat_template_get_caps(const struct chat_template *chat_template)
{
    return &chat_template->caps;
}

struct str chat_template_source(const struct chat_template *chat_template)
{
    return (struct str){chat_template->source, chat_template->source_len};
}
