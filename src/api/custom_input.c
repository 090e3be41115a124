#include "api/custom_input.h"

#include "text/utf8.h"

#include <string.h>

enum state {
    BEFORE_NAME,
    IN_NAME,
    BEFORE_TEXT,
    IN_TEXT,
    ESCAPE, /* behind a backslash */
    UNICODE,
    BEHIND,
};

enum { HEX_DIGITS = 4, REPLACEMENT = 0xfffd };

static bool is_high(uint32_t code)
{
    return code >= 0xd800 && code < 0xdc00;
}

static bool is_low(uint32_t code)
{
    return code >= 0xdc00 && code < 0xe000;
}

static void add_character(struct strbuf *out, uint32_t code_point)
{
    char bytes[UTF8_BYTES_MAX];
    strbuf_add(out, bytes, utf8_write(code_point, bytes));
}

/* A first half that no second one follows. */
static void give_up_half(struct custom_input *input, struct strbuf *out)
{
    if (input->high != 0)
        add_character(out, REPLACEMENT);
    input->high = 0;
}

static void add_code(struct custom_input *input, struct strbuf *out)
{
    const uint32_t code = input->code;
    input->state = IN_TEXT;
    if (input->high != 0 && is_low(code)) {
        add_character(out, 0x10000 + ((input->high - 0xd800) << 10) + (code - 0xdc00));
        input->high = 0;
        return;
    }
    give_up_half(input, out);
    if (is_high(code))
        input->high = code;
    else
        add_character(out, is_low(code) ? REPLACEMENT : code);
}

static void take_digit(struct custom_input *input, char c, struct strbuf *out)
{
    const char lower = (char)(c | 0x20);
    const uint32_t digit = c >= '0' && c <= '9'           ? (uint32_t)(c - '0')
                           : lower >= 'a' && lower <= 'f' ? (uint32_t)(lower - 'a' + 10)
                                                          : 0;
    input->code = input->code << 4 | digit;
    if (++input->digits == HEX_DIGITS)
        add_code(input, out);
}

static void take_escape(struct custom_input *input, char c, struct strbuf *out)
{
    static const char names[] = "nrtbf";
    static const char meant[] = "\n\r\t\b\f";
    const char *name = strchr(names, c);
    if (c == 'u') {
        input->state = UNICODE;
        input->digits = 0;
        input->code = 0;
        return;
    }
    give_up_half(input, out);
    strbuf_add_char(out, name && c ? meant[name - names] : c);
    input->state = IN_TEXT;
}

static void take_text(struct custom_input *input, char c, struct strbuf *out)
{
    if (c == '\\') {
        input->state = ESCAPE;
        return;
    }
    give_up_half(input, out);
    if (c == '"')
        input->state = BEHIND;
    else
        strbuf_add_char(out, c);
}

void custom_input_feed(struct custom_input *input, struct str arguments, struct strbuf *out)
{
    const size_t before = out->len;
    for (size_t i = 0; i < arguments.len; i++) {
        const char c = arguments.ptr[i];
        switch ((enum state)input->state) {
        case BEFORE_NAME:
        case IN_NAME:
        case BEFORE_TEXT: input->state += c == '"'; break;
        case IN_TEXT: take_text(input, c, out); break;
        case ESCAPE: take_escape(input, c, out); break;
        case UNICODE: take_digit(input, c, out); break;
        case BEHIND: break;
        }
    }
    input->told_bytes += out->len - before;
}

struct str custom_input_rest(const struct custom_input *input, struct str whole)
{
    return input->told_bytes < whole.len ? str_slice(whole, input->told_bytes, whole.len)
                                         : (struct str){0};
}
