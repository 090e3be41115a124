#include "chat/chat_template_probe.h"

#include "chat/chat_template_internal.h"
#include "chat/jinja_ast.h"
#include "chat/jinja_context.h"
#include "chat/tool_format.h"
#include "text/json.h"

enum {
    PROBE_STEPS_MAX = 1000 * 1000,
    PROBE_SECONDS = 1767225600, /* some date: 2026-01-01 */
};

#define PROBE_USER   "probe_user"
#define PROBE_SYSTEM "probe_system"
#define PROBE_LATE   "probe_late"
#define PROBE_AGAIN  "probe_again"
#define PROBE_ANSWER "probe_answer"
#define PROBE_REASON "probe_reason"
#define PROBE_RESULT "probe_result"
#define PROBE_SECOND "probe_second"
#define PROBE_ID     "probe1234"

struct prober {
    struct chat_template *chat_template;
    struct chat_template_caps *caps; /* what is known so far */
};

/* ---------------------------------------------------------------- rendering */

/* Renders a probe; false when the template refuses it. */
static bool try_render(const struct prober *prober, const struct chat_template_caps *caps,
                       struct chat_request *request, struct chat_spans *out)
{
    const struct jinja_limits limits = {.steps_max = PROBE_STEPS_MAX};
    request->local_seconds = PROBE_SECONDS;
    chat_spans_done(out);
    return chat_template_render_as(prober->chat_template, caps, &limits, request, out, NULL) == OK;
}

static size_t place_of(const struct chat_spans *spans, const char *text)
{
    return str_find(strbuf_view(&spans->text), str_from_c(text), 0);
}

static bool holds(const struct chat_spans *spans, const char *text)
{
    return place_of(spans, text) != SIZE_MAX;
}

static bool shows(const struct prober *prober, const struct chat_template_caps *caps,
                  struct chat_request *request, const char *text)
{
    CLEANUP(chat_spans_done) struct chat_spans spans = {0};
    return try_render(prober, caps, request, &spans) && holds(&spans, text);
}

/* ---------------------------------------------------------------- content and roles */

static void probe_content(const struct prober *prober)
{
    struct chat_template_caps *caps = prober->caps;
    CLEANUP(chat_request_done) struct chat_request request = {0};
    CLEANUP(chat_spans_done) struct chat_spans spans = {0};
    struct chat_message *message = chat_request_add(&request, CHAT_ROLE_USER, STR(PROBE_USER));
    struct chat_template_caps given = *caps;
    given.parts_content = true;
    caps->string_content = shows(prober, &given, &request, PROBE_USER);
    if (!caps->string_content) { /* it may miss its `functions` */
        given.tools_as_text = true;
        caps->string_content = shows(prober, &given, &request, PROBE_USER);
        caps->tools_as_text = caps->string_content;
        given.tools_as_text = caps->tools_as_text;
    }
    message->content_parts = json_pack("[{s:s, s:s}]", "type", "text", "text", PROBE_USER);
    caps->parts_content = try_render(prober, &given, &request, &spans) &&
                          holds(&spans, PROBE_USER) && !holds(&spans, "'text'") &&
                          !holds(&spans, "\"text\""); /* printed as a list, not read */
    if (!caps->parts_content)
        caps->string_content = true; /* when in doubt */
}

static void probe_system(const struct prober *prober)
{
    struct chat_template_caps *caps = prober->caps;
    CLEANUP(chat_request_done) struct chat_request request = {0};
    CLEANUP(chat_spans_done) struct chat_spans spans = {0};
    chat_request_add(&request, CHAT_ROLE_SYSTEM, STR(PROBE_SYSTEM));
    chat_request_add(&request, CHAT_ROLE_USER, STR(PROBE_USER));
    caps->system_role = shows(prober, caps, &request, PROBE_SYSTEM);
    if (!caps->system_role)
        caps->late_system = false;
    if (!caps->late_system)
        return;
    chat_request_add(&request, CHAT_ROLE_ASSISTANT, STR(PROBE_ANSWER));
    chat_request_add(&request, CHAT_ROLE_SYSTEM, STR(PROBE_LATE));
    chat_request_add(&request, CHAT_ROLE_USER, STR(PROBE_AGAIN));
    caps->late_system = try_render(prober, caps, &request, &spans) && holds(&spans, PROBE_SYSTEM) &&
                        holds(&spans, PROBE_LATE) &&
                        place_of(&spans, PROBE_LATE) > place_of(&spans, PROBE_USER);
}

static void probe_turns(const struct prober *prober)
{
    struct chat_template_caps *caps = prober->caps;
    CLEANUP(chat_request_done) struct chat_request request = {0};
    CLEANUP(chat_spans_done) struct chat_spans spans = {0};
    chat_request_add(&request, CHAT_ROLE_USER, STR(PROBE_USER));
    chat_request_add(&request, CHAT_ROLE_USER, STR(PROBE_AGAIN));
    caps->repeated_roles = try_render(prober, caps, &request, &spans) &&
                           holds(&spans, PROBE_USER) && holds(&spans, PROBE_AGAIN);
}

/* A template that ends behind the user's turn whatever it is told: what it writes in front of an
 * answer is what opens the model's turn. */
static void probe_generation_prompt(const struct prober *prober)
{
    struct chat_template *chat_template = prober->chat_template;
    CLEANUP(chat_request_done) struct chat_request request = {0};
    CLEANUP(chat_spans_done) struct chat_spans plain = {0};
    CLEANUP(chat_spans_done) struct chat_spans asked = {0};
    CLEANUP(chat_spans_done) struct chat_spans answered = {0};
    chat_request_add(&request, CHAT_ROLE_USER, STR(PROBE_USER));
    const bool is_plain = try_render(prober, prober->caps, &request, &plain);
    request.add_generation_prompt = true;
    if (!is_plain || !try_render(prober, prober->caps, &request, &asked) ||
        !str_equal(strbuf_view(&plain.text), strbuf_view(&asked.text)))
        return;
    request.add_generation_prompt = false;
    chat_request_add(&request, CHAT_ROLE_ASSISTANT, STR(PROBE_ANSWER));
    if (!try_render(prober, prober->caps, &request, &answered))
        return;
    const size_t end = place_of(&answered, PROBE_ANSWER);
    const size_t start = plain.text.len;
    if (end == SIZE_MAX || end <= start ||
        !str_starts_with(strbuf_view(&answered.text), strbuf_view(&plain.text)))
        return;
    const struct str found = str_slice(strbuf_view(&answered.text), start, end);
    chat_template->found.generation_prompt = arena_copy_str(&chat_template->parsed->arena, found);
    prober->caps->generation_prompt = false;
}

/* ---------------------------------------------------------------- tools */

/* A user's question, with the probe tool at hand. */
static void add_question(struct chat_request *request)
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

static void add_call(struct chat_request *request, struct chat_message *message, struct str name)
{
    CLEANUP(json_decrefp)
    json_t *arguments = json_pack("{s:s}", TOOL_FORMAT_PROBE_ARGUMENT, TOOL_FORMAT_PROBE_VALUE);
    chat_request_add_call(request, message, STR(""), name, arguments);
}

/* The length of the text when the call came out, and its arguments not as Python would print a
 * dict: then it wants text. Else SIZE_MAX. */
static size_t call_length(const struct prober *prober, const struct chat_template_caps *caps,
                          struct chat_request *request)
{
    CLEANUP(chat_spans_done) struct chat_spans spans = {0};
    const bool is_shown = try_render(prober, caps, request, &spans) &&
                          holds(&spans, TOOL_FORMAT_PROBE_NAME) &&
                          holds(&spans, TOOL_FORMAT_PROBE_VALUE) &&
                          !(caps->call_without_content && holds(&spans, "None")) &&
                          !holds(&spans, "{'" TOOL_FORMAT_PROBE_ARGUMENT "': ");
    return is_shown ? spans.text.len : SIZE_MAX;
}

/* Tries the ways in which templates want calls. The shortest text wins, the first of equals: where
 * "" as content makes a turn of its own, none is meant. */
static void probe_call_form(const struct prober *prober, struct chat_request *request)
{
    struct chat_template_caps *caps = prober->caps;
    struct chat_template_caps best = *caps;
    size_t best_length = SIZE_MAX;
    for (unsigned form = 0; form < 4; form++) {
        struct chat_template_caps tried = *caps;
        tried.arguments_as_text = (form & 1) != 0;
        tried.call_without_content = (form & 2) != 0;
        if (tried.arguments_as_text && best_length != SIZE_MAX && !best.arguments_as_text)
            continue;
        const size_t length = call_length(prober, &tried, request);
        if (length >= best_length)
            continue;
        best = tried;
        best_length = length;
    }
    *caps = best;
    caps->tool_calls = best_length != SIZE_MAX;
}

/* Bytes [*start, *end) of `called` stand where `answered` has the answer. */
static bool find_call(const struct chat_spans *answered, const struct chat_spans *called,
                      size_t *start, size_t *end)
{
    const struct str answer = strbuf_view(&answered->text);
    const struct str call = strbuf_view(&called->text);
    const size_t place = place_of(answered, PROBE_ANSWER);
    if (place == SIZE_MAX)
        return false;
    const struct str behind = str_slice(answer, place + strlen(PROBE_ANSWER), answer.len);
    *start = 0; /* a call may begin earlier: in place of what opens an answer */
    while (*start < place && *start < call.len && answer.ptr[*start] == call.ptr[*start])
        (*start)++;
    *end = call.len - (str_ends_with(call, behind) ? behind.len : 0);
    return *end > *start;
}

/* The call with words for people in place of the probe's names. */
static void keep_example(struct chat_template *chat_template, const struct chat_spans *called,
                         size_t start, size_t end)
{
    static const struct {
        struct str probe;
        const char *shown;
    } names[] = {{{TOOL_FORMAT_PROBE_NAME, sizeof(TOOL_FORMAT_PROBE_NAME) - 1}, "TOOL"},
                 {{TOOL_FORMAT_PROBE_ARGUMENT, sizeof(TOOL_FORMAT_PROBE_ARGUMENT) - 1}, "ARGUMENT"},
                 {{TOOL_FORMAT_PROBE_VALUE, sizeof(TOOL_FORMAT_PROBE_VALUE) - 1}, "VALUE"}};
    CLEANUP(jinja_text_done) struct jinja_text example = {0};
    const struct jinja_string rendered = {
        .bytes = strbuf_view(&called->text), .runs = called->runs, .run_count = called->run_count};
    while (start < end) {
        const struct str rest = str_slice(rendered.bytes, start, end);
        size_t name = 0;
        while (name < ARRAY_LEN(names) && !str_starts_with(rest, names[name].probe))
            name++;
        if (name < ARRAY_LEN(names))
            jinja_text_add_c(&example, names[name].shown, SEGMENT_SYSTEM);
        else
            jinja_text_add_slice(&example, &rendered, start, start + 1);
        start += name < ARRAY_LEN(names) ? names[name].probe.len : 1;
    }
    struct jinja_string kept;
    if (jinja_text_finish(&example, &chat_template->parsed->arena, &kept))
        chat_template->found.call_example = kept;
}

/* How the template writes a call: what stands where else the answer would. */
static void find_call_example(const struct prober *prober)
{
    CLEANUP(chat_request_done) struct chat_request request = {0};
    CLEANUP(chat_spans_done) struct chat_spans answered = {0};
    CLEANUP(chat_spans_done) struct chat_spans called = {0};
    chat_request_add(&request, CHAT_ROLE_USER, STR(PROBE_USER));
    struct chat_message *message =
        chat_request_add(&request, CHAT_ROLE_ASSISTANT, STR(PROBE_ANSWER));
    if (!try_render(prober, prober->caps, &request, &answered))
        return;
    message->content = STR("");
    add_call(&request, message, STR(TOOL_FORMAT_PROBE_NAME));
    if (!try_render(prober, prober->caps, &request, &called))
        return;
    size_t start = 0;
    size_t end = 0;
    if (find_call(&answered, &called, &start, &end))
        keep_example(prober->chat_template, &called, start, end);
}

static void probe_calls(const struct prober *prober)
{
    struct chat_template_caps *caps = prober->caps;
    CLEANUP(chat_request_done) struct chat_request request = {0};
    chat_request_add(&request, CHAT_ROLE_USER, STR(PROBE_USER));
    struct chat_message *message = chat_request_add(&request, CHAT_ROLE_ASSISTANT, STR(""));
    add_call(&request, message, STR(TOOL_FORMAT_PROBE_NAME));
    probe_call_form(prober, &request);
    add_call(&request, message, STR(PROBE_SECOND));
    caps->parallel_calls = caps->tool_calls && shows(prober, caps, &request, PROBE_SECOND);
}

/* Content and reasoning beside a call; behind probe_reasoning(). */
static void probe_call_content(const struct prober *prober)
{
    struct chat_template_caps *caps = prober->caps;
    CLEANUP(chat_request_done) struct chat_request request = {0};
    CLEANUP(chat_spans_done) struct chat_spans spans = {0};
    chat_request_add(&request, CHAT_ROLE_USER, STR(PROBE_USER));
    struct chat_message *message =
        chat_request_add(&request, CHAT_ROLE_ASSISTANT, STR(PROBE_ANSWER));
    add_call(&request, message, STR(TOOL_FORMAT_PROBE_NAME));
    caps->call_content = try_render(prober, caps, &request, &spans) &&
                         holds(&spans, PROBE_ANSWER) && holds(&spans, TOOL_FORMAT_PROBE_NAME);
    message->reasoning = STR(PROBE_REASON);
    caps->call_reasoning = shows(prober, caps, &request, TOOL_FORMAT_PROBE_NAME);
}

static void probe_tools(const struct prober *prober)
{
    struct chat_template_caps *caps = prober->caps;
    CLEANUP(chat_request_done) struct chat_request request = {0};
    add_question(&request);
    caps->tools = shows(prober, caps, &request, TOOL_FORMAT_PROBE_ARGUMENT);
}

static void probe_results(const struct prober *prober)
{
    struct chat_template_caps *caps = prober->caps;
    CLEANUP(chat_request_done) struct chat_request request = {0};
    add_question(&request);
    struct chat_message *message = chat_request_add(&request, CHAT_ROLE_ASSISTANT, STR(""));
    add_call(&request, message, STR(TOOL_FORMAT_PROBE_NAME));
    message->tool_calls[0].id = STR(PROBE_ID);
    message = chat_request_add(&request, CHAT_ROLE_TOOL, STR(PROBE_RESULT));
    message->tool_name = STR(TOOL_FORMAT_PROBE_NAME);
    message->tool_call_id = STR(PROBE_ID);
    caps->tool_results =
        (caps->tools || caps->tool_calls) && shows(prober, caps, &request, PROBE_RESULT);
}

/* ---------------------------------------------------------------- reasoning */

/* Reasoning matters most between a call and its result; many templates drop what is older. */
static void probe_reasoning(const struct prober *prober)
{
    static const enum chat_reasoning_key keys[] = {CHAT_REASONING_CONTENT, CHAT_REASONING_THINKING,
                                                   CHAT_REASONING_PLAIN, CHAT_REASONING_PART};
    struct chat_template_caps *caps = prober->caps;
    CLEANUP(chat_request_done) struct chat_request request = {0};
    chat_request_add(&request, CHAT_ROLE_USER, STR(PROBE_USER));
    struct chat_message *message = chat_request_add(&request, CHAT_ROLE_ASSISTANT, STR(""));
    message->reasoning = STR(PROBE_REASON);
    if (caps->tool_calls)
        add_call(&request, message, STR(TOOL_FORMAT_PROBE_NAME));
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        struct chat_template_caps tried = *caps;
        CLEANUP(chat_spans_done) struct chat_spans spans = {0};
        tried.reasoning = keys[i];
        request.thinking = CHAT_THINKING_ON;
        if (try_render(prober, &tried, &request, &spans) && holds(&spans, PROBE_REASON) &&
            !holds(&spans, "'thinking'") && !holds(&spans, "\"thinking\"")) {
            caps->reasoning = keys[i];
            return;
        }
    }
}

/* A template that shows tools but writes no calls leaves them to the caller, as text. */
static void find_call_format(const struct prober *prober)
{
    bool is_known = false;
    if (!prober->caps->tools || prober->caps->tool_calls)
        return;
    const struct tool_format *format = tool_format_detect(prober->chat_template, &is_known);
    if (is_known && format->syntax.arguments != TOOL_FORMAT_BRACES &&
        format->syntax.id == TOOL_FORMAT_NO_ID)
        prober->chat_template->found.call_format = format;
}

void chat_template_probe(struct chat_template *chat_template)
{
    struct prober prober = {chat_template, &chat_template->caps};
    chat_template->caps = (struct chat_template_caps){.system_role = true,
                                                      .late_system = true,
                                                      .repeated_roles = true,
                                                      .tools = true,
                                                      .tool_calls = true,
                                                      .parallel_calls = true,
                                                      .call_content = true,
                                                      .call_reasoning = true,
                                                      .tool_results = true,
                                                      .string_content = true,
                                                      .generation_prompt = true};
    probe_content(&prober);
    probe_system(&prober);
    probe_turns(&prober);
    probe_generation_prompt(&prober);
    probe_calls(&prober);
    probe_reasoning(&prober);
    if (prober.caps->tool_calls) {
        probe_call_content(&prober);
        find_call_example(&prober);
    }
    probe_tools(&prober);
    probe_results(&prober);
    find_call_format(&prober);
}
