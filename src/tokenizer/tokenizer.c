#include "tokenizer/tokenizer.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "gguf/gguf.h"
#include "tokenizer/bpe.h"
#include "tokenizer/pretokenizer.h"
#include "tokenizer/special_finder.h"
#include "tokenizer/spm.h"
#include "tokenizer/unigram.h"
#include "tokenizer/vocab.h"
#include "tokenizer/word_sink.h"
#include "tokenizer/wordpiece.h"

struct tokenizer {
    struct vocab vocab;
    struct special_finder specials;
    struct bpe bpe; /* VOCAB_BPE */
    struct spm spm; /* VOCAB_SPM */
    struct wordpiece wordpiece;
    struct unigram unigram;
};

/* ---------------------------------------------------------------- loading */

static enum status load_bpe(const struct gguf *file, struct str pre, struct tokenizer *tokenizer,
                            struct error *err)
{
    const struct pretokenizer_row *row = pretokenizer_find(pre);
    if (!row) {
        CLEANUP(strbuf_done) struct strbuf known = {0};
        pretokenizer_add_names(&known);
        return error_set(err, E_UNSUPPORTED,
                         "unknown pre-tokenizer '%.*s' (tokenizer.ggml.pre); holt knows %s",
                         STR_ARG(str_slice(pre, 0, 40)), strbuf_c(&known));
    }
    const unsigned flags = pretokenizer_flags(row);
    const struct vocab_manner manner = {
        .kind = VOCAB_BPE,
        .has_raw_text = flags & PRETOKENIZER_RAW_TEXT,
        .adds_bos = flags & PRETOKENIZER_ADDS_BOS,
        .insists_on_bos = flags & PRETOKENIZER_INSISTS_ON_BOS,
    };
    TRY(vocab_load(file, &manner, &tokenizer->vocab, err));
    return bpe_load(file, &tokenizer->vocab, row, &tokenizer->bpe, err);
}

static enum status load_vocab(const struct gguf *file, enum vocab_kind kind,
                              struct tokenizer *tokenizer, struct error *err)
{
    const struct vocab_manner manner = {.kind = kind,
                                        .adds_bos = kind == VOCAB_SPM || kind == VOCAB_WORDPIECE,
                                        .adds_eos = kind == VOCAB_UNIGRAM};
    return vocab_load(file, &manner, &tokenizer->vocab, err);
}

static enum status load_kind(const struct gguf *file, struct tokenizer *tokenizer,
                             struct error *err)
{
    enum vocab_kind kind = VOCAB_NONE;
    struct str pre = {0};
    TRY(vocab_read_kind(file, &kind, &pre, err));
    if (kind == VOCAB_BPE)
        return load_bpe(file, pre, tokenizer, err);
    TRY(load_vocab(file, kind, tokenizer, err));
    if (kind == VOCAB_SPM)
        return spm_load(file, &tokenizer->vocab, &tokenizer->spm, err);
    if (kind == VOCAB_WORDPIECE)
        return wordpiece_load(file, &tokenizer->vocab, &tokenizer->wordpiece, err);
    if (kind == VOCAB_UNIGRAM)
        return unigram_load(file, &tokenizer->vocab, &tokenizer->unigram, err);
    return OK;
}

enum status tokenizer_new(const struct gguf *file, struct tokenizer **out, struct error *err)
{
    CLEANUP(tokenizer_freep) struct tokenizer *tokenizer = mem_zalloc(sizeof(*tokenizer));
    TRY(load_kind(file, tokenizer, err));
    TRY(special_finder_init(&tokenizer->specials, &tokenizer->vocab, err));
    *out = tokenizer;
    tokenizer = NULL; /* the caller's now */
    return OK;
}

void tokenizer_free(struct tokenizer *tokenizer)
{
    if (!tokenizer)
        return;
    special_finder_done(&tokenizer->specials);
    bpe_done(&tokenizer->bpe);
    spm_done(&tokenizer->spm);
    wordpiece_done(&tokenizer->wordpiece);
    unigram_done(&tokenizer->unigram);
    vocab_done(&tokenizer->vocab);
    mem_free(tokenizer);
}

/* ---------------------------------------------------------------- encoding */

/* One text on its way to tokens. */
struct encoding {
    const struct tokenizer *tokenizer;
    struct str text;
    bool parses_special;      /* control and user-defined tokens, ... */
    bool parses_user_defined; /* ... or only the latter */
    const uint8_t *allowed;   /* where; NULL: everywhere. One byte per byte of text */
    struct word_sink sink;
    struct merger merger;
    struct spm_scratch spm_scratch;
    struct strbuf word; /* WordPiece */
    struct unigram_scratch unigram_scratch;
    struct special_finder_hits hits;
};

static void encoding_done(struct encoding *encoding)
{
    merger_done(&encoding->merger);
    spm_scratch_done(&encoding->spm_scratch);
    strbuf_done(&encoding->word);
    unigram_scratch_done(&encoding->unigram_scratch);
    special_finder_hits_done(&encoding->hits);
}

/* Text between special tokens. */
static enum status encode_plain(struct encoding *e, size_t from, size_t to, struct error *err)
{
    const struct tokenizer *tokenizer = e->tokenizer;
    const struct str text = str_slice(e->text, from, to);
    if (text.len == 0)
        return OK;
    if (tokenizer->vocab.kind == VOCAB_BPE)
        return bpe_encode(&tokenizer->bpe, text, from, &e->merger, &e->sink, err);
    if (tokenizer->vocab.kind == VOCAB_WORDPIECE) {
        wordpiece_encode(&tokenizer->wordpiece, text, from, &e->word, &e->sink);
        return OK;
    }
    if (tokenizer->vocab.kind == VOCAB_UNIGRAM)
        return unigram_encode(&tokenizer->unigram, text, from, &e->unigram_scratch, &e->sink, err);
    return spm_encode(&tokenizer->spm, text, from, tokenizer->vocab.adds_space_prefix,
                      &e->spm_scratch, &e->sink, err);
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The text between two special tokens, or less where they strip white space. */
static enum status encode_between(struct encoding *e, size_t from, size_t to, int32_t before,
                                  int32_t after, struct error *err)
{
    const uint8_t *strips = e->tokenizer->vocab.strips;
    if (strips && before >= 0 && (strips[before] & VOCAB_STRIP_RIGHT)) {
        while (from < to && is_blank(e->text.ptr[from]))
            from++;
    }
    if (strips && after >= 0 && (strips[after] & VOCAB_STRIP_LEFT)) {
        while (from < to && is_blank(e->text.ptr[to - 1]))
            to--;
    }
    return encode_plain(e, from, to, err);
}

static enum status encode_all(struct encoding *e, struct error *err)
{
    const struct tokenizer *tokenizer = e->tokenizer;
    if (e->parses_special || e->parses_user_defined)
        TRY(special_finder_find(&tokenizer->specials, &tokenizer->vocab, e->text,
                                !e->parses_special, e->allowed, &e->hits, err));
    size_t at = 0;
    int32_t before = -1;
    for (size_t i = 0; i < e->hits.count; i++) {
        const struct special_finder_hit *hit = &e->hits.hits[i];
        TRY(encode_between(e, at, hit->start, before, hit->id, err));
        word_sink_add(&e->sink, hit->id, hit->start);
        at = hit->start + hit->len;
        before = hit->id;
    }
    return encode_between(e, at, e->text.len, before, -1, err);
}

static enum status check_text(const struct tokenizer *tokenizer, size_t len, struct error *err)
{
    if (tokenizer->vocab.kind == VOCAB_NONE)
        return error_set(err, E_UNSUPPORTED,
                         "this model file has no vocabulary: it takes token ids, not text");
    if (len > TOKENIZER_TEXT_LEN_MAX)
        return error_set(err, E_LIMIT, "the text is %zu bytes long (limit %d)", len,
                         TOKENIZER_TEXT_LEN_MAX);
    return OK;
}

static void add_end(const struct vocab *vocab, struct token_list *list)
{
    if (vocab->kind == VOCAB_WORDPIECE && vocab->separator >= 0)
        token_list_add(list, vocab->separator, 0);
    else if (vocab->adds_eos && vocab->eos >= 0)
        token_list_add(list, vocab->eos, 0);
}

enum status tokenizer_encode(const struct tokenizer *tokenizer, struct str text, unsigned flags,
                             struct token_list *list, struct error *err)
{
    TRY(check_text(tokenizer, text.len, err));
    CLEANUP(encoding_done)
    struct encoding e = {
        .tokenizer = tokenizer,
        .text = text,
        .parses_special = flags & TOKENIZER_PARSE_SPECIAL,
        .parses_user_defined = flags & TOKENIZER_PARSE_USER_DEFINED,
        .sink = {.vocab = &tokenizer->vocab, .list = list},
    };
    const size_t before = list->count;
    const bool adds = flags & TOKENIZER_ADD_BOS_EOS;
    if (adds && tokenizer->vocab.adds_bos && tokenizer->vocab.bos >= 0)
        token_list_add(list, tokenizer->vocab.bos, 0);
    const enum status status = encode_all(&e, err);
    if (status != OK)
        token_list_truncate(list, before);
    else if (adds)
        add_end(&tokenizer->vocab, list);
    return status;
}

/* Adds a token, if the model has it. */
static void add_id(struct token_list *list, int32_t id, uint32_t span)
{
    if (id >= 0)
        token_list_add(list, id, span);
}

enum status tokenizer_encode_pair(const struct tokenizer *tokenizer, struct str first,
                                  struct str second, struct token_list *list, struct error *err)
{
    const struct vocab *vocab = &tokenizer->vocab;
    const int32_t end = vocab->eos >= 0 ? vocab->eos : vocab->separator;
    const bool is_wordpiece = vocab->kind == VOCAB_WORDPIECE;
    const bool adds_ends = !is_wordpiece && vocab->adds_eos;
    const size_t before = list->count;
    if (vocab->adds_bos)
        add_id(list, vocab->bos, 0);
    enum status status = tokenizer_encode(tokenizer, first, TOKENIZER_PLAIN, list, err);
    if (status == OK && adds_ends)
        add_id(list, end, 0);
    if (status == OK && (is_wordpiece || vocab->adds_separator))
        add_id(list, vocab->separator, 0);
    const size_t middle = list->count;
    if (status == OK)
        status = tokenizer_encode(tokenizer, second, TOKENIZER_PLAIN, list, err);
    if (status != OK) {
        token_list_truncate(list, before);
        return status;
    }
    for (size_t i = middle; i < list->count; i++)
        list->spans[i] = 1;
    if (is_wordpiece || adds_ends)
        add_id(list, is_wordpiece ? vocab->separator : end, 1);
    return OK;
}

/* The spans as one text, with what is allowed where. */
struct joined_spans {
    char *text;
    uint8_t *allowed;
    size_t *ends;
    size_t len;
};

static void joined_spans_done(struct joined_spans *joined)
{
    mem_free(joined->text);
    mem_free(joined->allowed);
    mem_free(joined->ends);
}

static enum status join_spans(const struct tokenizer *tokenizer, const struct text_span *spans,
                              size_t count, struct joined_spans *out, struct error *err)
{
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        if (__builtin_add_overflow(len, spans[i].text.len, &len))
            len = SIZE_MAX;
    }
    TRY(check_text(tokenizer, len, err));
    out->text = mem_try_alloc(len + 1);
    out->allowed = mem_try_alloc(len + 1);
    out->ends = mem_try_zalloc(count + 1, sizeof(*out->ends));
    if (!out->text || !out->allowed || !out->ends)
        return error_set(err, E_NO_MEMORY, "no memory for %zu bytes of text", len);
    for (size_t i = 0; i < count; i++) {
        const struct str text = spans[i].text;
        if (text.len > 0)
            memcpy(out->text + out->len, text.ptr, text.len);
        memset(out->allowed + out->len, spans[i].may_be_special, text.len);
        out->len += text.len;
        out->ends[i] = out->len;
    }
    return OK;
}

enum status tokenizer_encode_spans(const struct tokenizer *tokenizer, const struct text_span *spans,
                                   size_t span_count, struct token_list *list, struct error *err)
{
    CLEANUP(joined_spans_done) struct joined_spans joined = {0};
    TRY(join_spans(tokenizer, spans, span_count, &joined, err));
    CLEANUP(encoding_done)
    struct encoding e = {
        .tokenizer = tokenizer,
        .text = {joined.text, joined.len},
        .parses_special = true,
        .allowed = joined.allowed,
        .sink = {.vocab = &tokenizer->vocab,
                 .list = list,
                 .span_ends = joined.ends,
                 .span_count = span_count},
    };
    const size_t before = list->count;
    const enum status status = encode_all(&e, err);
    if (status != OK)
        token_list_truncate(list, before);
    return status;
}

/* ---------------------------------------------------------------- looking */

static bool is_token(const struct tokenizer *tokenizer, int32_t id)
{
    return id >= 0 && (uint32_t)id < tokenizer->vocab.size && tokenizer->vocab.pieces;
}

bool tokenizer_has_vocab(const struct tokenizer *tokenizer)
{
    return tokenizer->vocab.kind != VOCAB_NONE;
}

uint32_t tokenizer_vocab_size(const struct tokenizer *tokenizer)
{
    return tokenizer->vocab.size;
}

struct str tokenizer_piece(const struct tokenizer *tokenizer, int32_t id)
{
    return is_token(tokenizer, id) ? tokenizer->vocab.pieces[id] : (struct str){0};
}

enum token_kind tokenizer_kind(const struct tokenizer *tokenizer, int32_t id)
{
    return is_token(tokenizer, id) ? (enum token_kind)tokenizer->vocab.kinds[id] : TOKEN_UNUSED;
}

bool tokenizer_is_eog(const struct tokenizer *tokenizer, int32_t id)
{
    return is_token(tokenizer, id) && tokenizer->vocab.ends[id];
}

int32_t tokenizer_find(const struct tokenizer *tokenizer, struct str piece)
{
    uint64_t id = 0;
    if (hash_map_find(&tokenizer->vocab.specials, piece, &id) ||
        hash_map_find(&tokenizer->vocab.words, piece, &id))
        return (int32_t)id;
    if (tokenizer_has_vocab(tokenizer) && piece.len == 1)
        return tokenizer->vocab.byte_tokens[(unsigned char)piece.ptr[0]];
    return -1;
}

int32_t tokenizer_bos(const struct tokenizer *tokenizer)
{
    return tokenizer->vocab.bos;
}

int32_t tokenizer_eos(const struct tokenizer *tokenizer)
{
    return tokenizer->vocab.eos;
}

int32_t tokenizer_eot(const struct tokenizer *tokenizer)
{
    return tokenizer->vocab.eot;
}

int32_t tokenizer_separator(const struct tokenizer *tokenizer)
{
    return tokenizer->vocab.separator;
}

bool tokenizer_adds_separator(const struct tokenizer *tokenizer)
{
    return tokenizer->vocab.adds_separator && tokenizer->vocab.separator >= 0;
}

bool tokenizer_adds_bos(const struct tokenizer *tokenizer)
{
    return tokenizer->vocab.adds_bos && tokenizer->vocab.bos >= 0;
}

bool tokenizer_adds_eos(const struct tokenizer *tokenizer)
{
    return tokenizer->vocab.adds_eos && tokenizer->vocab.eos >= 0;
}

bool tokenizer_adds_space_prefix(const struct tokenizer *tokenizer)
{
    return tokenizer->vocab.adds_space_prefix;
}
