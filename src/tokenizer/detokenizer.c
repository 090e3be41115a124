#include "tokenizer/detokenizer.h"

#include "text/utf8.h"

void detokenizer_init(struct detokenizer *detokenizer, const struct tokenizer *tokenizer,
                      unsigned flags)
{
    *detokenizer = (struct detokenizer){
        .tokenizer = tokenizer,
        .flags = flags,
        .drop_space = (flags & DETOKENIZER_AT_TEXT_START) && tokenizer_adds_space_prefix(tokenizer),
    };
}

void detokenizer_done(struct detokenizer *detokenizer)
{
    strbuf_done(&detokenizer->text);
    strbuf_done(&detokenizer->raw);
}

/* What the reader sees of token `id`. */
static struct str visible_piece(struct detokenizer *detokenizer, int32_t id)
{
    const enum token_kind kind = tokenizer_kind(detokenizer->tokenizer, id);
    struct str piece = tokenizer_piece(detokenizer->tokenizer, id);
    if (kind == TOKEN_CONTROL || kind == TOKEN_UNKNOWN)
        return detokenizer->flags & DETOKENIZER_SHOW_SPECIAL ? piece : (struct str){0};
    if (detokenizer->drop_space && piece.len > 0) {
        detokenizer->drop_space = false;
        if (piece.ptr[0] == ' ' && kind != TOKEN_USER_DEFINED)
            piece = str_slice(piece, 1, piece.len);
    }
    return piece;
}

struct str detokenizer_feed(struct detokenizer *detokenizer, int32_t id)
{
    strbuf_clear(&detokenizer->text);
    strbuf_add_str(&detokenizer->raw, visible_piece(detokenizer, id));
    const struct str raw = strbuf_view(&detokenizer->raw);
    const size_t whole = raw.len - utf8_incomplete_tail(raw);
    utf8_add_clean(&detokenizer->text, str_slice(raw, 0, whole));

    char held[UTF8_BYTES_MAX];
    const size_t held_count = raw.len - whole;
    if (held_count > 0)
        memcpy(held, raw.ptr + whole, held_count);
    strbuf_clear(&detokenizer->raw);
    strbuf_add(&detokenizer->raw, held, held_count);
    return strbuf_view(&detokenizer->text);
}

struct str detokenizer_flush(struct detokenizer *detokenizer)
{
    strbuf_clear(&detokenizer->text);
    utf8_add_clean(&detokenizer->text, strbuf_view(&detokenizer->raw));
    strbuf_clear(&detokenizer->raw);
    return strbuf_view(&detokenizer->text);
}

void detokenizer_all(const struct tokenizer *tokenizer, const int32_t *ids, size_t count,
                     unsigned flags, struct strbuf *out)
{
    CLEANUP(detokenizer_done) struct detokenizer detokenizer;
    detokenizer_init(&detokenizer, tokenizer, flags);
    for (size_t i = 0; i < count; i++)
        strbuf_add_str(out, detokenizer_feed(&detokenizer, ids[i]));
    strbuf_add_str(out, detokenizer_flush(&detokenizer));
}
