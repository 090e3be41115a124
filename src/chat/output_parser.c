#include "chat/output_parser.h"

#include "base/check.h"
#include "chat/jinja_lex.h"
#include "chat/output_parser_internal.h"
#include "text/utf8.h"

static const struct output_parser_reasoning reasoning_rows[] = {
    {{"<think>", 7}, {"</think>", 8}},
    {{"<|channel|>analysis<|message|>", 30}, {"<|end|>", 7}},
    {{"<|channel>thought", 17}, {"<channel|>", 10}},
    {{"[THINK]", 7}, {"[/THINK]", 8}},
    {{"<|START_THINKING|>", 18}, {"<|END_THINKING|>", 16}},
    {{"<seed:think>", 12}, {"</seed:think>", 13}},
    {{"<mm:think>", 10}, {"</mm:think>", 11}},
};

/* ---------------------------------------------------------------- life */

static void begin(struct output_parser *parser)
{
    const struct tool_format *format = parser->config.format;
    parser->state = OUTPUT_PARSER_START;
    if (format && format->headers != TOOL_FORMAT_NO_HEADERS)
        parser->state = OUTPUT_PARSER_HEADER;
    if (parser->config.starts_in_reasoning)
        parser->state = OUTPUT_PARSER_REASONING;
    parser->reported_len = 0;
    parser->has_begun = false;
    parser->gap_len = 0;
    parser->drops_line_ends = parser->config.starts_in_reasoning;
    parser->is_after_call = false;
    parser->call_was_reasoning = false;
    parser->is_stopped = false;
    strbuf_clear(&parser->held);
}

void output_parser_init(struct output_parser *parser, const struct output_parser_config *config)
{
    *parser = (struct output_parser){.config = *config};
    tool_reader_init(&parser->reader, config->format, config->tools);
    begin(parser);
}

void output_parser_done(struct output_parser *parser)
{
    strbuf_done(&parser->held);
    tool_reader_done(&parser->reader);
}

/* ---------------------------------------------------------------- reporting */

static void report(const struct output_parser_step *step, const struct chat_event *event)
{
    if (!step->parser->is_stopped && !step->fn(step->context, event))
        step->parser->is_stopped = true;
}

void output_parser_drop(struct output_parser *parser, size_t len)
{
    DCHECK(len <= parser->held.len);
    if (!len)
        return;
    memmove(parser->held.ptr, parser->held.ptr + len, parser->held.len - len);
    strbuf_truncate(&parser->held, parser->held.len - len);
}

void output_parser_report_text(const struct output_parser_step *step, size_t len)
{
    struct output_parser *parser = step->parser;
    struct str text = str_slice(strbuf_view(&parser->held), 0, len);
    if (parser->is_after_call) { /* white space between calls is nobody's */
        text = str_trim_front(text);
        parser->is_after_call = text.len == 0;
    }
    while (parser->drops_line_ends && text.len && text.ptr[0] == '\n')
        text = str_slice(text, 1, text.len);
    if (text.len) {
        parser->drops_line_ends = false;
        const struct chat_event event = {.kind = parser->state == OUTPUT_PARSER_REASONING
                                                     ? CHAT_EVENT_REASONING
                                                     : CHAT_EVENT_TEXT,
                                         .text = text};
        report(step, &event);
    }
    output_parser_drop(parser, len);
}

/* ---------------------------------------------------------------- markers */

void output_parser_search(struct output_parser_hits *search, struct str marker)
{
    const size_t hit = marker.len ? str_find(search->text, marker, 0) : SIZE_MAX;
    const size_t partial = str_partial(search->text, marker);
    search->first = hit < search->first ? hit : search->first;
    search->partial_max = partial > search->partial_max ? partial : search->partial_max;
}

static void search_for_calls(struct output_parser_hits *search,
                             const struct output_parser_config *config)
{
    const struct tool_format *format = config->format;
    for (size_t i = 0; format && !config->makes_no_calls && format->markers[i]; i++)
        output_parser_search(search, str_from_c(format->markers[i]));
}

static size_t without_line_ends(struct str text, size_t len)
{
    while (len > 0 && text.ptr[len - 1] == '\n')
        len--;
    return len;
}

size_t output_parser_safe_len(const struct output_parser_step *step,
                              const struct output_parser_hits *search)
{
    if (step->is_final)
        return search->text.len;
    size_t len = search->text.len - search->partial_max;
    const struct str rest = str_slice(search->text, 0, len);
    if (!search->partial_max)
        len -= utf8_incomplete_tail(rest);
    return without_line_ends(rest, len);
}

static void enter(struct output_parser *parser, enum output_parser_state state)
{
    parser->state = (int)state;
}

static void enter_call(struct output_parser *parser)
{
    enter(parser, OUTPUT_PARSER_CALL);
    parser->reported_len = 0;
    parser->has_begun = false;
}

/* ---------------------------------------------------------------- states */

/* Reasoning begins; or ends that never began, which is how some say that there is none. */
static bool start_reasoning(struct output_parser *parser, size_t text_at, bool opens)
{
    const struct output_parser_reasoning *reasoning = &parser->config.reasoning;
    output_parser_drop(parser, text_at + (opens ? reasoning->open.len : reasoning->close.len));
    if (opens)
        enter(parser, OUTPUT_PARSER_REASONING);
    parser->drops_line_ends = true;
    return true;
}

static bool step_start(const struct output_parser_step *step)
{
    struct output_parser *parser = step->parser;
    const struct str text = str_trim_front(strbuf_view(&parser->held));
    const size_t text_at = parser->held.len - text.len;
    const struct str open = parser->config.reasoning.open;
    const struct str close = parser->config.reasoning.close;
    const struct tool_format *format = parser->config.format;
    if (!text.len && !step->is_final)
        return false;
    const bool opens = open.len && str_starts_with(text, open);
    if (opens || (close.len && str_starts_with(text, close)))
        return start_reasoning(parser, text_at, opens);
    if (open.len && text.len && !step->is_final &&
        (str_starts_with(open, text) || str_starts_with(close, text)))
        return false;
    if (format && format->starts_reply && !parser->config.makes_no_calls && text.len &&
        text.ptr[0] == '{') {
        output_parser_drop(parser, parser->held.len - text.len);
        parser->gap_len = 0;
        parser->call_was_reasoning = false;
        tool_reader_begin(&parser->reader);
        enter_call(parser);
        return true;
    }
    enter(parser, OUTPUT_PARSER_ANSWER);
    return true;
}

/* Is the earliest that was found the end of the message? Reports what is in front of it. */
static bool end_message(const struct output_parser_step *step, struct output_parser_hits *search)
{
    struct output_parser *parser = step->parser;
    const char *mark = parser->config.format ? parser->config.format->end : NULL;
    if (!mark || parser->state == OUTPUT_PARSER_REASONING) /* whose end is its own mark */
        return false;
    const size_t call_at = search->first;
    const size_t call_partial = search->partial_max;
    output_parser_search(search, str_from_c(mark));
    if (search->first == call_at) /* nothing, or a call, which begins with the same text */
        return false;
    const bool may_be_call = search->text.len - search->first <= call_partial;
    if (may_be_call && !step->is_final) {
        search->partial_max = search->text.len - search->first;
        search->first = SIZE_MAX;
        return false;
    }
    output_parser_report_text(step, without_line_ends(search->text, search->first));
    enter(parser, OUTPUT_PARSER_END);
    strbuf_clear(&parser->held);
    return true;
}

static bool step_text(const struct output_parser_step *step)
{
    struct output_parser *parser = step->parser;
    const bool is_reasoning = parser->state == OUTPUT_PARSER_REASONING;
    const struct str close = is_reasoning ? parser->config.reasoning.close : (struct str){0};
    struct output_parser_hits search = {.text = strbuf_view(&parser->held), .first = SIZE_MAX};
    output_parser_search(&search, close);
    const size_t close_at = search.first;
    search_for_calls(&search, &parser->config);
    if (end_message(step, &search))
        return false;
    if (search.first == SIZE_MAX) {
        output_parser_report_text(step, output_parser_safe_len(step, &search));
        return false;
    }

    const size_t text_len = without_line_ends(search.text, search.first);
    const size_t gap = search.first - text_len; /* line ends in front of the marker */
    output_parser_report_text(step, text_len);
    output_parser_drop(parser, gap);
    if (search.first == close_at) {
        output_parser_drop(parser, close.len);
        /* What follows reasoning is at the start of a reply again. */
        enter(parser, parser->config.format && parser->config.format->starts_reply
                          ? OUTPUT_PARSER_START
                          : OUTPUT_PARSER_ANSWER);
        parser->drops_line_ends = true;
        return true;
    }
    parser->gap_len = gap;
    parser->call_was_reasoning = is_reasoning;
    tool_reader_begin(&parser->reader);
    enter_call(parser);
    return true;
}

/* Line ends that were taken for the format's and are text after all. */
static void give_back_gap(const struct output_parser_step *step)
{
    struct output_parser *parser = step->parser;
    const struct str newline = STR("\n");
    for (; parser->gap_len > 0; parser->gap_len--) {
        const struct chat_event event = {.kind = parser->state == OUTPUT_PARSER_REASONING
                                                     ? CHAT_EVENT_REASONING
                                                     : CHAT_EVENT_TEXT,
                                         .text = newline};
        if (!parser->drops_line_ends && !parser->is_after_call)
            report(step, &event);
    }
}

/* Shows what is known of the call that is being read. Inside reasoning only whole calls count. */
static void report_progress(const struct output_parser_step *step, bool is_complete)
{
    struct output_parser *parser = step->parser;
    const struct tool_reader *reader = &parser->reader;
    if (!is_complete && (!reader->is_sure || parser->call_was_reasoning))
        return;
    const struct str name = strbuf_view(&reader->name);
    if (!parser->has_begun)
        report(step, &(struct chat_event){.kind = CHAT_EVENT_CALL_BEGIN,
                                          .tool_name = name,
                                          .call_id = strbuf_view(&reader->id)});
    parser->has_begun = true;
    struct str piece =
        str_slice(strbuf_view(&reader->arguments), parser->reported_len, reader->arguments.len);
    if (!is_complete)
        piece.len -= utf8_incomplete_tail(piece);
    parser->reported_len += piece.len;
    if (piece.len)
        report(step, &(struct chat_event){.kind = CHAT_EVENT_CALL_ARGUMENTS, .text = piece});
}

/* What was taken for a call is text. */
static void end_as_text(const struct output_parser_step *step, size_t consumed)
{
    struct output_parser *parser = step->parser;
    enter(parser, parser->call_was_reasoning ? OUTPUT_PARSER_REASONING : OUTPUT_PARSER_ANSWER);
    give_back_gap(step);
    output_parser_report_text(step, consumed);
}

/* Behind a call or its section. */
static void leave_call(struct output_parser *parser, size_t consumed, bool may_go_on)
{
    const bool has_channels = parser->config.format->headers == TOOL_FORMAT_CHANNELS;
    output_parser_drop(parser, consumed);
    parser->gap_len = 0;
    parser->call_was_reasoning = false;
    parser->is_after_call = true;
    if (may_go_on && parser->reader.in_section) {
        tool_reader_next(&parser->reader);
        enter_call(parser);
    } else {
        enter(parser, has_channels ? OUTPUT_PARSER_HEADER : OUTPUT_PARSER_ANSWER);
    }
}

static void end_call(const struct output_parser_step *step, enum tool_reader_found found)
{
    struct output_parser *parser = step->parser;
    const struct tool_reader *reader = &parser->reader;
    const size_t consumed = reader->consumed;
    const struct str raw = str_slice(strbuf_view(&parser->held), 0, consumed);
    if (found == TOOL_READER_TEXT || (found == TOOL_READER_BAD && parser->call_was_reasoning)) {
        end_as_text(step, consumed); /* whoever only thinks of a call makes none */
        return;
    }
    if (found == TOOL_READER_CALL) {
        report_progress(step, true);
        report(step, &(struct chat_event){.kind = CHAT_EVENT_TOOL_CALL,
                                          .text = raw,
                                          .tool_name = strbuf_view(&reader->name),
                                          .call_id = strbuf_view(&reader->id),
                                          .arguments = strbuf_view(&reader->arguments)});
    } else if (found == TOOL_READER_BAD) {
        report(step, &(struct chat_event){.kind = CHAT_EVENT_BAD_CALL,
                                          .text = raw,
                                          .reason = str_from_c(reader->reason.text)});
    }
    leave_call(parser, consumed, found != TOOL_READER_OUTSIDE);
}

static bool step_call(const struct output_parser_step *step)
{
    struct output_parser *parser = step->parser;
    const struct str raw = strbuf_view(&parser->held);
    enum tool_reader_found found = tool_reader_read(&parser->reader, raw, step->is_final);
    if (found == TOOL_READER_MORE && raw.len > OUTPUT_PARSER_CALL_BYTES_MAX)
        found = tool_reader_bad(&parser->reader, raw.len, "the call is too long");
    if (found != TOOL_READER_TEXT && found != TOOL_READER_OUTSIDE)
        report_progress(step, false);
    if (found == TOOL_READER_MORE)
        return false;
    end_call(step, found);
    return true;
}

static bool step_header(const struct output_parser_step *step, enum tool_format_headers headers)
{
    return headers == TOOL_FORMAT_RECIPIENTS ? output_recipients_header(step)
                                             : output_channels_header(step);
}

static bool step_content(const struct output_parser_step *step, enum tool_format_headers headers)
{
    switch (headers) {
    case TOOL_FORMAT_NO_HEADERS: break;
    case TOOL_FORMAT_CHANNELS: return output_channels_content(step);
    case TOOL_FORMAT_RECIPIENTS: return output_recipients_content(step);
    }
    return step_text(step);
}

static void run(const struct output_parser_step *step)
{
    const struct tool_format *format = step->parser->config.format;
    const enum tool_format_headers headers = format ? format->headers : TOOL_FORMAT_NO_HEADERS;
    bool goes_on = true;
    while (goes_on && !step->parser->is_stopped) {
        switch ((enum output_parser_state)step->parser->state) {
        case OUTPUT_PARSER_START: goes_on = step_start(step); break;
        case OUTPUT_PARSER_HEADER: goes_on = step_header(step, headers); break;
        case OUTPUT_PARSER_REASONING:
        case OUTPUT_PARSER_ANSWER: goes_on = step_content(step, headers); break;
        case OUTPUT_PARSER_CALL: goes_on = step_call(step); break;
        case OUTPUT_PARSER_END:
            strbuf_clear(&step->parser->held);
            goes_on = false;
            break;
        }
    }
}

enum output_parser_place output_parser_place(const struct output_parser *parser)
{
    if (parser->state == OUTPUT_PARSER_REASONING)
        return OUTPUT_PARSER_INSIDE;
    const bool may_be_call = parser->state == OUTPUT_PARSER_CALL && parser->call_was_reasoning;
    return may_be_call ? OUTPUT_PARSER_UNDECIDED : OUTPUT_PARSER_OUTSIDE;
}

bool output_parser_feed(struct output_parser *parser, struct str bytes, output_parser_fn *fn,
                        void *context)
{
    const struct output_parser_step step = {.parser = parser, .fn = fn, .context = context};
    if (parser->is_stopped)
        return false;
    strbuf_add_str(&parser->held, bytes);
    run(&step);
    return !parser->is_stopped;
}

bool output_parser_finish(struct output_parser *parser, output_parser_fn *fn, void *context)
{
    const struct output_parser_step step = {
        .parser = parser, .fn = fn, .context = context, .is_final = true};
    run(&step);
    const struct chat_event event = {.kind = CHAT_EVENT_FINISHED};
    report(&step, &event);
    const bool goes_on = !parser->is_stopped;
    begin(parser);
    return goes_on;
}

bool output_parser_has_ended(const struct output_parser *parser)
{
    return parser->state == OUTPUT_PARSER_END;
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
