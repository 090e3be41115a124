/*
 * output_recipients - output that is a row of messages with recipients, as Functionary 3.2 writes.
 *
 *   >>>all
 *   the answer>>>NAME
 *   {...}>>>NAME
 *   {...}
 *
 * The prompt ends with the first mark. A header is the mark, one word and a line end; "all" makes
 * what follows the answer, any other word in front of an object makes a call. Everything else that
 * begins with the mark is text: prompts of Python are, for one.
 *
 * Part of output_parser.h. Threads: see there.
 */
#include "chat/output_parser_internal.h"
#include "text/utf8.h"

static const struct str mark = {">>>", 3};
static const struct str everyone = {"all", 3};

/* What stands in front of a message, as far as it is there. */
struct header {
    struct str word;   /* the recipient */
    size_t content_at; /* behind its line end */
    enum { HEADER_MORE, HEADER_NONE, HEADER_ANSWER, HEADER_CALL } kind;
};

static bool is_word_byte(char byte)
{
    return (unsigned char)byte > ' ' && byte != '<' && byte != '>';
}

/* `text` may begin with line ends, `start` is behind them and the mark. */
static struct header read_header(struct str text, size_t start, bool is_final)
{
    struct header header = {.kind = HEADER_NONE};
    size_t end = start;
    while (end < text.len && is_word_byte(text.ptr[end]))
        end++;
    header.word = str_slice(text, start, end);
    if (header.word.len > TOOL_READER_NAME_MAX)
        return header;
    if (end == text.len) {
        const bool is_answer = str_equal(header.word, everyone);
        header.kind = !is_final ? HEADER_MORE : is_answer ? HEADER_ANSWER : HEADER_NONE;
        header.content_at = end;
        return header;
    }
    if (!header.word.len || text.ptr[end] != '\n' || !utf8_is_valid(header.word))
        return header;
    header.content_at = end + 1;
    if (str_equal(header.word, everyone)) {
        header.kind = HEADER_ANSWER;
        return header;
    }
    const struct str content = str_trim_front(str_slice(text, header.content_at, text.len));
    if (content.len)
        header.kind = content.ptr[0] == '{' ? HEADER_CALL : HEADER_NONE;
    else if (!is_final)
        header.kind = HEADER_MORE;
    return header;
}

/* `lead`: bytes in front of the mark. */
static void begin_call(struct output_parser *parser, const struct header *header, size_t lead)
{
    parser->state = OUTPUT_PARSER_CALL;
    parser->gap_len = 0;
    parser->reported_len = 0;
    parser->has_begun = false;
    parser->call_was_reasoning = false;
    tool_reader_begin_arguments(&parser->reader, header->word, header->content_at - lead);
    output_parser_drop(parser, lead);
}

bool output_recipients_header(const struct output_parser_step *step)
{
    struct output_parser *parser = step->parser;
    const struct str all = strbuf_view(&parser->held);
    const struct str text = str_trim_front(all);
    if (!step->is_final && text.len < mark.len && str_starts_with(mark, text))
        return false;
    const size_t lead = all.len - text.len;
    const size_t start = lead + (str_starts_with(text, mark) ? mark.len : 0);
    struct header header = read_header(all, start, step->is_final);
    if (header.kind == HEADER_CALL && parser->config.makes_no_calls)
        header.kind = HEADER_NONE;
    switch (header.kind) {
    case HEADER_MORE: return false;
    case HEADER_CALL: begin_call(parser, &header, lead); return true;
    case HEADER_ANSWER:
        output_parser_drop(parser, header.content_at);
        parser->state = OUTPUT_PARSER_ANSWER;
        parser->drops_line_ends = true;
        parser->is_after_call = false;
        return true;
    case HEADER_NONE: break;
    }
    parser->state = OUTPUT_PARSER_ANSWER;
    output_parser_report_text(step, start == lead ? 0 : start);
    return true;
}

bool output_recipients_content(const struct output_parser_step *step)
{
    struct output_parser *parser = step->parser;
    struct output_parser_hits search = {.text = strbuf_view(&parser->held), .first = SIZE_MAX};
    output_parser_search(&search, mark);
    if (search.first == SIZE_MAX) {
        output_parser_report_text(step, output_parser_safe_len(step, &search));
        return false;
    }
    size_t text_len = search.first;
    while (text_len > 0 && search.text.ptr[text_len - 1] == '\n')
        text_len--;
    output_parser_report_text(step, text_len);
    parser->state = OUTPUT_PARSER_HEADER;
    return true;
}
