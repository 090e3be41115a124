#include "api/stop_texts.h"

void stop_texts_done(struct stop_texts *stops)
{
    for (size_t i = 0; i < stops->count; i++)
        strbuf_done(&stops->texts[i]);
    strbuf_done(&stops->held);
    *stops = (struct stop_texts){0};
}

bool stop_texts_add(struct stop_texts *stops, struct str text)
{
    if (stops->count == STOP_TEXTS_MAX || text.len == 0 || text.len > STOP_TEXTS_BYTES_MAX)
        return false;
    strbuf_add_str(&stops->texts[stops->count++], text);
    return true;
}

/* Bytes at the end of `text` that begin `stop`, but are not all of it. */
static size_t begun(struct str text, struct str stop)
{
    size_t len = stop.len - 1 < text.len ? stop.len - 1 : text.len;
    while (len > 0 && !str_ends_with(text, str_slice(stop, 0, len)))
        len--;
    return len;
}

bool stop_texts_feed(struct stop_texts *stops, struct str piece, struct strbuf *out)
{
    if (stops->count == 0) {
        strbuf_add_str(out, piece);
        return true;
    }
    strbuf_add_str(&stops->held, piece);
    const struct str text = strbuf_view(&stops->held);
    size_t first = SIZE_MAX;
    size_t open = 0;
    for (size_t i = 0; i < stops->count; i++) {
        const struct str stop = strbuf_view(&stops->texts[i]);
        const size_t at = str_find(text, stop, 0);
        const bool is_shorter = at == first && at != SIZE_MAX &&
                                stop.len < stops->texts[stops->found].len; /* seen earlier */
        if (at < first || is_shorter) {
            first = at;
            stops->found = i;
            stops->is_found = true;
        }
        const size_t len = begun(text, stop);
        open = len > open ? len : open;
    }
    const size_t safe = stops->is_found ? first : text.len - open;
    strbuf_add_str(out, str_slice(text, 0, safe));
    CLEANUP(strbuf_done) struct strbuf rest = {0};
    strbuf_add_str(&rest, str_slice(text, safe, text.len));
    strbuf_clear(&stops->held);
    if (!stops->is_found)
        strbuf_add_str(&stops->held, strbuf_view(&rest));
    return !stops->is_found;
}

void stop_texts_flush(struct stop_texts *stops, struct strbuf *out)
{
    strbuf_add_str(out, strbuf_view(&stops->held));
    strbuf_clear(&stops->held);
}
