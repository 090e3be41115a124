/*
 * The promise of a token mask: whatever the logits are, what comes out is a call that parses, names
 * a tool, is valid against its schema and is never cut off, if the budget was enough at the start.
 * It is tested with logits that mean no good, over real vocabularies, at budgets without slack.
 */
#include "infer/token_mask.h"

#include "base/attr.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "infer/sampler.h"
#include "tests/holt_test.h"
#include "tests/unit/infer/mask_support.h"
#include "tests/unit/infer/mask_tools.h"
#include "tests/unit/infer/mask_vocab.h"
#include "tests/unit/infer/test_kernels.h"
#include "text/json.h"

#include <stdlib.h>

static struct token_mask *tool_mask(const struct mask_vocab *vocab, const struct mask_tools *set,
                                    enum token_mask_mode mode, uint32_t call_count_max)
{
    struct token_mask *mask = NULL;
    const struct token_mask_options options = {.mode = mode, .call_count_max = call_count_max};
    assert_ok(token_mask_new_tools(vocab->tables, &mask_tools_hermes, set->tools, set->count,
                                   &options, &mask, err));
    return mask;
}

static bool allows(struct token_mask *mask, uint32_t budget, int32_t token)
{
    const uint64_t *allowed = token_mask_allowed(mask, budget);
    return !allowed || (allowed[token / 64] >> (token % 64) & 1);
}

static int32_t token_of(const struct mask_vocab *vocab, const char *piece)
{
    const int32_t token = tokenizer_find(vocab->tokenizer, str_from_c(piece));
    assert_true(token >= 0);
    return token;
}

/* Accepts `text`, spelled with one-byte and special tokens as the tokenizer has them. */
static void accept_text(const struct mask_vocab *vocab, struct token_mask *mask, const char *text)
{
    struct token_list list = {0};
    assert_ok(
        tokenizer_encode(vocab->tokenizer, str_from_c(text), TOKENIZER_PARSE_SPECIAL, &list, err));
    for (size_t i = 0; i < list.count; i++)
        assert_ok(token_mask_accept(mask, list.ids[i], err));
    token_list_done(&list);
}

/* ---------------------------------------------------------------- generations */

/* What the logits want; the mask decides what they get. */
enum will {
    WILL_RANDOM,
    WILL_LONGEST,  /* always the longest token */
    WILL_OPENING,  /* braces, quotes, backslashes */
    WILL_NEVER_END /* everything but quotes, brackets and ends */
};

struct generation {
    const struct mask_vocab *vocab;
    struct token_mask *mask;
    struct mask_support_random *random;
    struct sampler *sampler; /* used instead of a bare random choice, or NULL */
    float *logits;
    enum will will;
    bool uses_forced;
    uint32_t budget;
    uint32_t used;
    struct strbuf text;
};

static float wish(const struct generation *g, int32_t token)
{
    const struct str piece = tokenizer_piece(g->vocab->tokenizer, token);
    const float noise = (float)mask_support_below(g->random, 1000) / 1000.0f;
    float wish = 0;
    for (size_t i = 0; i < piece.len; i++) {
        if (g->will == WILL_OPENING)
            wish += strchr("{[\"\\,", piece.ptr[i]) && piece.ptr[i] ? 3.0f : -0.5f;
        else if (g->will == WILL_NEVER_END)
            wish -= strchr("}]\"<", piece.ptr[i]) && piece.ptr[i] ? 50.0f : 0.0f;
        else if (g->will == WILL_LONGEST)
            wish += 1.0f;
    }
    if (g->will == WILL_NEVER_END && tokenizer_is_eog(g->vocab->tokenizer, token))
        wish = -1000.0f;
    return wish + noise;
}

/* Picks among the allowed tokens: of a random sample of them the one that is wished for most. */
static int32_t choose(struct generation *g, const uint64_t *allowed)
{
    const uint32_t size = tokenizer_vocab_size(g->vocab->tokenizer);
    if (g->sampler) {
        for (uint32_t i = 0; i < size; i++)
            g->logits[i] = wish(g, (int32_t)i);
        const struct sampler_options options = {.temperature = 0.7f, .seed = g->random->state};
        const struct sampler_input input = {
            .logits = g->logits, .allowed = allowed, .position = g->used};
        return sampler_pick(g->sampler, &options, &input);
    }
    enum { SAMPLE = 24 };
    uint32_t count = 0;
    for (uint32_t word = 0; word < size / 64 + 1; word++)
        count += (uint32_t)__builtin_popcountll(allowed[word]);
    if (count == 0)
        return -1;
    uint32_t wanted[SAMPLE];
    for (int i = 0; i < SAMPLE; i++)
        wanted[i] = mask_support_below(g->random, count);
    int32_t best = -1;
    float best_wish = 0;
    uint32_t seen = 0;
    for (uint32_t word = 0; word < size / 64 + 1; word++) {
        const uint32_t here = (uint32_t)__builtin_popcountll(allowed[word]);
        for (int i = 0; i < SAMPLE; i++) {
            if (wanted[i] < seen || wanted[i] >= seen + here)
                continue;
            uint64_t bits = allowed[word];
            for (uint32_t skip = wanted[i] - seen; skip > 0; skip--)
                bits &= bits - 1;
            const int32_t token = (int32_t)(word * 64 + (uint32_t)__builtin_ctzll(bits));
            const float value = wish(g, token);
            if (best < 0 || value > best_wish) {
                best = token;
                best_wish = value;
            }
        }
        seen += here;
    }
    return best;
}

static void take(struct generation *g, int32_t token)
{
    assert_ok(token_mask_accept(g->mask, token, err));
    strbuf_add_str(&g->text, tokenizer_piece(g->vocab->tokenizer, token));
    g->used++;
    if (g->used > g->budget)
        fail_msg("over the budget of %u: %s", g->budget, strbuf_c(&g->text));
}

static void take_forced(struct generation *g)
{
    struct token_list list = {0};
    assert_ok(token_mask_forced_tokens(g->mask, g->budget - g->used, &list, err));
    for (size_t i = 0; i < list.count; i++) {
        assert_true(allows(g->mask, g->budget - g->used, list.ids[i]));
        take(g, list.ids[i]);
    }
    token_list_done(&list);
}

/* Generates to the end of a constrained answer. */
static void generate(struct generation *g)
{
    for (;;) {
        if (g->uses_forced && !token_mask_is_complete(g->mask))
            take_forced(g);
        const bool is_complete = token_mask_is_complete(g->mask);
        if (is_complete && (g->used == g->budget || mask_support_below(g->random, 2)))
            return;
        const uint64_t *allowed = token_mask_allowed(g->mask, g->budget - g->used);
        assert_non_null(allowed);
        const int32_t token = choose(g, allowed);
        if (token < 0)
            fail_msg("nothing is allowed after %s (budget %u of %u used)", strbuf_c(&g->text),
                     g->used, g->budget);
        if (tokenizer_is_eog(g->vocab->tokenizer, token)) {
            assert_true(is_complete);
            return;
        }
        take(g, token);
    }
}

/* In `auto`: some free text, then the opening marker, as its token or spelled out. */
static void open_freely(struct generation *g)
{
    struct token_list list = {0};
    const bool spells = mask_support_below(g->random, 2);
    assert_ok(tokenizer_encode(g->vocab->tokenizer, STR("I will use a <tool. "), TOKENIZER_PLAIN,
                               &list, err));
    assert_ok(tokenizer_encode(g->vocab->tokenizer, STR("<tool_call>"),
                               spells ? TOKENIZER_PLAIN : TOKENIZER_PARSE_SPECIAL, &list, err));
    for (size_t i = 0; i < list.count; i++) {
        assert_true(token_mask_is_free(g->mask));
        assert_true(allows(g->mask, UINT32_MAX, list.ids[i]));
        assert_ok(token_mask_accept(g->mask, list.ids[i], err));
    }
    assert_false(token_mask_is_free(g->mask));
    strbuf_add_c(&g->text, "<tool_call>");
    token_list_done(&list);
}

static void run_one(const struct mask_vocab *vocab, const struct mask_tools *set,
                    const struct token_mask *fresh, bool is_auto, size_t call_count_max,
                    struct mask_support_random *random)
{
    CLEANUP(token_mask_freep) struct token_mask *mask = NULL;
    CLEANUP(sampler_freep) struct sampler *sampler = NULL;
    CLEANUP(mem_freep) float *logits = NULL;
    assert_ok(token_mask_fork(fresh, &mask, err));
    struct generation g = {.vocab = vocab,
                           .mask = mask,
                           .random = random,
                           .will = (enum will)mask_support_below(random, 4),
                           .uses_forced = mask_support_below(random, 2)};
    const uint32_t size = tokenizer_vocab_size(vocab->tokenizer);
    if (size < 1000 && mask_support_below(random, 2)) {
        assert_ok(sampler_new(size, test_kernels(), &sampler, err));
        logits = mem_zalloc(size * sizeof(*logits));
        g.sampler = sampler;
        g.logits = logits;
    }
    if (is_auto)
        open_freely(&g);
    const uint32_t fewest = token_mask_fewest_tokens(mask);
    const uint32_t slack[] = {0, 1, 3, 10, 60, 150};
    g.budget = fewest + slack[mask_support_below(random, ARRAY_LEN(slack))];
    if (!is_auto) {
        struct error fault = {0};
        assert_int_equal(token_mask_start(mask, fewest - 1, (struct str){0}, &fault), E_LIMIT);
        assert_ok(token_mask_start(mask, g.budget, (struct str){0}, err));
    }
    generate(&g);
    mask_tools_judge(set, strbuf_view(&g.text), call_count_max, NULL);
    strbuf_done(&g.text);
}

static void every_call_is_valid_and_whole_whatever_the_logits(void **state)
{
    (void)state;
    static const int shares[MASK_VOCAB_COUNT] = {6, 2, 2}; /* of ten */
    int64_t seed = 0; /* HOLT_SOAK=n is a long run with seed n */
    const bool is_soak = str_to_int(str_from_c(getenv("HOLT_SOAK")), &seed);
    const int total = is_soak ? 10000 : 300;
    struct mask_support_random random = {.state = (uint64_t)seed + 5};
    for (int v = 0; v < MASK_VOCAB_COUNT; v++) {
        struct mask_vocab vocab = mask_vocab_get(v);
        if (!vocab.tokenizer) {
            print_message("without the vocabulary %s\n", vocab.name);
            continue;
        }
        const int share = total * shares[v] / 10 / (2 * MASK_TOOLS_SETS);
        for (int s = 0; s < 2 * MASK_TOOLS_SETS; s++) {
            test_case(vocab.name);
            const bool is_auto = s % 2;
            const uint32_t calls = s == 2 || s == 5 ? 3 : 1;
            struct mask_tools set = mask_tools_set(s / 2);
            CLEANUP(token_mask_freep)
            struct token_mask *mask =
                tool_mask(&vocab, &set, is_auto ? TOKEN_MASK_AUTO : TOKEN_MASK_REQUIRED, calls);
            for (int i = 0; i < share + (s == 0); i++)
                run_one(&vocab, &set, mask, is_auto, calls, &random);
            mask_tools_done(&set);
        }
        mask_vocab_done(&vocab);
    }
}

/* ---------------------------------------------------------------- sets against brute force */

/* Fewest tokens behind this one, asked the slow way, of a fork; UINT32_MAX: it is not allowed. */
static uint32_t fewest_behind(const struct token_mask *mask, int32_t token)
{
    CLEANUP(token_mask_freep) struct token_mask *fork = NULL;
    assert_ok(token_mask_fork(mask, &fork, err));
    return token_mask_accept(fork, token, NULL) == OK ? token_mask_fewest_tokens(fork) : UINT32_MAX;
}

/* Where the budget is tight a mask may refuse a little more than it must: a token that leaves a
 * character open costs its missing bytes as single tokens at most, one in a free key perhaps one
 * more. `spare`: tokens left over behind this one. */
static bool may_be_refused(struct str piece, uint32_t spare, bool has_free_keys)
{
    const bool ends_open = piece.len && (unsigned char)piece.ptr[piece.len - 1] >= 0x80;
    return spare < (ends_open ? 3u : 0u) + (has_free_keys ? 1u : 0u);
}

static void compare_sets(const struct mask_vocab *vocab, struct token_mask *mask, uint32_t budget,
                         bool has_free_keys, struct mask_support_random *random)
{
    const uint32_t size = tokenizer_vocab_size(vocab->tokenizer);
    const bool is_complete = token_mask_is_complete(mask);
    const bool looks_at_all = size < 1000;
    for (uint32_t i = 0; i < (looks_at_all ? size : 400); i++) {
        const int32_t token = looks_at_all ? (int32_t)i : (int32_t)mask_support_below(random, size);
        const struct str piece = tokenizer_piece(vocab->tokenizer, token);
        const bool got = allows(mask, budget, token);
        if (tokenizer_is_eog(vocab->tokenizer, token)) {
            assert_int_equal(got, is_complete);
            continue;
        }
        const uint32_t fewest = fewest_behind(mask, token);
        const bool want = fewest < budget;
        if (got != want && !(want && may_be_refused(piece, budget - 1 - fewest, has_free_keys)))
            fail_msg("token %d '%.*s': mask says %d, brute force %d (budget %u)", token,
                     STR_ARG(piece), got, want, budget);
    }
}

static void the_set_is_what_brute_force_finds(void **state)
{
    (void)state;
    struct mask_support_random random = {.state = 11};
    for (int v = 0; v < 2; v++) {
        struct mask_vocab vocab = mask_vocab_get(v);
        if (!vocab.tokenizer)
            continue;
        for (int s = 0; s < MASK_TOOLS_SETS; s++) {
            struct mask_tools set = mask_tools_set(s);
            CLEANUP(token_mask_freep)
            struct token_mask *mask = tool_mask(&vocab, &set, TOKEN_MASK_REQUIRED, 1);
            struct generation g = {.vocab = &vocab, .mask = mask, .random = &random};
            const uint32_t fewest = token_mask_fewest_tokens(mask);
            for (int i = 0; i < (v ? 4 : 12); i++) {
                g.budget = fewest + mask_support_below(&random, 20);
                g.used = 0;
                strbuf_clear(&g.text);
                g.will = i % 2 ? WILL_RANDOM : WILL_OPENING;
                assert_ok(token_mask_start(mask, g.budget, (struct str){0}, err));
                while (!token_mask_is_complete(mask)) {
                    if (mask_support_below(&random, v ? 12 : 5) == 0) {
                        compare_sets(&vocab, mask, g.budget - g.used, s == 1, &random);
                        compare_sets(&vocab, mask, 5000, s == 1, &random);
                    }
                    take(&g, choose(&g, token_mask_allowed(mask, g.budget - g.used)));
                }
            }
            strbuf_done(&g.text);
            mask_tools_done(&set);
        }
        mask_vocab_done(&vocab);
    }
}

/* Answers that are automatons: number 0 to 4 are grammars, the others schemas. */
static struct token_mask *network_mask(const struct mask_vocab *vocab, size_t number)
{
    static const char *const texts[] = {
        "root ::= \"a\" root \"a\" | \"b\" root \"b\" | \"{\" [^{}]* \"}\"",
        "root ::= (\"- \" [^\\n]+ \"\\n\")+",
        "root ::= expr \"=\" [0-9]+\nexpr ::= term ([-+*] term)*\n"
        "term ::= [0-9]+ | \" \" term | \"(\" expr \")\"",
        "root ::= value\nvalue ::= (\"{\" (string \":\" value (\",\" string "
        "\":\" value)*)? \"}\" | "
        "\"[\" (value (\",\" value)*)? \"]\" | string | [0-9]+ | \"null\") \" \"{0,3}\n"
        "string ::= \"\\\"\" ([^\"\\\\] | \"\\\\\" [\"n])* \"\\\"\"",
        "root ::= a+ | b+\na ::= \"a\" | \"re\" \"ad\"?\nb ::= \"re\" | \"a\" c\nc ::= \"d\" | c2\n"
        "c2 ::= \"\" | \"b\"",
        "{\"type\":\"array\",\"items\":{\"type\":\"string\",\"pattern\":\"^\\\\S+( \\\\S+)*$\"}}",
        "{\"anyOf\":[{\"type\":\"string\",\"format\":\"date-time\"},"
        "{\"type\":\"string\",\"pattern\":"
        "\"a\",\"maxLength\":6},{\"type\":\"integer\",\"multipleOf\":12}]}",
    };
    const size_t grammar_count = 5;
    struct token_mask *mask = NULL;
    if (number >= ARRAY_LEN(texts))
        return NULL;
    if (number < grammar_count) {
        assert_ok(token_mask_new_grammar(vocab->tables, str_from_c(texts[number]), &mask, err));
        return mask;
    }
    CLEANUP(json_decrefp) json_t *schema = mask_support_json(texts[number]);
    assert_ok(token_mask_new_schema(vocab->tables, schema, NULL, &mask, err));
    return mask;
}

static void the_set_of_a_network_is_what_brute_force_finds(void **state)
{
    (void)state;
    struct mask_support_random random = {.state = 21};
    for (int v = 0; v < 2; v++) {
        struct mask_vocab vocab = mask_vocab_get(v);
        if (!vocab.tokenizer)
            continue;
        for (size_t number = 0;; number++) {
            CLEANUP(token_mask_freep) struct token_mask *mask = network_mask(&vocab, number);
            if (!mask)
                break;
            struct generation g = {.vocab = &vocab, .mask = mask, .random = &random};
            const uint32_t fewest = token_mask_fewest_tokens(mask);
            for (int i = 0; i < (v ? 3 : 10); i++) {
                g.budget = fewest + mask_support_below(&random, 25);
                g.used = 0;
                strbuf_clear(&g.text);
                g.will = WILL_RANDOM;
                assert_ok(token_mask_start(mask, g.budget, (struct str){0}, err));
                while (g.used < g.budget && !token_mask_is_complete(mask)) {
                    if (mask_support_below(&random, 3) == 0) {
                        compare_sets(&vocab, mask, g.budget - g.used, false, &random);
                        compare_sets(&vocab, mask, 5000, false, &random);
                    }
                    take(&g, choose(&g, token_mask_allowed(mask, g.budget - g.used)));
                }
            }
            strbuf_done(&g.text);
        }
        mask_vocab_done(&vocab);
    }
}

/* ---------------------------------------------------------------- budgets */

static void fewest_tokens_of_a_forced_text_are_exact(void **state)
{
    (void)state;
    struct mask_vocab vocab = mask_vocab_small();
    CLEANUP(json_decrefp) json_t *schema = mask_support_json("{\"const\":\"readread\"}");
    CLEANUP(token_mask_freep) struct token_mask *mask = NULL;
    assert_ok(token_mask_new_schema(vocab.tables, schema, NULL, &mask, err));
    assert_int_equal(token_mask_fewest_tokens(mask), 4); /* " read read " */
    struct error err = {0};
    assert_int_equal(token_mask_start(mask, 3, (struct str){0}, &err), E_LIMIT);
    assert_non_null(strstr(err.text, "4 tokens"));
    assert_non_null(strstr(err.text, "only 3"));
    assert_int_equal(token_mask_start(mask, 4, (struct str){0}, &err), OK);
    assert_true(allows(mask, 4, token_of(&vocab, "\"")));
    accept_text(&vocab, mask, "\"");
    assert_true(allows(mask, 3, token_of(&vocab, "read")));
    assert_false(allows(mask, 3, token_of(&vocab, "r"))); /* would need four more */
    assert_true(allows(mask, 5, token_of(&vocab, "r")));
    mask_vocab_done(&vocab);
}

static void a_string_closes_when_the_budget_ends(void **state)
{
    (void)state;
    struct mask_vocab vocab = mask_vocab_small();
    struct mask_tools set = mask_tools_set(0);
    CLEANUP(token_mask_freep)
    struct token_mask *mask = tool_mask(&vocab, &set, TOKEN_MASK_REQUIRED, 1);
    accept_text(&vocab, mask,
                "<tool_call>\n{\"name\": \"list_dir\", \"arguments\": {\"path\": \"a");
    const uint32_t fewest = token_mask_fewest_tokens(mask);
    assert_true(allows(mask, fewest + 1, token_of(&vocab, "file")));
    assert_false(allows(mask, fewest, token_of(&vocab, "file")));
    assert_true(allows(mask, fewest, token_of(&vocab, "\"}}")));
    assert_false(allows(mask, fewest, token_of(&vocab, "\"}"))); /* one token more than needed */
    mask_tools_done(&set);
    mask_vocab_done(&vocab);
}

/* ---------------------------------------------------------------- modes */

static void auto_is_free_until_the_marker_in_any_spelling(void **state)
{
    (void)state;
    struct mask_vocab vocab = mask_vocab_small();
    struct mask_tools set = mask_tools_set(0);
    static const char *const spellings[] = {"<tool_call>", "<t|ool_cal|l>", "<<tool_call>",
                                            "<tool_<tool_call>"};
    for (size_t i = 0; i < ARRAY_LEN(spellings); i++) {
        test_case(spellings[i]);
        CLEANUP(token_mask_freep)
        struct token_mask *mask = tool_mask(&vocab, &set, TOKEN_MASK_AUTO, 1);
        for (const char *c = spellings[i]; *c; c++) {
            assert_true(token_mask_is_free(mask));
            assert_null(token_mask_allowed(mask, 1000));
            if (*c != '|')
                assert_ok(token_mask_accept(
                    mask, tokenizer_find(vocab.tokenizer, (struct str){c, 1}), err));
        }
        assert_false(token_mask_is_free(mask));
        CLEANUP(strbuf_done) struct strbuf forced = {0};
        token_mask_forced(mask, &forced);
        assert_string_equal(strbuf_c(&forced), "\n{\"name\": \"");
    }
    mask_tools_done(&set);
    mask_vocab_done(&vocab);
}

static void a_marker_that_is_not_affordable_cannot_be_completed(void **state)
{
    (void)state;
    struct mask_vocab vocab = mask_vocab_small();
    struct mask_tools set = mask_tools_set(0);
    CLEANUP(token_mask_freep)
    struct token_mask *mask = tool_mask(&vocab, &set, TOKEN_MASK_AUTO, 1);
    const int32_t marker = token_of(&vocab, "<tool_call>");
    assert_true(allows(mask, 200, marker));
    assert_false(allows(mask, 10, marker));
    assert_true(allows(mask, 10, token_of(&vocab, "read")));
    for (const char *c = "<tool_call"; *c; c++)
        assert_ok(
            token_mask_accept(mask, tokenizer_find(vocab.tokenizer, (struct str){c, 1}), err));
    assert_true(allows(mask, 200, token_of(&vocab, ">")));
    assert_false(allows(mask, 10, token_of(&vocab, ">")));
    mask_tools_done(&set);
    mask_vocab_done(&vocab);
}

static void none_never_lets_a_marker_appear(void **state)
{
    (void)state;
    struct mask_vocab vocab = mask_vocab_small();
    struct mask_tools set = mask_tools_set(0);
    CLEANUP(token_mask_freep)
    struct token_mask *mask = tool_mask(&vocab, &set, TOKEN_MASK_NONE, 1);
    struct error err = {0};
    const int32_t marker = token_of(&vocab, "<tool_call>");
    assert_false(allows(mask, 1000, marker));
    assert_true(allows(mask, 1000, token_of(&vocab, "</tool_call>")));
    assert_int_equal(token_mask_accept(mask, marker, &err), E_INVALID);
    for (const char *c = "<tool_call"; *c; c++)
        assert_int_equal(
            token_mask_accept(mask, tokenizer_find(vocab.tokenizer, (struct str){c, 1}), &err), OK);
    assert_false(allows(mask, 1000, token_of(&vocab, ">")));
    assert_true(allows(mask, 1000, token_of(&vocab, "<")));
    assert_true(token_mask_is_free(mask));
    mask_tools_done(&set);
    mask_vocab_done(&vocab);
}

static void a_form_without_marker_counts_only_at_the_start(void **state)
{
    (void)state;
    struct mask_vocab vocab = mask_vocab_small();
    struct mask_tools set = mask_tools_set(0);
    const struct token_mask_syntax syntax = {.name_prefix = STR("{\"name\": \""),
                                             .name_suffix = STR("\", \"parameters\": "),
                                             .close = STR("}"),
                                             .only_at_start = true};
    const struct token_mask_options options = {.mode = TOKEN_MASK_AUTO};
    CLEANUP(token_mask_freep) struct token_mask *mask = NULL;
    assert_ok(
        token_mask_new_tools(vocab.tables, &syntax, set.tools, set.count, &options, &mask, err));
    CLEANUP(token_mask_freep) struct token_mask *late = NULL;
    assert_ok(token_mask_fork(mask, &late, err));
    accept_text(&vocab, mask, "{\"name\": \"list_dir\", \"parameters\": {\"path\": \"\"}}");
    assert_true(token_mask_is_complete(mask));
    accept_text(&vocab, late, "It is {\"name\": \"nothing of the kind\"}");
    assert_true(token_mask_is_free(late));
    assert_ok(token_mask_start(late, 100, (struct str){0}, err));
    accept_text(&vocab, late, "\n {\"name\": \""); /* white space in front is nobody's */
    assert_false(token_mask_is_free(late));
    mask_tools_done(&set);
    mask_vocab_done(&vocab);
}

static void the_end_is_allowed_only_when_the_answer_is_complete(void **state)
{
    (void)state;
    struct mask_vocab vocab = mask_vocab_small();
    struct mask_tools set = mask_tools_set(2);
    const int32_t end = token_of(&vocab, "<|im_end|>");
    for (uint32_t calls = 1; calls <= 2; calls++) {
        CLEANUP(token_mask_freep)
        struct token_mask *mask = tool_mask(&vocab, &set, TOKEN_MASK_REQUIRED, calls);
        assert_false(allows(mask, 1000, end));
        accept_text(&vocab, mask, "<tool_call>\n{\"name\": \"read\", \"arguments\": {}}\n");
        assert_false(allows(mask, 1000, end));
        assert_false(token_mask_is_complete(mask));
        accept_text(&vocab, mask, "</tool_call>");
        assert_true(token_mask_is_complete(mask));
        assert_true(allows(mask, 1000, end));
        assert_int_equal(allows(mask, 1000, token_of(&vocab, "\n")), calls == 2);
        assert_false(allows(mask, 3, token_of(&vocab, "\n"))); /* a second call would not fit */
        assert_int_equal(token_mask_fewest_tokens(mask), 0);
    }
    mask_tools_done(&set);
    mask_vocab_done(&vocab);
}

static void special_tokens_never_stand_inside_constrained_text(void **state)
{
    (void)state;
    struct mask_vocab vocab = mask_vocab_small();
    struct mask_tools set = mask_tools_set(0);
    CLEANUP(token_mask_freep)
    struct token_mask *mask = tool_mask(&vocab, &set, TOKEN_MASK_REQUIRED, 1);
    assert_true(allows(mask, 1000, token_of(&vocab, "<tool_call>")));
    assert_false(allows(mask, 1000, token_of(&vocab, "<"))); /* the marker is its token */
    accept_text(&vocab, mask, "<tool_call>\n{\"name\": \"list_dir\", \"arguments\": {\"path\": \"");
    static const char *const specials[] = {"<tool_call>", "</tool_call>", "<|im_end|>"};
    for (size_t i = 0; i < ARRAY_LEN(specials); i++) {
        struct error err = {0};
        assert_false(allows(mask, 1000, token_of(&vocab, specials[i])));
        assert_int_equal(token_mask_accept(mask, token_of(&vocab, specials[i]), &err), E_INVALID);
    }
    accept_text(&vocab, mask, "<|im_end");
    assert_int_equal(token_mask_accept(mask, -1, NULL), E_INVALID);
    assert_int_equal(token_mask_accept(mask, INT32_MAX, NULL), E_INVALID);
    mask_tools_done(&set);
    mask_vocab_done(&vocab);
}

/* ---------------------------------------------------------------- forbidden calls */

static bool can_generate(const struct mask_vocab *vocab, const struct token_mask *fresh,
                         const char *text)
{
    CLEANUP(token_mask_freep) struct token_mask *mask = NULL;
    assert_ok(token_mask_fork(fresh, &mask, err));
    struct token_list list = {0};
    assert_ok(
        tokenizer_encode(vocab->tokenizer, str_from_c(text), TOKENIZER_PARSE_SPECIAL, &list, err));
    bool is_possible = true;
    for (size_t i = 0; i < list.count && is_possible; i++) {
        is_possible = allows(mask, 4000, list.ids[i]);
        assert_int_equal(is_possible, token_mask_accept(mask, list.ids[i], NULL) == OK);
    }
    token_list_done(&list);
    return is_possible && token_mask_is_complete(mask);
}

#define CALL(name, arguments)                                               \
    "<tool_call>\n{\"name\": \"" name "\", \"arguments\": " arguments "}\n" \
    "</tool_call>"

static void a_forbidden_call_cannot_come_but_every_other_can(void **state)
{
    (void)state;
    struct mask_vocab vocab = mask_vocab_small();
    struct mask_tools set = mask_tools_set(0);
    CLEANUP(token_mask_freep)
    struct token_mask *mask = tool_mask(&vocab, &set, TOKEN_MASK_REQUIRED, 1);
    const char *gone = CALL("list_dir", "{\"path\": \"a\"}");
    assert_true(can_generate(&vocab, mask, gone));
    assert_ok(token_mask_forbid(mask, STR("list_dir"), STR("{\"path\": \"a\"}"), err));
    assert_ok(token_mask_forbid(mask, STR("list_dir"), STR("{\"path\": \"a\"}"), err));
    assert_ok(token_mask_forbid(mask, STR("list_dir"), STR("{\"wrong\": 1}"), err));
    assert_ok(token_mask_forbid(mask, STR("read_file"),
                                STR("{\"path\": \"a\", \"line_count\": 12}"), err));
    assert_false(can_generate(&vocab, mask, gone));
    assert_false(
        can_generate(&vocab, mask, CALL("read_file", "{\"path\": \"a\", \"line_count\": 12}")));
    static const char *const left[] = {
        CALL("list_dir", "{\"path\": \"\"}"),
        CALL("list_dir", "{\"path\": \"ab\"}"),
        CALL("list_dir", "{\"path\": \"b\"}"),
        CALL("read_file", "{\"path\": \"a\"}"),
        CALL("read_file", "{\"path\": \"a\", \"line_count\": 1}"),
        CALL("read_file", "{\"path\": \"a\", \"line_count\": 120}"),
        CALL("read_file", "{\"path\": \"a\", \"first_line\": 12}"),
    };
    for (size_t i = 0; i < ARRAY_LEN(left); i++) {
        test_case(left[i]);
        assert_true(can_generate(&vocab, mask, left[i]));
    }
    struct error err = {0};
    assert_int_equal(token_mask_forbid(mask, STR("no_tool"), STR("{}"), &err), E_NOT_FOUND);
    mask_tools_done(&set);
    mask_vocab_done(&vocab);
}

/* In a string of two characters the second decides: the token that leaves only a forbidden call is
 * refused although it is plain text. */
static void a_token_that_leaves_only_a_forbidden_call_is_refused(void **state)
{
    (void)state;
    struct mask_vocab vocab = mask_vocab_small();
    CLEANUP(json_decrefp)
    json_t *schema = mask_support_json(
        "{\"type\":\"object\",\"properties\":{\"p\":{\"type\":\"string\",\"minLength\":2,"
        "\"maxLength\":2}},\"required\":[\"p\"]}");
    const struct token_mask_tool tool = {.name = STR("t"), .parameters = schema};
    const struct token_mask_options options = {.mode = TOKEN_MASK_REQUIRED};
    CLEANUP(token_mask_freep) struct token_mask *mask = NULL;
    assert_ok(
        token_mask_new_tools(vocab.tables, &mask_tools_hermes, &tool, 1, &options, &mask, err));
    assert_ok(token_mask_forbid(mask, STR("t"), STR("{\"p\": \"rx\"}"), err));
    assert_ok(token_mask_forbid(mask, STR("t"), STR("{\"p\": \"re\"}"), err));
    accept_text(&vocab, mask, "<tool_call>\n{\"name\": \"t\", \"arguments\": {\"p\": \"");
    assert_false(allows(mask, 1000, token_of(&vocab, "re")));
    assert_true(allows(mask, 1000, token_of(&vocab, "ar")));
    assert_true(allows(mask, 1000, token_of(&vocab, "r")));
    accept_text(&vocab, mask, "r");
    assert_false(allows(mask, 1000, token_of(&vocab, "e")));
    assert_false(allows(mask, 1000, token_of(&vocab, "x")));
    assert_true(allows(mask, 1000, token_of(&vocab, "a")));
    assert_int_equal(token_mask_accept(mask, token_of(&vocab, "e"), NULL), E_INVALID);
    accept_text(&vocab, mask, "a\"}}\n</tool_call>");
    assert_true(token_mask_is_complete(mask));
    mask_vocab_done(&vocab);
}

static void the_shortest_calls_can_be_forbidden_one_after_the_other(void **state)
{
    (void)state;
    struct mask_vocab vocab = mask_vocab_small();
    struct mask_tools set = mask_tools_set(0);
    set.count = 1;
    CLEANUP(token_mask_freep)
    struct token_mask *mask = tool_mask(&vocab, &set, TOKEN_MASK_REQUIRED, 1);
    struct mask_support_random random = {.state = 3};
    for (int i = 0; i < 40; i++) {
        const uint32_t fewest = token_mask_fewest_tokens(mask);
        struct generation g = {.vocab = &vocab, .mask = mask, .random = &random, .budget = fewest};
        assert_ok(token_mask_start(mask, fewest, (struct str){0}, err));
        generate(&g);
        mask_tools_judge(&set, strbuf_view(&g.text), 1, NULL);
        const struct str text = strbuf_view(&g.text);
        const size_t from = str_find(text, STR("{\"path\""), 0);
        const struct str arguments = str_slice(text, from, str_find(text, STR("}\n</tool"), 0));
        test_case(strbuf_c(&g.text));
        assert_ok(token_mask_forbid(mask, STR("list_dir"), arguments, err));
        assert_false(can_generate(&vocab, mask, strbuf_c(&g.text)));
        strbuf_done(&g.text);
    }
    mask_tools_done(&set);
    mask_vocab_done(&vocab);
}

static void a_tool_without_calls_left_is_not_offered(void **state)
{
    (void)state;
    struct mask_vocab vocab = mask_vocab_small();
    struct mask_tools set = mask_tools_set(2);
    CLEANUP(token_mask_freep)
    struct token_mask *mask = tool_mask(&vocab, &set, TOKEN_MASK_REQUIRED, 1);
    CLEANUP(token_mask_freep)
    struct token_mask *freely = tool_mask(&vocab, &set, TOKEN_MASK_AUTO, 1);
    CLEANUP(token_mask_freep) struct token_mask *before = NULL;
    assert_ok(token_mask_fork(mask, &before, err));
    assert_ok(token_mask_forbid(mask, STR("read"), STR("{}"), err));
    assert_ok(token_mask_forbid(mask, STR("read_file"), STR("{}"), err));
    CLEANUP(strbuf_done) struct strbuf forced = {0};
    const int32_t marker = token_of(&vocab, "<tool_call>");
    assert_ok(token_mask_accept(mask, marker, err));
    token_mask_forced(mask, &forced);
    assert_string_equal(strbuf_c(&forced),
                        "\n{\"name\": \"read_files\", \"arguments\": {\"only\": true}}\n");
    assert_ok(token_mask_forbid(mask, STR("read_files"), STR("{\"only\": true}"), err));
    struct error fault = {0};
    assert_int_equal(token_mask_start(mask, 1000, (struct str){0}, &fault), E_INVALID);
    assert_non_null(strstr(fault.text, "forbidden"));
    token_mask_assign(mask, before);
    assert_true(can_generate(&vocab, mask, CALL("read", "{}")));

    assert_true(allows(freely, 1000, marker));
    for (size_t i = 0; i < set.count; i++)
        assert_ok(token_mask_forbid(freely, set.tools[i].name,
                                    i == 2 ? STR("{\"only\": true}") : STR("{}"), err));
    assert_false(allows(freely, 1000, marker));
    mask_tools_done(&set);
    mask_vocab_done(&vocab);
}

/* ---------------------------------------------------------------- forced text */

/* Follows the tokens of a whole call as the tokenizer makes them behind a line: what is forced must
 * be exactly the next ones. *out_forced counts them. */
static void follow_tokens(const struct mask_vocab *vocab, struct token_mask *mask, const char *text,
                          size_t *out_forced)
{
    const struct str before = STR("ok\n");
    struct token_list all = {0};
    struct token_list forced = {0};
    CLEANUP(strbuf_done) struct strbuf whole = {0};
    strbuf_add_str(&whole, before);
    strbuf_add_c(&whole, text);
    assert_ok(tokenizer_encode(vocab->tokenizer, before, TOKENIZER_PLAIN, &all, err));
    const size_t first = all.count;
    token_list_clear(&all);
    assert_ok(tokenizer_encode(vocab->tokenizer, strbuf_view(&whole), TOKENIZER_PARSE_SPECIAL, &all,
                               err));
    assert_ok(token_mask_start(mask, 1000, before, err));
    for (size_t i = first; i < all.count;) {
        token_list_clear(&forced);
        assert_ok(token_mask_forced_tokens(mask, 1000, &forced, err));
        for (size_t k = 0; k < forced.count; k++) {
            if (i + k >= all.count || forced.ids[k] != all.ids[i + k])
                fail_msg("%s: forced token %zu is %d, the tokenizer's %zu is %d of %s", vocab->name,
                         k, forced.ids[k], i + k, i + k < all.count ? all.ids[i + k] : -1, text);
            assert_ok(token_mask_accept(mask, forced.ids[k], err));
        }
        *out_forced += forced.count;
        i += forced.count;
        if (forced.count == 0)
            assert_ok(token_mask_accept(mask, all.ids[i++], err));
    }
    assert_true(token_mask_is_complete(mask));
    token_list_done(&all);
    token_list_done(&forced);
}

static void forced_tokens_are_those_of_the_whole_text(void **state)
{
    (void)state;
    static const char *const calls[] = {
        CALL("list_dir", "{\"path\": \"\"}"),
        CALL("list_dir", "{\"path\": \"./src\"}"),
        CALL("list_dir", "{\"path\": \"\\\"\\n\"}"),
        CALL("read_file", "{\"path\": \"a b.txt\", \"first_line\": 12, \"line_count\": 200}"),
        CALL("search_text", "{\"text\": \"  two  \", \"path\": \"\u00e9\u4e2d\"}"),
        CALL("write_file", "{\"path\": \"//\", \"content\": \"{\\\"a\\\": [1]}\"}"),
        CALL("edit_file", "{\"path\": \"x\", \"old\": \"\", \"new\": \" \"}"),
    };
    for (int v = 0; v < MASK_VOCAB_COUNT; v++) {
        struct mask_vocab vocab = mask_vocab_get(v);
        if (!vocab.tokenizer)
            continue;
        struct mask_tools set = mask_tools_set(0);
        size_t forced = 0;
        for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
            test_case(calls[i]);
            CLEANUP(token_mask_freep)
            struct token_mask *mask = tool_mask(&vocab, &set, TOKEN_MASK_REQUIRED, 1);
            follow_tokens(&vocab, mask, calls[i], &forced);
        }
        print_message("%s: %zu tokens of %zu calls were forced\n", vocab.name, forced,
                      ARRAY_LEN(calls));
        assert_true(forced > 10 * ARRAY_LEN(calls));
        mask_tools_done(&set);
        mask_vocab_done(&vocab);
    }
}

static void the_last_forced_token_waits_for_what_could_join_it(void **state)
{
    (void)state;
    struct mask_vocab vocab = mask_vocab_small();
    /* after `{"path": "` a token `""}` may come, so ` "` is held back: only ` "` + ... follows */
    CLEANUP(json_decrefp)
    json_t *schema = mask_support_json(
        "{\"type\":\"object\",\"properties\":{\"path\":{\"type\":\"string\"}},\"required\":["
        "\"path\"]}");
    CLEANUP(token_mask_freep) struct token_mask *mask = NULL;
    assert_ok(token_mask_new_schema(vocab.tables, schema, NULL, &mask, err));
    CLEANUP(strbuf_done) struct strbuf text = {0};
    token_mask_forced(mask, &text);
    assert_string_equal(strbuf_c(&text), "{\"path\": \"");
    struct token_list list = {0};
    assert_ok(token_mask_forced_tokens(mask, 1000, &list, err));
    CLEANUP(strbuf_done) struct strbuf spelled = {0};
    for (size_t i = 0; i < list.count; i++)
        strbuf_add_str(&spelled, tokenizer_piece(vocab.tokenizer, list.ids[i]));
    assert_string_equal(strbuf_c(&spelled), "{\"path\":");
    token_list_done(&list);
    mask_vocab_done(&vocab);
}

/* ---------------------------------------------------------------- copies, cost, errors */

static void a_fork_goes_its_own_way_and_a_rewind_comes_back(void **state)
{
    (void)state;
    struct mask_vocab vocab = mask_vocab_small();
    struct mask_tools set = mask_tools_set(0);
    CLEANUP(token_mask_freep)
    struct token_mask *mask = tool_mask(&vocab, &set, TOKEN_MASK_REQUIRED, 1);
    accept_text(&vocab, mask,
                "<tool_call>\n{\"name\": \"read_file\", \"arguments\": {\"path\": \"x\"");
    CLEANUP(token_mask_freep) struct token_mask *fork = NULL;
    assert_ok(token_mask_fork(mask, &fork, err));
    accept_text(&vocab, fork, ", \"line_count\": 1");
    accept_text(&vocab, mask, "}}\n</tool_call>");
    assert_true(token_mask_is_complete(mask));
    assert_false(token_mask_is_complete(fork));
    token_mask_assign(mask, fork);
    assert_int_equal(token_mask_fewest_tokens(mask), token_mask_fewest_tokens(fork));
    accept_text(&vocab, mask, "2}}\n</tool_call>");
    assert_true(token_mask_is_complete(mask));
    mask_tools_done(&set);
    mask_vocab_done(&vocab);
}

static void steady_generation_allocates_nothing(void **state)
{
    (void)state;
    struct mask_vocab vocab = mask_vocab_small();
    struct mask_tools set = mask_tools_set(0);
    CLEANUP(token_mask_freep)
    struct token_mask *mask = tool_mask(&vocab, &set, TOKEN_MASK_REQUIRED, 1);
    const char *call = "<tool_call>\n{\"name\": \"list_dir\", \"arguments\": {\"path\": \"";
    accept_text(&vocab, mask, call);
    const int32_t read = token_of(&vocab, "read");
    for (int round = 0; round < 2; round++) { /* the first one grows the scratch memory */
        const size_t before = mem_allocation_count();
        for (int i = 0; i < 20; i++) {
            assert_true(allows(mask, 1000, read));
            assert_true(allows(mask, 30, read));
            if (token_mask_accept(mask, read, NULL) != OK)
                fail_msg("refused");
        }
        if (round == 1)
            assert_int_equal(mem_allocation_count(), before);
    }
    mask_tools_done(&set);
    mask_vocab_done(&vocab);
}

static void mistakes_in_tools_get_a_sentence(void **state)
{
    (void)state;
    struct mask_vocab vocab = mask_vocab_small();
    CLEANUP(json_decrefp)
    json_t *pattern = mask_support_json("{\"properties\":{\"p\":{\"not\":{}}}}");
    CLEANUP(json_decrefp) json_t *never = mask_support_json("{\"type\":\"string\"}");
    CLEANUP(json_decrefp) json_t *good = mask_support_json("{\"type\":\"object\"}");
    const struct {
        struct token_mask_tool tools[2];
        size_t count;
        enum status want;
        const char *says;
    } rows[] = {
        {{{.name = STR("a"), .parameters = pattern}},
         1,
         E_UNSUPPORTED,
         "tool 'a': the schema keyword \"not\""},
        {{{.name = STR("a"), .parameters = never}}, 1, E_INVALID, "tool 'a'"},
        {{{.name = STR("a"), .parameters = good}, {.name = STR("a"), .parameters = NULL}},
         2,
         E_INVALID,
         "two tools"},
        {{{.name = STR(""), .parameters = good}}, 1, E_INVALID, "name"},
        {{{.name = STR("a"), .parameters = good}}, 0, E_INVALID, "no tools"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct token_mask *mask = NULL;
        struct error err = {0};
        const struct token_mask_options options = {.mode = TOKEN_MASK_REQUIRED};
        assert_int_equal(token_mask_new_tools(vocab.tables, &mask_tools_hermes, rows[i].tools,
                                              rows[i].count, &options, &mask, &err),
                         rows[i].want);
        if (!strstr(err.text, rows[i].says))
            fail_msg("%s does not say %s", err.text, rows[i].says);
    }
    struct token_mask *mask = NULL;
    struct error err = {0};
    assert_int_equal(token_mask_new_schema(vocab.tables, json_false(), NULL, &mask, &err),
                     E_INVALID);
    mask_vocab_done(&vocab);
}

int test_token_mask(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fewest_tokens_of_a_forced_text_are_exact),
        cmocka_unit_test(a_string_closes_when_the_budget_ends),
        cmocka_unit_test(auto_is_free_until_the_marker_in_any_spelling),
        cmocka_unit_test(a_marker_that_is_not_affordable_cannot_be_completed),
        cmocka_unit_test(none_never_lets_a_marker_appear),
        cmocka_unit_test(a_form_without_marker_counts_only_at_the_start),
        cmocka_unit_test(the_end_is_allowed_only_when_the_answer_is_complete),
        cmocka_unit_test(special_tokens_never_stand_inside_constrained_text),
        cmocka_unit_test(a_forbidden_call_cannot_come_but_every_other_can),
        cmocka_unit_test(a_token_that_leaves_only_a_forbidden_call_is_refused),
        cmocka_unit_test(the_shortest_calls_can_be_forbidden_one_after_the_other),
        cmocka_unit_test(a_tool_without_calls_left_is_not_offered),
        cmocka_unit_test(forced_tokens_are_those_of_the_whole_text),
        cmocka_unit_test(the_last_forced_token_waits_for_what_could_join_it),
        cmocka_unit_test(a_fork_goes_its_own_way_and_a_rewind_comes_back),
        cmocka_unit_test(steady_generation_allocates_nothing),
        cmocka_unit_test(mistakes_in_tools_get_a_sentence),
        cmocka_unit_test(the_set_is_what_brute_force_finds),
        cmocka_unit_test(the_set_of_a_network_is_what_brute_force_finds),
        cmocka_unit_test(every_call_is_valid_and_whole_whatever_the_logits),
    };
    return cmocka_run_group_tests_name("token_mask", tests, NULL, NULL);
}
