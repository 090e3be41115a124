/*
 * output_channels - output that is a row of messages with headers, as gpt-oss writes it.
 *
 *   <|start|>assistant<|channel|>analysis<|message|>thinking<|end|>
 *   <|start|>assistant<|channel|>commentary to=functions.NAME <|constrain|>json
 *   <|message|>{...}<|call|>
 *   <|start|>assistant<|channel|>final<|message|>the answer<|return|>
 *
 * The prompt ends with "<|start|>assistant". A message that is addressed to someone is a call, in
 * whatever channel and wherever in the header the address stands; of the others the channel
 * `analysis` is reasoning and every other one is the answer.
 *
 * Part of output_parser.h. Threads: see there.
 */
#include "chat/output_parser_internal.h"
#include "text/utf8.h"

enum { HEADER_LEN_MAX = 512 };

static const struct str channel_mark = {"<|channel|>", 11};
static const struct str message_mark = {"<|message|>", 11};
static const struct str start_mark = {"<|start|>", 9};

/* What ends the content of a message; the last two begin a header. */
static const struct str ends[] = {
    {"<|end|>", 7}, {"<|return|>", 10}, {"<|call|>", 8}, {"<|start|>", 9}, {"<|channel|>", 11}};
enum { ENDS_THAT_VANISH = 3 };

/* Does, or may, a header begin so? */
static bool may_be_header(struct str text, bool is_final)
{
    const struct str beginnings[] = {channel_mark, message_mark,     start_mark,
                                     STR("to="),   STR("assistant"), STR("<|constrain|>")};
    for (size_t i = 0; i < ARRAY_LEN(beginnings); i++) {
        if (str_starts_with(text, beginnings[i]) ||
            (!is_final && str_starts_with(beginnings[i], text)))
            return true;
    }
    return false;
}

/* The word behind `mark`, up to a blank or a mark; empty when there is none. */
static struct str word_behind(struct str header, struct str mark)
{
    const size_t at = str_find(header, mark, 0);
    if (at == SIZE_MAX)
        return (struct str){0};
    const struct str rest = str_slice(header, at + mark.len, header.len);
    size_t len = 0;
    while (len < rest.len && rest.ptr[len] > ' ' && rest.ptr[len] != '<')
        len++;
    return str_slice(rest, 0, len);
}

static void begin_message(struct output_parser *parser, struct str header, size_t content_at)
{
    const struct str functions = STR("functions.");
    struct str to = word_behind(header, STR("to="));
    const struct str channel = word_behind(header, channel_mark);
    if (str_starts_with(to, functions))
        to = str_slice(to, functions.len, to.len);
    const bool is_name = to.len > 0 && to.len <= TOOL_READER_NAME_MAX && utf8_is_valid(to);
    if (is_name && !parser->config.makes_no_calls) {
        parser->state = OUTPUT_PARSER_CALL;
        parser->gap_len = 0;
        parser->reported_len = 0;
        parser->has_begun = false;
        parser->call_was_reasoning = false;
        tool_reader_begin_arguments(&parser->reader, to, content_at);
        return;
    }
    const bool is_reasoning = str_equal_c(channel, "analysis");
    output_parser_drop(parser, content_at);
    parser->state = is_reasoning ? OUTPUT_PARSER_REASONING : OUTPUT_PARSER_ANSWER;
    parser->drops_line_ends = true;
    parser->is_after_call = false;
}

/* What is held is no header: text, its first mark included. */
static bool give_up(const struct output_parser_step *step, struct str all, struct str text)
{
    step->parser->state = OUTPUT_PARSER_ANSWER;
    for (size_t i = ENDS_THAT_VANISH; i < ARRAY_LEN(ends); i++) {
        if (str_starts_with(text, ends[i])) {
            output_parser_report_text(step, all.len - text.len + ends[i].len);
            return true;
        }
    }
    return text.len > 0;
}

bool output_channels_header(const struct output_parser_step *step)
{
    struct output_parser *parser = step->parser;
    const struct str all = strbuf_view(&parser->held);
    const struct str text = str_trim_front(all);
    const size_t message = str_find(all, message_mark, 0);
    if (!text.len && !step->is_final)
        return false;
    if (!text.len || !may_be_header(text, step->is_final))
        return give_up(step, all, text);
    if (message <= HEADER_LEN_MAX) {
        begin_message(parser, str_slice(all, 0, message), message + message_mark.len);
        return true;
    }
    if (message != SIZE_MAX || all.len > HEADER_LEN_MAX + message_mark.len)
        return give_up(step, all, text);
    if (!step->is_final)
        return false;
    if (!str_starts_with(text, STR("<|")))
        return give_up(step, all, text);
    output_parser_drop(parser, all.len); /* half a header is nobody's */
    return false;
}

bool output_channels_content(const struct output_parser_step *step)
{
    struct output_parser *parser = step->parser;
    struct output_parser_hits search = {.text = strbuf_view(&parser->held), .first = SIZE_MAX};
    size_t vanishes = 0;
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        const size_t before = search.first;
        output_parser_search(&search, ends[i]);
        if (search.first != before)
            vanishes = i < ENDS_THAT_VANISH ? ends[i].len : 0;
    }
    if (search.first == SIZE_MAX) {
        output_parser_report_text(step, output_parser_safe_len(step, &search));
        return false;
    }
    size_t text_len = search.first;
    while (text_len > 0 && search.text.ptr[text_len - 1] == '\n')
        text_len--;
    const size_t gap = search.first - text_len;
    output_parser_report_text(step, text_len);
    output_parser_drop(parser, gap + vanishes);
    parser->state = OUTPUT_PARSER_HEADER;
    return true;
}
