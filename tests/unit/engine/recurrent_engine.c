#include "tests/unit/engine/recurrent_engine.h"

#include "base/mem.h"
#include "tests/tiny_hybrid.h"

#include <stdio.h>

static const struct engine *builtin; /* while the file is made */

static void add_builtin_tokenizer(struct gguf_writer *writer)
{
    static const char *const numbers[] = {"tokenizer.ggml.eos_token_id",
                                          "tokenizer.ggml.padding_token_id"};
    static const char *const texts[] = {"tokenizer.ggml.model", "tokenizer.ggml.pre",
                                        "tokenizer.chat_template"};
    static const char *const lists[] = {"tokenizer.ggml.tokens", "tokenizer.ggml.merges"};
    const struct gguf *file = engine_gguf(builtin);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        uint64_t value = 0;
        assert_ok(gguf_get_u64(file, numbers[i], &value, err));
        gguf_writer_add_u32(writer, numbers[i], (uint32_t)value);
    }
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct str value;
        assert_ok(gguf_get_str(file, texts[i], &value, err));
        gguf_writer_add_str(writer, texts[i], value);
    }
    struct gguf_array array;
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        assert_ok(gguf_get_array(file, lists[i], GGUF_ARRAY_STR, &array, err));
        struct str *values = mem_alloc(array.count * sizeof(*values));
        for (size_t k = 0; k < array.count; k++)
            values[k] = gguf_array_str(&array, k);
        gguf_writer_add_strs(writer, lists[i], values, array.count);
        mem_free(values);
    }
    assert_ok(gguf_get_array(file, "tokenizer.ggml.token_type", GGUF_ARRAY_INT, &array, err));
    int32_t *kinds = mem_alloc(array.count * sizeof(*kinds));
    for (size_t k = 0; k < array.count; k++)
        kinds[k] = (int32_t)gguf_array_i64(&array, k);
    gguf_writer_add_numbers(writer, "tokenizer.ggml.token_type", GGUF_TYPE_I32, kinds, array.count);
    gguf_writer_add_bool(writer, "tokenizer.ggml.add_bos_token", false);
    mem_free(kinds);
}

/* Writes the model to `path`. */
static bool write_model(const char *path, size_t index)
{
    struct tiny_hybrid_spec spec = tiny_hybrids[index];
    spec.vocab_size = engine_get_info(builtin)->vocab_size;
    spec.add_tokenizer = add_builtin_tokenizer;
    struct strbuf bytes = tiny_hybrid_bytes(&spec);
    FILE *file = fopen(path, "wb");
    bool is_written = file && fwrite(bytes.ptr, 1, bytes.len, file) == bytes.len;
    if (file)
        is_written &= fclose(file) == 0;
    strbuf_done(&bytes);
    return is_written;
}

/* The model is written once for each name; engines that have it mapped stay undisturbed. */
static int open_hybrid(size_t index, struct engine_config config, struct engine **out)
{
    char path[512];
    struct error err = {0};
    struct engine *opened = NULL;
    const struct engine_config small = {.context_tokens = 256, .thread_count = 1};
    snprintf(path, sizeof(path), "%s/%s.gguf", test_folder(), tiny_hybrids[index].name);
    config.model_path = path;
    FILE *there = fopen(path, "rb");
    bool is_written = there && fclose(there) == 0;
    if (!is_written && engine_open(&small, &opened, &err) == OK) {
        builtin = opened;
        is_written = write_model(path, index);
        builtin = NULL;
        engine_close(opened);
    }
    if (is_written && engine_open(&config, out, &err) == OK)
        return 0;
    fprintf(stderr, "%s: %s\n", path, err.text);
    return 1;
}

int recurrent_engine_open_as(const char *name, const struct engine_config *config,
                             struct engine **out)
{
    for (size_t i = 0; i < ARRAY_LEN(tiny_hybrids); i++)
        if (strcmp(tiny_hybrids[i].name, name) == 0)
            return open_hybrid(i, *config, out);
    fprintf(stderr, "no tiny model is called %s\n", name);
    return 1;
}

int recurrent_engine_open(uint32_t context_tokens, struct engine **out)
{
    return open_hybrid(
        0, (struct engine_config){.context_tokens = context_tokens, .thread_count = 1}, out);
}

int recurrent_engine_open_with_block(uint32_t context_tokens, struct engine **out)
{
    return open_hybrid(
        1, (struct engine_config){.context_tokens = context_tokens, .thread_count = 1}, out);
}
