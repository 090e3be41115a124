/*
 * grammar_lark_text - strings, ranges of characters and regular expressions of a Lark grammar.
 *
 * Threads: one at a time. Used by: grammar_lark.c.
 */
#include "infer/grammar_lark_internal.h"
#include "infer/grammar_regex.h"
#include "text/utf8.h"

/* ---------------------------------------------------------------- strings */

static int hex_value(int c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    const int lower = c | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static enum status read_hex(struct grammar_lark_internal *in, int digits, uint32_t *out)
{
    const size_t start = in->at;
    *out = 0;
    for (int i = 0; i < digits; i++) {
        const int value = hex_value(grammar_lark_internal_peek(in));
        if (value < 0)
            return grammar_lark_internal_fail_at(in, in->at, E_INVALID,
                                                 "a hexadecimal digit is missing");
        *out = *out * 16 + (uint32_t)value;
        in->at++;
    }
    const bool is_character =
        *out > 0 && *out <= UTF8_CODE_POINT_MAX && !(*out >= 0xd800 && *out <= 0xdfff);
    return is_character ? OK
                        : grammar_lark_internal_fail_at(in, start, E_INVALID,
                                                        "no character has this number");
}

/* One character of a string. What is no escape is a backslash and what follows it. */
static enum status read_character(struct grammar_lark_internal *in, uint32_t *out)
{
    static const struct {
        char name;
        char means;
    } rows[] = {{'n', '\n'}, {'r', '\r'}, {'t', '\t'}, {'f', '\f'}, {'\\', '\\'}, {'"', '"'}};
    if (grammar_lark_internal_take(in, "\\x"))
        return read_hex(in, 2, out);
    if (grammar_lark_internal_take(in, "\\u"))
        return read_hex(in, 4, out);
    if (grammar_lark_internal_take(in, "\\U"))
        return read_hex(in, 8, out);
    struct str rest = str_slice(in->text, in->at, in->text.len);
    *out = utf8_next(&rest);
    for (size_t i = 0; *out == '\\' && i < ARRAY_LEN(rows) && rest.len; i++) {
        if (rest.ptr[0] != rows[i].name)
            continue;
        *out = (uint32_t)rows[i].means;
        rest = str_slice(rest, 1, rest.len);
        break;
    }
    in->at = in->text.len - rest.len;
    return OK;
}

static struct grammar_expression *range(struct grammar_lark_internal *in, uint32_t low,
                                        uint32_t high, bool ignores_case)
{
    struct grammar_characters set = {0};
    grammar_characters_add(&set, low, high);
    if (ignores_case)
        grammar_characters_add_cases(&set);
    struct grammar_expression *node = grammar_expression_characters(&in->out->arena, &set);
    grammar_characters_done(&set);
    return node;
}

/* Behind the opening quote: a sequence of single characters, *count of them, the last is *last. */
static enum status read_string(struct grammar_lark_internal *in, struct grammar_expression **out,
                               uint32_t *count, uint32_t *last)
{
    const size_t start = in->at - 1;
    *out = grammar_expression_new(&in->out->arena, GRAMMAR_EXPRESSION_SEQUENCE);
    for (*count = 0; !grammar_lark_internal_take(in, "\""); ++*count) {
        const int c = grammar_lark_internal_peek(in);
        if (c < 0 || c == '\n')
            return grammar_lark_internal_fail_at(in, start, E_INVALID,
                                                 "the closing quote of a string is missing");
        TRY(read_character(in, last));
        grammar_expression_append(*out, range(in, *last, *last, false));
    }
    return *count
               ? OK
               : grammar_lark_internal_fail_at(in, start, E_INVALID, "an empty string is no token");
}

static bool is_letter(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static void ignore_case(struct grammar_lark_internal *in, struct grammar_expression *string)
{
    struct grammar_expression *old = string->first;
    string->first = string->last = NULL;
    while (old) {
        const uint32_t c = old->set.ranges[0].low;
        old = old->next;
        grammar_expression_append(string, range(in, c, c, true));
    }
}

enum status grammar_lark_internal_string(struct grammar_lark_internal *in,
                                         struct grammar_expression **out)
{
    const size_t start = in->at - 1;
    uint32_t count = 0;
    uint32_t low = 0;
    uint32_t high = 0;
    TRY(read_string(in, out, &count, &low));
    if (grammar_lark_internal_take(in, "i")) {
        ignore_case(in, *out);
        return is_letter(grammar_lark_internal_peek(in))
                   ? grammar_lark_internal_fail_at(in, in->at, E_UNSUPPORTED,
                                                   "a flag that strings do not have")
                   : OK;
    }
    if (!grammar_lark_internal_take(in, ".."))
        return OK;
    const bool is_single = count == 1;
    if (!grammar_lark_internal_take(in, "\""))
        return grammar_lark_internal_fail_at(in, in->at, E_INVALID,
                                             "the end of a range is missing");
    TRY(read_string(in, out, &count, &high));
    if (!is_single || count != 1 || high < low)
        return grammar_lark_internal_fail_at(in, start, E_INVALID,
                                             "a range is two characters in order");
    *out = range(in, low, high, false);
    return OK;
}

/* ---------------------------------------------------------------- regular expressions */

bool grammar_lark_internal_clean(struct grammar_expression *expression)
{
    bool is_clean = expression->kind != GRAMMAR_EXPRESSION_AT_START &&
                    expression->kind != GRAMMAR_EXPRESSION_AT_END;
    if (expression->kind == GRAMMAR_EXPRESSION_CHARACTERS && expression->set.count &&
        expression->set.ranges[0].low == 0) {
        if (expression->set.ranges[0].high > 0)
            expression->set.ranges[0].low = 1;
        else
            expression->set = (struct grammar_characters){.ranges = expression->set.ranges + 1,
                                                          .count = expression->set.count - 1};
    }
    for (struct grammar_expression *i = expression->first; i; i = i->next)
        is_clean &= grammar_lark_internal_clean(i);
    return is_clean;
}

static enum status read_flags(struct grammar_lark_internal *in, struct grammar_regex_options *out)
{
    for (; is_letter(grammar_lark_internal_peek(in)); in->at++) {
        switch (grammar_lark_internal_peek(in)) {
        case 'i': out->ignores_case = true; break;
        case 's': out->dot_is_all = true; break;
        case 'm': /* of anchors, which cannot stand here */
        case 'u': break;
        default:
            return grammar_lark_internal_fail_at(in, in->at, E_UNSUPPORTED,
                                                 "a flag that is not supported");
        }
    }
    return OK;
}

enum status grammar_lark_internal_regex(struct grammar_lark_internal *in,
                                        struct grammar_expression **out)
{
    const size_t start = in->at;
    struct grammar_regex_options options = {.is_of_grammar = true};
    struct error reason = {0};
    for (int c = grammar_lark_internal_peek(in); c != '/'; c = grammar_lark_internal_peek(in)) {
        in->at += c == '\\' ? 2 : 1;
        if (c < 0 || c == '\n' || in->at >= in->text.len)
            return grammar_lark_internal_fail_at(in, start - 1, E_INVALID,
                                                 "the end of a regular expression is missing");
    }
    const struct str pattern = str_slice(in->text, start, in->at);
    in->at++;
    TRY(read_flags(in, &options));
    const enum status status =
        grammar_regex_parse_as(&in->out->arena, pattern, &options, out, &reason);
    if (status != OK)
        return grammar_lark_internal_fail_at(in, start, status, reason.text);
    if (!grammar_lark_internal_clean(*out))
        return grammar_lark_internal_fail_at(in, start, E_UNSUPPORTED,
                                             "^ and $ are not supported in a terminal");
    return OK;
}
