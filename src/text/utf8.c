#include "text/utf8.h"

/* Length of a character by its first byte, and the range of its second byte, which excludes
 * overlong forms, surrogates and what lies past U+10FFFF. 0: no character begins so. */
static unsigned lead_info(unsigned char lead, unsigned char *low, unsigned char *high)
{
    *low = 0x80;
    *high = 0xbf;
    if (lead < 0x80)
        return 1;
    if (lead < 0xc2 || lead > 0xf4)
        return 0;
    if (lead < 0xe0)
        return 2;
    if (lead == 0xe0)
        *low = 0xa0;
    else if (lead == 0xed)
        *high = 0x9f;
    else if (lead == 0xf0)
        *low = 0x90;
    else if (lead == 0xf4)
        *high = 0x8f;
    return lead < 0xf0 ? 3 : 4;
}

/* How many bytes at the front of `text` are one character or could begin one (at least 1, at most
 * 4); *out_complete says which. A byte that begins nothing counts 1, not complete. */
static unsigned front(struct str text, bool *out_complete)
{
    const unsigned char *bytes = (const unsigned char *)text.ptr;
    unsigned char low = 0;
    unsigned char high = 0;
    const unsigned len = lead_info(bytes[0], &low, &high);
    *out_complete = len == 1;
    if (len <= 1)
        return 1;
    unsigned count = 1;
    while (count < len && count < text.len) {
        if (bytes[count] < low || bytes[count] > high)
            return count;
        low = 0x80;
        high = 0xbf;
        count++;
    }
    *out_complete = count == len;
    return count;
}

uint32_t utf8_next(struct str *text)
{
    const unsigned char *bytes = (const unsigned char *)text->ptr;
    bool complete = true;
    const unsigned len = bytes[0] < 0x80 ? 1 : front(*text, &complete);
    uint32_t code_point = UTF8_INVALID;
    unsigned used = 1;
    if (complete) {
        used = len;
        code_point = len == 1 ? bytes[0] : bytes[0] & (0x7fu >> len);
        for (unsigned i = 1; i < len; i++)
            code_point = code_point << 6 | (bytes[i] & 0x3fu);
    }
    text->ptr += used;
    text->len -= used;
    return code_point;
}

bool utf8_is_valid(struct str text)
{
    while (text.len > 0) {
        if (utf8_next(&text) == UTF8_INVALID)
            return false;
    }
    return true;
}

size_t utf8_write(uint32_t code_point, char out[UTF8_BYTES_MAX])
{
    if (code_point > UTF8_CODE_POINT_MAX || (code_point >= 0xd800 && code_point <= 0xdfff))
        code_point = UTF8_REPLACEMENT;
    if (code_point < 0x80) {
        out[0] = (char)code_point;
        return 1;
    }
    const size_t len = code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code_point & 0x3f));
        code_point >>= 6;
    }
    static const unsigned char marks[] = {0, 0, 0xc0, 0xe0, 0xf0};
    out[0] = (char)(marks[len] | code_point);
    return len;
}

size_t utf8_incomplete_tail(struct str text)
{
    for (size_t tail = 1; tail < UTF8_BYTES_MAX && tail <= text.len; tail++) {
        const struct str end = str_slice(text, text.len - tail, text.len);
        if (((unsigned char)end.ptr[0] & 0xc0) == 0x80)
            continue; /* a later byte of a character: look for its first */
        bool complete = false;
        unsigned char low = 0;
        unsigned char high = 0;
        const bool begins = lead_info((unsigned char)end.ptr[0], &low, &high) > 1;
        return begins && front(end, &complete) == tail && !complete ? tail : 0;
    }
    return 0;
}

void utf8_add_clean(struct strbuf *out, struct str text)
{
    size_t from = 0; /* bytes before are in `out` */
    size_t at = 0;
    while (at < text.len) {
        bool complete = true;
        const struct str rest = str_slice(text, at, text.len);
        const unsigned len = (unsigned char)rest.ptr[0] < 0x80 ? 1 : front(rest, &complete);
        if (!complete) {
            strbuf_add(out, text.ptr + from, at - from);
            strbuf_add_c(out, "\xef\xbf\xbd");
            from = at + len;
        }
        at += len;
    }
    if (text.len > from)
        strbuf_add(out, text.ptr + from, text.len - from);
}

size_t utf8_cut(struct str text, size_t len_max)
{
    if (text.len <= len_max)
        return text.len;
    return len_max - utf8_incomplete_tail(str_slice(text, 0, len_max));
}
