/*
 * pretokenizer_step - what one step of a pre-tokenizer does, as data.
 *
 * In the comments: L N M P S are Unicode categories, \s is white space, U is `Lu Lt Lm Lo M` and W
 * is `Ll Lm Lo M`; CONTR is 's|'t|'re|'ve|'m|'ll|'d, TAIL is `\s*[\r\n]+ | \s+(?!\S) | \s+`.
 *
 * Threads: any; constant. For the pretokenizer files of tokenizer/ only.
 */
#pragma once

#include "tokenizer/code_range.h"

enum step_kind {
    STEP_WORDS_GPT2,   /* CONTR | ` ?L+` | ` ?N+` | ` ?[^\s L N]+` | `\s+(?!\S)` | `\s+` */
    STEP_WORDS_LLAMA,  /* CONTR, any case | `[^\r\n L N]?L+` | `N{1,count_max}` |
                         ` ?[^\s L N]+SIGN_ENDS` | TAIL; with joins_marks [L M] for L */
    STEP_WORDS_CASED,  /* `[^\r\n L N]?U*W+SUFFIX` | `[^\r\n L N]?U+W*SUFFIX` | `N{1,count_max}` |
                         ` ?[^\s L N]+SIGN_ENDS` | TAIL; SUFFIX is `CONTR?`, any case, with
                         takes_contraction, else nothing; with splits_han `Han+` comes first and
                         U and W are without Han */
    STEP_WORDS_SIGNS,  /* `[!-/:-@\[-`{-~][A-Za-z]+` | `[^\r\n L P S]?[L M]+` |
                         ` ?[P S]+SIGN_ENDS` | TAIL; what is none of these lies between */
    STEP_RUN,          /* `\s?` if takes_space or ` ?` if takes_blank, then count_min..count_max
                         characters of a set, or with is_inverted of its complement */
    STEP_SPACE_AT_END, /* `\s+$` */
    STEP_DIGIT_GROUPS, /* a run of N in groups of three from the right; with needs_boundary a run
                          of \d, and only if \b is behind it */
};

enum sign_ends {
    SIGN_ENDS_LINES,           /* [\r\n]* */
    SIGN_ENDS_NONE,            /* nothing */
    SIGN_ENDS_LINES_SLASH,     /* [\r\n/]* */
    SIGN_ENDS_ONE_LINES_SLASH, /* [\r\n/]? */
};

struct step {
    enum step_kind kind;
    enum sign_ends sign_ends;
    bool takes_space;
    bool takes_blank;
    bool is_inverted;
    bool joins_marks;
    bool joins_blanks; /* words of letters are `L M*(?: ?L M*)*`: single blanks join them */
    bool takes_contraction;
    bool splits_han;
    bool narrows_spaces; /* `\s{512}(?!\S)`, then 256, 128, ... 4, `\s{1,2}(?!\S)`, `\s` instead of
                            the last two of TAIL */
    bool needs_boundary;
    uint32_t count_min;
    uint32_t count_max;              /* 0: no bound */
    uint8_t classes;                 /* the set: these classes ... */
    const struct code_range *ranges; /* ... and these ranges */
    const size_t *range_count;
};

/* How the words of one `pre` are cut, and what else hangs on the name. */
struct pretokenizer_row {
    const char *name;
    const struct step *steps;
    uint8_t step_count;
    unsigned flags; /* enum pretokenizer_flags */
};
