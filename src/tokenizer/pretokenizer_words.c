#include "tokenizer/pretokenizer_words.h"

#include "base/attr.h"
#include "base/check.h"
#include "tokenizer/code_range.h"

/* ---------------------------------------------------------------- parts of expressions */

/* CONTR behind the apostrophe at `at`: end of the match, or `at` if none. With `any_case`, letters
 * match as in Unicode case folding, where U+017F (long s) folds to s. */
static size_t contraction_end(const struct scan *scan, size_t at, bool any_case)
{
    static const char *const suffixes[] = {"s", "t", "re", "ve", "m", "ll", "d"};
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        size_t to = at + 1;
        const char *letter = suffixes[i];
        for (; *letter; letter++) {
            const struct character c = scan_at(scan, to);
            const bool is_same = c.code_point == (uint32_t)*letter;
            const bool folds = any_case && (c.code_point == (uint32_t)*letter - 'a' + 'A' ||
                                            (c.code_point == 0x17f && *letter == 's'));
            if (!is_same && !folds)
                break;
            to = c.next;
        }
        if (!*letter)
            return to;
    }
    return at;
}

/* `\s+(?!\S) | \s+`: a run of spaces leaves its last one to the word behind it. */
static size_t spaces_end(const struct scan *scan, size_t at)
{
    size_t last = at;
    size_t to = at;
    while (to < scan->end) {
        const struct character c = scan_at(scan, to);
        if (!(c.class & UNICODE_SPACE))
            break;
        last = to;
        to = c.next;
    }
    return to == scan->end || last == at ? to : last;
}

/* `\s{512}(?!\S)`, ...: the widest power of two of spaces behind which another space or the end
 * comes, else one space. */
static size_t narrowing_spaces_end(const struct scan *scan, size_t at)
{
    enum { WIDEST = 512 };
    size_t ends[WIDEST + 1]; /* [n] behind n spaces */
    size_t count = 0;
    ends[0] = at;
    while (count < WIDEST && ends[count] < scan->end) {
        const struct character c = scan_at(scan, ends[count]);
        if (!(c.class & UNICODE_SPACE))
            break;
        ends[++count] = c.next;
    }
    const struct character behind = scan_at(scan, ends[count]);
    const bool is_last = ends[count] == scan->end || (behind.class & UNICODE_SPACE);
    for (size_t width = WIDEST; width >= 1; width /= 2) {
        if (count > width || (count == width && is_last))
            return ends[width];
    }
    return ends[1];
}

/* TAIL at a space: with a line end in the run, everything up to the last one. *known_end is where a
 * run without line end, seen before, ends. */
static size_t lines_end(const struct scan *scan, const struct step *step, size_t at,
                        size_t *known_end)
{
    if (step->narrows_spaces && at < *known_end)
        return narrowing_spaces_end(scan, at);
    size_t last = at;
    size_t to = at;
    while (to < scan->end) {
        const struct character c = scan_at(scan, to);
        if (!(c.class & UNICODE_SPACE))
            break;
        to = c.next;
        if (scan_is_line_end(c.code_point))
            last = to;
    }
    if (last > at)
        return last;
    *known_end = to;
    return step->narrows_spaces ? narrowing_spaces_end(scan, at) : spaces_end(scan, at);
}

static size_t digits_end(const struct scan *scan, size_t at, uint32_t count_max)
{
    for (uint32_t count = 0; (count_max == 0 || count < count_max) && at < scan->end; count++) {
        const struct character c = scan_at(scan, at);
        if (!(c.class & UNICODE_NUMBER))
            break;
        at = c.next;
    }
    return at;
}

/* What may follow a run of signs. */
static size_t sign_ends_end(const struct scan *scan, enum sign_ends ends, size_t at)
{
    if (ends == SIGN_ENDS_NONE)
        return at;
    const bool takes_slash = ends != SIGN_ENDS_LINES;
    while (at < scan->end) {
        const unsigned char byte = (unsigned char)scan->text[at];
        if (!scan_is_line_end(byte) && !(takes_slash && byte == '/'))
            break;
        at++;
        if (ends == SIGN_ENDS_ONE_LINES_SLASH)
            break;
    }
    return at;
}

/* ` ?[signs]+` and what may follow; `at` if none begins there. `classes` are those of signs, or
 * with `is_inverted` those of everything else. */
static size_t signs_end(const struct scan *scan, const struct step *step, size_t at,
                        unsigned classes, bool is_inverted)
{
    struct character c = scan_at(scan, at);
    if (c.code_point == ' ' && c.next < scan->end)
        c = scan_at(scan, c.next);
    if (((c.class & classes) != 0) == is_inverted)
        return at;
    const size_t to = scan_run(scan, c.next, classes, is_inverted);
    return sign_ends_end(scan, step->sign_ends, to);
}

/* ---------------------------------------------------------------- GPT-2 */

static size_t gpt2_word_end(const struct scan *scan, size_t at)
{
    struct character c = scan_at(scan, at);
    if (c.code_point == '\'') {
        const size_t to = contraction_end(scan, at, false);
        if (to > at)
            return to;
    }
    if (c.code_point == ' ' && c.next < scan->end) {
        const struct character following = scan_at(scan, c.next);
        if (!(following.class & UNICODE_SPACE))
            c = following; /* the space joins the word */
    }
    if (c.class & UNICODE_LETTER)
        return scan_run(scan, c.next, UNICODE_LETTER, false);
    if (c.class & UNICODE_NUMBER)
        return scan_run(scan, c.next, UNICODE_NUMBER, false);
    if (!(c.class & UNICODE_SPACE))
        return scan_run(scan, c.next, UNICODE_LETTER | UNICODE_NUMBER | UNICODE_SPACE, true);
    return spaces_end(scan, at);
}

/* ---------------------------------------------------------------- Llama 3, Qwen */

/* `L M*(?: ?L M*)*` whose first letter ends at `at`. */
static size_t joined_letters_end(const struct scan *scan, size_t at)
{
    while (at < scan->end) {
        struct character c = scan_at(scan, at);
        if (c.code_point == ' ') {
            c = scan_at(scan, c.next);
            if (!(c.class & UNICODE_LETTER))
                break;
        }
        if (!(c.class & (UNICODE_LETTER | UNICODE_MARK)))
            break;
        at = c.next;
    }
    return at;
}

static size_t letters_end(const struct scan *scan, const struct step *step, size_t at,
                          unsigned letters)
{
    return step->joins_blanks ? joined_letters_end(scan, at) : scan_run(scan, at, letters, false);
}

static size_t llama_word_end(const struct scan *scan, const struct step *step, size_t at,
                             size_t *known_end)
{
    const unsigned letters = step->joins_marks ? UNICODE_LETTER | UNICODE_MARK : UNICODE_LETTER;
    const struct character c = scan_at(scan, at);
    if (c.code_point == '\'') {
        const size_t to = contraction_end(scan, at, true);
        if (to > at)
            return to;
    }
    if (c.class & letters)
        return letters_end(scan, step, c.next, letters);
    if (c.class & UNICODE_NUMBER)
        return digits_end(scan, at, step->count_max);
    const struct character following = scan_at(scan, c.next);
    if (!scan_is_line_end(c.code_point) && (following.class & letters))
        return letters_end(scan, step, following.next, letters); /* any one character may lead */
    const size_t to = signs_end(scan, step, at, UNICODE_SPACE | UNICODE_NUMBER | letters, true);
    return to > at ? to : lines_end(scan, step, at, known_end);
}

/* ---------------------------------------------------------------- Tekken, o200k, Kimi */

/* Script=Han (Unicode 15.1). */
static const struct code_range han[] = {
    {0x2e80, 0x2e99},   {0x2e9b, 0x2ef3},   {0x2f00, 0x2fd5},   {0x3005, 0x3005},
    {0x3007, 0x3007},   {0x3021, 0x3029},   {0x3038, 0x303b},   {0x3400, 0x4dbf},
    {0x4e00, 0x9fff},   {0xf900, 0xfa6d},   {0xfa70, 0xfad9},   {0x16fe2, 0x16fe3},
    {0x16ff0, 0x16ff1}, {0x20000, 0x2a6df}, {0x2a700, 0x2b739}, {0x2b740, 0x2b81d},
    {0x2b820, 0x2cea1}, {0x2ceb0, 0x2ebe0}, {0x2ebf0, 0x2ee5d}, {0x2f800, 0x2fa1d},
    {0x30000, 0x3134a}, {0x31350, 0x323af},
};

static bool is_han(uint32_t code_point)
{
    return code_point >= han[0].first && code_range_has(han, ARRAY_LEN(han), code_point);
}

/* Characters of U or W that the step joins. */
static bool is_letter(const struct step *step, const struct character *c)
{
    return (c->class & (UNICODE_LETTER | UNICODE_MARK)) &&
           !(step->splits_han && is_han(c->code_point));
}

/* What the two forms of a cased word find at one place; 0: no match. */
struct cased {
    size_t small_end;   /* U*W+ */
    size_t capital_end; /* U+W*, as it is when the other form does not match */
};

/* U* takes all it can and gives back only as far as the last character that is also W. */
static struct cased find_cased(const struct scan *scan, const struct step *step, size_t at)
{
    struct cased found = {0};
    size_t to = at;
    struct character c = scan_at(scan, to);
    while (to < scan->end && is_letter(step, &c) && !(c.class & UNICODE_LOWER)) {
        to = c.next;
        if (!(c.class & UNICODE_UPPER))
            found.small_end = to;
        c = scan_at(scan, to);
    }
    if (to > at)
        found.capital_end = to;
    if (to < scan->end && (c.class & UNICODE_LOWER)) {
        while (to < scan->end && is_letter(step, &c) && !(c.class & UNICODE_UPPER)) {
            to = c.next;
            c = scan_at(scan, to);
        }
        found.small_end = to;
    }
    return found;
}

/* End of the cased word at `at` without its suffix; `at` if none begins there. */
static size_t cased_letters_end(const struct scan *scan, const struct step *step, size_t at)
{
    const struct character c = scan_at(scan, at);
    const bool may_lead =
        !scan_is_line_end(c.code_point) && !(c.class & (UNICODE_LETTER | UNICODE_NUMBER));
    const struct cased led = may_lead ? find_cased(scan, step, c.next) : (struct cased){0};
    if (led.small_end)
        return led.small_end;
    const struct cased bare = find_cased(scan, step, at);
    if (bare.small_end)
        return bare.small_end;
    if (led.capital_end)
        return led.capital_end;
    return bare.capital_end ? bare.capital_end : at;
}

static size_t cased_word_end(const struct scan *scan, const struct step *step, size_t at,
                             size_t *known_end)
{
    struct character c = scan_at(scan, at);
    size_t to = at;
    while (step->splits_han && to < scan->end && is_han(c.code_point)) {
        to = c.next;
        c = scan_at(scan, to);
    }
    if (to > at)
        return to;
    to = cased_letters_end(scan, step, at);
    if (to > at)
        return step->takes_contraction && to < scan->end && scan->text[to] == '\''
                   ? contraction_end(scan, to, true)
                   : to;
    if (c.class & UNICODE_NUMBER)
        return digits_end(scan, at, step->count_max);
    to = signs_end(scan, step, at, UNICODE_SPACE | UNICODE_NUMBER | UNICODE_LETTER, true);
    return to > at ? to : lines_end(scan, step, at, known_end);
}

/* ---------------------------------------------------------------- DeepSeek V3 */

static bool is_ascii_letter(uint32_t code_point)
{
    return code_point < 0x80 && ((code_point | 0x20) >= 'a' && (code_point | 0x20) <= 'z');
}

/* End of the word that begins at `at`, or `at` if none does. */
static size_t signs_word_end(const struct scan *scan, const struct step *step, size_t at,
                             size_t *known_end)
{
    const unsigned letters = UNICODE_LETTER | UNICODE_MARK;
    const unsigned signs = UNICODE_PUNCTUATION | UNICODE_SYMBOL;
    const struct character c = scan_at(scan, at);
    const struct character following = scan_at(scan, c.next);
    if (c.code_point < 0x80 && (c.class & signs) && is_ascii_letter(following.code_point)) {
        size_t to = following.next;
        while (to < scan->end && is_ascii_letter((unsigned char)scan->text[to]))
            to++;
        return to;
    }
    if (c.class & letters)
        return scan_run(scan, c.next, letters, false);
    if (!scan_is_line_end(c.code_point) && !(c.class & signs) && (following.class & letters))
        return scan_run(scan, following.next, letters, false);
    const size_t to = signs_end(scan, step, at, signs, false);
    if (to > at)
        return to;
    return c.class & UNICODE_SPACE ? lines_end(scan, step, at, known_end) : at;
}

static struct match find_signs_word(const struct scan *scan, const struct step *step, size_t at,
                                    size_t *known_end)
{
    while (at < scan->end) {
        const size_t to = signs_word_end(scan, step, at, known_end);
        if (to > at)
            return (struct match){at, to};
        at = scan_at(scan, at).next;
    }
    return (struct match){scan->end, scan->end};
}

/* ---------------------------------------------------------------- which */

struct match pretokenizer_words_find(const struct scan *scan, const struct step *step, size_t at,
                                     size_t *known_end)
{
    switch (step->kind) {
    case STEP_WORDS_GPT2: return (struct match){at, gpt2_word_end(scan, at)};
    case STEP_WORDS_LLAMA: return (struct match){at, llama_word_end(scan, step, at, known_end)};
    case STEP_WORDS_CASED: return (struct match){at, cased_word_end(scan, step, at, known_end)};
    case STEP_WORDS_SIGNS: return find_signs_word(scan, step, at, known_end);
    case STEP_RUN:
    case STEP_SPACE_AT_END:
    case STEP_DIGIT_GROUPS: break;
    }
    CHECK(false);
    return (struct match){0};
}
