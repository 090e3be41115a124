#include "chat/jinja_text.h"

#include "base/mem.h"

enum { RUNS_MIN = 8 };

void jinja_text_done(struct jinja_text *text)
{
    strbuf_done(&text->bytes);
    mem_free(text->runs);
    text->runs = NULL;
    text->run_count = 0;
    text->run_capacity = 0;
}

/* Says that the last `length` bytes have `origin`. */
static void add_run(struct jinja_text *text, size_t length, enum segment_origin origin)
{
    if (length == 0)
        return;
    if (text->run_count && text->runs[text->run_count - 1].origin == origin) {
        text->runs[text->run_count - 1].length += length;
        return;
    }
    if (text->run_count == text->run_capacity) {
        text->run_capacity = text->run_capacity ? text->run_capacity * 2 : RUNS_MIN;
        text->runs = mem_realloc(text->runs, text->run_capacity * sizeof(*text->runs));
    }
    text->runs[text->run_count++] = (struct segment_run){text->bytes.len - length, length, origin};
}

void jinja_text_add(struct jinja_text *text, struct str bytes, enum segment_origin origin)
{
    const size_t before = text->bytes.len;
    strbuf_add_str(&text->bytes, bytes);
    add_run(text, text->bytes.len - before, origin);
}

void jinja_text_add_c(struct jinja_text *text, const char *bytes, enum segment_origin origin)
{
    jinja_text_add(text, str_from_c(bytes), origin);
}

void jinja_text_add_slice(struct jinja_text *text, const struct jinja_string *string, size_t from,
                          size_t to)
{
    while (from < to) {
        size_t end = 0;
        const enum segment_origin origin = jinja_string_origin_at(string, from, &end);
        end = end < to ? end : to;
        jinja_text_add(text, str_slice(string->bytes, from, end), origin);
        from = end;
    }
}

void jinja_text_add_string(struct jinja_text *text, const struct jinja_string *string)
{
    jinja_text_add_slice(text, string, 0, string->bytes.len);
}

bool jinja_text_finish(const struct jinja_text *text, struct arena *arena, struct jinja_string *out)
{
    *out = (struct jinja_string){0};
    out->bytes = arena_copy_str(arena, strbuf_view(&text->bytes));
    return out->bytes.ptr && jinja_string_keep_runs(out, text->runs, text->run_count, arena);
}
