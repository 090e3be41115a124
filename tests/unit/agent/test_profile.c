/*
 * The built-in model knows one prompt: core text, nine schemas, template. A changed byte in any of
 * them costs it accuracy without any error, so the model file carries their digest. And the prompt
 * must stay lean: everything a model reads before the user's first word is paid on every start.
 */
#include "agent/core_text.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "gguf/gguf.h"
#include "tests/holt_test.h"
#include "text/json.h"
#include "tokenizer/tokenizer.h"
#include "tools/tool_list.h"

#include <sodium.h>

enum { PROMPT_TOKENS_MAX = 1500 };

/* Core text, the schemas one per line in canonical order. */
static void profile_text(struct strbuf *out)
{
    strbuf_add_str(out, core_text());
    strbuf_add_char(out, '\n');
    for (size_t i = 0; i < tool_list_count(); i++) {
        json_t *schema = tool_list_schema(tool_list_at(i));
        json_write_python(schema, out);
        json_decref(schema);
        strbuf_add_char(out, '\n');
    }
}

static void the_model_was_trained_on_these_very_words(void **state)
{
    (void)state;
    struct engine *engine = NULL;
    assert_ok(engine_open(&(struct engine_config){.context_tokens = 256, .thread_count = 1},
                          &engine, err));
    struct strbuf text = {0};
    struct str template = {0};
    struct str wanted = {0};
    assert_ok(gguf_get_str(engine_gguf(engine), "tokenizer.chat_template", &template, err));
    assert_ok(gguf_get_str(engine_gguf(engine), "holt.profile_digest", &wanted, err));
    profile_text(&text);
    strbuf_add_str(&text, template);

    unsigned char digest[crypto_hash_sha256_BYTES];
    char hex[2 * sizeof(digest) + 1];
    crypto_hash_sha256(digest, (const unsigned char *)text.ptr, text.len);
    sodium_bin2hex(hex, sizeof(hex), digest, sizeof(digest));
    assert_true(str_equal_c(wanted, hex));
    strbuf_done(&text);
    engine_close(engine);
}

static void assert_lean(const struct tokenizer *tokenizer, const char *name)
{
    struct strbuf text = {0};
    struct token_list list = {0};
    profile_text(&text);
    assert_ok(tokenizer_encode(tokenizer, strbuf_view(&text), TOKENIZER_PLAIN, &list, err));
    print_message("core text and schemas: %zu tokens of %s\n", list.count, name);
    assert_in_range(list.count, 100, PROMPT_TOKENS_MAX - 1);
    token_list_done(&list);
    strbuf_done(&text);
}

static void the_prompt_is_lean_for_the_builtin_model(void **state)
{
    (void)state;
    struct engine *engine = NULL;
    assert_ok(engine_open(&(struct engine_config){.context_tokens = 256, .thread_count = 1},
                          &engine, err));
    assert_lean(engine_tokenizer(engine), "builtin");
    engine_close(engine);
}

static void the_prompt_is_lean_in_the_gpt2_vocabulary(void **state)
{
    (void)state;
    const char *path = test_fixture("tokenizers/gpt-2.gguf");
    if (!path) {
        print_message("skipped: the gpt-2 vocabulary of the fixtures is not here\n");
        skip();
    }
    struct gguf *file = NULL;
    struct tokenizer *tokenizer = NULL;
    assert_ok(gguf_open(path, &file, err));
    assert_ok(tokenizer_new(file, &tokenizer, err));
    assert_lean(tokenizer, "gpt-2");
    tokenizer_free(tokenizer);
    gguf_close(file);
}

int test_profile(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_model_was_trained_on_these_very_words),
        cmocka_unit_test(the_prompt_is_lean_for_the_builtin_model),
        cmocka_unit_test(the_prompt_is_lean_in_the_gpt2_vocabulary),
    };
    return cmocka_run_group_tests_name("profile", tests, NULL, NULL);
}
