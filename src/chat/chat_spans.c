#include "chat/chat_spans.h"

#include "base/mem.h"

void chat_spans_done(struct chat_spans *spans)
{
    strbuf_done(&spans->text);
    mem_free(spans->runs);
    *spans = (struct chat_spans){0};
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
