#include "base/str.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

enum { NUMBER_LEN_MAX = 63 };

int str_compare(struct str a, struct str b)
{
    const size_t common = a.len < b.len ? a.len : b.len;
    const int order = common ? memcmp(a.ptr, b.ptr, common) : 0;
    if (order)
        return order < 0 ? -1 : 1;
    return (a.len > b.len) - (a.len < b.len);
}

size_t str_find(struct str text, struct str needle, size_t from)
{
    if (from > text.len)
        return SIZE_MAX;
    if (needle.len == 0)
        return from;
    if (!text.ptr)
        return SIZE_MAX;
    const char *hit = memmem(text.ptr + from, text.len - from, needle.ptr, needle.len);
    return hit ? (size_t)(hit - text.ptr) : SIZE_MAX;
}

size_t str_find_char(struct str text, char c, size_t from)
{
    if (from >= text.len)
        return SIZE_MAX;
    const char *hit = memchr(text.ptr + from, c, text.len - from);
    return hit ? (size_t)(hit - text.ptr) : SIZE_MAX;
}

size_t str_partial(struct str text, struct str marker)
{
    size_t len = marker.len > 0 ? marker.len - 1 : 0;
    for (len = len < text.len ? len : text.len; len > 0; len--) {
        if (memcmp(text.ptr + text.len - len, marker.ptr, len) == 0)
            return len;
    }
    return 0;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str str_trim_front(struct str text)
{
    while (text.len && is_space(text.ptr[0])) {
        text.ptr++;
        text.len--;
    }
    return text;
}

struct str str_trim(struct str text)
{
    text = str_trim_front(text);
    while (text.len && is_space(text.ptr[text.len - 1]))
        text.len--;
    return text;
}

struct str str_split(struct str *rest, char separator)
{
    const size_t end = str_find_char(*rest, separator, 0);
    if (end == SIZE_MAX) {
        const struct str all = *rest;
        *rest = (struct str){0};
        return all;
    }
    const struct str head = {rest->ptr, end};
    rest->ptr += end + 1;
    rest->len -= end + 1;
    return head;
}

bool str_to_int(struct str text, int64_t *out)
{
    char digits[NUMBER_LEN_MAX + 1];
    if (text.len == 0 || text.len > NUMBER_LEN_MAX || is_space(text.ptr[0]))
        return false;
    memcpy(digits, text.ptr, text.len);
    digits[text.len] = '\0';

    char *end = NULL;
    errno = 0;
    const long long value = strtoll(digits, &end, 10);
    if (errno || end != digits + text.len)
        return false;
    *out = value;
    return true;
}

bool str_to_double(struct str text, double *out)
{
    char digits[NUMBER_LEN_MAX + 1];
    if (text.len == 0 || text.len > NUMBER_LEN_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (!strchr("0123456789+-.eE", text.ptr[i]) || !text.ptr[i])
            return false; /* no "inf", "nan", hexadecimal or spaces */
    }
    memcpy(digits, text.ptr, text.len);
    digits[text.len] = '\0';

    char *end = NULL;
    const double value = strtod(digits, &end);
    if (end != digits + text.len || !isfinite(value))
        return false;
    *out = value;
    return true;
}
