/*
 * What the detokenizer returns goes to terminals and JSON writers as it comes: half a character
 * there is an error at the other end, and a held one that never comes out is lost text.
 */
#include "tests/holt_test.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "tests/unit/tokenizer/tiny_vocab.h"
#include "text/utf8.h"
#include "tokenizer/detokenizer.h"

static const struct tiny_vocab_options plain_bpe = {.pre = "qwen2"};
static const struct tiny_vocab_options plain = {0};

/* Token of a single byte. */
static int32_t byte_token(const struct tokenizer *tokenizer, int byte)
{
    const char letter = (char)byte;
    return tokenizer_find(tokenizer, (struct str){&letter, 1});
}

static void characters_come_whole(void **state)
{
    (void)state;
    CLEANUP(tokenizer_freep)
    struct tokenizer *tokenizer = tiny_vocab_tokenizer(tiny_vocab_bpe(&plain_bpe));
    static const struct {
        const char *name;
        const char *bytes;  /* one token each */
        const char *pieces; /* what each feed gives, then the flush, a bar behind each */
    } rows[] = {
        {"ascii at once", "ab", "a|b||"},
        {"two bytes", "\xc3\xa9!", "|\xc3\xa9|!||"},
        {"four bytes", "\xf0\x9f\x98\x80", "|||\xf0\x9f\x98\x80||"},
        {"a byte that begins nothing", "\xffz", "\xef\xbf\xbd|z||"},
        {"a lone later byte", "\x80", "\xef\xbf\xbd||"},
        {"cut by text", "\xe2\x82z", "||\xef\xbf\xbdz||"},
        {"cut by another character", "\xe2\xc3\xa9", "|\xef\xbf\xbd|\xc3\xa9||"},
        {"impossible second byte", "\xed\xa0", "|\xef\xbf\xbd\xef\xbf\xbd||"},
        {"cut by the end", "a\xf0\x9f\x98", "a||||\xef\xbf\xbd|"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_case(rows[i].name);
        CLEANUP(detokenizer_done) struct detokenizer detokenizer;
        CLEANUP(strbuf_done) struct strbuf got = {0};
        detokenizer_init(&detokenizer, tokenizer, DETOKENIZER_PLAIN);
        for (const char *byte = rows[i].bytes; *byte; byte++) {
            const int32_t id = byte_token(tokenizer, (unsigned char)*byte);
            strbuf_add_str(&got, detokenizer_feed(&detokenizer, id));
            strbuf_add_char(&got, '|');
        }
        strbuf_add_str(&got, detokenizer_flush(&detokenizer));
        strbuf_add_char(&got, '|');
        assert_string_equal(strbuf_c(&got), rows[i].pieces);
        assert_int_equal(detokenizer_flush(&detokenizer).len, 0);
    }
}

static void special_tokens_show_only_on_request(void **state)
{
    (void)state;
    CLEANUP(tokenizer_freep)
    struct tokenizer *tokenizer = tiny_vocab_tokenizer(tiny_vocab_bpe(&plain_bpe));
    const int32_t ids[] = {tokenizer_find(tokenizer, STR(TINY_START)),
                           tokenizer_find(tokenizer, STR("hello")),
                           tokenizer_find(tokenizer, STR(TINY_TOOL_CALL)), -1, INT32_MAX};
    CLEANUP(strbuf_done) struct strbuf hidden = {0};
    CLEANUP(strbuf_done) struct strbuf shown = {0};
    detokenizer_all(tokenizer, ids, ARRAY_LEN(ids), DETOKENIZER_PLAIN, &hidden);
    detokenizer_all(tokenizer, ids, ARRAY_LEN(ids), DETOKENIZER_SHOW_SPECIAL, &shown);
    assert_string_equal(strbuf_c(&hidden), "hello" TINY_TOOL_CALL);
    assert_string_equal(strbuf_c(&shown), TINY_START "hello" TINY_TOOL_CALL);
}

static void the_added_space_is_dropped_once(void **state)
{
    (void)state;
    CLEANUP(tokenizer_freep)
    struct tokenizer *tokenizer = tiny_vocab_tokenizer(tiny_vocab_spm(&plain));
    CLEANUP(token_list_done) struct token_list list = {0};
    CLEANUP(strbuf_done) struct strbuf at_start = {0};
    CLEANUP(strbuf_done) struct strbuf inside = {0};
    assert_ok(tokenizer_encode(tokenizer, STR(" hello\nhello"), TOKENIZER_ADD_BOS_EOS, &list, err));
    detokenizer_all(tokenizer, list.ids, list.count, DETOKENIZER_AT_TEXT_START, &at_start);
    detokenizer_all(tokenizer, list.ids, list.count, DETOKENIZER_PLAIN, &inside);
    assert_string_equal(strbuf_c(&at_start), " hello\nhello");
    assert_string_equal(strbuf_c(&inside), "  hello\nhello");
}

static void random_tokens_give_valid_text_and_lose_nothing(void **state)
{
    (void)state;
    CLEANUP(tokenizer_freep)
    struct tokenizer *tokenizer = tiny_vocab_tokenizer(tiny_vocab_bpe(&plain_bpe));
    uint64_t seed = 7;
    for (int round = 0; round < 3000; round++) {
        CLEANUP(detokenizer_done) struct detokenizer detokenizer;
        CLEANUP(strbuf_done) struct strbuf raw = {0};
        CLEANUP(strbuf_done) struct strbuf got = {0};
        CLEANUP(strbuf_done) struct strbuf want = {0};
        detokenizer_init(&detokenizer, tokenizer, DETOKENIZER_SHOW_SPECIAL);
        for (int i = 0; i < 12; i++) {
            /* mostly bytes of long characters, so that many fit together */
            static const unsigned char bytes[] = {0xf0, 0x9f, 0x98, 0x80, 0xe2, 0x82,
                                                  0xac, 0xc3, 0xa9, 0xed, 0xff};
            seed = seed * UINT64_C(6364136223846793005) + 1;
            const uint32_t number = (uint32_t)(seed >> 33);
            int32_t id = (int32_t)(number % tokenizer_vocab_size(tokenizer));
            if (seed >> 60)
                id = byte_token(tokenizer, bytes[number % sizeof(bytes)]);
            strbuf_add_str(&raw, tokenizer_piece(tokenizer, id));
            const struct str piece = detokenizer_feed(&detokenizer, id);
            assert_true(utf8_is_valid(piece));
            strbuf_add_str(&got, piece);
        }
        strbuf_add_str(&got, detokenizer_flush(&detokenizer));
        utf8_add_clean(&want, strbuf_view(&raw));
        assert_true(str_equal(strbuf_view(&got), strbuf_view(&want)));
    }
}

static void steady_decoding_allocates_nothing(void **state)
{
    (void)state;
    CLEANUP(tokenizer_freep)
    struct tokenizer *tokenizer = tiny_vocab_tokenizer(tiny_vocab_bpe(&plain_bpe));
    CLEANUP(detokenizer_done) struct detokenizer detokenizer;
    detokenizer_init(&detokenizer, tokenizer, DETOKENIZER_PLAIN);
    const int32_t id = tokenizer_find(tokenizer, STR("hello"));
    detokenizer_feed(&detokenizer, id);
    const size_t before = mem_allocation_count();
    for (int i = 0; i < 1000; i++)
        detokenizer_feed(&detokenizer, id);
    assert_int_equal(mem_allocation_count(), before);
}

int test_detokenizer(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(characters_come_whole),
        cmocka_unit_test(special_tokens_show_only_on_request),
        cmocka_unit_test(the_added_space_is_dropped_once),
        cmocka_unit_test(random_tokens_give_valid_text_and_lose_nothing),
        cmocka_unit_test(steady_decoding_allocates_nothing),
    };
    return cmocka_run_group_tests_name("detokenizer", tests, NULL, NULL);
}
