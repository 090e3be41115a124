#include "tokenizer/vocab.h"

#include "base/mem.h"
#include "gguf/gguf.h"
#include "tokenizer/byte_alphabet.h"
#include "tokenizer/space_mark.h"
#include "tokenizer/token_strip.h"
#include "tokenizer/tokenizer.h"

#include <inttypes.h>
#include <stdio.h>

enum status vocab_read_kind(const struct gguf *file, enum vocab_kind *out, struct str *out_pre,
                            struct error *err)
{
    static const struct {
        const char *name;
        enum vocab_kind kind;
        const char *pre; /* instead of the file's */
    } models[] = {
        {"gpt2", VOCAB_BPE, NULL},   {"gemma4", VOCAB_BPE, "gemma4"},
        {"llama", VOCAB_SPM, NULL},  {"bert", VOCAB_WORDPIECE, NULL},
        {"t5", VOCAB_UNIGRAM, NULL}, {"no_vocab", VOCAB_NONE, NULL},
        {"none", VOCAB_NONE, NULL},
    };
    struct str name = {0};
    TRY(gguf_get_str_or(file, "tokenizer.ggml.model", STR("no_vocab"), &name, err));
    TRY(gguf_get_str_or(file, "tokenizer.ggml.pre", STR(""), out_pre, err));
    for (size_t i = 0; i < ARRAY_LEN(models); i++) {
        if (!str_equal_c(name, models[i].name))
            continue;
        *out = models[i].kind;
        if (models[i].pre)
            *out_pre = str_from_c(models[i].pre);
        return OK;
    }
    return error_set(err, E_UNSUPPORTED,
                     "this model needs a tokenizer of kind '%.*s'; holt has gpt2 and gemma4 (BPE), "
                     "llama (SPM), bert (WordPiece) and t5 (unigram): use a model that has one of "
                     "these",
                     STR_ARG(str_slice(name, 0, 40)));
}

bool vocab_is_special(const struct vocab *vocab, uint32_t id)
{
    const uint8_t kind = vocab->kinds[id];
    return kind == TOKEN_CONTROL || kind == TOKEN_USER_DEFINED || kind == TOKEN_UNKNOWN;
}

void vocab_done(struct vocab *vocab)
{
    mem_free(vocab->pieces);
    mem_free(vocab->kinds);
    mem_free(vocab->ends);
    mem_free(vocab->strips);
    mem_free(vocab->bytes);
    hash_map_done(&vocab->words);
    hash_map_done(&vocab->specials);
    *vocab = (struct vocab){0};
}

/* ---------------------------------------------------------------- without tokens */

/* Files for measurements have no tokens: their number is a key, or the rows of the embedding. */
static enum status load_size(const struct gguf *file, struct vocab *vocab, struct error *err)
{
    struct str family = {0};
    TRY(gguf_get_str_or(file, "general.architecture", STR(""), &family, err));
    char key[80];
    snprintf(key, sizeof(key), "%.*s.vocab_size", STR_ARG(str_slice(family, 0, 60)));
    const struct tensor *embedding = gguf_find_tensor(file, "token_embd.weight");
    uint64_t size = 0;
    TRY(gguf_get_u64_or(file, key, embedding ? embedding->dims[1] : 0, &size, err));
    if (size > TOKENIZER_TOKENS_MAX)
        return error_set(err, E_LIMIT, "%" PRIu64 " tokens (limit %d)", size, TOKENIZER_TOKENS_MAX);
    vocab->size = (uint32_t)size;
    return OK;
}

/* ---------------------------------------------------------------- tokens */

/* "<0x0A>" as SPM writes byte tokens; -1 for any other text. */
static int byte_of_text(struct str text)
{
    if (text.len != 6 || memcmp(text.ptr, "<0x", 3) != 0 || text.ptr[5] != '>')
        return -1;
    int byte = 0;
    for (int i = 3; i < 5; i++) {
        const char c = text.ptr[i];
        int digit = 0;
        if (c >= '0' && c <= '9')
            digit = c - '0';
        else if (c >= 'A' && c <= 'F')
            digit = c - 'A' + 10;
        else if (c >= 'a' && c <= 'f')
            digit = c - 'a' + 10;
        else
            return -1;
        byte = byte * 16 + digit;
    }
    return byte;
}

/* How the texts of the file become bytes. */
struct text_decoder {
    struct byte_alphabet alphabet;
    const struct vocab_manner *manner;
};

/* Writes the bytes that the text of a normal token stands for; returns their number. Clears
 * *out_is_word if it is none. */
static size_t decode_word(const struct text_decoder *decoder, struct str text, char *out,
                          bool *out_is_word)
{
    const struct vocab_manner *manner = decoder->manner;
    if (manner->kind == VOCAB_WORDPIECE) { /* anywhere but in front the mark is itself */
        const bool begins_word = space_mark_leads(text);
        text = str_slice(text, begins_word ? SPACE_MARK_LEN : 0, text.len);
        if (begins_word)
            *out++ = ' ';
        memcpy(out, text.ptr, text.len);
        return text.len + begins_word;
    }
    if (manner->kind == VOCAB_BPE && !manner->has_raw_text)
        return byte_alphabet_decode(&decoder->alphabet, text, out, out_is_word);
    return space_mark_decode(text, out);
}

/* Writes the bytes token `id` stands for and puts it into the maps. Returns their number. */
static size_t add_token(struct vocab *vocab, const struct text_decoder *decoder, uint32_t id,
                        struct str text, char *out)
{
    size_t len = 0;
    const int byte = byte_of_text(text);
    bool is_word = vocab->kinds[id] == TOKEN_NORMAL || vocab->kinds[id] == TOKEN_UNUSED;
    const bool may_be_byte =
        vocab->kinds[id] == TOKEN_BYTE || (is_word && decoder->manner->has_raw_text);
    if (may_be_byte && byte >= 0) {
        out[len++] = (char)byte;
        vocab->byte_tokens[byte] = (int32_t)id;
        is_word = false;
    } else if (is_word) {
        len = decode_word(decoder, text, out, &is_word);
    } else {
        memcpy(out, text.ptr, text.len);
        len = text.len;
    }
    vocab->pieces[id] = (struct str){out, len};
    if (len > 0 && is_word)
        hash_map_set(&vocab->words, vocab->pieces[id], id); /* of two alike the later one counts */
    if (len > 0 && vocab_is_special(vocab, id))
        hash_map_set(&vocab->specials, vocab->pieces[id], id);
    return len;
}

static enum status allocate(struct vocab *vocab, const struct gguf_array *texts, struct error *err)
{
    size_t total = 0; /* bounded by the file's metadata */
    for (size_t i = 0; i < texts->count; i++)
        total += gguf_array_str(texts, i).len;
    vocab->size = (uint32_t)texts->count;
    vocab->pieces = mem_try_zalloc(texts->count, sizeof(*vocab->pieces));
    vocab->kinds = mem_try_zalloc(texts->count, sizeof(*vocab->kinds));
    vocab->ends = mem_try_zalloc(texts->count, sizeof(*vocab->ends));
    vocab->bytes = mem_try_alloc(total + 1);
    if (!vocab->pieces || !vocab->kinds || !vocab->ends || !vocab->bytes)
        return error_set(err, E_NO_MEMORY, "no memory for %zu tokens", texts->count);
    return OK;
}

static enum status read_kinds(const struct gguf *file, struct vocab *vocab, struct error *err)
{
    struct gguf_array types = {0};
    TRY(gguf_get_array_or(file, "tokenizer.ggml.token_type", GGUF_ARRAY_INT, &types, err));
    const bool has_types = gguf_has(file, "tokenizer.ggml.token_type");
    if (has_types && types.count != vocab->size)
        return error_set(err, E_FORMAT,
                         "tokenizer.ggml.token_type has %zu values for %" PRIu32 " tokens",
                         types.count, vocab->size);
    for (uint32_t id = 0; id < vocab->size; id++) {
        const int64_t type = has_types ? gguf_array_i64(&types, id) : TOKEN_NORMAL;
        if (type < 0 || type > TOKEN_BYTE)
            return error_set(err, E_FORMAT,
                             "tokenizer.ggml.token_type of token %" PRIu32 " is %" PRId64
                             " (0 to %d)",
                             id, type, TOKEN_BYTE);
        vocab->kinds[id] = type == 0 ? TOKEN_NORMAL : (uint8_t)type;
    }
    return OK;
}

/* ---------------------------------------------------------------- special ids */

enum known_role {
    KNOWN_END,      /* generation ends with it */
    KNOWN_END_TURN, /* as KNOWN_END; the first one present is the end-of-turn token */
    KNOWN_VISIBLE,  /* has a meaning, but is text for the reader */
};

/* Tokens that mean the same in every vocabulary that has them, in the order in which the
 * end-of-turn token is chosen. Files mark some of them wrongly, so the text decides. */
static const struct known {
    const char *text;
    enum known_role role;
} known_tokens[] = {
    {"<|eot_id|>", KNOWN_END_TURN},
    {"<|im_end|>", KNOWN_END_TURN},
    {"<|end|>", KNOWN_END_TURN},
    {"<end_of_turn>", KNOWN_END_TURN},
    {"<turn|>", KNOWN_END_TURN},
    {"<|endoftext|>", KNOWN_END_TURN},
    {"<EOT>", KNOWN_END_TURN},
    {"_<EOT>", KNOWN_END_TURN},
    {"[EOT]", KNOWN_END_TURN},
    {"<\xef\xbd\x9c"
     "end\xe2\x96\x81of\xe2\x96\x81sentence\xef\xbd\x9c>",
     KNOWN_END_TURN},
    {"<end_of_utterance>", KNOWN_END_TURN},
    {"<|return|>", KNOWN_END},
    {"<|call|>", KNOWN_END},
    {"<|calls|>", KNOWN_END},
    {"<|flush|>", KNOWN_END},
    {"<|eom_id|>", KNOWN_END},
    {"<|end_of_text|>", KNOWN_END},
    {"<|tool_response>", KNOWN_END},
    {"</s>", KNOWN_END},
    {"<eos>", KNOWN_END},
    {"[EOS]", KNOWN_END},
    {"[e~[", KNOWN_END},
    {"<|fim_pad|>", KNOWN_END},
    {"<fim-pad>", KNOWN_END},
    {"<fim_pad>", KNOWN_END},
    {"<PAD>", KNOWN_END},
    {"[PAD]", KNOWN_END},
    {"<|fim_repo|>", KNOWN_END},
    {"<|repo_name|>", KNOWN_END},
    {"<fim-repo>", KNOWN_END},
    {"<REPO>", KNOWN_END},
    {"<reponame>", KNOWN_END},
    {"<|file_sep|>", KNOWN_END},
    {"<|channel|>", KNOWN_VISIBLE},
    {"<|message|>", KNOWN_VISIBLE},
    {"<|start|>", KNOWN_VISIBLE},
    {"<|constrain|>", KNOWN_VISIBLE},
};

/* Ids of known_tokens in one vocabulary; -1: absent. */
struct known_ids {
    int32_t ids[ARRAY_LEN(known_tokens)];
};

static struct known_ids find_known(const struct gguf_array *texts)
{
    struct known_ids known;
    for (size_t k = 0; k < ARRAY_LEN(known_tokens); k++)
        known.ids[k] = -1;
    for (size_t id = 0; id < texts->count; id++) {
        const struct str text = gguf_array_str(texts, id);
        if (text.len < 4 || (text.ptr[0] != '<' && text.ptr[0] != '[' && text.ptr[0] != '_'))
            continue;
        for (size_t k = 0; k < ARRAY_LEN(known_tokens); k++) {
            if (str_equal_c(text, known_tokens[k].text))
                known.ids[k] = (int32_t)id;
        }
    }
    return known;
}

static int32_t known_id(const struct known_ids *known, const char *text)
{
    for (size_t k = 0; k < ARRAY_LEN(known_tokens); k++) {
        if (str_equal_c(str_from_c(text), known_tokens[k].text))
            return known->ids[k];
    }
    return -1;
}

static void mark_known(struct vocab *vocab, const struct known_ids *known)
{
    for (size_t k = 0; k < ARRAY_LEN(known_tokens); k++) {
        const int32_t id = known->ids[k];
        if (id < 0)
            continue;
        const bool ends = known_tokens[k].role != KNOWN_VISIBLE;
        vocab->ends[id] = ends;
        vocab->kinds[id] = ends ? TOKEN_CONTROL : TOKEN_USER_DEFINED;
    }
    /* Where a model has more exact ends, the general one is text inside a turn. */
    const int32_t end = known_id(known, "<|end|>");
    const bool has_return = known_id(known, "<|return|>") >= 0;
    const bool has_call = known_id(known, "<|call|>") >= 0 || known_id(known, "<|calls|>") >= 0;
    const bool has_flush = known_id(known, "<|flush|>") >= 0;
    if (end >= 0 && has_call && (has_return || has_flush)) {
        vocab->ends[end] = 0;
        vocab->kinds[end] = TOKEN_USER_DEFINED;
    }
    const int32_t sentence_end = known_id(known, "</s>");
    if (sentence_end >= 0 && known_id(known, "<|tool_response>") >= 0) {
        vocab->ends[sentence_end] = 0;
        vocab->kinds[sentence_end] = TOKEN_NORMAL;
    }
}

/* An id from the file; one outside the vocabulary counts as absent. */
static enum status read_id(const struct gguf *file, const struct vocab *vocab, const char *key,
                           int32_t fallback, int32_t *out, struct error *err)
{
    int64_t id = 0;
    TRY(gguf_get_i64_or(file, key, fallback, &id, err));
    *out = id >= 0 && id < (int64_t)vocab->size ? (int32_t)id : -1;
    return OK;
}

static enum status mark_end_key(const struct gguf *file, struct vocab *vocab, const char *key,
                                struct error *err)
{
    int32_t id = -1;
    TRY(read_id(file, vocab, key, -1, &id, err));
    if (id >= 0)
        vocab->ends[id] = 1;
    return OK;
}

/* Where the file names no id. */
struct default_ids {
    int32_t bos;
    int32_t eos;
    int32_t unknown;
    int32_t separator;
};

static struct default_ids default_ids_of(enum vocab_kind kind)
{
    switch (kind) {
    case VOCAB_SPM: return (struct default_ids){1, 2, 0, -1};
    case VOCAB_WORDPIECE: return (struct default_ids){101, -1, 100, 102};
    case VOCAB_UNIGRAM: return (struct default_ids){-1, 1, 2, -1};
    case VOCAB_BPE:
    case VOCAB_NONE: break;
    }
    return (struct default_ids){-1, -1, -1, -1};
}

static enum status read_ids(const struct gguf *file, struct vocab *vocab,
                            const struct known_ids *known, struct error *err)
{
    const struct default_ids or = default_ids_of(vocab->kind);
    int32_t class_id = or.bos; /* what encoders call their first token */
    if (vocab->kind == VOCAB_WORDPIECE)
        TRY(read_id(file, vocab, "tokenizer.ggml.cls_token_id", or.bos, &class_id, err));
    TRY(read_id(file, vocab, "tokenizer.ggml.bos_token_id", class_id, &vocab->bos, err));
    TRY(read_id(file, vocab, "tokenizer.ggml.eos_token_id", or.eos, &vocab->eos, err));
    TRY(read_id(file, vocab, "tokenizer.ggml.unknown_token_id", or.unknown, &vocab->unknown, err));
    TRY(read_id(file, vocab, "tokenizer.ggml.seperator_token_id", or.separator, &vocab->separator,
                err)); /* spelled so in the format */
    TRY(read_id(file, vocab, "tokenizer.ggml.eot_token_id", -1, &vocab->eot, err));
    for (size_t k = 0; k < ARRAY_LEN(known_tokens) && vocab->eot < 0; k++) {
        if (known_tokens[k].role == KNOWN_END_TURN && known->ids[k] >= 0 &&
            vocab->ends[known->ids[k]])
            vocab->eot = known->ids[k];
    }
    if (vocab->eos >= 0)
        vocab->ends[vocab->eos] = 1;
    if (vocab->eot >= 0)
        vocab->ends[vocab->eot] = 1;
    TRY(mark_end_key(file, vocab, "tokenizer.ggml.eom_token_id", err));
    TRY(mark_end_key(file, vocab, "tokenizer.ggml.fim_pad_token_id", err));
    TRY(mark_end_key(file, vocab, "tokenizer.ggml.fim_rep_token_id", err));
    return mark_end_key(file, vocab, "tokenizer.ggml.fim_sep_token_id", err);
}

/* ---------------------------------------------------------------- all of it */

static enum status check_special_lengths(const struct vocab *vocab, struct error *err)
{
    for (uint32_t id = 0; id < vocab->size; id++) {
        if (vocab_is_special(vocab, id) && vocab->pieces[id].len > TOKENIZER_SPECIAL_LEN_MAX)
            return error_set(err, E_LIMIT, "special token %" PRIu32 " is %zu bytes long (limit %d)",
                             id, vocab->pieces[id].len, TOKENIZER_SPECIAL_LEN_MAX);
    }
    return OK;
}

static void add_tokens(struct vocab *vocab, const struct vocab_manner *manner,
                       const struct gguf_array *texts)
{
    struct text_decoder decoder = {.manner = manner};
    byte_alphabet_init(&decoder.alphabet);
    for (size_t i = 0; i < ARRAY_LEN(vocab->byte_tokens); i++)
        vocab->byte_tokens[i] = -1;
    char *out = vocab->bytes;
    for (uint32_t id = 0; id < vocab->size; id++)
        out += add_token(vocab, &decoder, id, gguf_array_str(texts, id), out);
    for (int byte = 0; byte < 256; byte++) {
        const char letter = (char)byte;
        uint64_t id = 0;
        if (vocab->byte_tokens[byte] < 0 &&
            hash_map_find(&vocab->words, (struct str){&letter, 1}, &id))
            vocab->byte_tokens[byte] = (int32_t)id;
    }
}

static enum status read_flags(const struct gguf *file, const struct vocab_manner *manner,
                              struct vocab *vocab, struct error *err)
{
    const bool is_wordpiece = manner->kind == VOCAB_WORDPIECE;
    TRY(gguf_get_bool_or(file, "tokenizer.ggml.add_bos_token", manner->adds_bos, &vocab->adds_bos,
                         err));
    vocab->adds_bos = vocab->adds_bos || manner->insists_on_bos;
    TRY(gguf_get_bool_or(file, "tokenizer.ggml.add_eos_token", manner->adds_eos, &vocab->adds_eos,
                         err));
    TRY(gguf_get_bool_or(file, "tokenizer.ggml.add_sep_token", is_wordpiece, &vocab->adds_separator,
                         err));
    return gguf_get_bool_or(file, "tokenizer.ggml.add_space_prefix", manner->kind == VOCAB_SPM,
                            &vocab->adds_space_prefix, err);
}

enum status vocab_load(const struct gguf *file, const struct vocab_manner *manner,
                       struct vocab *vocab, struct error *err)
{
    vocab->kind = manner->kind;
    vocab->bos = vocab->eos = vocab->eot = vocab->unknown = vocab->separator = -1;
    if (vocab->kind == VOCAB_NONE)
        return load_size(file, vocab, err);

    struct gguf_array texts = {0};
    TRY(gguf_get_array(file, "tokenizer.ggml.tokens", GGUF_ARRAY_STR, &texts, err));
    if (texts.count < 1 || texts.count > TOKENIZER_TOKENS_MAX)
        return error_set(err, E_FORMAT, "tokenizer.ggml.tokens has %zu tokens (1 to %d)",
                         texts.count, TOKENIZER_TOKENS_MAX);
    const struct tensor *embedding = gguf_find_tensor(file, "token_embd.weight");
    if (embedding && embedding->dims[1] < texts.count)
        return error_set(err, E_FORMAT,
                         "tokenizer.ggml.tokens has %zu tokens, but token_embd.weight has only "
                         "%" PRIu64 " rows",
                         texts.count, embedding->dims[1]);
    TRY(allocate(vocab, &texts, err));
    TRY(read_kinds(file, vocab, err));
    const struct known_ids known = find_known(&texts);
    mark_known(vocab, &known);
    TRY(read_ids(file, vocab, &known, err));
    add_tokens(vocab, manner, &texts);
    TRY(check_special_lengths(vocab, err));
    TRY(token_strip_load(file, vocab, err));
    return read_flags(file, manner, vocab, err);
}
