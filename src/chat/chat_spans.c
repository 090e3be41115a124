#include "chat/chat_spans.h"

#include "base/mem.h"

void chat_spans_done(struct chat_spans *spans)
{
    strbuf_done(&spans->text);
    mem_free(spans->runs);
    *spans = (struct chat_spans){0};
}

void chat_spans_add(struct chat_spans *spans, struct str text, enum segment_origin origin)
{
    if (text.len == 0)
        return;
    struct segment_run *last = spans->run_count ? &spans->runs[spans->run_count - 1] : NULL;
    if (last && last->origin == origin) {
        last->length += text.len;
    } else {
        if (spans->run_count == spans->run_capacity) {
            spans->run_capacity = spans->run_capacity ? 2 * spans->run_capacity : 8;
            spans->runs = mem_realloc(spans->runs, spans->run_capacity * sizeof(*spans->runs));
        }
        spans->runs[spans->run_count++] =
            (struct segment_run){.offset = spans->text.len, .length = text.len, .origin = origin};
    }
    strbuf_add_str(&spans->text, text);
}

size_t chat_spans_common(const struct chat_spans *a, const struct chat_spans *b)
{
    size_t at = 0;
    size_t run_a = 0;
    size_t run_b = 0;
    while (run_a < a->run_count && run_b < b->run_count) {
        const struct segment_run *x = &a->runs[run_a];
        const struct segment_run *y = &b->runs[run_b];
        if ((x->origin == SEGMENT_TEMPLATE) != (y->origin == SEGMENT_TEMPLATE))
            return at;
        const size_t end_a = x->offset + x->length;
        const size_t end_b = y->offset + y->length;
        for (; at < end_a && at < end_b; at++) {
            if (a->text.ptr[at] != b->text.ptr[at])
                return at;
        }
        run_a += at == end_a;
        run_b += at == end_b;
    }
    return at;
}
