#include "chat/jinja_string.h"

#include <string.h>

enum segment_origin jinja_string_origin_at(const struct jinja_string *string, size_t offset,
                                           size_t *out_end)
{
    *out_end = string->bytes.len;
    if (!string->runs)
        return string->origin;
    size_t low = 0;
    size_t high = string->run_count;
    while (high - low > 1) { /* the last run that begins at or before offset */
        const size_t middle = low + (high - low) / 2;
        if (string->runs[middle].offset <= offset)
            low = middle;
        else
            high = middle;
    }
    *out_end = string->runs[low].offset + string->runs[low].length;
    return string->runs[low].origin;
}

bool jinja_string_keep_runs(struct jinja_string *string, const struct segment_run *runs,
                            size_t count, struct arena *arena)
{
    string->runs = NULL;
    string->run_count = 0;
    string->origin = SEGMENT_TEMPLATE;
    for (size_t i = 0; i < count; i++)
        string->origin = segment_merge(string->origin, runs[i].origin);
    if (count < 2)
        return true;
    struct segment_run *copy = arena_alloc_array(arena, count, sizeof(*copy));
    if (!copy)
        return false;
    memcpy(copy, runs, count * sizeof(*copy));
    string->runs = copy;
    string->run_count = count;
    return true;
}

bool jinja_string_slice(const struct jinja_string *string, size_t from, size_t to,
                        struct arena *arena, struct jinja_string *out)
{
    *out = jinja_string_of(str_slice(string->bytes, from, to), string->origin);
    out->is_markup = string->is_markup;
    if (!string->runs || out->bytes.len == 0)
        return true;
    to = from + out->bytes.len;

    size_t count = 0;
    for (size_t at = from; at < to; count++)
        jinja_string_origin_at(string, at, &at);
    struct segment_run *runs = arena_alloc_array(arena, count, sizeof(*runs));
    if (!runs)
        return false;
    out->origin = SEGMENT_TEMPLATE;
    size_t at = from;
    for (size_t i = 0; i < count; i++) {
        size_t end = 0;
        const enum segment_origin origin = jinja_string_origin_at(string, at, &end);
        end = end < to ? end : to;
        runs[i] = (struct segment_run){at - from, end - at, origin};
        out->origin = segment_merge(out->origin, origin);
        at = end;
    }
    if (count > 1) {
        out->runs = runs;
        out->run_count = count;
    }
    return true;
}
