#include "tokenizer/pretokenizer.h"

#include "base/check.h"
#include "tokenizer/pretokenizer_rows.h"
#include "tokenizer/pretokenizer_runs.h"
#include "tokenizer/pretokenizer_scan.h"
#include "tokenizer/pretokenizer_words.h"

const struct pretokenizer_row *pretokenizer_find(struct str name)
{
    return pretokenizer_rows_find(name);
}

void pretokenizer_add_names(struct strbuf *out)
{
    pretokenizer_rows_add_names(out);
}

void pretokenizer_init(struct pretokenizer *pretokenizer, const struct pretokenizer_row *row)
{
    pretokenizer->row = row;
    unicode_table_init(&pretokenizer->unicode);
}

unsigned pretokenizer_flags(const struct pretokenizer_row *row)
{
    return row->flags;
}

/* ---------------------------------------------------------------- the walk */

static struct match find_match(const struct scan *scan, const struct step *step, size_t at,
                               size_t *known_end)
{
    switch (step->kind) {
    case STEP_WORDS_GPT2:
    case STEP_WORDS_LLAMA:
    case STEP_WORDS_CASED:
    case STEP_WORDS_SIGNS: return pretokenizer_words_find(scan, step, at, known_end);
    case STEP_RUN:
    case STEP_SPACE_AT_END:
    case STEP_DIGIT_GROUPS: break;
    }
    return pretokenizer_runs_find(scan, step, at, known_end);
}

struct pretokenizer_walk pretokenizer_begin(const struct pretokenizer *pretokenizer,
                                            struct str text)
{
    struct pretokenizer_walk walk = {.pretokenizer = pretokenizer, .text = text.ptr};
    walk.steps[0].end = text.len;
    return walk;
}

/* Takes the next piece off step `level`: a match, or the gap before one. */
static struct str take_piece(struct pretokenizer_walk *walk, unsigned level)
{
    const size_t at = walk->steps[level].at;
    size_t to = walk->steps[level].match_end;
    if (to > at) {
        walk->steps[level].match_end = 0;
    } else {
        const struct scan scan = {&walk->pretokenizer->unicode, walk->text, walk->steps[level].end};
        const struct match match = find_match(&scan, &walk->pretokenizer->row->steps[level], at,
                                              &walk->steps[level].known_end);
        to = match.end;
        if (match.begin > at) {
            to = match.begin;
            walk->steps[level].match_end = match.end;
        }
    }
    DCHECK(to > at);
    walk->steps[level].at = to;
    return (struct str){walk->text + at, to - at};
}

bool pretokenizer_next(struct pretokenizer_walk *walk, struct str *out_word)
{
    const unsigned innermost = walk->pretokenizer->row->step_count - 1u;
    for (;;) {
        const unsigned level = walk->level;
        if (walk->steps[level].at == walk->steps[level].end) {
            if (level == 0)
                return false;
            walk->level--;
            continue;
        }
        const struct str piece = take_piece(walk, level);
        if (level == innermost) {
            *out_word = piece;
            return true;
        }
        walk->level++;
        walk->steps[walk->level].at = (size_t)(piece.ptr - walk->text);
        walk->steps[walk->level].end = walk->steps[walk->level].at + piece.len;
        walk->steps[walk->level].match_end = 0;
        walk->steps[walk->level].known_end = 0;
    }
}
