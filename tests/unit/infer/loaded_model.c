#include "tests/unit/infer/loaded_model.h"

#include "base/mem.h"
#include "gguf/gguf.h"
#include "model/model.h"

struct loaded_model loaded_model_from_spec(const struct tiny_model_spec *spec)
{
    return loaded_model_from_bytes(tiny_model_bytes(spec));
}

struct loaded_model loaded_model_from_bytes(struct strbuf bytes)
{
    struct loaded_model loaded = {.bytes = bytes};
    assert_ok(gguf_open_memory(loaded.bytes.ptr, loaded.bytes.len, &loaded.file, err));
    assert_ok(model_open(loaded.file, &loaded.model, err));
    return loaded;
}

struct loaded_model loaded_model_from_file(const char *path)
{
    struct loaded_model loaded = {0};
    assert_ok(gguf_open(path, &loaded.file, err));
    assert_ok(model_open(loaded.file, &loaded.model, err));
    return loaded;
}

void loaded_model_close(struct loaded_model *loaded)
{
    model_close(loaded->model);
    gguf_close(loaded->file);
    strbuf_done(&loaded->bytes);
}

struct infer *loaded_model_infer(const struct loaded_model *loaded,
                                 const struct infer_config *config)
{
    struct infer *infer = NULL;
    assert_ok(infer_new(loaded->model, config, &infer, err));
    return infer;
}

void loaded_model_step(struct infer *infer, struct infer_seq *seq, const int32_t *tokens,
                       size_t count, float *out)
{
    const uint32_t vocab_size = infer_vocab_size(infer);
    struct infer_row *rows = mem_zalloc((count + 1) * sizeof(*rows));
    for (size_t i = 0; i < count; i++)
        rows[i] = (struct infer_row){.seq = seq, .token = tokens[i], .wants_logits = true};
    assert_ok(infer_step(infer, rows, count, err));
    for (size_t i = 0; i < count; i++)
        memcpy(out + i * vocab_size, infer_logits(infer, i), vocab_size * sizeof(*out));
    mem_free(rows);
}

int32_t *loaded_model_tokens(size_t count, uint32_t vocab_size, uint64_t seed)
{
    int32_t *tokens = mem_alloc((count + 1) * sizeof(*tokens));
    for (size_t i = 0; i < count; i++)
        tokens[i] = (int32_t)(tiny_model_random(&seed) % vocab_size);
    return tokens;
}
