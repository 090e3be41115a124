/*
 * Models with recurrent layers: their logits against another program's on the same random models
 * (tests/data/arch/README.md), digests of the bits, and what is special to a state that cannot go
 * back: kept logits, bounded memory. That nothing but the tokens decides the bits is checked beside
 * the other families (test_infer_bits.c).
 */
#include "base/mem.h"
#include "model/arithmetic_version.h"
#include "model/model.h"
#include "os/cpu.h"
#include "tests/tiny_hybrid.h"
#include "tests/unit/infer/loaded_model.h"
#include "tests/unit/infer/naive_model.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { TOKENS = 64, TOKENS_SEED = 12345 };

static struct infer_config base_config(void)
{
    return (struct infer_config){.thread_count = 2,
                                 .cpu_features = cpu_features(),
                                 .kv_kind = KV_KIND_F32,
                                 .token_capacity = 1024,
                                 .logits_rows_max = TOKENS};
}

static struct loaded_model load(const struct tiny_hybrid_spec *spec)
{
    return loaded_model_from_bytes(tiny_hybrid_bytes(spec));
}

/* [TOKENS][TINY_HYBRID_VOCAB] of one batch; free with mem_free(). */
static float *logits_of(const struct loaded_model *loaded)
{
    const struct infer_config config = base_config();
    float *logits = mem_zalloc((size_t)TOKENS * TINY_HYBRID_VOCAB * sizeof(*logits));
    int32_t *tokens = loaded_model_tokens(TOKENS, TINY_HYBRID_VOCAB, TOKENS_SEED);
    struct infer *infer = loaded_model_infer(loaded, &config);
    struct infer_seq *seq = NULL;
    assert_ok(infer_seq_new(infer, &seq, err));
    loaded_model_step(infer, seq, tokens, TOKENS, logits);
    infer_seq_free(seq);
    infer_free(infer);
    mem_free(tokens);
    return logits;
}

/* ---------------------------------------------------------------- against recordings */

static void write_model(const struct tiny_hybrid_spec *spec, const char *folder)
{
    char path[512];
    struct strbuf bytes = tiny_hybrid_bytes(spec);
    snprintf(path, sizeof(path), "%s/%s.gguf", folder, spec->name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes.ptr, 1, bytes.len, file), bytes.len);
    assert_int_equal(fclose(file), 0);
    strbuf_done(&bytes);
}

static void logits_agree_with_the_recorded_ones(void **state)
{
    (void)state;
    const size_t count = (size_t)TOKENS * TINY_HYBRID_VOCAB;
    size_t compared = 0;
    for (size_t i = 0; i < ARRAY_LEN(tiny_hybrids); i++) {
        const struct tiny_hybrid_spec *spec = &tiny_hybrids[i];
        test_case(spec->name);
        if (getenv("HOLT_WRITE_MODELS"))
            write_model(spec, getenv("HOLT_WRITE_MODELS"));
        if (spec->matrices != DTYPE_F32)
            continue;
        char path[128];
        snprintf(path, sizeof(path), "tests/data/arch/%s.logits.f32", spec->name);
        const struct str recorded = test_read_file(path);
        assert_int_equal(recorded.len, count * sizeof(float));
        double *want = mem_alloc(count * sizeof(*want));
        for (size_t k = 0; k < count; k++) {
            float value = 0;
            memcpy(&value, recorded.ptr + k * sizeof(value), sizeof(value));
            want[k] = (double)value;
        }
        struct loaded_model loaded = load(spec);
        float *got = logits_of(&loaded);
        const double nmse = naive_model_nmse(got, want, count);
        print_message("%s: NMSE %.2e (at most 1e-10)\n", spec->name, nmse);
        assert_true(nmse <= 1e-10);
        mem_free(got);
        mem_free(want);
        loaded_model_close(&loaded);
        compared++;
    }
    assert_int_equal(compared, 5);
}

/* ---------------------------------------------------------------- what a state cannot do */

/* A second session's step, a fork and a rewind leave the logits of a paused sequence alone. */
static void logits_of_a_paused_sequence_last(void **state)
{
    (void)state;
    struct loaded_model loaded = load(&tiny_hybrids[0]);
    const struct infer_config config = base_config();
    const size_t row_bytes = TINY_HYBRID_VOCAB * sizeof(float);
    struct infer *infer = loaded_model_infer(&loaded, &config);
    struct infer_seq *seq = NULL;
    struct infer_seq *fork = NULL;
    float *logits = logits_of(&loaded);
    float *other = mem_zalloc(TOKENS * row_bytes);
    int32_t *tokens = loaded_model_tokens(TOKENS, TINY_HYBRID_VOCAB, TOKENS_SEED);
    assert_ok(infer_seq_new(infer, &seq, err));
    assert_null(infer_seq_logits(seq));
    loaded_model_step(infer, seq, tokens, 20, other);
    assert_memory_equal(infer_seq_logits(seq), logits + (size_t)19 * TINY_HYBRID_VOCAB, row_bytes);
    assert_ok(infer_seq_fork(seq, 20, &fork, err));
    loaded_model_step(infer, seq, tokens + 20, 10, other);
    assert_memory_equal(infer_seq_logits(fork), logits + (size_t)19 * TINY_HYBRID_VOCAB, row_bytes);
    loaded_model_step(infer, fork, tokens + 20, 2, other);
    loaded_model_step(infer, fork, tokens + 22, 2, other);
    assert_memory_equal(infer_seq_logits(seq), logits + (size_t)29 * TINY_HYBRID_VOCAB, row_bytes);
    infer_seq_truncate(seq, 30); /* nothing forgotten */
    assert_non_null(infer_seq_logits(seq));
    infer_seq_truncate(seq, 29);
    assert_null(infer_seq_logits(seq));
    infer_seq_free(seq);
    infer_seq_free(fork);
    infer_free(infer);
    mem_free(logits);
    mem_free(other);
    mem_free(tokens);
    loaded_model_close(&loaded);
}

static void memory_for_states_is_bounded_and_known(void **state)
{
    (void)state;
    struct loaded_model loaded = load(&tiny_hybrids[0]);
    struct infer_config config = base_config();
    struct infer_memory memory;
    struct error error = {0};
    struct infer_seq *seqs[3];
    /* 3 recurrent layers: 3 inputs of 256 channels, 4 states of 32 x 32 */
    const size_t one = (size_t)3 * (3 * TINY_HYBRID_CHANNELS + 4 * 32 * 32) * sizeof(float);
    assert_ok(infer_memory(loaded.model, &config, &memory, err));
    assert_in_range(memory.state_bytes, INFER_STATES_DEFAULT_MAX * one,
                    INFER_STATES_DEFAULT_MAX * (one + 64) + 4096);
    config.state_count = 2;
    assert_ok(infer_memory(loaded.model, &config, &memory, err));
    assert_in_range(memory.state_bytes, 2 * one, 2 * (one + 64) + 1024);

    struct infer *infer = loaded_model_infer(&loaded, &config);
    for (int i = 0; i < 3; i++)
        assert_ok(infer_seq_new(infer, &seqs[i], err));
    const struct infer_row rows[] = {{seqs[0], 1, false, false, false},
                                     {seqs[1], 1, false, false, false},
                                     {seqs[2], 1, false, false, false}};
    assert_int_equal(infer_step(infer, rows, 3, &error), E_LIMIT);
    assert_non_null(strstr(error.text, "recurrent state of one more sequence (limit 2)"));
    for (int i = 0; i < 3; i++)
        assert_int_equal(infer_seq_token_count(seqs[i]), 0);
    assert_ok(infer_step(infer, rows, 2, err));
    assert_ok(infer_step(infer, rows + 2, 1, err)); /* the others are at rest */
    infer_seq_free(seqs[0]);
    infer_seq_free(seqs[1]);
    infer_seq_free(seqs[2]);
    infer_free(infer);
    config.state_count = 1 << 20;
    assert_int_equal(infer_memory(loaded.model, &config, &memory, &error), E_INVALID);
    assert_non_null(strstr(error.text, "recurrent states"));
    loaded_model_close(&loaded);
}

static void more_sequences_than_states_take_turns(void **state)
{
    (void)state;
    enum { SEQS = 3 };
    struct loaded_model loaded = load(&tiny_hybrids[0]);
    struct infer_config config = base_config();
    int32_t *tokens = loaded_model_tokens(TOKENS, TINY_HYBRID_VOCAB, TOKENS_SEED);
    float *want = logits_of(&loaded);
    float *got = mem_zalloc((size_t)TOKENS * TINY_HYBRID_VOCAB * sizeof(*got));
    for (config.state_count = 1; config.state_count <= SEQS; config.state_count++) {
        struct infer *infer = loaded_model_infer(&loaded, &config);
        struct infer_seq *seqs[SEQS];
        for (int i = 0; i < SEQS; i++)
            assert_ok(infer_seq_new(infer, &seqs[i], err));
        for (uint32_t turn = 0; turn < 12; turn++) {
            struct infer_seq *seq = seqs[turn % SEQS];
            const uint32_t at = infer_seq_token_count(seq);
            loaded_model_step(infer, seq, tokens + at, 5, got);
            assert_memory_equal(got, want + (size_t)at * TINY_HYBRID_VOCAB,
                                (size_t)5 * TINY_HYBRID_VOCAB * sizeof(*got));
            if (turn % 2)
                infer_seq_keep_state(seq);
        }
        assert_int_equal(infer_seqs_max(infer), config.state_count);
        for (int i = 0; i < SEQS; i++)
            infer_seq_free(seqs[i]);
        infer_free(infer);
    }
    mem_free(got);
    mem_free(want);
    mem_free(tokens);
    loaded_model_close(&loaded);
}

static void decode_allocates_nothing(void **state)
{
    (void)state;
    struct loaded_model loaded = load(&tiny_hybrids[3]);
    const struct infer_config config = base_config();
    struct infer *infer = loaded_model_infer(&loaded, &config);
    struct infer_seq *seq = NULL;
    assert_ok(infer_seq_new(infer, &seq, err));
    const size_t before = mem_allocation_count();
    for (int i = 0; i < 100; i++) {
        const struct infer_row row = {seq, i % TINY_HYBRID_VOCAB, true, i % 7 == 0, false};
        assert_ok(infer_step(infer, &row, 1, err));
    }
    infer_seq_truncate(seq, 50);
    const struct infer_row row = {seq, 3, true, false, false};
    assert_ok(infer_step(infer, &row, 1, err));
    assert_int_equal(mem_allocation_count(), before);
    infer_seq_free(seq);
    infer_free(infer);
    loaded_model_close(&loaded);
}

/* ---------------------------------------------------------------- digests */

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

/* Taken from this program at ARITHMETIC_VERSION 1 after the comparison above had passed; as in
 * test_infer_logits.c. */
static const uint64_t digests[ARRAY_LEN(tiny_hybrids)] = {
    UINT64_C(0x3671d246da64b939), /* qwen35 */
    UINT64_C(0x4ac044e17f6251fa), /* qwen35-draft */
    UINT64_C(0xd28a1ee2c64d087c), /* qwen3next-joined */
    UINT64_C(0xcc5057584a026a5a), /* nemotron_h */
    UINT64_C(0x2d7efe6a6f598e30), /* nemotron_h_moe-latent */
    UINT64_C(0x0cce5041419791d0), /* nemotron_h-alone */
    UINT64_C(0x556697c3c8e6c481), /* lfm2 */
    UINT64_C(0x8cfab9d1b9b26998), /* lfm2moe */
};

enum { DIGESTS_VERSION = 1 };

static void bits_change_only_with_the_arithmetic_version(void **state)
{
    (void)state;
    assert_int_equal(ARITHMETIC_VERSION, DIGESTS_VERSION);
    size_t changed = 0;
    for (size_t i = 0; i < ARRAY_LEN(tiny_hybrids); i++) {
        struct loaded_model loaded = load(&tiny_hybrids[i]);
        float *logits = logits_of(&loaded);
        const uint64_t got = digest_of(logits, (size_t)TOKENS * TINY_HYBRID_VOCAB);
        if (got != digests[i]) {
            changed++;
            print_message("UINT64_C(0x%016" PRIx64 "), /* %s */\n", got, tiny_hybrids[i].name);
        }
        mem_free(logits);
        loaded_model_close(&loaded);
    }
    if (changed)
        fail_msg("the bits of %zu models changed: if that is wanted, raise ARITHMETIC_VERSION and "
                 "take the digests printed above",
                 changed);
}

int test_infer_hybrid(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits_agree_with_the_recorded_ones),
        cmocka_unit_test(logits_of_a_paused_sequence_last),
        cmocka_unit_test(memory_for_states_is_bounded_and_known),
        cmocka_unit_test(more_sequences_than_states_take_turns),
        cmocka_unit_test(decode_allocates_nothing),
        cmocka_unit_test(bits_change_only_with_the_arithmetic_version),
    };
    return cmocka_run_group_tests_name("infer_hybrid", tests, NULL, NULL);
}
