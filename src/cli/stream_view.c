#include "cli/stream_view.h"

#include "cli/markdown.h"
#include "cli/markdown_scan.h"

void stream_view_init(struct stream_view *view, const struct style_theme *theme, unsigned width,
                      bool is_rendered)
{
    *view = (struct stream_view){.theme = theme, .width = width, .is_rendered = is_rendered};
}

void stream_view_done(struct stream_view *view)
{
    strbuf_done(&view->source);
    strbuf_done(&view->shown);
}

/* Length of an escape sequence of ours (ESC [ ... m) at the beginning of `text`, or 0. */
static size_t sequence_length(struct str text)
{
    if (text.len < 2 || text.ptr[0] != '\x1b')
        return 0;
    const size_t end = str_find_char(text, 'm', 0);
    return end == SIZE_MAX ? 0 : end + 1;
}

/*
 * Where `wanted` goes on after the visible characters of `shown`; SIZE_MAX when these differ, that
 * is when a later line changed what an earlier one says.
 */
static size_t visible_end(struct str shown, struct str wanted)
{
    size_t i = 0;
    size_t j = 0;
    for (;;) {
        size_t sequence = 0;
        while ((sequence = sequence_length(str_slice(shown, i, shown.len))) > 0)
            i += sequence;
        if (i >= shown.len)
            return j;
        while ((sequence = sequence_length(str_slice(wanted, j, wanted.len))) > 0)
            j += sequence;
        if (j >= wanted.len || wanted.ptr[j] != shown.ptr[i])
            return SIZE_MAX;
        i++;
        j++;
    }
}

/* Shows what the first `len` bytes of the source render to beyond what is shown already. */
static void show(struct stream_view *view, size_t len, struct strbuf *out)
{
    CLEANUP(strbuf_done) struct strbuf wanted = {0};
    markdown_render(str_slice(strbuf_view(&view->source), 0, len), view->width, view->theme,
                    &wanted);
    const struct str now = strbuf_view(&wanted);
    const struct str before = strbuf_view(&view->shown);
    if (now.len == 0)
        return;
    if (before.len == 0 && view->has_output)
        strbuf_add_c(out, "\n\n");
    size_t from = before.len;
    if (!str_starts_with(now, before)) {
        from = visible_end(before, now);
        if (from == SIZE_MAX)
            return; /* what is shown stays; the rest waits for the end of the block */
    }
    strbuf_add_str(out, str_slice(now, from, now.len));
    strbuf_clear(&view->shown);
    strbuf_add_str(&view->shown, now);
}

/* Ends the blocks that make up the first `len` bytes of the source. */
static void finish(struct stream_view *view, size_t len, struct strbuf *out)
{
    if (len == 0)
        return;
    CLEANUP(strbuf_done) struct strbuf wanted = {0};
    const struct str blocks = str_slice(strbuf_view(&view->source), 0, len);
    markdown_render(blocks, view->width, view->theme, &wanted);
    const bool is_visible = wanted.len > 0;
    const bool agrees = visible_end(strbuf_view(&view->shown), strbuf_view(&wanted)) != SIZE_MAX;
    show(view, len, out);
    if (is_visible && !agrees) {
        /* A later line reached back: show the blocks again, as they are meant. */
        strbuf_addf(out, "%s\n\n", view->theme->begin[STYLE_NORMAL]);
        strbuf_add_str(out, strbuf_view(&wanted));
    }
    if (is_visible || view->shown.len > 0) {
        strbuf_add_c(out, view->theme->begin[STYLE_NORMAL]);
        view->has_output = true;
    }
    CLEANUP(strbuf_done) struct strbuf rest = {0};
    strbuf_add_str(&rest, str_slice(strbuf_view(&view->source), len, view->source.len));
    strbuf_clear(&view->source);
    strbuf_add_str(&view->source, strbuf_view(&rest));
    strbuf_clear(&view->shown);
}

/* Notes what the bytes behind `from` mean for the end of the line. */
static void note_passed(struct stream_view *view, const struct strbuf *out, size_t from)
{
    if (out->len > from) {
        view->has_output = true;
        view->ends_line = out->ptr[out->len - 1] == '\n';
    }
}

void stream_view_add(struct stream_view *view, struct str piece, struct strbuf *out)
{
    if (!view->is_rendered) {
        const size_t from = out->len;
        clean_text_feed(&view->cleaner, piece, out);
        note_passed(view, out, from);
        return;
    }
    clean_text_feed(&view->cleaner, piece, &view->source);
    finish(view, markdown_scan_whole_blocks(strbuf_view(&view->source)), out);
    if (view->source.len > STREAM_VIEW_BLOCK_MAX)
        finish(view, view->source.len, out);
    else
        show(view, markdown_scan_stable(strbuf_view(&view->source)), out);
}

void stream_view_end(struct stream_view *view, struct strbuf *out)
{
    if (view->is_rendered) {
        clean_text_end(&view->cleaner, &view->source);
        finish(view, view->source.len, out);
        if (view->has_output)
            strbuf_add_char(out, '\n');
    } else {
        const size_t from = out->len;
        clean_text_end(&view->cleaner, out);
        note_passed(view, out, from);
        if (view->has_output && !view->ends_line)
            strbuf_add_char(out, '\n');
    }
    strbuf_clear(&view->source);
    strbuf_clear(&view->shown);
    view->has_output = false;
    view->ends_line = false;
}
