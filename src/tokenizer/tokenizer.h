/*
 * tokenizer - text to token ids, and what each id stands for.
 *
 * Built from the vocabulary in a GGUF file. Kinds: BPE ("gpt2", with one of the pre-tokenizers in
 * tokenizer/pretokenizer.h, and "gemma4"), SPM ("llama"), WordPiece ("bert") and unigram ("t5"). A
 * file without a vocabulary ("no_vocab", or no tokenizer keys at all) gives a tokenizer that knows
 * its size and refuses to encode with E_UNSUPPORTED, so that logits and benchmarks work.
 *
 * Ordinary text never becomes a control or user-defined token, not even where merges would spell
 * one: those tokens come only from text that the caller marked as allowed to hold them.
 * Invalid UTF-8 is encoded byte by byte, and no Unicode normalization is applied: byte-level BPE
 * gives every text back. WordPiece and unigram normalize (see wordpiece.h, unigram.h).
 *
 * Ownership: the tokenizer copies what it needs; the file may be closed afterwards.
 * Threads: any number may use one tokenizer. Depends on: base/, text/, gguf/.
 * Used by: infer/ (masks), engine/, cli/.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "tokenizer/token_list.h"

struct gguf;
struct tokenizer; /* opaque: see tokenizer.c */

enum {
    TOKENIZER_TOKENS_MAX = 4 * 1024 * 1024,
    TOKENIZER_SPECIAL_LEN_MAX = 512,             /* bytes of one control or user-defined token */
    TOKENIZER_TEXT_LEN_MAX = 1024 * 1024 * 1024, /* bytes of one text */
};

enum token_kind { /* numbered as in the file */
                  TOKEN_NORMAL = 1,
                  TOKEN_UNKNOWN = 2,
                  TOKEN_CONTROL = 3,
                  TOKEN_USER_DEFINED = 4,
                  TOKEN_UNUSED = 5,
                  TOKEN_BYTE = 6,
};

enum tokenizer_flags {
    TOKENIZER_PLAIN = 0,
    TOKENIZER_ADD_BOS_EOS = 1 << 0,       /* as the model's settings say */
    TOKENIZER_PARSE_SPECIAL = 1 << 1,     /* text may hold control and user-defined tokens */
    TOKENIZER_PARSE_USER_DEFINED = 1 << 2 /* text may hold user-defined tokens */
};

/* A piece of a text; see tokenizer_encode_spans(). */
struct text_span {
    struct str text;
    bool may_be_special;
};

/* E_UNSUPPORTED names an unknown tokenizer model or pre-tokenizer and lists the known ones;
 * E_FORMAT says what is wrong with the vocabulary. */
MUST_USE enum status tokenizer_new(const struct gguf *file, struct tokenizer **out,
                                   struct error *err);
void tokenizer_free(struct tokenizer *tokenizer); /* NULL is allowed */

static inline void tokenizer_freep(struct tokenizer **tokenizer)
{
    tokenizer_free(*tokenizer);
}

/* False for a file without a vocabulary: encoding fails, pieces are empty. */
bool tokenizer_has_vocab(const struct tokenizer *tokenizer);

/* Appends the tokens of `text` to `list`, spans 0. `flags`: enum tokenizer_flags.
 * E_UNSUPPORTED without a vocabulary; E_LIMIT for a text over TOKENIZER_TEXT_LEN_MAX; E_FORMAT when
 * a byte has no token. On failure the list is as before. */
MUST_USE enum status tokenizer_encode(const struct tokenizer *tokenizer, struct str text,
                                      unsigned flags, struct token_list *list, struct error *err);

/*
 * Appends the tokens of one text given in pieces. Control and user-defined tokens are looked for
 * only where every byte lies in spans that may be special; what lies between them is tokenized as
 * one continuous text across spans. So the ids equal those of
 * tokenizer_encode(whole text, TOKENIZER_PARSE_SPECIAL) whenever the other spans spell no special
 * token. No BOS or EOS is added. list->spans says where each token came from.
 */
MUST_USE enum status tokenizer_encode_spans(const struct tokenizer *tokenizer,
                                            const struct text_span *spans, size_t span_count,
                                            struct token_list *list, struct error *err);

/*
 * Appends the tokens of a pair of texts, as models that compare two read them: both with the tokens
 * the model wants at the ends and between them; neither may hold special tokens. list->spans says
 * which of the two a token belongs to. Fails as tokenizer_encode().
 */
MUST_USE enum status tokenizer_encode_pair(const struct tokenizer *tokenizer, struct str first,
                                           struct str second, struct token_list *list,
                                           struct error *err);

uint32_t tokenizer_vocab_size(const struct tokenizer *tokenizer);

/* The bytes token `id` stands for: normal tokens decoded, byte tokens one byte, control and
 * user-defined tokens their text. Empty for an id outside the vocabulary. Valid as long as the
 * tokenizer. */
struct str tokenizer_piece(const struct tokenizer *tokenizer, int32_t id);

/* TOKEN_UNUSED for an id outside the vocabulary. */
enum token_kind tokenizer_kind(const struct tokenizer *tokenizer, int32_t id);

/* True if generation ends with this token. */
bool tokenizer_is_eog(const struct tokenizer *tokenizer, int32_t id);

/* The token whose tokenizer_piece() is exactly `piece`: a control or user-defined one if there is
 * one, else a normal one, else the byte token; -1 if none. */
int32_t tokenizer_find(const struct tokenizer *tokenizer, struct str piece);

/* -1 when the model has none. */
int32_t tokenizer_bos(const struct tokenizer *tokenizer);
int32_t tokenizer_eos(const struct tokenizer *tokenizer);
int32_t tokenizer_eot(const struct tokenizer *tokenizer); /* end of turn; found by text if no key */

bool tokenizer_adds_bos(const struct tokenizer *tokenizer);
bool tokenizer_adds_eos(const struct tokenizer *tokenizer);

/* What stands between the two texts of a pair (a query and a document to rerank), if the model
 * wants one there. -1 when it has none. */
int32_t tokenizer_separator(const struct tokenizer *tokenizer);
bool tokenizer_adds_separator(const struct tokenizer *tokenizer);

/* True if the first normal text gets a space in front (SPM), which whole-text decoding drops. */
bool tokenizer_adds_space_prefix(const struct tokenizer *tokenizer);
