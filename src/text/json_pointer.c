#include "text/json_pointer.h"

#include "base/strbuf.h"

#include <stdlib.h>

/* One part of a pointer; false if malformed. */
static bool decode_part(struct str part, struct strbuf *out)
{
    for (size_t i = 0; i < part.len; i++) {
        char c = part.ptr[i];
        if (c == '~') {
            const char next = i + 1 < part.len ? part.ptr[++i] : 0;
            if (next != '0' && next != '1')
                return false;
            c = next == '0' ? '~' : '/';
        } else if (c == '%') {
            if (i + 2 >= part.len)
                return false;
            const char digits[3] = {part.ptr[i + 1], part.ptr[i + 2], 0};
            char *end = NULL;
            c = (char)strtoul(digits, &end, 16);
            if (end != digits + 2 || !c)
                return false;
            i += 2;
        }
        strbuf_add_char(out, c);
    }
    return true;
}

static const json_t *step_into(const json_t *value, const char *part)
{
    if (json_is_object(value))
        return json_object_get(value, part);
    int64_t index = 0;
    if (json_is_array(value) && str_to_int(str_from_c(part), &index) && index >= 0)
        return json_array_get(value, (size_t)index);
    return NULL;
}

enum json_pointer json_pointer_find(const json_t *root, struct str reference, const json_t **out)
{
    struct str rest = reference;
    if (rest.len == 0 || rest.ptr[0] != '#')
        return JSON_POINTER_FOREIGN;
    if (rest.len > 1 && rest.ptr[1] != '/')
        return JSON_POINTER_ANCHOR;
    const json_t *at = root;
    CLEANUP(strbuf_done) struct strbuf part = {0};
    (void)str_split(&rest, '#');
    if (rest.len)
        (void)str_split(&rest, '/');
    else
        rest.ptr = NULL;
    while (rest.ptr && at) {
        strbuf_clear(&part);
        if (!decode_part(str_split(&rest, '/'), &part))
            return JSON_POINTER_MALFORMED;
        at = step_into(at, strbuf_c(&part));
    }
    if (!at)
        return JSON_POINTER_NOWHERE;
    *out = at;
    return JSON_POINTER_FOUND;
}
