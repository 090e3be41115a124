#include "tokenizer/pretokenizer.h"

#include "base/attr.h"
#include "base/check.h"
#include "text/utf8.h"
#include "tokenizer/cased_letters.h"

/* In the comments: L N M P are Unicode categories, S is white space, CONTR is
 * 's|'t|'re|'ve|'m|'ll|'d, TAIL is `S*[\r\n]+ | S+(?!\S) | S+`. */
enum step_kind {
    STEP_WORDS_GPT2,  /* CONTR | ` ?L+` | ` ?N+` | ` ?[^S L N]+` | `S+(?!\S)` | `S+` */
    STEP_WORDS_LLAMA, /* CONTR, any case | `[^\r\n L N]?L+` | `N{1,count_max}` |
                         ` ?[^S L N]+[\r\n]*` | TAIL; with joins_marks [L M] for L */
    STEP_RUN,         /* `S?` if takes_space, then count_min..count_max characters of a set */
    STEP_SPACE_AT_END /* `S+$` */
};

struct step {
    enum step_kind kind;
    bool takes_space;
    bool joins_marks;
    uint32_t count_min;
    uint32_t count_max;              /* 0: no bound */
    uint8_t classes;                 /* the set: these classes ... */
    const struct code_range *ranges; /* ... and these ranges */
    const size_t *range_count;
};

struct pretokenizer_row {
    const char *name;
    const struct step *steps;
    uint8_t step_count;
    bool ignores_merges;
    bool adds_bos;
};

/* ---------------------------------------------------------------- the table */

/* [!-/:-~] and the same in full width; quotation marks; CJK spaces and stops */
static const struct code_range deepseek_punctuation[] = {
    {'!', '/'}, {':', '~'}, {0x2018, 0x201f}, {0x3000, 0x3002}, {0xff01, 0xff0f}, {0xff1a, 0xff5e},
};
static const size_t deepseek_punctuation_count = ARRAY_LEN(deepseek_punctuation);

/* As published: the middle range begins at U+0800 and so takes in much more than CJK. */
static const struct code_range deepseek_cjk[] = {{0x0800, 0x9fa5}, {0xac00, 0xd7ff}};
static const size_t deepseek_cjk_count = ARRAY_LEN(deepseek_cjk);

static const struct code_range line_ends[] = {{'\n', '\n'}, {'\r', '\r'}};
static const size_t line_ends_count = ARRAY_LEN(line_ends);

static const struct code_range ascii_digits[] = {{'0', '9'}};
static const size_t ascii_digits_count = ARRAY_LEN(ascii_digits);

static const struct code_range ascii_symbols[] = {
    {'$', '$'}, {'+', '+'}, {'<', '>'}, {'^', '^'}, {'`', '`'}, {'|', '|'}, {'~', '~'},
};
static const size_t ascii_symbols_count = ARRAY_LEN(ascii_symbols);

#define RANGES(name) .ranges = (name), .range_count = &name##_count

static const struct step gpt2_steps[] = {{.kind = STEP_WORDS_GPT2}};
static const struct step llama_steps[] = {{.kind = STEP_WORDS_LLAMA, .count_max = 3}};
static const struct step qwen2_steps[] = {{.kind = STEP_WORDS_LLAMA, .count_max = 1}};
static const struct step qwen35_steps[] = {
    {.kind = STEP_WORDS_LLAMA, .count_max = 1, .joins_marks = true}};
static const struct step starcoder_steps[] = {
    {.kind = STEP_RUN, .count_max = 1, .classes = UNICODE_NUMBER},
    {.kind = STEP_WORDS_GPT2},
};
static const struct step deepseek_llm_steps[] = {
    {.kind = STEP_RUN, .count_max = 1, RANGES(line_ends)},
    {.kind = STEP_RUN,
     .takes_space = true,
     .ranges = cased_letters,
     .range_count = &cased_letters_count},
    {.kind = STEP_RUN, .takes_space = true, RANGES(deepseek_punctuation)},
    {.kind = STEP_SPACE_AT_END},
    {.kind = STEP_RUN, RANGES(deepseek_cjk)},
    {.kind = STEP_RUN, .classes = UNICODE_NUMBER},
};
static const struct step deepseek_coder_steps[] = {
    {.kind = STEP_RUN, .count_max = 1, RANGES(line_ends)},
    {.kind = STEP_RUN, .takes_space = true, .classes = UNICODE_LETTER},
    {.kind = STEP_RUN, .takes_space = true, .classes = UNICODE_PUNCTUATION},
    {.kind = STEP_RUN, RANGES(deepseek_cjk)},
    {.kind = STEP_RUN, .count_max = 1, .classes = UNICODE_NUMBER},
};
static const struct step falcon_steps[] = {
    {.kind = STEP_RUN, .classes = UNICODE_PUNCTUATION, RANGES(ascii_symbols)},
    {.kind = STEP_WORDS_GPT2},
    {.kind = STEP_RUN, .count_min = 3, .count_max = 3, RANGES(ascii_digits)},
};
static const struct step default_steps[] = {
    {.kind = STEP_RUN, .classes = UNICODE_PUNCTUATION, RANGES(ascii_symbols)},
    {.kind = STEP_WORDS_GPT2},
    {.kind = STEP_RUN, .classes = UNICODE_NUMBER},
    {.kind = STEP_RUN, .count_min = 3, .count_max = 3, RANGES(ascii_digits)},
};

#define STEPS(name) (name), ARRAY_LEN(name)

/* clang-format off */
static const struct pretokenizer_row rows[] = {
    /* name               steps                        ignores  adds
                                                       merges   BOS */
    {"llama-bpe",         STEPS(llama_steps),          true,    true},
    {"llama3",            STEPS(llama_steps),          true,    true},
    {"llama-v3",          STEPS(llama_steps),          true,    true},
    {"falcon3",           STEPS(llama_steps),          true,    true},
    {"falcon-h1",         STEPS(llama_steps),          true,    true},
    {"pixtral",           STEPS(llama_steps),          true,    true},
    {"midm-2.0",          STEPS(llama_steps),          true,    true},
    {"lfm2",              STEPS(llama_steps),          true,    true},
    {"dbrx",              STEPS(llama_steps),          false,   false},
    {"smaug-bpe",         STEPS(llama_steps),          false,   false},
    {"glm4",              STEPS(llama_steps),          false,   false},
    {"chatglm-bpe",       STEPS(llama_steps),          false,   false},
    {"qwen2",             STEPS(qwen2_steps),          false,   false},
    {"deepseek-r1-qwen",  STEPS(qwen2_steps),          false,   false},
    {"kormo",             STEPS(qwen2_steps),          false,   false},
    {"megrez",            STEPS(qwen2_steps),          false,   false},
    {"stablelm2",         STEPS(qwen2_steps),          false,   false},
    {"hunyuan",           STEPS(qwen2_steps),          false,   false},
    {"solar-open",        STEPS(qwen2_steps),          false,   false},
    {"grok-2",            STEPS(qwen2_steps),          false,   false},
    {"qwen35",            STEPS(qwen35_steps),         false,   false},
    {"gpt-2",             STEPS(gpt2_steps),           false,   false},
    {"phi-2",             STEPS(gpt2_steps),           false,   false},
    {"gigachat",          STEPS(gpt2_steps),           false,   false},
    {"exaone4",           STEPS(gpt2_steps),           false,   false},
    {"mellum",            STEPS(gpt2_steps),           false,   false},
    {"a.x-4.0",           STEPS(gpt2_steps),           false,   false},
    {"modern-bert",       STEPS(gpt2_steps),           false,   false},
    {"mpt",               STEPS(gpt2_steps),           false,   false},
    {"olmo",              STEPS(gpt2_steps),           false,   false},
    {"jais",              STEPS(gpt2_steps),           false,   false},
    {"trillion",          STEPS(gpt2_steps),           false,   false},
    {"smollm",            STEPS(starcoder_steps),      false,   false},
    {"starcoder",         STEPS(starcoder_steps),      false,   false},
    {"refact",            STEPS(starcoder_steps),      false,   false},
    {"command-r",         STEPS(starcoder_steps),      false,   false},
    {"codeshell",         STEPS(starcoder_steps),      false,   false},
    {"exaone",            STEPS(starcoder_steps),      false,   false},
    {"minerva-7b",        STEPS(starcoder_steps),      false,   false},
    {"mellum2",           STEPS(starcoder_steps),      false,   false},
    {"deepseek-llm",      STEPS(deepseek_llm_steps),   false,   false},
    {"deepseek-coder",    STEPS(deepseek_coder_steps), false,   false},
    {"falcon",            STEPS(falcon_steps),         false,   false},
    {"default",           STEPS(default_steps),        false,   false},
};
/* clang-format on */

const struct pretokenizer_row *pretokenizer_find(struct str name)
{
    if (name.len == 0)
        name = STR("default");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (str_equal_c(name, rows[i].name))
            return &rows[i];
    }
    return NULL;
}

void pretokenizer_add_names(struct strbuf *out)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (i > 0)
            strbuf_add_c(out, ", ");
        strbuf_add_c(out, rows[i].name);
    }
}

void pretokenizer_init(struct pretokenizer *pretokenizer, const struct pretokenizer_row *row)
{
    pretokenizer->row = row;
    unicode_table_init(&pretokenizer->unicode);
}

bool pretokenizer_ignores_merges(const struct pretokenizer_row *row)
{
    return row->ignores_merges;
}

bool pretokenizer_adds_bos(const struct pretokenizer_row *row)
{
    return row->adds_bos;
}

/* ---------------------------------------------------------------- characters */

/* The text that one step cuts. */
struct scan {
    const struct unicode_table *unicode;
    const char *text;
    size_t end;
};

/* One character: what it is and where the next begins. */
struct character {
    uint32_t code_point; /* UTF8_INVALID for a byte that is no UTF-8 */
    uint8_t class;       /* bits of enum unicode_class */
    size_t next;
};

/* At the end: class 0 and code point UTF8_INVALID, next == end. */
static inline struct character read_at(const struct scan *scan, size_t at)
{
    if (at >= scan->end)
        return (struct character){UTF8_INVALID, 0, scan->end};
    const unsigned char first = (unsigned char)scan->text[at];
    if (first < 0x80)
        return (struct character){first, scan->unicode->classes[first], at + 1};
    struct str rest = {scan->text + at, scan->end - at};
    const uint32_t code_point = utf8_next(&rest);
    return (struct character){code_point, unicode_table_class(scan->unicode, code_point),
                              scan->end - rest.len};
}

/* End of the longest run from `at` of characters in one of `classes`, or, with `inverted`, in none
 * of them. */
static size_t run_end(const struct scan *scan, size_t at, uint8_t classes, bool inverted)
{
    while (at < scan->end) {
        const struct character c = read_at(scan, at);
        if (((c.class & classes) != 0) == inverted)
            break;
        at = c.next;
    }
    return at;
}

static bool is_line_end(uint32_t code_point)
{
    return code_point == '\n' || code_point == '\r';
}

/* ---------------------------------------------------------------- whole-text scanners */

/* CONTR behind the apostrophe at `at`: end of the match, or `at` if none. With `any_case`, letters
 * match as in Unicode case folding, where U+017F (long s) folds to s. */
static size_t contraction_end(const struct scan *scan, size_t at, bool any_case)
{
    static const char *const suffixes[] = {"s", "t", "re", "ve", "m", "ll", "d"};
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        size_t to = at + 1;
        const char *letter = suffixes[i];
        for (; *letter; letter++) {
            const struct character c = read_at(scan, to);
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

/* `S+(?!\S) | S+`: a run of spaces leaves its last one to the word behind it. */
static size_t spaces_end(const struct scan *scan, size_t at)
{
    size_t last = at;
    size_t to = at;
    while (to < scan->end) {
        const struct character c = read_at(scan, to);
        if (!(c.class & UNICODE_SPACE))
            break;
        last = to;
        to = c.next;
    }
    return to == scan->end || last == at ? to : last;
}

/* End of the word that begins at `at`, in the manner of GPT-2. */
static size_t gpt2_word_end(const struct scan *scan, size_t at)
{
    struct character c = read_at(scan, at);
    if (c.code_point == '\'') {
        const size_t to = contraction_end(scan, at, false);
        if (to > at)
            return to;
    }
    if (c.code_point == ' ' && c.next < scan->end) {
        const struct character following = read_at(scan, c.next);
        if (!(following.class & UNICODE_SPACE))
            c = following; /* the space joins the word */
    }
    if (c.class & UNICODE_LETTER)
        return run_end(scan, c.next, UNICODE_LETTER, false);
    if (c.class & UNICODE_NUMBER)
        return run_end(scan, c.next, UNICODE_NUMBER, false);
    if (!(c.class & UNICODE_SPACE))
        return run_end(scan, c.next, UNICODE_LETTER | UNICODE_NUMBER | UNICODE_SPACE, true);
    return spaces_end(scan, at);
}

/* TAIL at a space: with a line end in the run, everything up to the last one. */
static size_t lines_end(const struct scan *scan, size_t at)
{
    size_t last = at;
    size_t to = at;
    while (to < scan->end) {
        const struct character c = read_at(scan, to);
        if (!(c.class & UNICODE_SPACE))
            break;
        to = c.next;
        if (is_line_end(c.code_point))
            last = to;
    }
    return last > at ? last : spaces_end(scan, at);
}

static size_t digits_end(const struct scan *scan, size_t at, uint32_t count_max)
{
    for (uint32_t count = 0; count < count_max && at < scan->end; count++) {
        const struct character c = read_at(scan, at);
        if (!(c.class & UNICODE_NUMBER))
            break;
        at = c.next;
    }
    return at;
}

/* End of the word that begins at `at`, in the manner of Llama 3 and Qwen. */
static size_t llama_word_end(const struct scan *scan, const struct step *step, size_t at)
{
    const uint8_t letters = step->joins_marks ? UNICODE_LETTER | UNICODE_MARK : UNICODE_LETTER;
    const struct character c = read_at(scan, at);
    if (c.code_point == '\'') {
        const size_t to = contraction_end(scan, at, true);
        if (to > at)
            return to;
    }
    if (c.class & letters)
        return run_end(scan, c.next, letters, false);
    if (c.class & UNICODE_NUMBER)
        return digits_end(scan, at, step->count_max);
    const struct character following = read_at(scan, c.next);
    if (!is_line_end(c.code_point) && (following.class & letters))
        return run_end(scan, following.next, letters, false); /* any one character may lead */

    const uint8_t excluded = UNICODE_SPACE | UNICODE_NUMBER | letters;
    size_t to = at;
    if (!(c.class & UNICODE_SPACE))
        to = c.next;
    else if (c.code_point == ' ' && c.next < scan->end && !(following.class & excluded))
        to = following.next;
    if (to == at)
        return lines_end(scan, at);
    to = run_end(scan, to, excluded, true);
    while (to < scan->end && is_line_end((unsigned char)scan->text[to]))
        to++;
    return to;
}

/* ---------------------------------------------------------------- runs of a set */

static bool in_set(const struct step *step, const struct character *c)
{
    if (c->class & step->classes)
        return true;
    if (!step->ranges)
        return false;
    size_t low = 0;
    size_t high = *step->range_count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (c->code_point > step->ranges[middle].last)
            low = middle + 1;
        else
            high = middle;
    }
    return low < *step->range_count && c->code_point >= step->ranges[low].first;
}

struct match {
    size_t begin; /* == end: none */
    size_t end;
};

/* The longest run of the set from `at`, at most count_max characters; *out_count how many. */
static size_t set_end(const struct scan *scan, const struct step *step, size_t at,
                      uint32_t *out_count)
{
    uint32_t count = 0;
    while (at < scan->end && (step->count_max == 0 || count < step->count_max)) {
        const struct character c = read_at(scan, at);
        if (!in_set(step, &c))
            break;
        at = c.next;
        count++;
    }
    *out_count = count;
    return at;
}

/* The first match at or after `at`. */
static struct match find_run(const struct scan *scan, const struct step *step, size_t at)
{
    while (at < scan->end) {
        const struct character c = read_at(scan, at);
        const struct character following = read_at(scan, c.next);
        size_t from = scan->end;
        if (in_set(step, &c))
            from = at;
        else if (step->takes_space && (c.class & UNICODE_SPACE) && c.next < scan->end &&
                 in_set(step, &following))
            from = c.next;
        if (from < scan->end) {
            uint32_t count = 0;
            const size_t to = set_end(scan, step, from, &count);
            if (count >= step->count_min)
                return (struct match){at, to};
            at = to; /* too short a run: no part of it is longer */
        } else {
            at = c.next;
        }
    }
    return (struct match){scan->end, scan->end};
}

/* `S+$` */
static struct match find_space_at_end(const struct scan *scan, size_t at)
{
    size_t from = scan->end; /* begin of the run of spaces that lasts until now */
    while (at < scan->end) {
        const struct character c = read_at(scan, at);
        if (!(c.class & UNICODE_SPACE))
            from = scan->end;
        else if (from == scan->end)
            from = at;
        at = c.next;
    }
    return (struct match){from, scan->end};
}

static struct match find_match(const struct scan *scan, const struct step *step, size_t at)
{
    switch (step->kind) {
    case STEP_WORDS_GPT2: return (struct match){at, gpt2_word_end(scan, at)};
    case STEP_WORDS_LLAMA: return (struct match){at, llama_word_end(scan, step, at)};
    case STEP_RUN: return find_run(scan, step, at);
    case STEP_SPACE_AT_END: return find_space_at_end(scan, at);
    }
    return (struct match){at, scan->end};
}

/* ---------------------------------------------------------------- the walk */

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
        const struct match match = find_match(&scan, &walk->pretokenizer->row->steps[level], at);
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
    }
}
