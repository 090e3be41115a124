#include "tokenizer/pretokenizer_rows.h"

#include "base/attr.h"
#include "text/unicode.h"
#include "tokenizer/cased_letters.h"
#include "tokenizer/pretokenizer.h"

/* ---------------------------------------------------------------- sets */

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

static const struct code_range line_feed[] = {{'\n', '\n'}};
static const size_t line_feed_count = ARRAY_LEN(line_feed);

static const struct code_range ascii_digits[] = {{'0', '9'}};
static const size_t ascii_digits_count = ARRAY_LEN(ascii_digits);

/* `$+<=>^~|`, and with the backtick */
static const struct code_range default_symbols[] = {
    {'$', '$'}, {'+', '+'}, {'<', '>'}, {'^', '^'}, {'|', '|'}, {'~', '~'},
};
static const size_t default_symbols_count = ARRAY_LEN(default_symbols);

static const struct code_range falcon_symbols[] = {
    {'$', '$'}, {'+', '+'}, {'<', '>'}, {'^', '^'}, {'`', '`'}, {'|', '|'}, {'~', '~'},
};
static const size_t falcon_symbols_count = ARRAY_LEN(falcon_symbols);

/* `\s` and the stops that bloom and its relatives leave out of words. */
static const struct code_range bloom_stops[] = {
    {'!', '!'},       {'(', ')'},       {',', ','},       {'.', '.'},
    {'?', '?'},       {'|', '|'},       {0x060c, 0x060c}, {0x06d4, 0x06d4},
    {0x0964, 0x0964}, {0x2026, 0x2026}, {0x3001, 0x3002}, {0xff0c, 0xff0c},
};
static const size_t bloom_stops_count = ARRAY_LEN(bloom_stops);

/* Han, Hiragana, Katakana */
static const struct code_range han_kana[] = {{0x3040, 0x30ff}, {0x4e00, 0x9fa5}};
static const size_t han_kana_count = ARRAY_LEN(han_kana);

static const struct code_range youtu_hangul[] = {{0x3131, 0x318e}, {0xac00, 0xd7a3}};
static const size_t youtu_hangul_count = ARRAY_LEN(youtu_hangul);

static const struct code_range youtu_stops[] = {
    {0x2014, 0x2014}, {0x2018, 0x2019}, {0x201c, 0x201d}, {0x2026, 0x2026}, {0x3001, 0x303f},
    {0xfe30, 0xfe4f}, {0xff01, 0xff01}, {0xff0c, 0xff0c}, {0xff1a, 0xff1b},
};
static const size_t youtu_stops_count = ARRAY_LEN(youtu_stops);

static const struct code_range youtu_bopomofo[] = {{0x3105, 0x312f}};
static const size_t youtu_bopomofo_count = ARRAY_LEN(youtu_bopomofo);

/* Thai, Lao, Myanmar, Hangul, Khmer, radicals, kana, Han and their extensions */
static const struct code_range afmoe_asian[] = {
    {0x0e40, 0x0eff}, {0x1000, 0x109f}, {0x1100, 0x11ff}, {0x1780, 0x17ff}, {0x2f00, 0x2fdf},
    {0x3040, 0x30ff}, {0x3400, 0x4dbf}, {0x4e00, 0x9fff}, {0xa9e0, 0xa9ff}, {0xaa60, 0xaa7f},
    {0xac00, 0xd7af}, {0xf900, 0xfaff}, {0xff65, 0xff9f},
};
static const size_t afmoe_asian_count = ARRAY_LEN(afmoe_asian);

/* ---------------------------------------------------------------- steps */

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
    {.kind = STEP_RUN, .classes = UNICODE_PUNCTUATION, RANGES(falcon_symbols)},
    {.kind = STEP_WORDS_GPT2},
    {.kind = STEP_RUN, .count_min = 3, .count_max = 3, RANGES(ascii_digits)},
};
static const struct step default_steps[] = {
    {.kind = STEP_RUN, .classes = UNICODE_PUNCTUATION, RANGES(default_symbols)},
    {.kind = STEP_WORDS_GPT2},
    {.kind = STEP_RUN, .classes = UNICODE_NUMBER},
    {.kind = STEP_RUN, .count_min = 3, .count_max = 3, RANGES(ascii_digits)},
};
static const struct step minicpm5_steps[] = {
    {.kind = STEP_RUN, .count_max = 3, .classes = UNICODE_NUMBER},
    {.kind = STEP_WORDS_LLAMA},
};
static const struct step laguna_steps[] = {
    {.kind = STEP_RUN, RANGES(line_feed)},
    {.kind = STEP_WORDS_LLAMA, .count_max = 1},
};
static const struct step seed_coder_steps[] = {
    {.kind = STEP_WORDS_LLAMA, .count_max = 1, .sign_ends = SIGN_ENDS_NONE}};
static const struct step jais2_steps[] = {
    {.kind = STEP_WORDS_LLAMA, .count_max = 3, .narrows_spaces = true}};
static const struct step exaone_moe_steps[] = {{.kind = STEP_WORDS_LLAMA,
                                                .count_max = 1,
                                                .sign_ends = SIGN_ENDS_ONE_LINES_SLASH,
                                                .joins_blanks = true}};
static const struct step tekken_steps[] = {
    {.kind = STEP_WORDS_CASED, .count_max = 1, .sign_ends = SIGN_ENDS_LINES_SLASH}};
#define GPT4O_WORDS(digits)                                                         \
    {                                                                               \
        .kind = STEP_WORDS_CASED, .count_max = (digits), .takes_contraction = true, \
        .sign_ends = SIGN_ENDS_LINES_SLASH                                          \
    }
static const struct step gpt4o_steps[] = {GPT4O_WORDS(3)};
static const struct step tiny_aya_steps[] = {
    {.kind = STEP_DIGIT_GROUPS, .needs_boundary = true},
    GPT4O_WORDS(3),
};
static const struct step youtu_steps[] = {
    {.kind = STEP_RUN, RANGES(youtu_hangul)},
    {.kind = STEP_RUN, RANGES(youtu_stops)},
    {.kind = STEP_RUN, RANGES(youtu_bopomofo)},
    {.kind = STEP_RUN, RANGES(han_kana)},
    GPT4O_WORDS(1),
};
static const struct step kimi_steps[] = {
    {.kind = STEP_WORDS_CASED, .count_max = 3, .takes_contraction = true, .splits_han = true}};
static const struct step deepseek_v3_steps[] = {
    {.kind = STEP_RUN, .count_max = 3, .classes = UNICODE_NUMBER},
    {.kind = STEP_RUN, RANGES(han_kana)},
    {.kind = STEP_WORDS_SIGNS},
};
static const struct step afmoe_steps[] = {
    {.kind = STEP_DIGIT_GROUPS},
    {.kind = STEP_RUN, RANGES(afmoe_asian)},
    {.kind = STEP_WORDS_SIGNS},
};
static const struct step lines_steps[] = {{.kind = STEP_RUN, RANGES(line_feed)}};
#define BLOOM_WORDS                                                                           \
    {                                                                                         \
        .kind = STEP_RUN, .takes_blank = true, .is_inverted = true, .classes = UNICODE_SPACE, \
        RANGES(bloom_stops)                                                                   \
    }
static const struct step bloom_steps[] = {BLOOM_WORDS};
static const struct step viking_steps[] = {
    BLOOM_WORDS,
    {.kind = STEP_RUN, .count_max = 1, .classes = UNICODE_NUMBER},
};

/* ---------------------------------------------------------------- the table */

#define STEPS(name) (name), ARRAY_LEN(name)

enum {
    IGNORES = PRETOKENIZER_IGNORES_MERGES,
    BOS = PRETOKENIZER_ADDS_BOS,
    RAW = PRETOKENIZER_RAW_TEXT,
    GEMMA = PRETOKENIZER_RAW_TEXT | PRETOKENIZER_LINE_TOKENS | PRETOKENIZER_ADDS_BOS |
            PRETOKENIZER_INSISTS_ON_BOS,
};

/* clang-format off */
static const struct pretokenizer_row rows[] = {
    {"llama-bpe",                STEPS(llama_steps),            IGNORES | BOS},
    {"llama3",                   STEPS(llama_steps),            IGNORES | BOS},
    {"llama-v3",                 STEPS(llama_steps),            IGNORES | BOS},
    {"falcon3",                  STEPS(llama_steps),            IGNORES | BOS},
    {"falcon-h1",                STEPS(llama_steps),            IGNORES | BOS},
    {"pixtral",                  STEPS(llama_steps),            IGNORES | BOS},
    {"midm-2.0",                 STEPS(llama_steps),            IGNORES | BOS},
    {"lfm2",                     STEPS(llama_steps),            IGNORES | BOS},
    {"jina-v5-nano",             STEPS(llama_steps),            IGNORES | BOS},
    {"dbrx",                     STEPS(llama_steps),            0},
    {"smaug-bpe",                STEPS(llama_steps),            0},
    {"glm4",                     STEPS(llama_steps),            0},
    {"chatglm-bpe",              STEPS(llama_steps),            0},
    {"jais-2",                   STEPS(jais2_steps),            0},
    {"qwen2",                    STEPS(qwen2_steps),            0},
    {"deepseek-r1-qwen",         STEPS(qwen2_steps),            0},
    {"kormo",                    STEPS(qwen2_steps),            0},
    {"megrez",                   STEPS(qwen2_steps),            0},
    {"f2llmv2",                  STEPS(qwen2_steps),            0},
    {"stablelm2",                STEPS(qwen2_steps),            0},
    {"hunyuan",                  STEPS(qwen2_steps),            0},
    {"solar-open",               STEPS(qwen2_steps),            0},
    {"grok-2",                   STEPS(qwen2_steps),            0},
    {"bailingmoe",               STEPS(qwen2_steps),            0},
    {"bailingmoe2",              STEPS(qwen2_steps),            0},
    {"llada-moe",                STEPS(qwen2_steps),            0},
    {"seed-coder",               STEPS(seed_coder_steps),       0},
    {"qwen35",                   STEPS(qwen35_steps),           0},
    {"laguna",                   STEPS(laguna_steps),           0},
    {"minicpm5",                 STEPS(minicpm5_steps),         IGNORES},
    {"exaone-moe",               STEPS(exaone_moe_steps),       0},
    {"tekken",                   STEPS(tekken_steps),           IGNORES | BOS},
    {"gpt-4o",                   STEPS(gpt4o_steps),            0},
    {"llama4",                   STEPS(gpt4o_steps),            0},
    {"kanana2",                  STEPS(gpt4o_steps),            0},
    {"talkie",                   STEPS(gpt4o_steps),            0},
    {"minimax-m2",               STEPS(gpt4o_steps),            0},
    {"granite-embed-multi-97m",  STEPS(gpt4o_steps),            IGNORES},
    {"tiny_aya",                 STEPS(tiny_aya_steps),         0},
    {"cohere2moe",               STEPS(tiny_aya_steps),         0},
    {"youtu",                    STEPS(youtu_steps),            IGNORES},
    {"kimi-k2",                  STEPS(kimi_steps),             0},
    {"deepseek-v3",              STEPS(deepseek_v3_steps),      0},
    {"hunyuan-dense",            STEPS(deepseek_v3_steps),      0},
    {"joyai-llm",                STEPS(deepseek_v3_steps),      0},
    {"afmoe",                    STEPS(afmoe_steps),            0},
    {"deepseek-llm",             STEPS(deepseek_llm_steps),     0},
    {"deepseek-coder",           STEPS(deepseek_coder_steps),   0},
    {"gpt-2",                    STEPS(gpt2_steps),             0},
    {"phi-2",                    STEPS(gpt2_steps),             0},
    {"gigachat",                 STEPS(gpt2_steps),             0},
    {"exaone4",                  STEPS(gpt2_steps),             0},
    {"mellum",                   STEPS(gpt2_steps),             0},
    {"a.x-4.0",                  STEPS(gpt2_steps),             0},
    {"modern-bert",              STEPS(gpt2_steps),             0},
    {"mpt",                      STEPS(gpt2_steps),             0},
    {"olmo",                     STEPS(gpt2_steps),             0},
    {"jais",                     STEPS(gpt2_steps),             0},
    {"trillion",                 STEPS(gpt2_steps),             0},
    {"granite-docling",          STEPS(gpt2_steps),             0},
    {"roberta-bpe",              STEPS(gpt2_steps),             0},
    {"jina-v1-en",               STEPS(gpt2_steps),             0},
    {"jina-v2-code",             STEPS(gpt2_steps),             0},
    {"jina-v2-es",               STEPS(gpt2_steps),             0},
    {"jina-v2-de",               STEPS(gpt2_steps),             0},
    {"jina-es",                  STEPS(gpt2_steps),             0},
    {"jina-de",                  STEPS(gpt2_steps),             0},
    {"smollm",                   STEPS(starcoder_steps),        0},
    {"starcoder",                STEPS(starcoder_steps),        0},
    {"refact",                   STEPS(starcoder_steps),        0},
    {"command-r",                STEPS(starcoder_steps),        0},
    {"codeshell",                STEPS(starcoder_steps),        0},
    {"exaone",                   STEPS(starcoder_steps),        0},
    {"minerva-7b",               STEPS(starcoder_steps),        0},
    {"mellum2",                  STEPS(starcoder_steps),        0},
    {"falcon",                   STEPS(falcon_steps),           0},
    {"bloom",                    STEPS(bloom_steps),            0},
    {"poro-chat",                STEPS(bloom_steps),            0},
    {"gpt3-finnish",             STEPS(bloom_steps),            0},
    {"viking",                   STEPS(viking_steps),           0},
    {"gemma4",                   STEPS(lines_steps),            GEMMA},
    {"granite-embed-multi-311m", STEPS(lines_steps),            GEMMA},
    {"sarvam-moe",               STEPS(lines_steps),            RAW},
    {"default",                  STEPS(default_steps),          0},
};
/* clang-format on */

const struct pretokenizer_row *pretokenizer_rows_find(struct str name)
{
    if (name.len == 0)
        name = STR("default");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (str_equal_c(name, rows[i].name))
            return &rows[i];
    }
    return NULL;
}

void pretokenizer_rows_add_names(struct strbuf *out)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (i > 0)
            strbuf_add_c(out, ", ");
        strbuf_add_c(out, rows[i].name);
    }
}
