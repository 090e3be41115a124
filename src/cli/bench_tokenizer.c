#include "cli/bench_tokenizer.h"

#include "os/clock.h"
#include "tokenizer/tokenizer.h"

#include <stdlib.h>

enum { TEXT_LEN = 1 << 20, ROUNDS = 5 };

static const char *const common[] = {
    "the",     "of",      "and",      "to",       "a",       "in",      "is",      "that",
    "it",      "was",     "for",      "on",       "are",     "as",      "with",    "his",
    "they",    "at",      "be",       "this",     "from",    "have",    "or",      "by",
    "one",     "had",     "not",      "but",      "what",    "all",     "were",    "when",
    "we",      "there",   "can",      "an",       "your",    "which",   "their",   "said",
    "if",      "will",    "each",     "about",    "how",     "up",      "out",     "them",
    "then",    "she",     "many",     "some",     "so",      "these",   "would",   "other",
    "into",    "has",     "more",     "two",      "like",    "him",     "see",     "time",
    "could",   "no",      "make",     "than",     "first",   "been",    "its",     "who",
    "now",     "people",  "made",     "over",     "did",     "down",    "only",    "way",
    "find",    "use",     "water",    "long",     "little",  "very",    "after",   "words",
    "called",  "just",    "where",    "through",  "much",    "before",  "right",   "means",
    "old",     "any",     "same",     "tell",     "follow",  "around",  "three",   "small",
    "another", "large",   "must",     "because",  "house",   "world",   "school",  "country",
    "between", "should",  "number",   "system",   "program", "though",  "against", "during",
    "without", "history", "question", "language", "answer",  "example",
};

static const char *const syllables[] = {
    "ba",  "cor", "den", "el", "fi",  "gra",  "hol", "in",   "jas", "ker",
    "lo",  "mer", "nu",  "or", "pen", "qua",  "ris", "sto",  "tan", "ul",
    "ver", "wen", "xi",  "yo", "zam", "tion", "ly",  "ness",
};

static uint32_t next(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 33);
}

static void add_word(uint64_t *state, struct strbuf *out)
{
    const uint32_t kind = next(state) % 100;
    if (kind < 88) { /* the product of two even draws falls off like Zipf's law */
        const uint64_t a = next(state) % ARRAY_LEN(common);
        const uint64_t b = next(state) % ARRAY_LEN(common);
        strbuf_add_c(out, common[a * b / ARRAY_LEN(common)]);
    } else if (kind < 98) {
        for (uint32_t i = 0; i < 2 + next(state) % 3; i++)
            strbuf_add_c(out, syllables[next(state) % ARRAY_LEN(syllables)]);
    } else {
        strbuf_addf(out, "%u", (unsigned)(next(state) % 10000));
    }
}

void bench_tokenizer_add_text(size_t len, struct strbuf *out)
{
    uint64_t state = 2026;
    const size_t begin = out->len;
    while (out->len - begin < len) {
        const size_t sentence = out->len;
        const uint32_t count = 4 + next(&state) % 16;
        for (uint32_t i = 0; i < count; i++) {
            if (i > 0)
                strbuf_add_c(out, next(&state) % 12 == 0 ? ", " : " ");
            add_word(&state, out);
        }
        char *first = out->ptr + sentence;
        if (*first >= 'a' && *first <= 'z')
            *first = (char)(*first - 'a' + 'A');
        strbuf_add_c(out, next(&state) % 8 == 0 ? "?" : ".");
        strbuf_add_c(out, next(&state) % 6 == 0 ? "\n\n" : " ");
    }
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

enum status bench_tokenizer_run(const struct tokenizer *tokenizer,
                                struct bench_tokenizer_result *out, struct error *err)
{
    double rates[ROUNDS];
    CLEANUP(strbuf_done) struct strbuf text = {0};
    CLEANUP(token_list_done) struct token_list tokens = {0};
    *out = (struct bench_tokenizer_result){0};
    if (!tokenizer_has_vocab(tokenizer))
        return OK;
    bench_tokenizer_add_text(TEXT_LEN, &text);
    for (int i = 0; i < ROUNDS; i++) {
        token_list_clear(&tokens);
        const uint64_t start = clock_thread_cpu_ns();
        TRY(tokenizer_encode(tokenizer, strbuf_view(&text), TOKENIZER_PLAIN, &tokens, err));
        const uint64_t taken = clock_thread_cpu_ns() - start;
        rates[i] = (double)text.len / (double)(taken ? taken : 1) * 1e3;
    }
    qsort(rates, ROUNDS, sizeof(*rates), compare);
    out->mbs = rates[ROUNDS / 2];
    out->bytes_per_token = tokens.count ? (double)text.len / (double)tokens.count : 0;
    return OK;
}
