#include "text/clean_text.h"

#include "text/utf8.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

enum { BELL = 0x07, ESCAPE = 0x1b, C1_DCS = 0x90, C1_CSI = 0x9b, C1_ST = 0x9c, C1_OSC = 0x9d };

/* Length of the character that begins with this byte; 0 when none does. */
static unsigned sequence_length(uint8_t lead)
{
    if (lead < 0x80)
        return 1;
    if (lead >= 0xc2 && lead <= 0xdf)
        return 2;
    if (lead >= 0xe0 && lead <= 0xef)
        return 3;
    return lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
}

/* Characters that change how others look or are read without being seen themselves. */
static bool is_deceptive(uint32_t point)
{
    return point == 0x061c || point == 0x200e || point == 0x200f ||
           (point >= 0x202a && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069) ||
           (point >= 0xfff9 && point <= 0xfffb) || (point >= 0xe0000 && point <= 0xe007f);
}

static bool begins_string(uint32_t point)
{
    /* DCS, SOS, OSC, PM, APC as C1 characters; with ESC they are these less 0x40. */
    return point == C1_DCS || point == 0x98 || point == C1_OSC || point == 0x9e || point == 0x9f;
}

static void enter(struct clean_text *cleaner, enum clean_text_state state)
{
    cleaner->state = state;
    if (state == CLEAN_TEXT_ESCAPE || state == CLEAN_TEXT_PLAIN)
        cleaner->sequence_len = 0;
}

static void after_escape(struct clean_text *cleaner, uint32_t point)
{
    if (point == '[')
        enter(cleaner, CLEAN_TEXT_CONTROL);
    else if (point >= 0x40 && point <= 0x5f && begins_string(point + 0x40))
        enter(cleaner, CLEAN_TEXT_STRING);
    else if (point >= 0x20 && point <= 0x2f)
        enter(cleaner, CLEAN_TEXT_ESCAPE); /* intermediate byte: the final one follows */
    else
        enter(cleaner, CLEAN_TEXT_PLAIN);
}

static void plain(struct clean_text *cleaner, uint32_t point, struct str bytes, struct strbuf *out)
{
    if (point == ESCAPE)
        enter(cleaner, CLEAN_TEXT_ESCAPE);
    else if (point == C1_CSI)
        enter(cleaner, CLEAN_TEXT_CONTROL);
    else if (begins_string(point))
        enter(cleaner, CLEAN_TEXT_STRING);
    else if (point == '\n' || point == '\t' || (point >= 0x20 && point < 0x7f))
        strbuf_add_str(out, bytes);
    else if (point > 0x9f && !is_deceptive(point))
        strbuf_add_str(out, bytes);
}

/* One whole character; UTF8_INVALID is an invalid byte. */
static void take(struct clean_text *cleaner, uint32_t point, struct str bytes, struct strbuf *out)
{
    if (cleaner->state != CLEAN_TEXT_PLAIN && ++cleaner->sequence_len > CLEAN_TEXT_SEQUENCE_MAX)
        enter(cleaner, CLEAN_TEXT_PLAIN);

    switch (cleaner->state) {
    case CLEAN_TEXT_PLAIN:
        if (point == UTF8_INVALID)
            strbuf_add_c(out, REPLACEMENT);
        else
            plain(cleaner, point, bytes, out);
        break;
    case CLEAN_TEXT_ESCAPE: after_escape(cleaner, point); break;
    case CLEAN_TEXT_CONTROL:
        if (point == '\n')
            strbuf_add_str(out, bytes);
        if (point == ESCAPE)
            enter(cleaner, CLEAN_TEXT_ESCAPE);
        else if (point < 0x20 || point > 0x3f) /* neither parameter nor intermediate */
            enter(cleaner, CLEAN_TEXT_PLAIN);
        break;
    case CLEAN_TEXT_STRING:
        if (point == BELL || point == C1_ST)
            enter(cleaner, CLEAN_TEXT_PLAIN);
        else if (point == ESCAPE)
            cleaner->state = CLEAN_TEXT_STRING_ESCAPE;
        break;
    case CLEAN_TEXT_STRING_ESCAPE:
        if (point == '\\')
            enter(cleaner, CLEAN_TEXT_PLAIN);
        else
            cleaner->state = CLEAN_TEXT_STRING;
        break;
    }
}

static void take_pending(struct clean_text *cleaner, struct strbuf *out)
{
    const struct str bytes = {(const char *)cleaner->pending, cleaner->pending_len};
    struct str rest = bytes;
    const uint32_t point = utf8_next(&rest);
    cleaner->pending_len = 0;
    take(cleaner, rest.len == 0 ? point : UTF8_INVALID, bytes, out);
}

void clean_text_feed(struct clean_text *cleaner, struct str piece, struct strbuf *out)
{
    for (size_t i = 0; i < piece.len;) {
        const uint8_t byte = (uint8_t)piece.ptr[i];
        const bool continues = (byte & 0xc0) == 0x80;
        if (cleaner->pending_len > 0 && !continues) {
            take_pending(cleaner, out); /* cut short: invalid */
            continue;
        }
        if (cleaner->pending_len == 0 && sequence_length(byte) == 0) {
            take(cleaner, UTF8_INVALID, (struct str){0}, out);
            i++;
            continue;
        }
        cleaner->pending[cleaner->pending_len++] = byte;
        i++;
        if (cleaner->pending_len == sequence_length(cleaner->pending[0]))
            take_pending(cleaner, out);
    }
}

void clean_text_end(struct clean_text *cleaner, struct strbuf *out)
{
    if (cleaner->pending_len > 0)
        take_pending(cleaner, out);
    *cleaner = (struct clean_text){0};
}

void clean_text_whole(struct str text, struct strbuf *out)
{
    struct clean_text cleaner = {0};
    clean_text_feed(&cleaner, text, out);
    clean_text_end(&cleaner, out);
}

void clean_text_line(struct str text, struct strbuf *out)
{
    const size_t begin = out->len;
    clean_text_whole(text, out);
    for (size_t i = begin; i < out->len; i++) {
        if (out->ptr[i] == '\n' || out->ptr[i] == '\t')
            out->ptr[i] = ' ';
    }
}

void clean_text_visible(struct str text, struct strbuf *out)
{
    while (text.len > 0) {
        const struct str before = text;
        const uint32_t point = utf8_next(&text);
        const bool is_control = point < 0x20 || (point >= 0x7f && point <= 0x9f);
        if (point == UTF8_INVALID)
            strbuf_addf(out, "\\x%02x", (unsigned char)before.ptr[0]);
        else if (is_control && point != '\n')
            strbuf_addf(out, "\\x%02x", point);
        else if (is_deceptive(point))
            strbuf_addf(out, "\\u%04x", point);
        else
            strbuf_add(out, before.ptr, before.len - text.len);
    }
}
