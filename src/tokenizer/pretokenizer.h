/*
 * pretokenizer - cuts a text into the words that byte-level BPE merges within.
 *
 * Each model family was trained with one way of cutting, published as one or more regular
 * expressions; the file's `tokenizer.ggml.pre` names it. Here each name is one row of a table, and
 * each expression one hand-written scanner with parameters; no backtracking, linear time. Words are
 * views of the text, in order, and together they are the whole text. Bytes that are not UTF-8 count
 * as characters of no class.
 *
 * Threads: a pretokenizer may be shared; a walk belongs to one thread.
 * Depends on: base/, text/unicode.h. Used by: tokenizer/bpe.c.
 */
#pragma once

#include "base/str.h"
#include "base/strbuf.h"
#include "text/unicode.h"

enum { PRETOKENIZER_STEPS_MAX = 6 };

struct pretokenizer_row; /* opaque: see pretokenizer_step.h */

enum pretokenizer_flags {
    PRETOKENIZER_IGNORES_MERGES = 1 << 0, /* a word that is a token is that token, whatever its
                                             merges say */
    PRETOKENIZER_ADDS_BOS = 1 << 1,       /* when the file does not say */
    PRETOKENIZER_INSISTS_ON_BOS = 1 << 2, /* even when the file says no (files are wrong there) */
    PRETOKENIZER_RAW_TEXT = 1 << 3,       /* tokens and merges are UTF-8 with U+2581 for a space,
                                             not the byte alphabet; `<0x0A>` are bytes */
    PRETOKENIZER_LINE_TOKENS = 1 << 4,    /* a run of line feeds that is a token is that token */
};

struct pretokenizer {
    const struct pretokenizer_row *row;
    struct unicode_table unicode;
};

/* The row called `name`, or NULL. The empty name is the default of old files. */
const struct pretokenizer_row *pretokenizer_find(struct str name);

/* Appends the known names, separated by ", ". */
void pretokenizer_add_names(struct strbuf *out);

void pretokenizer_init(struct pretokenizer *pretokenizer, const struct pretokenizer_row *row);

/* enum pretokenizer_flags of a row. */
unsigned pretokenizer_flags(const struct pretokenizer_row *row);

/* A walk over the words of one text. The text must outlive it. */
struct pretokenizer_walk {
    const struct pretokenizer *pretokenizer;
    const char *text;
    unsigned level; /* the innermost step that still has text to cut */
    struct {
        size_t at; /* not cut yet by this step: [at, end) */
        size_t end;
        size_t match_end; /* a match found behind a gap: it begins at `at`; 0 if none */
        size_t known_end; /* what the step remembers of the text it cuts */
    } steps[PRETOKENIZER_STEPS_MAX];
};

struct pretokenizer_walk pretokenizer_begin(const struct pretokenizer *pretokenizer,
                                            struct str text);

/* The next word, never empty; false at the end. */
bool pretokenizer_next(struct pretokenizer_walk *walk, struct str *out_word);
