#include "chat/output_parser.h"

#include "base/check.h"
#include "chat/jinja_lex.h"
#include "text/utf8.h"

enum state {
    STATE_START,     /* nothing but white space so far: reasoning, an answer or a call follows */
    STATE_REASONING, /* until its closing marker */
    STATE_ANSWER,
    STATE_CALL, /* `held` begins with a marker (or with '{') */
};

/* One call of feed or finish. */
struct step {
    struct output_parser *parser;
    output_parser_fn *fn;
    void *context;
    bool is_final;
};

static const struct output_parser_reasoning reasoning_rows[] = {
    {{"<think>", 7}, {"</think>", 8}},
    {{"[THINK]", 7}, {"[/THINK]", 8}},
    {{"<|START_THINKING|>", 18}, {"<|END_THINKING|>", 16}},
    {{"<seed:think>", 12}, {"</seed:think>", 13}},
    {{"<mm:think>", 10}, {"</mm:think>", 11}},
};

/* ---------------------------------------------------------------- life */

static void begin(struct output_parser *parser)
{
    parser->state = parser->config.starts_in_reasoning ? STATE_REASONING : STATE_START;
    parser->scan = (struct tool_format_scan){0};
    parser->drops_line_ends = parser->config.starts_in_reasoning;
    parser->is_after_call = false;
    parser->call_was_reasoning = false;
    parser->is_stopped = false;
    strbuf_clear(&parser->held);
}

void output_parser_init(struct output_parser *parser, const struct output_parser_config *config)
{
    *parser = (struct output_parser){.config = *config};
    begin(parser);
}

void output_parser_done(struct output_parser *parser)
{
    strbuf_done(&parser->held);
    tool_format_call_done(&parser->call);
}

/* ---------------------------------------------------------------- reporting */

static void report(const struct step *step, const struct chat_event *event)
{
    if (!step->parser->is_stopped && !step->fn(step->context, event))
        step->parser->is_stopped = true;
}

static void drop(struct output_parser *parser, size_t len)
{
    DCHECK(len <= parser->held.len);
    if (!len)
        return;
    memmove(parser->held.ptr, parser->held.ptr + len, parser->held.len - len);
    strbuf_truncate(&parser->held, parser->held.len - len);
}

/* Reports the first `len` held bytes as reasoning or answer and drops them. */
static void report_text(const struct step *step, size_t len)
{
    struct output_parser *parser = step->parser;
    struct str text = str_slice(strbuf_view(&parser->held), 0, len);
    if (parser->is_after_call) { /* white space between calls is nobody's */
        text = jinja_lex_strip_front(text);
        parser->is_after_call = text.len == 0;
    }
    while (parser->drops_line_ends && text.len && text.ptr[0] == '\n')
        text = str_slice(text, 1, text.len);
    if (text.len) {
        parser->drops_line_ends = false;
        const struct chat_event event = {
            .kind = parser->state == STATE_REASONING ? CHAT_EVENT_REASONING : CHAT_EVENT_TEXT,
            .text = text};
        report(step, &event);
    }
    drop(parser, len);
}

/* ---------------------------------------------------------------- markers */

/* The longest end of `text` that is a proper beginning of `marker`. */
static size_t partial_len(struct str text, struct str marker)
{
    size_t len = marker.len > 0 ? marker.len - 1 : 0;
    for (len = len < text.len ? len : text.len; len > 0; len--) {
        if (memcmp(text.ptr + text.len - len, marker.ptr, len) == 0)
            return len;
    }
    return 0;
}

/* A search for several markers at once. */
struct search {
    struct str text;
    size_t first;       /* where the earliest begins, or SIZE_MAX */
    size_t partial_max; /* bytes at the end that may become one */
};

static void search_for(struct search *search, struct str marker)
{
    const size_t hit = marker.len ? str_find(search->text, marker, 0) : SIZE_MAX;
    const size_t partial = partial_len(search->text, marker);
    search->first = hit < search->first ? hit : search->first;
    search->partial_max = partial > search->partial_max ? partial : search->partial_max;
}

static void search_for_calls(struct search *search, const struct tool_format *format)
{
    for (size_t i = 0; format && format->markers[i]; i++)
        search_for(search, str_from_c(format->markers[i]));
}

static size_t without_line_ends(struct str text, size_t len)
{
    while (len > 0 && text.ptr[len - 1] == '\n')
        len--;
    return len;
}

/* How many held bytes can be reported when no marker was found: not what may become a marker, not
 * line ends that may stand in front of one, no half character. */
static size_t safe_len(const struct step *step, const struct search *search)
{
    if (step->is_final)
        return search->text.len;
    size_t len = search->text.len - search->partial_max;
    const struct str rest = str_slice(search->text, 0, len);
    if (!search->partial_max)
        len -= utf8_incomplete_tail(rest);
    return without_line_ends(rest, len);
}

static void enter(struct output_parser *parser, enum state state)
{
    parser->state = (int)state;
    parser->scan = (struct tool_format_scan){0};
}

/* ---------------------------------------------------------------- states */

/* Each looks at what is held and returns true when another look may find more. */

static bool step_start(const struct step *step)
{
    struct output_parser *parser = step->parser;
    const struct str text = jinja_lex_strip_front(strbuf_view(&parser->held));
    const struct str open = parser->config.reasoning.open;
    const struct tool_format *format = parser->config.format;
    if (!text.len && !step->is_final)
        return false;
    if (open.len && str_starts_with(text, open)) {
        drop(parser, parser->held.len - text.len + open.len);
        enter(parser, STATE_REASONING);
        parser->drops_line_ends = true;
        return true;
    }
    if (open.len && text.len && !step->is_final && str_starts_with(open, text))
        return false;
    if (format && format->starts_reply && text.len && text.ptr[0] == '{') {
        drop(parser, parser->held.len - text.len);
        enter(parser, STATE_CALL);
        return true;
    }
    enter(parser, STATE_ANSWER);
    return true;
}

static bool step_text(const struct step *step)
{
    struct output_parser *parser = step->parser;
    const bool is_reasoning = parser->state == STATE_REASONING;
    const struct str close = is_reasoning ? parser->config.reasoning.close : (struct str){0};
    struct search search = {.text = strbuf_view(&parser->held), .first = SIZE_MAX};
    search_for(&search, close);
    const size_t close_at = search.first;
    search_for_calls(&search, parser->config.format);
    if (search.first == SIZE_MAX) {
        report_text(step, safe_len(step, &search));
        return false;
    }

    const size_t text_len = without_line_ends(search.text, search.first);
    const size_t gap = search.first - text_len; /* line ends in front of the marker */
    report_text(step, text_len);
    drop(parser, gap);
    if (search.first == close_at) {
        drop(parser, close.len);
        /* What follows reasoning is at the start of a reply again. */
        enter(parser, parser->config.format && parser->config.format->starts_reply ? STATE_START
                                                                                   : STATE_ANSWER);
        parser->drops_line_ends = true;
        return true;
    }
    parser->gap_len = gap;
    parser->call_was_reasoning = is_reasoning;
    enter(parser, STATE_CALL);
    return true;
}

/* Line ends that were taken for the format's and are text after all. */
static void give_back_gap(const struct step *step)
{
    struct output_parser *parser = step->parser;
    const struct str newline = STR("\n");
    for (; parser->gap_len > 0; parser->gap_len--) {
        const struct chat_event event = {
            .kind = parser->state == STATE_REASONING ? CHAT_EVENT_REASONING : CHAT_EVENT_TEXT,
            .text = newline};
        if (!parser->drops_line_ends && !parser->is_after_call)
            report(step, &event);
    }
}

static void end_call(const struct step *step, enum tool_format_found found)
{
    struct output_parser *parser = step->parser;
    const struct tool_format_call *call = &parser->call;
    const struct str raw = str_slice(strbuf_view(&parser->held), 0, call->consumed);
    const bool is_text =
        found == TOOL_FORMAT_TEXT || (found == TOOL_FORMAT_BAD && parser->call_was_reasoning);
    const size_t consumed = call->consumed;
    if (is_text) { /* whoever only thinks of a call makes none */
        enter(parser, parser->call_was_reasoning ? STATE_REASONING : STATE_ANSWER);
        give_back_gap(step);
        report_text(step, consumed);
        return;
    }
    struct chat_event event = {
        .kind = CHAT_EVENT_BAD_CALL, .text = raw, .reason = str_from_c(call->reason.text)};
    if (found == TOOL_FORMAT_CALL)
        event = (struct chat_event){.kind = CHAT_EVENT_TOOL_CALL,
                                    .text = raw,
                                    .tool_name = call->name,
                                    .arguments = call->arguments};
    report(step, &event);
    drop(parser, consumed);
    enter(parser, STATE_ANSWER);
    parser->gap_len = 0;
    parser->is_after_call = true;
}

static bool step_call(const struct step *step)
{
    struct output_parser *parser = step->parser;
    const struct tool_format *format = parser->config.format;
    const struct str raw = strbuf_view(&parser->held);
    enum tool_format_found found =
        format->scan(&parser->scan, raw, step->is_final, parser->config.tools, &parser->call);
    if (found == TOOL_FORMAT_MORE && raw.len > OUTPUT_PARSER_CALL_BYTES_MAX)
        found = tool_format_bad(&parser->call, raw.len, "the call is too long");
    if (found == TOOL_FORMAT_MORE)
        return false;
    end_call(step, found);
    return true;
}

static void run(const struct step *step)
{
    bool goes_on = true;
    while (goes_on && !step->parser->is_stopped) {
        switch ((enum state)step->parser->state) {
        case STATE_START: goes_on = step_start(step); break;
        case STATE_REASONING:
        case STATE_ANSWER: goes_on = step_text(step); break;
        case STATE_CALL: goes_on = step_call(step); break;
        }
    }
}

bool output_parser_feed(struct output_parser *parser, struct str bytes, output_parser_fn *fn,
                        void *context)
{
    const struct step step = {.parser = parser, .fn = fn, .context = context};
    if (parser->is_stopped)
        return false;
    strbuf_add_str(&parser->held, bytes);
    run(&step);
    return !parser->is_stopped;
}

bool output_parser_finish(struct output_parser *parser, output_parser_fn *fn, void *context)
{
    const struct step step = {.parser = parser, .fn = fn, .context = context, .is_final = true};
    run(&step);
    const struct chat_event event = {.kind = CHAT_EVENT_FINISHED};
    report(&step, &event);
    const bool goes_on = !parser->is_stopped;
    begin(parser);
    return goes_on;
}

/* ---------------------------------------------------------------- reasoning markers */

struct output_parser_reasoning output_parser_reasoning_of(struct str template_source)
{
    for (size_t i = 0; i < ARRAY_LEN(reasoning_rows); i++) {
        if (str_find(template_source, reasoning_rows[i].open, 0) != SIZE_MAX &&
            str_find(template_source, reasoning_rows[i].close, 0) != SIZE_MAX)
            return reasoning_rows[i];
    }
    return reasoning_rows[0];
}

bool output_parser_prompt_is_open(struct str prompt, struct output_parser_reasoning reasoning)
{
    return reasoning.open.len && str_ends_with(jinja_lex_strip_end(prompt), reasoning.open);
}
