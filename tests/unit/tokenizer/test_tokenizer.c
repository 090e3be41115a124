/*
 * The tokenizer decides what the model sees. Wrong ids make a model dull without any error; a
 * control token made from foreign text lets that text speak as the system.
 */
#include "tests/holt_test.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "gguf/gguf.h"
#include "tests/unit/tokenizer/tiny_vocab.h"
#include "tokenizer/pretokenizer.h"
#include "tokenizer/tokenizer.h"

#include <stdio.h>
#include <time.h>

static const struct tiny_vocab_options plain_bpe = {.pre = "qwen2"};
static const struct tiny_vocab_options plain = {0};

static struct tokenizer *new_bpe(void)
{
    return tiny_vocab_tokenizer(tiny_vocab_bpe(&plain_bpe));
}

static uint64_t random_next(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 33;
}

/* Pieces with a bar behind each, for comparing and for people to read. */
static void add_pieces(const struct tokenizer *tokenizer, const struct token_list *list,
                       struct strbuf *out)
{
    for (size_t i = 0; i < list->count; i++) {
        strbuf_add_str(out, tokenizer_piece(tokenizer, list->ids[i]));
        strbuf_add_char(out, '|');
    }
}

static void assert_pieces(const struct tokenizer *tokenizer, const char *text, unsigned flags,
                          const char *expected)
{
    CLEANUP(token_list_done) struct token_list list = {0};
    CLEANUP(strbuf_done) struct strbuf got = {0};
    assert_ok(tokenizer_encode(tokenizer, str_from_c(text), flags, &list, err));
    add_pieces(tokenizer, &list, &got);
    assert_string_equal(strbuf_c(&got), expected);
}

/* ---------------------------------------------------------------- byte-level BPE */

static void words_are_merged_in_order_of_rank(void **state)
{
    (void)state;
    CLEANUP(tokenizer_freep) struct tokenizer *tokenizer = new_bpe();
    assert_pieces(tokenizer, "hello the world", 0, "hello| the| world|");
    assert_pieces(tokenizer, "aaaaaaa", 0, "aaaa|aa|a|");
    assert_pieces(tokenizer, "test", 0, "test|");   /* e s, es t, t est */
    assert_pieces(tokenizer, "then", 0, "t|he|n|"); /* 'h e' comes before 't h' */
    assert_pieces(tokenizer, "ababa", 0, "a|ba|ba|");
    assert_pieces(tokenizer, "123", 0, "1|2|3|"); /* digits are words of their own */
    assert_pieces(tokenizer, "caf\xc3\xa9 \xe4\xb8\xad", 0, "c|a|f|\xc3\xa9| |\xe4\xb8\xad|");
    assert_pieces(tokenizer, "", 0, "");
}

/* The joined word of `symbols` done by hand: strings, every merge tried in order of rank. */
static void join_by_hand(struct strbuf *word)
{
    for (;;) {
        struct str left = {0};
        struct str right = {0};
        size_t at = SIZE_MAX;
        for (size_t i = 0; at == SIZE_MAX && tiny_vocab_merge(i, &left, &right); i++) {
            struct strbuf both = {0}; /* "|left|right|" */
            strbuf_addf(&both, "|%.*s|%.*s|", STR_ARG(left), STR_ARG(right));
            at = str_find(strbuf_view(word), strbuf_view(&both), 0);
            strbuf_done(&both);
        }
        if (at == SIZE_MAX)
            return;
        const size_t bar = at + 1 + left.len;
        memmove(word->ptr + bar, word->ptr + bar + 1, word->len - bar - 1);
        strbuf_truncate(word, word->len - 1);
    }
}

static void random_text_is_merged_as_by_hand(void **state)
{
    (void)state;
    CLEANUP(tokenizer_freep) struct tokenizer *tokenizer = new_bpe();
    struct pretokenizer *pretokenizer = mem_zalloc(sizeof(*pretokenizer));
    pretokenizer_init(pretokenizer, pretokenizer_find(STR("qwen2")));
    uint64_t seed = 4;
    for (int round = 0; round < 1500; round++) {
        static const char letters[] = "aabbehllnoorstw123 \n'din";
        char text[64];
        const size_t len = random_next(&seed) % sizeof(text);
        for (size_t i = 0; i < len; i++)
            text[i] = letters[random_next(&seed) % (sizeof(letters) - 1)];
        CLEANUP(strbuf_done) struct strbuf want = {0};
        struct pretokenizer_walk walk = pretokenizer_begin(pretokenizer, (struct str){text, len});
        struct str word = {0};
        while (pretokenizer_next(&walk, &word)) {
            CLEANUP(strbuf_done) struct strbuf split = {0};
            strbuf_add_char(&split, '|');
            for (size_t i = 0; i < word.len; i++)
                strbuf_addf(&split, "%c|", word.ptr[i]);
            join_by_hand(&split);
            strbuf_add(&want, split.ptr + 1, split.len - 1);
        }
        CLEANUP(token_list_done) struct token_list list = {0};
        CLEANUP(strbuf_done) struct strbuf got = {0};
        assert_ok(tokenizer_encode(tokenizer, (struct str){text, len}, 0, &list, err));
        add_pieces(tokenizer, &list, &got);
        assert_true(str_equal(strbuf_view(&got), strbuf_view(&want)));
    }
    mem_free(pretokenizer);
}

static void any_bytes_come_back(void **state)
{
    (void)state;
    static const char *const pres[] = {
        "qwen2",      "llama-bpe", "gpt-2",  "smollm", "deepseek-llm", "deepseek-coder",
        "qwen35",     "default",   "tekken", "gpt-4o", "deepseek-v3",  "kimi-k2",
        "tiny_aya",   "afmoe",     "youtu",  "bloom",  "viking",       "jais-2",
        "exaone-moe", "minicpm5",  "laguna"};
    uint64_t seed = 99;
    for (size_t p = 0; p < ARRAY_LEN(pres); p++) {
        test_case(pres[p]);
        CLEANUP(tokenizer_freep)
        struct tokenizer *tokenizer =
            tiny_vocab_tokenizer(tiny_vocab_bpe(&(struct tiny_vocab_options){.pre = pres[p]}));
        for (int round = 0; round < 300; round++) {
            char bytes[100];
            const size_t len = random_next(&seed) % sizeof(bytes);
            for (size_t i = 0; i < len; i++)
                bytes[i] = (char)random_next(&seed);
            CLEANUP(token_list_done) struct token_list list = {0};
            CLEANUP(strbuf_done) struct strbuf back = {0};
            assert_ok(tokenizer_encode(tokenizer, (struct str){bytes, len}, TOKENIZER_PARSE_SPECIAL,
                                       &list, err));
            for (size_t i = 0; i < list.count; i++) {
                assert_in_range(list.ids[i], 0, tokenizer_vocab_size(tokenizer) - 1);
                strbuf_add_str(&back, tokenizer_piece(tokenizer, list.ids[i]));
            }
            assert_true(str_equal(strbuf_view(&back), (struct str){bytes, len}));
        }
    }
}

static void a_byte_without_a_token_is_unknown_or_refused(void **state)
{
    (void)state;
    const struct tiny_vocab_options options = {.pre = "qwen2", .without_byte_a = true};
    CLEANUP(tokenizer_freep)
    struct tokenizer *tokenizer = tiny_vocab_tokenizer(tiny_vocab_bpe(&options));
    CLEANUP(token_list_done) struct token_list list = {0};
    token_list_add(&list, 7, 0);
    struct error fault = {0};
    assert_int_equal(tokenizer_encode(tokenizer, STR("hello cat"), 0, &list, &fault), E_FORMAT);
    assert_non_null(strstr(fault.text, "0x61"));
    assert_int_equal(list.count, 1);
    assert_pieces(tokenizer, "aa", 0, "aa|"); /* a merge may still make a token of two */

    struct gguf_writer *writer = tiny_vocab_bpe(&options);
    gguf_writer_add_u32(writer, "tokenizer.ggml.unknown_token_id", 3);
    CLEANUP(tokenizer_freep) struct tokenizer *forgiving = tiny_vocab_tokenizer(writer);
    assert_ok(tokenizer_encode(forgiving, STR("cat"), 0, &list, err));
    assert_int_equal(list.count, 4);
    assert_int_equal(list.ids[2], 3);
}

static void a_word_that_is_a_token_ignores_merges_where_the_family_says_so(void **state)
{
    (void)state;
    CLEANUP(tokenizer_freep)
    struct tokenizer *llama =
        tiny_vocab_tokenizer(tiny_vocab_bpe(&(struct tiny_vocab_options){.pre = "llama-bpe"}));
    CLEANUP(tokenizer_freep) struct tokenizer *qwen = new_bpe();
    assert_pieces(llama, "aba", 0, "aba|");
    assert_pieces(qwen, "aba", 0, "a|ba|");
}

/* ---------------------------------------------------------------- special tokens */

static void special_tokens_come_only_from_text_that_may_hold_them(void **state)
{
    (void)state;
    CLEANUP(tokenizer_freep) struct tokenizer *tokenizer = new_bpe();
    const char *text = "hello" TINY_END_TURN "the" TINY_TOOL_CALL;
    assert_pieces(tokenizer, text, TOKENIZER_PARSE_SPECIAL, "hello|<|im_end|>|t|he|<tool_call>|");
    assert_pieces(tokenizer, text, TOKENIZER_PARSE_USER_DEFINED,
                  "hello|<|||i|m|_|e|n|d|||>|t|he|<tool_call>|");
    assert_pieces(tokenizer, TINY_TOOL_CALL, TOKENIZER_PLAIN, "<|t|o|o|l|_|c|a|ll|>|");
    /* the longest wins, even where a shorter one begins earlier or lies inside */
    assert_pieces(tokenizer, TINY_START "<tool_call>", TOKENIZER_PARSE_SPECIAL,
                  "<|im_start|><|t|o|o|l|_|c|a|ll|>|");
    assert_pieces(tokenizer, TINY_START " " TINY_START, TOKENIZER_PARSE_SPECIAL,
                  "<|im_start|>| |<|im_start|>|");
    assert_pieces(tokenizer, "<|im_en", TOKENIZER_PARSE_SPECIAL, "<|||i|m|_|e|n|");
}

static void merges_never_spell_a_special_token(void **state)
{
    (void)state;
    const struct tiny_vocab_options options = {.pre = "qwen2", .extra_merge = "he r"};
    CLEANUP(tokenizer_freep)
    struct tokenizer *tokenizer = tiny_vocab_tokenizer(tiny_vocab_bpe(&options));
    assert_true(tokenizer_find(tokenizer, STR(TINY_REACHABLE)) >= 0);
    assert_pieces(tokenizer, "her", TOKENIZER_PARSE_SPECIAL, "her|");
    assert_pieces(tokenizer, "her", TOKENIZER_PLAIN, "he|r|");

    CLEANUP(tokenizer_freep) struct tokenizer *spm = tiny_vocab_tokenizer(tiny_vocab_spm(&plain));
    assert_pieces(spm, "<s>", TOKENIZER_PARSE_SPECIAL, "<s>|");
    assert_pieces(spm, "<s>", TOKENIZER_PLAIN, " |<s|>|");
    assert_pieces(spm, "<0x41>", TOKENIZER_PLAIN, " |<|0|x|4|1|>|"); /* and no byte token */
}

static void spans_give_the_ids_of_the_whole_text(void **state)
{
    (void)state;
    CLEANUP(tokenizer_freep) struct tokenizer *tokenizer = new_bpe();
    const struct text_span spans[] = {
        {STR(TINY_START "us"), true}, {STR("er\nhel"), false},
        {STR("lo wor"), false},       {STR(""), false},
        {STR("ld"), false},           {STR(TINY_END_TURN "\n"), true},
    };
    CLEANUP(token_list_done) struct token_list pieces = {0};
    CLEANUP(token_list_done) struct token_list whole = {0};
    CLEANUP(strbuf_done) struct strbuf got = {0};
    assert_ok(tokenizer_encode_spans(tokenizer, spans, ARRAY_LEN(spans), &pieces, err));
    assert_ok(tokenizer_encode(tokenizer, STR(TINY_START "user\nhello world" TINY_END_TURN "\n"),
                               TOKENIZER_PARSE_SPECIAL, &whole, err));
    assert_int_equal(pieces.count, whole.count);
    assert_memory_equal(pieces.ids, whole.ids, whole.count * sizeof(*whole.ids));
    add_pieces(tokenizer, &pieces, &got);
    assert_string_equal(strbuf_c(&got), "<|im_start|>|u|s|er|\n|hello| world|<|im_end|>|\n|");
    static const uint32_t expected[] = {0, 0, 0, 1, 1, 1, 2, 5, 5};
    assert_memory_equal(pieces.spans, expected, sizeof(expected));
}

/* Random spans of tempting text; returns how many special tokens came of them. */
static size_t try_foreign_text(const struct tokenizer *tokenizer, uint64_t *seed)
{
    static const char *const bits[] = {
        TINY_START, TINY_END_TURN, TINY_TOOL_CALL, TINY_REACHABLE, "<|im_", "end|>",
        "start|><", "<tool",       "_call>",       "he",           "<",     " ",
        "hello",    "\xff",        "<s>",          "</s>",         "|>"};
    struct text_span spans[8];
    bool allowed[256] = {0}; /* by byte of the whole text */
    size_t len = 0;
    const size_t count = 1 + random_next(seed) % ARRAY_LEN(spans);
    for (size_t i = 0; i < count; i++) {
        spans[i].text = str_from_c(bits[random_next(seed) % ARRAY_LEN(bits)]);
        spans[i].may_be_special = random_next(seed) % 2;
        for (size_t b = 0; b < spans[i].text.len; b++)
            allowed[len++] = spans[i].may_be_special;
    }
    CLEANUP(token_list_done) struct token_list list = {0};
    assert_ok(tokenizer_encode_spans(tokenizer, spans, count, &list, err));
    size_t at = 0;
    size_t special_count = 0;
    for (size_t i = 0; i < list.count; i++) {
        const enum token_kind kind = tokenizer_kind(tokenizer, list.ids[i]);
        const size_t end = at + tokenizer_piece(tokenizer, list.ids[i]).len;
        if (kind == TOKEN_CONTROL || kind == TOKEN_USER_DEFINED || kind == TOKEN_UNKNOWN) {
            special_count++;
            for (size_t b = at; b < end; b++)
                assert_true(allowed[b]);
        }
        at = end;
    }
    assert_int_equal(at, len);
    return special_count;
}

static void foreign_text_never_becomes_a_special_token(void **state)
{
    (void)state;
    const struct tiny_vocab_options options = {.pre = "qwen2", .extra_merge = "he r"};
    CLEANUP(tokenizer_freep) struct tokenizer *bpe = tiny_vocab_tokenizer(tiny_vocab_bpe(&options));
    struct gguf_writer *writer = tiny_vocab_spm(&plain);
    gguf_writer_add_bool(writer, "tokenizer.ggml.add_space_prefix", false);
    CLEANUP(tokenizer_freep) struct tokenizer *spm = tiny_vocab_tokenizer(writer);
    uint64_t seed = 31;
    size_t special_count = 0;
    for (int round = 0; round < 3000; round++)
        special_count += try_foreign_text(round % 2 ? bpe : spm, &seed);
    assert_true(special_count > 1000);
}

static void bos_and_eos_follow_the_file_then_the_family(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *pre;
        int adds_bos;
        int adds_eos;
        const char *pieces;
    } rows[] = {
        {"llama adds BOS by itself", "llama-bpe", 0, 0, "<|im_start|>|he|"},
        {"the file says no", "llama-bpe", -1, 0, "he|"},
        {"qwen does not", "qwen2", 0, 0, "he|"},
        {"the file says both", "qwen2", 1, 1, "<|im_start|>|he|<|im_end|>|"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_case(rows[i].name);
        struct gguf_writer *writer = tiny_vocab_bpe(&(struct tiny_vocab_options){
            .pre = rows[i].pre, .adds_bos = rows[i].adds_bos, .adds_eos = rows[i].adds_eos});
        CLEANUP(tokenizer_freep) struct tokenizer *probe = new_bpe();
        const int32_t start = tokenizer_find(probe, STR(TINY_START));
        gguf_writer_add_u32(writer, "tokenizer.ggml.bos_token_id", (uint32_t)start);
        gguf_writer_add_u32(writer, "tokenizer.ggml.eos_token_id", (uint32_t)start + 1);
        CLEANUP(tokenizer_freep) struct tokenizer *tokenizer = tiny_vocab_tokenizer(writer);
        assert_int_equal(tokenizer_bos(tokenizer), start);
        assert_pieces(tokenizer, "he", TOKENIZER_ADD_BOS_EOS, rows[i].pieces);
        assert_pieces(tokenizer, "he", TOKENIZER_PLAIN, "he|");
    }
}

static void generation_ends_where_the_text_of_a_token_says(void **state)
{
    (void)state;
    const struct tiny_vocab_options options = {.pre = "qwen2", .wrongly_typed_end = true};
    struct gguf_writer *writer = tiny_vocab_bpe(&options);
    gguf_writer_add_u32(writer, "tokenizer.ggml.eos_token_id", UINT32_MAX); /* as if absent */
    CLEANUP(tokenizer_freep) struct tokenizer *tokenizer = tiny_vocab_tokenizer(writer);
    const int32_t end = tokenizer_find(tokenizer, STR(TINY_END_TURN));
    assert_true(end >= 0);
    assert_int_equal(tokenizer_kind(tokenizer, end), TOKEN_CONTROL);
    assert_true(tokenizer_is_eog(tokenizer, end));
    assert_int_equal(tokenizer_eot(tokenizer), end);
    assert_int_equal(tokenizer_eos(tokenizer), -1);
    assert_false(tokenizer_is_eog(tokenizer, end - 1));
    assert_false(tokenizer_is_eog(tokenizer, -1));
    assert_false(tokenizer_is_eog(tokenizer, INT32_MAX));
}

static void ids_outside_the_vocabulary_are_harmless(void **state)
{
    (void)state;
    CLEANUP(tokenizer_freep) struct tokenizer *tokenizer = new_bpe();
    const int32_t ids[] = {-1, INT32_MIN, INT32_MAX, (int32_t)tokenizer_vocab_size(tokenizer)};
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        assert_int_equal(tokenizer_piece(tokenizer, ids[i]).len, 0);
        assert_int_equal(tokenizer_kind(tokenizer, ids[i]), TOKEN_UNUSED);
    }
}

static void pieces_are_found_again(void **state)
{
    (void)state;
    CLEANUP(tokenizer_freep) struct tokenizer *bpe = new_bpe();
    CLEANUP(tokenizer_freep) struct tokenizer *spm = tiny_vocab_tokenizer(tiny_vocab_spm(&plain));
    const struct tokenizer *both[] = {bpe, spm};
    for (size_t t = 0; t < ARRAY_LEN(both); t++) {
        for (uint32_t id = 0; id < tokenizer_vocab_size(both[t]); id++) {
            const struct str piece = tokenizer_piece(both[t], (int32_t)id);
            const int32_t found = tokenizer_find(both[t], piece);
            assert_true(found >= 0);
            assert_true(str_equal(tokenizer_piece(both[t], found), piece));
        }
        assert_int_equal(tokenizer_find(both[t], STR("no such token")), -1);
    }
}

/* ---------------------------------------------------------------- SPM */

static void characters_join_by_score(void **state)
{
    (void)state;
    CLEANUP(tokenizer_freep)
    struct tokenizer *tokenizer = tiny_vocab_tokenizer(tiny_vocab_spm(&plain));
    /* 'he' (-3) joins before 'el' (-3.5) and 'll' (-4) */
    assert_pieces(tokenizer, "hello", 0, " hello|");
    assert_pieces(tokenizer, "ello", 0, " |el|l|o|");
    assert_pieces(tokenizer, "aab", 0, " |aa|b|"); /* equal scores: the left one */
    assert_pieces(tokenizer, "aaab", 0, " |aaa|b|");
    assert_pieces(tokenizer, "hello hello", 0, " hello| hello|");
    assert_pieces(tokenizer, "  a", 0, "  | |a|");
    assert_pieces(tokenizer, "\xe2\x96\x81hello", 0, "  |hello|"); /* the mark is a space */
    assert_pieces(tokenizer, "", 0, "");
}

static void what_is_no_token_becomes_bytes(void **state)
{
    (void)state;
    CLEANUP(tokenizer_freep)
    struct tokenizer *tokenizer = tiny_vocab_tokenizer(tiny_vocab_spm(&plain));
    assert_pieces(tokenizer, "\xc3\xa9\xe4\xb8\xad\n\xff", 0, " |\xc3\xa9|\xe4|\xb8|\xad|\n|\xff|");
    CLEANUP(token_list_done) struct token_list list = {0};
    assert_ok(tokenizer_encode(tokenizer, STR("\n"), 0, &list, err));
    assert_int_equal(tokenizer_kind(tokenizer, list.ids[1]), TOKEN_BYTE);
}

static void a_space_comes_before_every_text_behind_a_special_token(void **state)
{
    (void)state;
    CLEANUP(tokenizer_freep)
    struct tokenizer *tokenizer = tiny_vocab_tokenizer(tiny_vocab_spm(&plain));
    assert_pieces(tokenizer, "a" TINY_START "hello", TOKENIZER_PARSE_SPECIAL,
                  " |a|<|im_start|>| hello|");
    assert_pieces(tokenizer, "a", TOKENIZER_ADD_BOS_EOS, "<s>| |a|");
    struct gguf_writer *writer = tiny_vocab_spm(&plain);
    gguf_writer_add_bool(writer, "tokenizer.ggml.add_space_prefix", false);
    CLEANUP(tokenizer_freep) struct tokenizer *bare = tiny_vocab_tokenizer(writer);
    assert_pieces(bare, "hello", 0, "hello|");
}

static void spans_of_spm_count_the_bytes_of_the_text(void **state)
{
    (void)state;
    CLEANUP(tokenizer_freep)
    struct tokenizer *tokenizer = tiny_vocab_tokenizer(tiny_vocab_spm(&plain));
    const struct text_span spans[] = {
        {STR("a\xe2\x96\x81"), false}, {STR("b hello"), false}, {STR("\n"), false}};
    CLEANUP(token_list_done) struct token_list list = {0};
    CLEANUP(strbuf_done) struct strbuf got = {0};
    assert_ok(tokenizer_encode_spans(tokenizer, spans, ARRAY_LEN(spans), &list, err));
    add_pieces(tokenizer, &list, &got);
    assert_string_equal(strbuf_c(&got), " |a| |b| hello|\n|");
    static const uint32_t expected[] = {0, 0, 0, 1, 1, 2};
    assert_memory_equal(list.spans, expected, sizeof(expected));
}

/* ---------------------------------------------------------------- BPE of characters */

/* Kind gemma4: U+2581 for spaces, bytes as in SPM, merges of characters. */
static struct gguf_writer *write_raw_bpe(bool adds_bos)
{
    static const char *const words[] = {"<bos>",
                                        "\xe2\x96\x81",
                                        "a",
                                        "b",
                                        "c",
                                        "\xc3\xa9",
                                        "ab",
                                        "\xe2\x96\x81"
                                        "ab",
                                        "\n",
                                        "\n\n",
                                        "\xe2\x96\x81\xe2\x96\x81",
                                        "ca",
                                        "<turn|>"};
    static const char *const pairs[] = {"a b", "\xe2\x96\x81 ab", "\xe2\x96\x81 \xe2\x96\x81",
                                        "c a", "\xc3\xa9 \xe4\xb8\xad"};
    struct str merges[ARRAY_LEN(pairs)];
    static struct str tokens[256 + ARRAY_LEN(words)];
    static char bytes[256][8];
    int32_t types[ARRAY_LEN(tokens)];
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        merges[i] = str_from_c(pairs[i]);
    for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
        const size_t word = i - 256;
        if (i < 256)
            snprintf(bytes[i], sizeof(bytes[i]), "<0x%02X>", (unsigned)i);
        tokens[i] = str_from_c(i < 256 ? bytes[i] : words[word]);
        types[i] = i < 256 ? TOKEN_BYTE : TOKEN_NORMAL;
    }
    types[256] = types[ARRAY_LEN(tokens) - 1] = TOKEN_CONTROL;
    struct gguf_writer *writer = gguf_writer_new();
    gguf_writer_add_str(writer, "tokenizer.ggml.model", STR("gemma4"));
    gguf_writer_add_strs(writer, "tokenizer.ggml.tokens", tokens, ARRAY_LEN(tokens));
    gguf_writer_add_numbers(writer, "tokenizer.ggml.token_type", GGUF_TYPE_I32, types,
                            ARRAY_LEN(tokens));
    gguf_writer_add_strs(writer, "tokenizer.ggml.merges", merges, ARRAY_LEN(merges));
    gguf_writer_add_u32(writer, "tokenizer.ggml.bos_token_id", 256);
    gguf_writer_add_bool(writer, "tokenizer.ggml.add_bos_token", adds_bos);
    return writer;
}

static void characters_merge_across_the_whole_line(void **state)
{
    (void)state;
    static const struct {
        const char *why;
        const char *text;
        const char *pieces;
    } rows[] = {
        {"a space is a character like others", "ab abc", "ab| ab|c|"},
        {"runs of spaces join first", "a  ab", "a| | ab|"},
        {"a run of line feeds that is a token is one", "a\n\nb", "a|\n\n|b|"},
        {"another run is single line feeds", "\n\n\n", "\n|\n|\n|"},
        {"the mark is a space",
         "b\xe2\x96\x81"
         "ab",
         "b| ab|"},
        {"what is no token becomes bytes", "a\xe4\xb8\xad\xff", "a|\xe4|\xb8|\xad|\xff|"},
        {"also what only merges know", "\xc3\xa9\xe4\xb8\xad", "\xc3|\xa9|\xe4|\xb8|\xad|"},
        {"no space is put in front", "b", "b|"},
        {"text that looks like a byte token is text", "<0x41>", "<|0|x|4|1|>|"},
    };
    CLEANUP(tokenizer_freep)
    struct tokenizer *tokenizer = tiny_vocab_tokenizer(write_raw_bpe(true));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_case(rows[i].why);
        assert_pieces(tokenizer, rows[i].text, TOKENIZER_PLAIN, rows[i].pieces);
    }
    assert_pieces(tokenizer, "a<turn|>b", TOKENIZER_PARSE_SPECIAL, "a|<turn|>|b|");
    CLEANUP(tokenizer_freep) struct tokenizer *wrong = tiny_vocab_tokenizer(write_raw_bpe(false));
    assert_pieces(wrong, "b", TOKENIZER_ADD_BOS_EOS, "<bos>|b|"); /* such files are wrong */
}

static void any_bytes_come_back_from_characters(void **state)
{
    (void)state;
    CLEANUP(tokenizer_freep)
    struct tokenizer *tokenizer = tiny_vocab_tokenizer(write_raw_bpe(true));
    uint64_t seed = 7;
    for (int round = 0; round < 2000; round++) {
        char bytes[64];
        const size_t len = random_next(&seed) % sizeof(bytes);
        for (size_t i = 0; i < len; i++) {
            const uint64_t number = random_next(&seed);
            bytes[i] = number % 2 ? "ab c\n\xc3\xa9"[number / 2 % 7] : (char)(number >> 8);
        }
        const struct str text = {bytes, len};
        if (str_find(text, STR("\xe2\x96\x81"), 0) != SIZE_MAX)
            continue;
        CLEANUP(token_list_done) struct token_list list = {0};
        CLEANUP(strbuf_done) struct strbuf back = {0};
        assert_ok(tokenizer_encode(tokenizer, text, 0, &list, err));
        for (size_t i = 0; i < list.count; i++)
            strbuf_add_str(&back, tokenizer_piece(tokenizer, list.ids[i]));
        assert_true(str_equal(strbuf_view(&back), text));
    }
}

static void special_tokens_swallow_white_space_where_the_model_was_trained_so(void **state)
{
    (void)state;
    struct gguf_writer *writer = tiny_vocab_spm(&plain);
    gguf_writer_add_str(writer, "general.name", STR("Phi-3 Mini"));
    gguf_writer_add_bool(writer, "tokenizer.ggml.add_space_prefix", false);
    CLEANUP(tokenizer_freep) struct tokenizer *phi = tiny_vocab_tokenizer(writer);
    assert_pieces(phi, "b " TINY_START "\n \ta", TOKENIZER_PARSE_SPECIAL, "b| |<|im_start|>|a|");
    assert_pieces(phi, TINY_END_TURN " \n", TOKENIZER_PARSE_SPECIAL, "<|im_end|>|");
    assert_pieces(phi, "<s> a", TOKENIZER_PARSE_SPECIAL, "<s>| |a|"); /* an exception */
    assert_pieces(phi, " a", TOKENIZER_PARSE_SPECIAL, " |a|");

    writer = tiny_vocab_spm(&plain);
    gguf_writer_add_str(writer, "general.name", STR("phi-4"));
    gguf_writer_add_bool(writer, "tokenizer.ggml.add_space_prefix", false);
    CLEANUP(tokenizer_freep) struct tokenizer *other = tiny_vocab_tokenizer(writer);
    assert_pieces(other, TINY_START " a", TOKENIZER_PARSE_SPECIAL, "<|im_start|>| |a|");
}

/* ---------------------------------------------------------------- files that are wrong */

static void add_short_types(struct gguf_writer *writer)
{
    static const int32_t types[] = {1, 1, 1};
    gguf_writer_add_numbers(writer, "tokenizer.ggml.token_type", GGUF_TYPE_I32, types, 3);
}

static void add_more_types(struct gguf_writer *writer)
{
    static const int32_t types[] = {1, 1, 1, 1, 1};
    gguf_writer_add_numbers(writer, "tokenizer.ggml.token_type", GGUF_TYPE_I32, types, 5);
}

static void add_unknown_type(struct gguf_writer *writer)
{
    static const int32_t types[] = {1, 1, 7, 1};
    gguf_writer_add_numbers(writer, "tokenizer.ggml.token_type", GGUF_TYPE_I32, types, 4);
}

static void add_more_scores(struct gguf_writer *writer)
{
    static const float scores[5];
    gguf_writer_add_numbers(writer, "tokenizer.ggml.scores", GGUF_TYPE_F32, scores, 5);
}

static void add_bad_merge(struct gguf_writer *writer)
{
    static const struct str merges[] = {{"ab", 2}};
    gguf_writer_add_strs(writer, "tokenizer.ggml.merges", merges, 1);
}

static void add_wrong_bos(struct gguf_writer *writer)
{
    gguf_writer_add_str(writer, "tokenizer.ggml.bos_token_id", STR("one"));
}

/* Only what the row adds, and two tokens. */
static void vocabularies_that_are_wrong_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *model;
        const char *pre;
        void (*add)(struct gguf_writer *writer);
        enum status status;
        const char *says;
    } rows[] = {
        {"unknown model", "rwkv", NULL, NULL, E_UNSUPPORTED, "'rwkv'; holt has"},
        {"unknown pre-tokenizer", "gpt2", "qwen9", NULL, E_UNSUPPORTED,
         "'qwen9' (tokenizer.ggml.pre); holt knows"},
        {"no merges", "gpt2", "qwen2", NULL, E_NOT_FOUND, "merges"},
        {"no scores", "llama", NULL, NULL, E_NOT_FOUND, "scores"},
        {"fewer types than tokens", "gpt2", "qwen2", add_short_types, E_FORMAT,
         "tokenizer.ggml.token_type has 3 values"},
        {"more types than tokens", "gpt2", "qwen2", add_more_types, E_FORMAT,
         "tokenizer.ggml.token_type has 5 values for 4 tokens"},
        {"a type that does not exist", "gpt2", "qwen2", add_unknown_type, E_FORMAT,
         "tokenizer.ggml.token_type of token 2 is 7 (0 to 6)"},
        {"more scores than tokens", "llama", NULL, add_more_scores, E_FORMAT,
         "tokenizer.ggml.scores has 5 values for 4 tokens"},
        {"a merge without a space", "gpt2", "qwen2", add_bad_merge, E_FORMAT, "merge 0"},
        {"an id that is text", "gpt2", "qwen2", add_wrong_bos, E_FORMAT, "bos_token_id"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_case(rows[i].name);
        static const struct str tokens[] = {{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}};
        struct gguf_writer *writer = gguf_writer_new();
        struct error fault = {0};
        gguf_writer_add_str(writer, "tokenizer.ggml.model", str_from_c(rows[i].model));
        gguf_writer_add_strs(writer, "tokenizer.ggml.tokens", tokens, ARRAY_LEN(tokens));
        if (rows[i].pre)
            gguf_writer_add_str(writer, "tokenizer.ggml.pre", str_from_c(rows[i].pre));
        if (rows[i].add)
            rows[i].add(writer);
        assert_int_equal(tiny_vocab_try(writer, &fault), rows[i].status);
        if (!strstr(fault.text, rows[i].says))
            fail_msg("%s: '%s' does not say '%s'", rows[i].name, fault.text, rows[i].says);
    }
}

static void a_vocabulary_larger_than_the_embedding_is_refused(void **state)
{
    (void)state;
    static const float weights[64];
    struct gguf_writer *writer = tiny_vocab_bpe(&plain_bpe);
    gguf_writer_add_tensor(writer, "token_embd.weight", DTYPE_F32, 2, (const uint64_t[]){4, 16},
                           weights);
    struct error fault = {0};
    assert_int_equal(tiny_vocab_try(writer, &fault), E_FORMAT);
    assert_non_null(strstr(fault.text, "16 rows"));
}

static void a_special_token_of_absurd_length_is_refused(void **state)
{
    (void)state;
    static char text[TOKENIZER_SPECIAL_LEN_MAX + 1];
    memset(text, 'x', sizeof(text));
    const struct str tokens[] = {{"a", 1}, {text, sizeof(text)}};
    static const int32_t types[] = {1, 3};
    struct gguf_writer *writer = gguf_writer_new();
    gguf_writer_add_str(writer, "tokenizer.ggml.model", STR("gpt2"));
    gguf_writer_add_strs(writer, "tokenizer.ggml.tokens", tokens, 2);
    gguf_writer_add_numbers(writer, "tokenizer.ggml.token_type", GGUF_TYPE_I32, types, 2);
    gguf_writer_add_strs(writer, "tokenizer.ggml.merges", tokens, 0);
    struct error fault = {0};
    assert_int_equal(tiny_vocab_try(writer, &fault), E_LIMIT);
    assert_non_null(strstr(fault.text, "limit 512"));
}

static void a_file_without_a_vocabulary_knows_its_size_and_says_so(void **state)
{
    (void)state;
    static const float weights[64];
    struct gguf_writer *writer = gguf_writer_new();
    gguf_writer_add_str(writer, "general.architecture", STR("qwen3"));
    gguf_writer_add_u32(writer, "qwen3.vocab_size", 1000);
    gguf_writer_add_str(writer, "tokenizer.ggml.model", STR("no_vocab"));
    CLEANUP(tokenizer_freep) struct tokenizer *tokenizer = tiny_vocab_tokenizer(writer);
    assert_int_equal(tokenizer_vocab_size(tokenizer), 1000);
    assert_false(tokenizer_has_vocab(tokenizer));
    CLEANUP(token_list_done) struct token_list list = {0};
    struct error fault = {0};
    assert_int_equal(tokenizer_encode(tokenizer, STR("a"), 0, &list, &fault), E_UNSUPPORTED);
    assert_non_null(strstr(fault.text, "no vocabulary"));
    assert_int_equal(tokenizer_find(tokenizer, STR("a")), -1);
    assert_int_equal(tokenizer_piece(tokenizer, 5).len, 0);
    assert_int_equal(tokenizer_bos(tokenizer), -1);

    writer = gguf_writer_new(); /* no tokenizer keys at all */
    gguf_writer_add_tensor(writer, "token_embd.weight", DTYPE_F32, 2, (const uint64_t[]){4, 16},
                           weights);
    CLEANUP(tokenizer_freep) struct tokenizer *other = tiny_vocab_tokenizer(writer);
    assert_int_equal(tokenizer_vocab_size(other), 16);
}

/* ---------------------------------------------------------------- hostile text */

static void a_megabyte_of_one_letter_is_quick(void **state)
{
    (void)state;
    enum { LEN = 1 << 20 };
    CLEANUP(tokenizer_freep) struct tokenizer *bpe = new_bpe();
    CLEANUP(tokenizer_freep) struct tokenizer *spm = tiny_vocab_tokenizer(tiny_vocab_spm(&plain));
    const struct tokenizer *both[] = {bpe, spm};
    CLEANUP(mem_freep) char *text = mem_alloc(LEN);
    static const char *const units[] = {"a", "ab", " ", TINY_START, "<"};
    for (size_t u = 0; u < ARRAY_LEN(units); u++) {
        for (size_t i = 0; i < LEN; i++)
            text[i] = units[u][i % strlen(units[u])];
        for (size_t t = 0; t < ARRAY_LEN(both); t++) {
            CLEANUP(token_list_done) struct token_list list = {0};
            const clock_t start = clock();
            assert_ok(tokenizer_encode(both[t], (struct str){text, LEN}, TOKENIZER_PARSE_SPECIAL,
                                       &list, err));
            assert_true(clock() - start < 20 * CLOCKS_PER_SEC); /* 1 s under sanitizers */
            size_t len = 0;
            for (size_t i = 0; i < list.count; i++)
                len += tokenizer_piece(both[t], list.ids[i]).len;
            assert_in_range(len, LEN, LEN + LEN / 2); /* SPM adds spaces */
        }
    }
}

int test_tokenizer(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_merged_in_order_of_rank),
        cmocka_unit_test(random_text_is_merged_as_by_hand),
        cmocka_unit_test(any_bytes_come_back),
        cmocka_unit_test(a_byte_without_a_token_is_unknown_or_refused),
        cmocka_unit_test(a_word_that_is_a_token_ignores_merges_where_the_family_says_so),
        cmocka_unit_test(special_tokens_come_only_from_text_that_may_hold_them),
        cmocka_unit_test(merges_never_spell_a_special_token),
        cmocka_unit_test(spans_give_the_ids_of_the_whole_text),
        cmocka_unit_test(foreign_text_never_becomes_a_special_token),
        cmocka_unit_test(bos_and_eos_follow_the_file_then_the_family),
        cmocka_unit_test(generation_ends_where_the_text_of_a_token_says),
        cmocka_unit_test(ids_outside_the_vocabulary_are_harmless),
        cmocka_unit_test(pieces_are_found_again),
        cmocka_unit_test(characters_join_by_score),
        cmocka_unit_test(what_is_no_token_becomes_bytes),
        cmocka_unit_test(a_space_comes_before_every_text_behind_a_special_token),
        cmocka_unit_test(spans_of_spm_count_the_bytes_of_the_text),
        cmocka_unit_test(characters_merge_across_the_whole_line),
        cmocka_unit_test(any_bytes_come_back_from_characters),
        cmocka_unit_test(special_tokens_swallow_white_space_where_the_model_was_trained_so),
        cmocka_unit_test(vocabularies_that_are_wrong_are_refused_by_name),
        cmocka_unit_test(a_vocabulary_larger_than_the_embedding_is_refused),
        cmocka_unit_test(a_special_token_of_absurd_length_is_refused),
        cmocka_unit_test(a_file_without_a_vocabulary_knows_its_size_and_says_so),
        cmocka_unit_test(a_megabyte_of_one_letter_is_quick),
    };
    return cmocka_run_group_tests_name("tokenizer", tests, NULL, NULL);
}
