/*
 * Are the logits right? Three answers: the same formulas in double precision (naive_model.h) on
 * random models of every family; logits that another program recorded (fixtures), with its own
 * error as the measure; and digests of bits, so that no change of arithmetic goes unnoticed.
 */
#include "base/mem.h"
#include "model/arithmetic_version.h"
#include "model/model.h"
#include "os/cpu.h"
#include "os/file.h"
#include "tests/tiny_family.h"
#include "tests/unit/infer/loaded_model.h"
#include "tests/unit/infer/naive_model.h"

#include <inttypes.h>

enum { TOKENS = 90, FIXTURE_TOKENS = 64 };

/* Logits of all tokens in one batch; free with mem_free(). */
static float *logits_of(const struct loaded_model *loaded, enum kv_kind kind, const int32_t *tokens,
                        size_t count)
{
    const struct infer_config config = {.thread_count = 2,
                                        .cpu_features = cpu_features(),
                                        .kv_kind = kind,
                                        .token_capacity = 256,
                                        .logits_rows_max = 256};
    float *logits = mem_zalloc(count * loaded->model->shape.vocab_size * sizeof(*logits));
    struct infer *infer = loaded_model_infer(loaded, &config);
    struct infer_seq *seq = NULL;
    assert_ok(infer_seq_new(infer, &seq, err));
    loaded_model_step(infer, seq, tokens, count, logits);
    infer_seq_free(seq);
    infer_free(infer);
    return logits;
}

/* ---------------------------------------------------------------- against double precision */

static void logits_agree_with_double_precision(void **state)
{
    (void)state;
    /* Bounds by what is rounded: floats only; int8 activations; f16 keys and values. */
    static const double bounds[ARRAY_LEN(tiny_models)] = {1e-11, 1e-3, 1e-3, 1e-3, 1e-3};
    for (size_t i = 0; i < ARRAY_LEN(tiny_models); i++) {
        test_case(tiny_models[i].name);
        struct loaded_model loaded = loaded_model_from_spec(&tiny_models[i]);
        const uint32_t vocab_size = loaded.model->shape.vocab_size;
        int32_t *tokens = loaded_model_tokens(TOKENS, vocab_size, 21);
        double *want = naive_model_logits(loaded.file, tokens, TOKENS);
        float *f32 = logits_of(&loaded, KV_KIND_F32, tokens, TOKENS);
        float *f16 = logits_of(&loaded, KV_KIND_F16, tokens, TOKENS);
        float *q8 = logits_of(&loaded, KV_KIND_Q8, tokens, TOKENS);
        const double nmse = naive_model_nmse(f32, want, (size_t)TOKENS * vocab_size);
        const double nmse_f16 = naive_model_nmse(f16, want, (size_t)TOKENS * vocab_size);
        const double nmse_q8 = naive_model_nmse(q8, want, (size_t)TOKENS * vocab_size);
        print_message("%s: NMSE %.2e, with f16 keys and values %.2e, with q8 %.2e\n",
                      tiny_models[i].name, nmse, nmse_f16, nmse_q8);
        assert_true(nmse <= bounds[i]);
        assert_true(nmse_f16 <= bounds[i] + 1e-5);
        assert_true(nmse_q8 <= bounds[i] + 1e-3);
        mem_free(tokens);
        mem_free(want);
        mem_free(f32);
        mem_free(f16);
        mem_free(q8);
        loaded_model_close(&loaded);
    }
}

/* ---------------------------------------------------------------- against recordings */

static int32_t *fixture_tokens(void)
{
    const char *path = test_fixture("tokens.txt");
    if (!path)
        return NULL;
    int32_t *tokens = mem_zalloc(FIXTURE_TOKENS * sizeof(*tokens));
    struct str text = test_read_file(path);
    for (size_t i = 0; i < FIXTURE_TOKENS; i++) {
        int64_t id = 0;
        assert_true(str_to_int(str_trim(str_split(&text, ' ')), &id));
        tokens[i] = (int32_t)id;
    }
    return tokens;
}

/* A recording [FIXTURE_TOKENS][vocab_size] as doubles; free with mem_free(). */
static double *read_doubles(const char *path, size_t count)
{
    const struct str bytes = test_read_file(path);
    assert_int_equal(bytes.len, count * sizeof(float));
    double *values = mem_alloc(count * sizeof(*values));
    for (size_t i = 0; i < count; i++) {
        float value = 0;
        memcpy(&value, bytes.ptr + i * sizeof(value), sizeof(value));
        values[i] = (double)value;
    }
    return values;
}

static double *read_recording(const char *relative_path, size_t count)
{
    const char *path = test_fixture(relative_path);
    if (!path)
        fail_msg("the fixture %s is absent, others are there", relative_path);
    return read_doubles(path, count);
}

static void families_agree_with_the_recorded_logits(void **state)
{
    (void)state;
    static const char *const names[] = {"llama",     "qwen2",     "qwen3",      "qwen3moe",
                                        "deepseek2", "gpt-oss",   "gemma3",     "qwen35",
                                        "qwen35moe", "qwen3next", "nemotron_h", "nemotron_h_moe"};
    int32_t *tokens = fixture_tokens();
    if (!tokens) {
        print_message("not run: the fixtures are absent\n");
        skip();
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char path[64];
        char recording[64];
        snprintf(path, sizeof(path), "arch/%s.gguf", names[i]);
        snprintf(recording, sizeof(recording), "arch/%s.logits.f32", names[i]);
        struct loaded_model loaded = loaded_model_from_file(test_fixture(path));
        const size_t count = (size_t)FIXTURE_TOKENS * loaded.model->shape.vocab_size;
        float *f32 = logits_of(&loaded, KV_KIND_F32, tokens, FIXTURE_TOKENS);
        float *f16 = logits_of(&loaded, KV_KIND_F16, tokens, FIXTURE_TOKENS);
        double *want = read_recording(recording, count);
        const double nmse = naive_model_nmse(f32, want, count);
        const double nmse_f16 = naive_model_nmse(f16, want, count);
        print_message("%s: NMSE %.2e (at most 1e-5), with f16 keys and values %.2e\n", names[i],
                      nmse, nmse_f16);
        assert_true(nmse <= 1e-5);
        assert_true(nmse_f16 <= 2e-5);
        mem_free(f32);
        mem_free(f16);
        mem_free(want);
        loaded_model_close(&loaded);
    }
    mem_free(tokens);
}

/* Writes the models and tokens of the recordings to $HOLT_RECORD_DIR, for the other program. */
static void write_models(const char *folder)
{
    char path[256];
    for (size_t i = 0; i < TINY_FAMILY_RECORDED; i++) {
        struct strbuf bytes = tiny_family_bytes(&tiny_families[i]);
        snprintf(path, sizeof(path), "%s/%s.gguf", folder, tiny_families[i].name);
        assert_ok(file_write(path, strbuf_view(&bytes), err));
        strbuf_done(&bytes);
    }
    struct strbuf text = {0};
    int32_t *tokens = loaded_model_tokens(FIXTURE_TOKENS, TINY_FAMILY_VOCAB, 41);
    for (size_t i = 0; i < FIXTURE_TOKENS; i++)
        strbuf_addf(&text, "%" PRId32 " ", tokens[i]);
    snprintf(path, sizeof(path), "%s/tokens.txt", folder);
    assert_ok(file_write(path, strbuf_view(&text), err));
    strbuf_done(&text);
    mem_free(tokens);
}

static void other_families_agree_with_the_recorded_logits(void **state)
{
    (void)state;
    const size_t count = (size_t)FIXTURE_TOKENS * TINY_FAMILY_VOCAB;
    int32_t *tokens = loaded_model_tokens(FIXTURE_TOKENS, TINY_FAMILY_VOCAB, 41);
    const char *folder = getenv("HOLT_RECORD_DIR");
    if (folder)
        write_models(folder);
    for (size_t i = 0; i < TINY_FAMILY_RECORDED; i++) {
        char path[64];
        test_case(tiny_families[i].name);
        struct loaded_model loaded = loaded_model_from_bytes(tiny_family_bytes(&tiny_families[i]));
        float *got = logits_of(&loaded, KV_KIND_F32, tokens, FIXTURE_TOKENS);
        snprintf(path, sizeof(path), "tests/data/arch/%s.logits.f32", tiny_families[i].name);
        double *want = read_doubles(path, count);
        const double nmse = naive_model_nmse(got, want, count);
        /* The other program takes gelu from a table of f16. */
        const double bound = strncmp(tiny_families[i].name, "gemma", 5) == 0 ? 1e-6 : 1e-11;
        print_message("%s: NMSE %.2e (at most %.0e)\n", tiny_families[i].name, nmse, bound);
        assert_true(nmse <= bound);
        mem_free(got);
        mem_free(want);
        loaded_model_close(&loaded);
    }
    mem_free(tokens);
}

static void check_dtype(const char *type, const int32_t *tokens)
{
    char path[64];
    snprintf(path, sizeof(path), "quant/llama-%s.gguf", type);
    struct loaded_model loaded = loaded_model_from_file(test_fixture(path));
    const size_t count = (size_t)FIXTURE_TOKENS * loaded.model->shape.vocab_size;
    float *got = logits_of(&loaded, KV_KIND_F32, tokens, FIXTURE_TOKENS);
    snprintf(path, sizeof(path), "quant/llama-%s.exact.f32", type);
    double *exact = read_recording(path, count);
    snprintf(path, sizeof(path), "quant/llama-%s.logits.f32", type);
    double *peer = read_recording(path, count);
    float *peer_floats = mem_alloc(count * sizeof(*peer_floats));
    for (size_t i = 0; i < count; i++)
        peer_floats[i] = (float)peer[i];
    const double ours = naive_model_nmse(got, exact, count);
    const double theirs = naive_model_nmse(peer_floats, exact, count);
    print_message("%-7s: NMSE from exact %.3e, the recorded program's own %.3e: ratio %.3f "
                  "(at most 1.25)\n",
                  type, ours, theirs, ours / theirs);
    assert_true(ours <= 1.25 * theirs);
    mem_free(got);
    mem_free(exact);
    mem_free(peer);
    mem_free(peer_floats);
    loaded_model_close(&loaded);
}

static void element_types_are_as_exact_as_the_recorded_program(void **state)
{
    (void)state;
    static const char *const types[] = {"F16",    "BF16",   "Q8_0",  "Q4_0",  "Q4_1", "Q5_0",
                                        "Q5_1",   "Q2_K",   "Q3_K",  "Q4_K",  "Q5_K", "Q6_K",
                                        "IQ4_NL", "IQ4_XS", "IQ3_S", "MXFP4", "TQ2_0"};
    int32_t *tokens = fixture_tokens();
    if (!tokens) {
        print_message("not run: the fixtures are absent\n");
        skip();
    }
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        test_case(types[i]);
        check_dtype(types[i], tokens);
    }
    mem_free(tokens);
}

/* ---------------------------------------------------------------- factors of matrices */

/* Multiplies an F32 tensor of a file in memory; as `factor` where it has one number. */
static void change_tensor(struct strbuf *bytes, const char *name, float factor)
{
    struct gguf *file = NULL;
    assert_ok(gguf_open_memory(bytes->ptr, bytes->len, &file, err));
    const struct tensor *tensor = gguf_find_tensor(file, name);
    assert_non_null(tensor);
    const size_t offset = (size_t)((const char *)tensor->data - bytes->ptr);
    const size_t count = tensor->byte_count / sizeof(float);
    gguf_close(file);
    for (size_t i = 0; i < count; i++) {
        float value = 0;
        memcpy(&value, bytes->ptr + offset + i * sizeof(value), sizeof(value));
        value = count == 1 ? factor : value * factor;
        memcpy(bytes->ptr + offset + i * sizeof(value), &value, sizeof(value));
    }
}

/* NVFP4 files have such factors. A power of two, so that both ways give the same bits. */
static void a_factor_beside_a_matrix_is_the_matrix_multiplied(void **state)
{
    (void)state;
    static const char *const names[] = {"attn_q", "attn_v", "ffn_down"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        test_case(names[i]);
        char scale[64];
        char weight[64];
        snprintf(scale, sizeof(scale), "blk.1.%s.scale", names[i]);
        snprintf(weight, sizeof(weight), "blk.1.%s.weight", names[i]);
        const struct tiny_model_change change = {
            .name = scale, .kind = TINY_MODEL_TENSOR, .dtype = DTYPE_F32, .columns = 1};
        struct tiny_model_spec spec = tiny_models[0];
        spec.changes = &change;
        spec.change_count = 1;
        float *logits[2];
        size_t count = 0;
        for (int is_multiplied = 0; is_multiplied < 2; is_multiplied++) {
            struct strbuf bytes = tiny_model_bytes(&spec);
            change_tensor(&bytes, scale, is_multiplied ? 1.0f : 4.0f);
            if (is_multiplied)
                change_tensor(&bytes, weight, 4.0f);
            struct loaded_model loaded = loaded_model_from_bytes(bytes);
            const uint32_t vocab_size = loaded.model->shape.vocab_size;
            int32_t *tokens = loaded_model_tokens(TOKENS, vocab_size, 21);
            count = (size_t)TOKENS * vocab_size;
            logits[is_multiplied] = logits_of(&loaded, KV_KIND_F32, tokens, TOKENS);
            mem_free(tokens);
            loaded_model_close(&loaded);
        }
        assert_memory_equal(logits[0], logits[1], count * sizeof(float));
        mem_free(logits[0]);
        mem_free(logits[1]);
    }
}

/* ---------------------------------------------------------------- digests */

/* FNV-1a over the bits of `count` floats. */
static uint64_t digest_of(const float *values, size_t count)
{
    uint64_t digest = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = 0;
        memcpy(&bits, &values[i], sizeof(bits));
        for (int byte = 0; byte < 4; byte++)
            digest = (digest ^ ((bits >> (8 * byte)) & 0xff)) * UINT64_C(1099511628211);
    }
    return digest;
}

/* Taken from this program at ARITHMETIC_VERSION 1, after the two tests above had passed. A change
 * of bits that is wanted raises the version and replaces these with what the test prints. */
static const struct {
    uint64_t f16;
    uint64_t f32;
} digests[ARRAY_LEN(tiny_models)] = {
    {UINT64_C(0x49ead538c4a44e9a), UINT64_C(0xf915544cc95e7b96)}, /* in the order of tiny_models */
    {UINT64_C(0x752ce32375224f75), UINT64_C(0xaeb873acb9fdc3fd)},
    {UINT64_C(0xd52780993ddb023c), UINT64_C(0xc0609971b727c64b)},
    {UINT64_C(0xaad947cc9e436acb), UINT64_C(0xc1360211a840d14c)},
    {UINT64_C(0xc153235c4ce4ef18), UINT64_C(0xb1fa8fcb63bf1ba5)},
};

enum { DIGESTS_VERSION = 1 };

static void bits_change_only_with_the_arithmetic_version(void **state)
{
    (void)state;
    assert_int_equal(ARITHMETIC_VERSION, DIGESTS_VERSION);
    size_t changed = 0;
    for (size_t i = 0; i < ARRAY_LEN(tiny_models); i++) {
        struct loaded_model loaded = loaded_model_from_spec(&tiny_models[i]);
        const uint32_t vocab_size = loaded.model->shape.vocab_size;
        int32_t *tokens = loaded_model_tokens(TOKENS, vocab_size, 31);
        float *f16 = logits_of(&loaded, KV_KIND_F16, tokens, TOKENS);
        float *f32 = logits_of(&loaded, KV_KIND_F32, tokens, TOKENS);
        const uint64_t got_f16 = digest_of(f16, (size_t)TOKENS * vocab_size);
        const uint64_t got_f32 = digest_of(f32, (size_t)TOKENS * vocab_size);
        if (got_f16 != digests[i].f16 || got_f32 != digests[i].f32) {
            changed++;
            print_message("{UINT64_C(0x%016" PRIx64 "), UINT64_C(0x%016" PRIx64 ")}, /* %s */\n",
                          got_f16, got_f32, tiny_models[i].name);
        }
        mem_free(tokens);
        mem_free(f16);
        mem_free(f32);
        loaded_model_close(&loaded);
    }
    if (changed)
        fail_msg("the bits of %zu models changed: if that is wanted, raise ARITHMETIC_VERSION and "
                 "take the digests printed above",
                 changed);
}

int test_infer_logits(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits_agree_with_double_precision),
        cmocka_unit_test(families_agree_with_the_recorded_logits),
        cmocka_unit_test(other_families_agree_with_the_recorded_logits),
        cmocka_unit_test(element_types_are_as_exact_as_the_recorded_program),
        cmocka_unit_test(a_factor_beside_a_matrix_is_the_matrix_multiplied),
        cmocka_unit_test(bits_change_only_with_the_arithmetic_version),
    };
    return cmocka_run_group_tests_name("infer_logits", tests, NULL, NULL);
}
