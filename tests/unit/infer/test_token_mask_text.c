/*
 * Inside texts a mask takes tokens as sets, and the sets of network states are kept. Here every
 * such mask is compared, token by token, with the plain way: follow the token's bytes through the
 * grammar, then ask whether the end is within reach. Random walks lead through every way of writing
 * arguments, with budgets without slack, with little and with much.
 */
#include "infer/token_mask.h"

#include "base/attr.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "infer/token_mask_internal.h"
#include "infer/token_mask_sets.h"
#include "tests/holt_test.h"
#include "tests/tiny_vocab.h"
#include "tests/unit/infer/mask_support.h"
#include "tests/unit/infer/mask_vocab.h"

enum { FAR = 5000, VOCAB_COUNT = 2 };

/* Beginnings and ends of the tags below, line feeds, cut characters, and runs of spaces. */
static const char *const merges[][2] = {
    {"<", "/"},       {"\n", "<"},      {"\n", "</"},     {"a", "b"},         {"a", "\n"},
    {"ab", "\n"},     {"\n", "\n"},     {"a\n", "\n"},    {"\n", "a"},        {"p", "a"},
    {"/", "pa"},      {"r", "a"},       {"m", "e"},       {"ra", "me"},       {"t", "e"},
    {"te", "r"},      {"rame", "ter"},  {"rameter", ">"}, {"rameter>", "\n"}, {">", "\n"},
    {">\n", "<"},     {"b", "<"},       {"b<", "/"},      {" ", " "},         {"  ", "  "},
    {"    ", "    "}, {"    ", "\n"},   {"\xc3", "\xa9"}, {"a", "\xc3"},      {"\xe2", "\x82"},
    {"b", "\xf0"},    {"\xf0", "\x9f"}, {"\xe0", "\xa4"}, {"\xa9", "a"},      {"\"", ","},
    {"\"", "}"},      {"a", "\""},      {"\\", "n"},      {"\\", "\""},       {"\xef", "\xbd"},
    {"\xbd", "\x9c"}, {"|", ">"},       {"<", "|"},       {"\"", "|>"},       {"a", "."},
    {"1", "2"},       {"-", "1"},       {"_", "a"},       {"</", "v"},        {"v", ">"},
    {"re", "place"},  {"a", " "},       {"\n\n", "</"},   {"/", "v>"},        {"ab", "ab"},
};

#define LITERAL(text)          \
    {                          \
        text, sizeof(text) - 1 \
    }

static const struct token_mask_syntax json_form = {
    .open = LITERAL("<tool_call>\n"),
    .name_prefix = LITERAL("{\"name\": \""),
    .name_suffix = LITERAL("\", \"arguments\": "),
    .close = LITERAL("}\n</tool_call>"),
};
static const struct token_mask_syntax line_form = {
    .open = LITERAL("<function="),
    .name_suffix = LITERAL(">\n"),
    .close = LITERAL("</function>"),
    .has_plain_names = true,
    .arguments = TOKEN_MASK_TAGS,
    .key_open = LITERAL("<parameter="),
    .key_close = LITERAL(">\n"),
    .value_close = LITERAL("\n</parameter>\n"),
};
static const struct token_mask_syntax bare_form = {
    .open = LITERAL("<tool_call>"),
    .name_suffix = LITERAL("\n"),
    .close = LITERAL("</tool_call>"),
    .has_plain_names = true,
    .arguments = TOKEN_MASK_TAGS,
    .key_open = LITERAL("<arg_key>"),
    .key_close = LITERAL("</arg_key>\n<arg_value>"),
    .value_close = LITERAL("</arg_value>\n"),
};
/* a tag in which characters have several bytes */
static const struct token_mask_syntax wide_form = {
    .open = LITERAL("<\uff5ccall name=\""),
    .name_suffix = LITERAL("\">\n"),
    .close = LITERAL("</\uff5ccall>"),
    .has_plain_names = true,
    .arguments = TOKEN_MASK_TAGS,
    .key_open = LITERAL("<\uff5cp name=\""),
    .key_close = LITERAL("\" string=\"true\">"),
    .key_close_other = LITERAL("\" string=\"false\">"),
    .value_close = LITERAL("</\uff5cp>\n"),
};
/* what no set is known for: two bytes that are text, too, in front of the tag */
static const struct token_mask_syntax odd_form = {
    .open = LITERAL("<c>"),
    .name_suffix = LITERAL("\n"),
    .close = LITERAL("</c>"),
    .has_plain_names = true,
    .arguments = TOKEN_MASK_TAGS,
    .key_open = LITERAL("<k="),
    .key_close = LITERAL(">"),
    .value_close = LITERAL("\n\n</v>\n"),
};
static const struct token_mask_syntax python_form = {
    .section_open = LITERAL("<|calls|>["),
    .name_suffix = LITERAL("("),
    .close = LITERAL(")"),
    .section_close = LITERAL("]"),
    .has_plain_names = true,
    .arguments = TOKEN_MASK_PYTHON,
};
static const struct token_mask_syntax brace_form = {
    .open = LITERAL("<|call>"),
    .close = LITERAL("<call|>"),
    .quote = LITERAL("<|\"|>"),
    .has_plain_names = true,
    .arguments = TOKEN_MASK_BRACES,
};

static const struct token_mask_syntax *const forms[] = {
    &json_form, &line_form, &bare_form, &wide_form, &odd_form, &python_form, &brace_form,
};

static const char *const schemas[] = {
    "{\"properties\":{\"path\":{\"type\":\"string\"},\"old\":{\"type\":\"string\"},\"n\":{"
    "\"type\":\"integer\",\"minimum\":1}},\"required\":[\"path\"]}",
    "{\"properties\":{\"s\":{\"type\":\"string\",\"minLength\":3,\"maxLength\":12},\"long\":{"
    "\"type\":\"string\",\"minLength\":20}},\"required\":[\"s\",\"long\"]}",
    "{\"properties\":{\"name\":{\"type\":\"string\",\"pattern\":\"^[A-Za-z0-9_-]{1,9}$\"},\"w\":{"
    "\"type\":\"string\",\"pattern\":\"^\\\\S+( \\\\S+)*$\"}},\"required\":[\"name\",\"w\"]}",
    "{\"properties\":{\"since\":{\"anyOf\":[{\"type\":\"string\",\"format\":\"date-time\"},{"
    "\"type\":\"null\"}]},\"l\":{\"type\":\"array\",\"items\":{\"type\":\"string\",\"minLength\":2}"
    ",\"maxItems\":3}},\"required\":[\"l\"]}",
    "{\"properties\":{\"mode\":{\"type\":\"string\",\"enum\":[\"re\",\"replace\"]},\"t\":{"
    "\"anyOf\":[{\"type\":\"string\"},{\"type\":\"integer\"}]},\"x\":{\"type\":\"string\","
    "\"maxLength\":4}},\"required\":[\"t\",\"x\"]}",
};

struct walk {
    const struct mask_vocab *vocab;
    struct token_mask *mask;
    struct mask_support_random random;
    struct strbuf text;
    uint32_t left;
};

static bool is_in(const uint64_t *set, int32_t token)
{
    return set[token / 64] >> (token % 64) & 1;
}

/* Near the end of the budget a quoted text is left a little early: a token that cuts a character
 * counts the missing bytes as tokens. */
static bool may_be_refused(const struct walk *walk, struct str piece, uint32_t left)
{
    const struct grammar_state *state = &walk->mask->state;
    bool is_quoted = false;
    for (uint32_t i = 0; i < state->base.count; i++) {
        const struct grammar_node *node = &state->configs[state->base.first + i];
        is_quoted |=
            node->rule != GRAMMAR_NONE && state->grammar->rules[node->rule].kind == GRAMMAR_STRING;
    }
    return is_quoted && left < FAR && piece.len && (unsigned char)piece.ptr[piece.len - 1] >= 0x80;
}

/* Compares the whole set where `budget` tokens are left. */
static void compare(struct walk *walk, uint32_t budget)
{
    struct token_mask *mask = walk->mask;
    const struct tokenizer *tokenizer = walk->vocab->tokenizer;
    const uint32_t size = tokenizer_vocab_size(tokenizer);
    const bool is_small = size < 1000;
    const uint64_t *set = token_mask_allowed(mask, budget);
    const uint64_t *allowed = mem_copy(set, (size / 64 + 1) * sizeof(*set));
    for (uint32_t i = 0; i < (is_small ? size : 4000); i++) {
        const int32_t token = (int32_t)(is_small ? i : mask_support_below(&walk->random, size));
        const struct str piece = tokenizer_piece(tokenizer, token);
        struct grammar_layer to;
        if (tokenizer_is_eog(tokenizer, token))
            continue;
        const bool want = token_mask_internal_step(mask, &mask->state.base, token, &to) &&
                          token_mask_internal_fits(mask, &to, budget - 1);
        if (is_in(allowed, token) != want && !(want && may_be_refused(walk, piece, budget)))
            fail_msg("token %d '%.*s': the set says %d, the grammar %d (%u tokens left) after\n%s",
                     token, STR_ARG(piece), !want, want, budget, strbuf_c(&walk->text));
    }
    mem_free((uint64_t *)(uintptr_t)allowed);
}

/* A random one of the allowed tokens; those that begin or end something are liked better. */
static int32_t choose(struct walk *walk, const uint64_t *allowed)
{
    static const char *const liked[] = {"<", "</", "\n", "\n<", "/", "\"", "\\", "\n\n", ">", "|"};
    const struct tokenizer *tokenizer = walk->vocab->tokenizer;
    const uint32_t size = tokenizer_vocab_size(tokenizer);
    if (mask_support_below(&walk->random, 3) == 0) {
        const uint32_t index = mask_support_below(&walk->random, ARRAY_LEN(liked));
        const int32_t token = tokenizer_find(tokenizer, str_from_c(liked[index]));
        if (token >= 0 && is_in(allowed, token))
            return token;
    }
    const uint32_t start = mask_support_below(&walk->random, size);
    for (uint32_t i = 0; i < size; i++) {
        const int32_t token = (int32_t)((start + i) % size);
        if (is_in(allowed, token))
            return token;
    }
    fail_msg("nothing is allowed after\n%s", strbuf_c(&walk->text));
    return -1;
}

static void run(struct walk *walk, uint32_t rounds, uint32_t every)
{
    static const uint32_t slack[] = {0, 1, 2, 3, 4, 6, 10, 30};
    struct token_mask *mask = walk->mask;
    for (uint32_t i = 0; i < rounds; i++) {
        strbuf_clear(&walk->text);
        assert_ok(token_mask_start(mask, FAR, (struct str){0}, err));
        walk->left = token_mask_fewest_tokens(mask) +
                     slack[mask_support_below(&walk->random, ARRAY_LEN(slack))];
        while (!token_mask_is_complete(mask)) {
            if (mask_support_below(&walk->random, every) == 0) {
                compare(walk, FAR);
                compare(walk, walk->left);
                compare(walk, walk->left + mask_support_below(&walk->random, 5));
            }
            const int32_t token = choose(walk, token_mask_allowed(mask, walk->left));
            assert_ok(token_mask_accept(mask, token, err));
            strbuf_add_str(&walk->text, tokenizer_piece(walk->vocab->tokenizer, token));
            walk->left--;
        }
    }
    strbuf_done(&walk->text);
}

static struct token_mask *new_mask(const struct mask_vocab *vocab, size_t form, size_t schema)
{
    CLEANUP(json_decrefp) json_t *parameters = mask_support_json(schemas[schema]);
    const struct token_mask_tool tool = {.name = STR("ab"), .parameters = parameters};
    const struct token_mask_options options = {.mode = TOKEN_MASK_REQUIRED};
    struct token_mask *mask = NULL;
    json_object_set_new(parameters, "additionalProperties", json_false());
    assert_ok(token_mask_new_tools(vocab->tables, forms[form], &tool, 1, &options, &mask, err));
    return mask;
}

static struct mask_vocab new_vocab(int number)
{
    static const char *const specials[] = {"<|im_end|>"};
    if (number > 0)
        return mask_vocab_recorded("gpt-2");
    struct mask_vocab vocab = {.name = "tags"};
    vocab.tokenizer = tiny_vocab_new(merges, ARRAY_LEN(merges), specials, ARRAY_LEN(specials));
    assert_ok(token_mask_vocab_new(vocab.tokenizer, &vocab.tables, err));
    return vocab;
}

static void the_set_is_what_each_token_alone_says(void **state)
{
    (void)state;
    for (int v = 0; v < VOCAB_COUNT; v++) {
        struct mask_vocab vocab = new_vocab(v);
        if (!vocab.tokenizer)
            continue;
        for (size_t i = 0; i < ARRAY_LEN(forms) * ARRAY_LEN(schemas); i++) {
            const size_t schema = i % ARRAY_LEN(schemas);
            test_case(schemas[schema]);
            CLEANUP(token_mask_freep)
            struct token_mask *mask = new_mask(&vocab, i / ARRAY_LEN(schemas), schema);
            struct walk walk = {.vocab = &vocab, .mask = mask, .random = {i}};
            run(&walk, v ? 1 : 8, v ? 6 : 2);
        }
        mask_vocab_done(&vocab);
    }
}

/* A text that is full can still be ended by the last byte of a token. */
static void a_line_feed_may_end_a_text_that_is_full(void **state)
{
    (void)state;
    struct mask_vocab vocab = new_vocab(0);
    CLEANUP(token_mask_freep) struct token_mask *mask = new_mask(&vocab, 1, 4);
    const char *before = "<function=ab>\n<parameter=t>\na\n</parameter>\n<parameter=x>\naa";
    for (const char *c = before; *c; c++)
        assert_ok(
            token_mask_accept(mask, tokenizer_find(vocab.tokenizer, (struct str){c, 1}), err));
    const uint64_t *allowed = token_mask_allowed(mask, FAR);
    assert_true(is_in(allowed, tokenizer_find(vocab.tokenizer, STR("ab"))));
    assert_true(is_in(allowed, tokenizer_find(vocab.tokenizer, STR("ab\n"))));
    assert_false(is_in(allowed, tokenizer_find(vocab.tokenizer, STR("abab"))));
    mask_vocab_done(&vocab);
}

/* A fork finds the sets that the first mask made, and both go on allowing the same. */
static void forks_share_what_is_known_about_networks(void **state)
{
    (void)state;
    struct mask_vocab vocab = new_vocab(0);
    CLEANUP(token_mask_freep) struct token_mask *mask = new_mask(&vocab, 1, 2);
    CLEANUP(token_mask_freep) struct token_mask *fork = NULL;
    const char *before = "<function=ab>\n<parameter=name>\n";
    for (const char *c = before; *c; c++)
        assert_ok(
            token_mask_accept(mask, tokenizer_find(vocab.tokenizer, (struct str){c, 1}), err));
    assert_ok(token_mask_fork(mask, &fork, err));
    const size_t size = (tokenizer_vocab_size(vocab.tokenizer) / 64 + 1) * sizeof(uint64_t);
    CLEANUP(mem_freep) uint64_t *first = mem_copy(token_mask_allowed(mask, FAR), size);
    assert_int_equal(token_mask_sets_made(mask->program->sets), 1);
    assert_memory_equal(token_mask_allowed(fork, FAR), first, size);
    assert_int_equal(token_mask_sets_made(mask->program->sets), 1);
    assert_ok(token_mask_accept(fork, tokenizer_find(vocab.tokenizer, STR("a")), err));
    (void)token_mask_allowed(fork, FAR);
    assert_int_equal(token_mask_sets_made(mask->program->sets), 2);
    mask_vocab_done(&vocab);
}

int test_token_mask_text(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_set_is_what_each_token_alone_says),
        cmocka_unit_test(a_line_feed_may_end_a_text_that_is_full),
        cmocka_unit_test(forks_share_what_is_known_about_networks),
    };
    return cmocka_run_group_tests_name("token_mask_text", tests, NULL, NULL);
}
