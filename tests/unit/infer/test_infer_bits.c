/*
 * The rule of exact arithmetic: the logits of a position are a function of the model, the KV kind
 * and the tokens up to it, nothing else. Caching, forking, batching and replay rest on it, so every
 * comparison here is of bits. Models are random, in all families and element types; one sequence
 * is long enough for two spans of attention.
 */
#include "base/mem.h"
#include "kernel/kernel_table.h"
#include "model/model.h"
#include "os/cpu.h"
#include "tests/tiny_family.h"
#include "tests/tiny_hybrid.h"
#include "tests/unit/infer/loaded_model.h"

enum { CODED_TOKENS = 200, ROW_KINDS = KV_KIND_Q8 + 1 };
enum { TOKENS = 150, SHORT_TOKENS = 96, LONG_TOKENS = KERNEL_SPAN_TOKENS + 90, FORK_AT = 70 };

struct bits_case {
    struct loaded_model loaded;
    struct infer_config config;
    const int32_t *tokens;
    size_t token_count;
    uint32_t vocab_size;
    float *want; /* [token_count][vocab_size], one batch on one thread */
    float *got;
};

static struct infer_config base_config(enum kv_kind kind)
{
    return (struct infer_config){
        .thread_count = 1,
        .cpu_features = cpu_features(),
        .kv_kind = kind,
        .token_capacity = 4 * LONG_TOKENS,
        .batch_rows_max = 1024,
        .logits_rows_max = 1024,
    };
}

/* Positions are compared one by one, so that a failure names the first that differs. */
static void assert_bits(const struct bits_case *c, const char *what, const float *got, size_t first,
                        size_t count)
{
    const size_t n = c->vocab_size;
    for (size_t i = 0; i < count; i++)
        if (memcmp(got + i * n, c->want + (first + i) * n, n * sizeof(*got)) != 0)
            fail_msg("%s: logits of position %zu differ", what, first + i);
}

/* All tokens in steps of `step` rows. */
static void assert_steps(const struct bits_case *c, const char *what,
                         const struct infer_config *config, size_t step)
{
    struct infer *infer = loaded_model_infer(&c->loaded, config);
    struct infer_seq *seq = NULL;
    assert_ok(infer_seq_new(infer, &seq, err));
    for (size_t at = 0; at < c->token_count; at += step) {
        const size_t count = c->token_count - at < step ? c->token_count - at : step;
        loaded_model_step(infer, seq, c->tokens + at, count, c->got);
        assert_bits(c, what, c->got, at, count);
    }
    infer_seq_free(seq);
    infer_free(infer);
}

static void check_cuts(const struct bits_case *c)
{
    struct infer_config config = c->config;
    assert_steps(c, "token by token", &config, 1);
    assert_steps(c, "steps of 7", &config, 7);
    config.batch_rows_max = 7;
    assert_steps(c, "one step in slices of 7", &config, c->token_count);
    config.batch_rows_max = 64;
    assert_steps(c, "one step in slices of 64", &config, c->token_count);
}

static void check_threads(const struct bits_case *c)
{
    struct infer_config config = c->config;
    config.thread_count = 2;
    assert_steps(c, "2 threads, one batch", &config, c->token_count);
    assert_steps(c, "2 threads, token by token", &config, 1);
    config.thread_count = 3;
    assert_steps(c, "3 threads, steps of 33", &config, 33);
}

static void check_levels(const struct bits_case *c)
{
    for (int i = 0; i < CPU_LEVEL_COUNT; i++) {
        if ((cpu_levels[i].features & ~cpu_features()) != 0) {
            print_message("not run: this CPU does not reach the level %s\n", cpu_levels[i].name);
            continue;
        }
        struct infer_config config = c->config;
        config.cpu_features = cpu_levels[i].features;
        assert_steps(c, cpu_levels[i].name, &config, c->token_count);
    }
}

/* Weights that move into another layout while they are used; see model/packed_weights.h. */
static void check_packing(const struct bits_case *c)
{
    struct infer_config config = c->config;
    config.packs_weights = true;
    config.thread_count = 2;
    assert_steps(c, "packed at once", &config, c->token_count);
    assert_steps(c, "packed token by token", &config, 1);
    assert_steps(c, "packed in steps of 33", &config, 33);
}

/* ---------------------------------------------------------------- drafts */

enum { DRAFTED = 2, DRAFT_RUN = 6 };

/* One sequence of a step with drafts. */
struct drafted {
    struct infer_seq *seq;
    size_t at;         /* tokens it has */
    size_t real_count; /* in this step */
    size_t draft_count;
    size_t right_count; /* drafts that are the tokens that follow */
    size_t row_first;
};

/* Its rows of the next step: some tokens, then drafts of which the first are right. */
static size_t add_drafted_rows(const struct bits_case *c, struct drafted *d, uint32_t round,
                               struct infer_row *rows, size_t count)
{
    const size_t left = c->token_count - d->at;
    d->real_count = 1 + round % 3;
    d->real_count = d->real_count < left ? d->real_count : left;
    d->draft_count = (round * 5 + 1) % (DRAFT_RUN + 1);
    if (d->draft_count > left - d->real_count)
        d->draft_count = left - d->real_count;
    d->right_count = d->draft_count ? round % (d->draft_count + 1) : 0;
    d->row_first = count;
    for (size_t i = 0; i < d->real_count + d->draft_count; i++) {
        const int32_t right = c->tokens[d->at + i];
        const bool is_wrong = i >= d->real_count + d->right_count;
        rows[count++] = (struct infer_row){
            .seq = d->seq,
            .token = is_wrong ? (int32_t)(((uint32_t)right + 1) % c->vocab_size) : right,
            .wants_logits = true,
            .keeps_state = i + 1 == d->real_count && round % 4 == 0,
            .is_draft = i >= d->real_count};
    }
    return count;
}

/* What the step gave, and what is there when the right drafts (or fewer) were accepted. */
static void take_drafts(const struct bits_case *c, const struct infer *infer, struct drafted *d,
                        uint32_t round)
{
    const size_t row_bytes = c->vocab_size * sizeof(float);
    const size_t behind = d->at + d->real_count;
    if (d->real_count == 0)
        return;
    for (size_t i = 0; i < d->real_count; i++)
        assert_bits(c, "before drafts", infer_logits(infer, d->row_first + i), d->at + i, 1);
    for (size_t i = 0; i < d->right_count; i++)
        assert_bits(c, "right draft", infer_seq_draft_logits(d->seq, (uint32_t)i), behind + i, 1);
    assert_int_equal(infer_seq_token_count(d->seq), behind);
    const size_t taken = round % 7 == 3 ? d->right_count / 2 : d->right_count;
    if (round % 5 != 4) { /* else: forgotten by the next step */
        infer_seq_accept(d->seq, (uint32_t)taken);
        d->at = behind + taken;
        assert_memory_equal(infer_seq_logits(d->seq), c->want + (d->at - 1) * c->vocab_size,
                            row_bytes);
    } else {
        d->at = behind;
    }
    assert_int_equal(infer_seq_token_count(d->seq), d->at);
}

static void run_drafts(const struct bits_case *c, const struct infer_config *config)
{
    struct infer *infer = loaded_model_infer(&c->loaded, config);
    struct drafted drafted[DRAFTED] = {0};
    struct infer_row rows[DRAFTED * (DRAFT_RUN + 4)];
    for (int i = 0; i < DRAFTED; i++)
        assert_ok(infer_seq_new(infer, &drafted[i].seq, err));
    const uint32_t free_pages = infer_free_page_count(infer);
    for (uint32_t round = 0; drafted[0].at < c->token_count; round++) {
        size_t count = 0;
        for (uint32_t i = 0; i < DRAFTED; i++)
            count = add_drafted_rows(c, &drafted[i], round + i, rows, count);
        assert_ok(infer_step(infer, rows, count, err));
        for (uint32_t i = 0; i < DRAFTED; i++)
            take_drafts(c, infer, &drafted[i], round + i);
        if (round % 11 == 10) { /* rewound and computed again */
            drafted[1].at -= drafted[1].at > 9 ? 9 : 0;
            infer_seq_truncate(drafted[1].seq, (uint32_t)drafted[1].at);
        }
    }
    for (int i = 0; i < DRAFTED; i++) {
        infer_seq_truncate(drafted[i].seq, 0);
        infer_seq_free(drafted[i].seq);
    }
    assert_int_equal(infer_free_page_count(infer), free_pages);
    infer_free(infer);
}

static void check_drafts(const struct bits_case *c)
{
    struct infer_config config = c->config;
    run_drafts(c, &config);
    config.thread_count = 2;
    config.batch_rows_max = DRAFTED * DRAFT_RUN + 1;
    run_drafts(c, &config);
    config.state_count = DRAFTED; /* none to spare */
    run_drafts(c, &config);
}

enum { NEIGHBOURS = 3 };

/* Rows of four sequences in turn: this one, and three with other tokens and lengths. */
static void check_neighbours(const struct bits_case *c)
{
    struct infer *infer = loaded_model_infer(&c->loaded, &c->config);
    struct infer_seq *seqs[NEIGHBOURS + 1];
    int32_t *others = loaded_model_tokens(c->token_count * NEIGHBOURS, c->vocab_size, 99);
    for (int i = 0; i <= NEIGHBOURS; i++)
        assert_ok(infer_seq_new(infer, &seqs[i], err));
    for (size_t at = 0; at < c->token_count;) {
        struct infer_row rows[64];
        size_t wanted[64];
        size_t count = 0;
        size_t own = 0;
        for (size_t i = 0; i < 9 && at + own < c->token_count; i++) {
            for (size_t k = 0; k < i % (NEIGHBOURS + 1); k++) /* none, one, two, three of them */
                rows[count++] = (struct infer_row){.seq = seqs[1 + k],
                                                   .token = others[k * c->token_count + at + own],
                                                   .wants_logits = k == 1};
            wanted[own] = count;
            rows[count++] = (struct infer_row){
                .seq = seqs[0], .token = c->tokens[at + own++], .wants_logits = true};
        }
        assert_ok(infer_step(infer, rows, count, err));
        for (size_t i = 0; i < own; i++)
            assert_bits(c, "beside three others", infer_logits(infer, wanted[i]), at + i, 1);
        at += own;
    }
    for (int i = 0; i <= NEIGHBOURS; i++)
        infer_seq_free(seqs[i]);
    mem_free(others);
    infer_free(infer);
}

/* Prompt positions whose logits nobody wants take a shorter way through the last layer. */
static void check_wanted_rows(const struct bits_case *c)
{
    struct infer *infer = loaded_model_infer(&c->loaded, &c->config);
    struct infer_seq *seq = NULL;
    struct infer_row *rows = mem_zalloc(c->token_count * sizeof(*rows));
    assert_ok(infer_seq_new(infer, &seq, err));
    for (size_t i = 0; i < c->token_count; i++)
        rows[i] = (struct infer_row){.seq = seq,
                                     .token = c->tokens[i],
                                     .wants_logits = i % 11 == 10 || i + 1 == c->token_count};
    assert_ok(infer_step(infer, rows, c->token_count, err));
    for (size_t i = 0; i < c->token_count; i++) {
        if (rows[i].wants_logits)
            assert_bits(c, "only some rows wanted", infer_logits(infer, i), i, 1);
        else
            assert_null(infer_logits(infer, i));
    }
    infer_seq_free(seq);

    assert_ok(infer_seq_new(infer, &seq, err));
    for (size_t i = 0; i < c->token_count; i++)
        rows[i] = (struct infer_row){.seq = seq, .token = c->tokens[i]};
    assert_ok(infer_step(infer, rows, c->token_count - 1, err)); /* nothing wanted at all */
    loaded_model_step(infer, seq, c->tokens + c->token_count - 1, 1, c->got);
    assert_bits(c, "after a step without logits", c->got, c->token_count - 1, 1);
    infer_seq_free(seq);
    mem_free(rows);
    infer_free(infer);
}

/* A fork, its donor that went another way, and a sequence cut back all continue as if fresh. */
static void check_history(const struct bits_case *c)
{
    struct infer *infer = loaded_model_infer(&c->loaded, &c->config);
    struct infer_seq *seq = NULL;
    struct infer_seq *fork = NULL;
    int32_t *others = loaded_model_tokens(40, c->vocab_size, 5);
    const size_t rest = c->token_count - FORK_AT;
    assert_ok(infer_seq_new(infer, &seq, err));
    loaded_model_step(infer, seq, c->tokens, FORK_AT + 9, c->got);
    assert_ok(infer_seq_fork(seq, FORK_AT, &fork, err));
    infer_seq_truncate(seq, FORK_AT - 3);
    loaded_model_step(infer, seq, others, 40, c->got); /* the donor writes beside the fork */

    loaded_model_step(infer, fork, c->tokens + FORK_AT, rest, c->got);
    assert_bits(c, "forked and continued", c->got, FORK_AT, rest);

    infer_seq_truncate(seq, FORK_AT - 3);
    loaded_model_step(infer, seq, c->tokens + FORK_AT - 3, rest + 3, c->got);
    assert_bits(c, "cut back and computed again", c->got, FORK_AT - 3, rest + 3);

    infer_seq_truncate(fork, 64);
    loaded_model_step(infer, fork, c->tokens + 64, 5, c->got);
    assert_bits(c, "cut back to a page end", c->got, 64, 5);
    infer_seq_truncate(fork, 0);
    loaded_model_step(infer, fork, c->tokens, 5, c->got);
    assert_bits(c, "cut back to nothing", c->got, 0, 5);
    infer_seq_free(seq);
    infer_seq_free(fork);
    mem_free(others);
    infer_free(infer);
}

enum { KEPT = 4 };

static const uint32_t kept_at[KEPT] = {5, 30, 31, 64};

/* The tokens up to `end` in one step that keeps the recurrent state (if any) at the boundaries. */
static void step_once(const struct bits_case *c, struct infer *infer, struct infer_seq *seq,
                      uint32_t end)
{
    struct infer_row *rows = mem_zalloc(end * sizeof(*rows));
    for (uint32_t i = 0; i < end; i++) {
        rows[i] = (struct infer_row){.seq = seq, .token = c->tokens[i], .wants_logits = true};
        for (int k = 0; k < KEPT; k++)
            rows[i].keeps_state |= i + 1 == kept_at[k];
    }
    assert_ok(infer_step(infer, rows, end, err));
    for (uint32_t i = 0; i < end; i++)
        assert_bits(c, "one step that keeps states", infer_logits(infer, i), i, 1);
    mem_free(rows);
}

/* The same in a step for each boundary. */
static void step_to(const struct bits_case *c, struct infer *infer, struct infer_seq *seq,
                    uint32_t end)
{
    uint32_t at = infer_seq_token_count(seq);
    for (int i = 0; i < KEPT && at < end; i++) {
        if (kept_at[i] <= at || kept_at[i] > end)
            continue;
        loaded_model_step(infer, seq, c->tokens + at, kept_at[i] - at, c->got);
        infer_seq_keep_state(seq);
        at = kept_at[i];
    }
    if (at < end)
        loaded_model_step(infer, seq, c->tokens + at, end - at, c->got);
}

/* From 72 tokens back to `target` - once the sequence itself, once a fork of it - and on. */
static void check_rewind(const struct bits_case *c, const struct infer_config *config,
                         uint32_t target)
{
    struct infer *infer = loaded_model_infer(&c->loaded, config);
    struct infer_seq *seq = NULL;
    struct infer_seq *fork = NULL;
    assert_ok(infer_seq_new(infer, &seq, err));
    if (target % 2)
        step_to(c, infer, seq, 72);
    else
        step_once(c, infer, seq, 72);
    assert_ok(infer_seq_fork(seq, target, &fork, err));
    loaded_model_step(infer, seq, c->tokens + 72, 4, c->got);
    assert_bits(c, "forked from, then on", c->got, 72, 4);

    infer_seq_truncate(seq, target);
    assert_int_equal(infer_seq_token_count(seq), target);
    loaded_model_step(infer, fork, c->tokens + target, 3, c->got);
    assert_bits(c, "forked in the past", c->got, target, 3);
    loaded_model_step(infer, seq, c->tokens + target, 3, c->got);
    assert_bits(c, "rewound", c->got, target, 3);
    assert_int_equal(infer_seq_ready_count(seq), target + 3);
    infer_seq_truncate(seq, target + 2); /* behind the last kept state, by one */
    loaded_model_step(infer, seq, c->tokens + target + 2, 2, c->got);
    assert_bits(c, "rewound by one", c->got, target + 2, 2);
    infer_seq_free(seq);
    infer_seq_free(fork);
    infer_free(infer);
}

static void check_rewinds(const struct bits_case *c)
{
    static const uint32_t targets[] = {71, 65, 64, 63, 31, 30, 29, 17, 5, 4, 1, 0};
    struct infer_config config = c->config;
    config.batch_rows_max = 16;
    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        config.state_count = i % 2 ? 0 : 2; /* many kept states, or not even one */
        check_rewind(c, &config, targets[i]);
    }
}

static struct bits_case begin(struct loaded_model loaded, enum kv_kind kind, size_t token_count)
{
    struct bits_case c = {
        .loaded = loaded, .config = base_config(kind), .token_count = token_count};
    c.vocab_size = loaded.model->shape.vocab_size;
    c.tokens = loaded_model_tokens(token_count, c.vocab_size, 11);
    c.want = mem_zalloc(token_count * c.vocab_size * sizeof(float));
    c.got = mem_zalloc(token_count * c.vocab_size * sizeof(float));
    struct infer *infer = loaded_model_infer(&loaded, &c.config);
    struct infer_seq *seq = NULL;
    assert_ok(infer_seq_new(infer, &seq, err));
    loaded_model_step(infer, seq, c.tokens, token_count, c.want);
    infer_seq_free(seq);
    infer_free(infer);
    return c;
}

static void end(struct bits_case *c)
{
    mem_free((void *)(uintptr_t)c->tokens);
    mem_free(c->want);
    mem_free(c->got);
    loaded_model_close(&c->loaded);
}

typedef void(check_fn)(const struct bits_case *c);

static check_fn *const checks[] = {check_cuts,        check_threads,    check_levels,
                                   check_packing,     check_neighbours, check_drafts,
                                   check_wanted_rows, check_history,    check_rewinds};

static void check_all(struct bits_case *c)
{
    for (size_t i = 0; i < ARRAY_LEN(checks); i++)
        checks[i](c);
    end(c);
}

/* Back into blocks that are coded: in a fork, then in the sequence, which goes on to the end. */
static void check_coded_rewinds(const struct bits_case *c)
{
    static const uint32_t targets[] = {199, 193, 192, 191, 150, 129, 128, 127, 100, 65, 64, 63, 10};
    struct infer *infer = loaded_model_infer(&c->loaded, &c->config);
    struct infer_seq *seq = NULL;
    assert_ok(infer_seq_new(infer, &seq, err));
    loaded_model_step(infer, seq, c->tokens, CODED_TOKENS, c->got);
    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        const uint32_t at = targets[i];
        const uint32_t rest = CODED_TOKENS - at;
        const uint32_t some = rest < 70 ? rest : 70;
        struct infer_seq *fork = NULL;
        assert_ok(infer_seq_fork(seq, at, &fork, err));
        loaded_model_step(infer, fork, c->tokens + at, some, c->got);
        assert_bits(c, "forked inside a coded block", c->got, at, some);
        infer_seq_truncate(seq, at);
        loaded_model_step(infer, seq, c->tokens + at, rest, c->got);
        assert_bits(c, "cut back into a coded block", c->got, at, rest);
        infer_seq_free(fork);
    }
    infer_seq_free(seq);
    infer_free(infer);
}

/* Kinds that code blocks, on models whose heads they are for; also with so few open pages that
 * sequences take them from each other and compute parts again. */
static void check_codes(struct loaded_model loaded, size_t number)
{
    static const enum kv_kind kinds[] = {KV_KIND_T4, KV_KIND_T4_T3, KV_KIND_T3, KV_KIND_TQ4,
                                         KV_KIND_TQ3};
    const enum kv_kind kind = kinds[number % ARRAY_LEN(kinds)];
    const struct model_shape *s = &loaded.model->shape;
    const struct infer_config config = base_config(kind);
    struct infer_memory memory;
    struct error err;
    if (s->head_dim % 16 != 0 || s->value_dim % 16 != 0) {
        assert_int_equal(infer_memory(loaded.model, &config, &memory, &err), E_UNSUPPORTED);
        loaded_model_close(&loaded);
        return;
    }
    test_case(kv_kind_name(kind));
    struct bits_case c = begin(loaded, kind, CODED_TOKENS);
    c.config.batch_rows_max = 16;
    c.config.open_sequences = 1;
    c.config.state_count = 0;
    check_neighbours(&c);
    check_drafts(&c);
    check_history(&c);
    check_coded_rewinds(&c);
    c.config = config;
    check_coded_rewinds(&c);
    check_all(&c);
}

static void logits_depend_only_on_the_tokens(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(tiny_models); i++) {
        test_case(tiny_models[i].name);
        /* f16 is what people use: it gets all models; f32 and q8 share them. */
        struct bits_case c = begin(loaded_model_from_spec(&tiny_models[i]), KV_KIND_F16, TOKENS);
        check_all(&c);
        c = begin(loaded_model_from_spec(&tiny_models[i]), i % 2 ? KV_KIND_F32 : KV_KIND_Q8,
                  TOKENS);
        check_all(&c);
        check_codes(loaded_model_from_spec(&tiny_models[i]), i);
    }
}

static void logits_of_other_families_depend_only_on_the_tokens(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(tiny_families); i++) {
        test_case(tiny_families[i].name);
        struct loaded_model loaded = loaded_model_from_bytes(tiny_family_bytes(&tiny_families[i]));
        struct bits_case c = begin(loaded, (enum kv_kind)(i % ROW_KINDS), SHORT_TOKENS);
        check_all(&c);
        check_codes(loaded_model_from_bytes(tiny_family_bytes(&tiny_families[i])), i);
    }
}

static void logits_of_recurrent_models_depend_only_on_the_tokens(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(tiny_hybrids); i++) {
        test_case(tiny_hybrids[i].name);
        struct loaded_model loaded = loaded_model_from_bytes(tiny_hybrid_bytes(&tiny_hybrids[i]));
        struct bits_case c = begin(loaded, (enum kv_kind)(i % ROW_KINDS), SHORT_TOKENS);
        check_all(&c);
        check_codes(loaded_model_from_bytes(tiny_hybrid_bytes(&tiny_hybrids[i])), i + 2);
    }
}

static void check_long_text(enum kv_kind kind)
{
    struct bits_case c = begin(loaded_model_from_spec(&tiny_models[0]), kind, LONG_TOKENS);
    check_cuts(&c);
    /* More threads than pieces of work: the spans are computed apart. */
    struct infer_config config = c.config;
    config.thread_count = 5;
    assert_steps(&c, "5 threads, token by token", &config, 1);
    check_levels(&c);
    check_wanted_rows(&c);
    end(&c);
}

static void logits_of_a_long_text_depend_only_on_the_tokens(void **state)
{
    (void)state;
    check_long_text(KV_KIND_F16);
    check_long_text(KV_KIND_Q8);
    check_long_text(KV_KIND_T4);
    check_long_text(KV_KIND_T3);
}

/* Or what check_packing() compares would be nothing new. */
static void weights_are_packed_where_the_level_has_a_use_for_it(void **state)
{
    (void)state;
    const struct tiny_model_spec *spec = &tiny_models[0];
    while (spec->gate_up == DTYPE_F32 || spec->gate_up == DTYPE_F16)
        spec++;
    struct bits_case c = begin(loaded_model_from_spec(spec), KV_KIND_F16, TOKENS);
    struct kernel_table table;
    kernel_table_init(&table, cpu_features());
    struct infer_config config = c.config;
    for (int packs = 0; packs < 2; packs++) {
        config.packs_weights = packs;
        struct infer *infer = loaded_model_infer(&c.loaded, &config);
        struct infer_seq *seq = NULL;
        assert_ok(infer_seq_new(infer, &seq, err));
        loaded_model_step(infer, seq, c.tokens, c.token_count, c.got);
        const bool expected = packs && table.matmul[spec->gate_up].run_packed;
        assert_int_equal(infer_packed_bytes(infer) > 0, expected);
        infer_seq_free(seq);
        infer_free(infer);
    }
    end(&c);
}

static void the_kv_kind_does_change_the_bits(void **state)
{
    (void)state;
    /* Otherwise the comparisons above could be blind. */
    struct bits_case f32 = begin(loaded_model_from_spec(&tiny_models[0]), KV_KIND_F32, TOKENS);
    for (int kind = 0; kind < KV_KIND_COUNT; kind++) {
        if (kind == KV_KIND_F32)
            continue;
        test_case(kv_kind_name((enum kv_kind)kind));
        struct bits_case other =
            begin(loaded_model_from_spec(&tiny_models[0]), (enum kv_kind)kind, TOKENS);
        assert_memory_not_equal(f32.want, other.want, TOKENS * f32.vocab_size * sizeof(float));
        end(&other);
    }
    end(&f32);
}

static void recorded_models_depend_only_on_the_tokens(void **state)
{
    (void)state;
    static const char *const files[] = {
        "arch/llama.gguf",       "arch/qwen2.gguf",          "arch/qwen3.gguf",
        "arch/qwen35.gguf",      "arch/qwen35moe.gguf",      "arch/qwen3next.gguf",
        "arch/nemotron_h.gguf",  "arch/nemotron_h_moe.gguf", "arch/qwen3moe.gguf",
        "arch/deepseek2.gguf",   "arch/gpt-oss.gguf",        "arch/gemma3.gguf",
        "quant/llama-Q4_K.gguf", "quant/llama-Q6_K.gguf",    "quant/llama-Q4_0.gguf",
        "quant/llama-Q8_0.gguf", "quant/llama-BF16.gguf"};
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        const char *path = test_fixture(files[i]);
        if (!path) {
            print_message("not run: the fixture %s is absent\n", files[i]);
            skip();
        }
        test_case(files[i]);
        struct bits_case c = begin(loaded_model_from_file(path), KV_KIND_F16, 80);
        check_cuts(&c);
        check_threads(&c);
        check_levels(&c);
        check_packing(&c);
        check_history(&c);
        check_rewinds(&c);
        end(&c);
    }
}

int test_infer_bits(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits_depend_only_on_the_tokens),
        cmocka_unit_test(logits_of_other_families_depend_only_on_the_tokens),
        cmocka_unit_test(logits_of_recurrent_models_depend_only_on_the_tokens),
        cmocka_unit_test(logits_of_a_long_text_depend_only_on_the_tokens),
        cmocka_unit_test(weights_are_packed_where_the_level_has_a_use_for_it),
        cmocka_unit_test(the_kv_kind_does_change_the_bits),
        cmocka_unit_test(recorded_models_depend_only_on_the_tokens),
    };
    return cmocka_run_group_tests_name("infer_bits", tests, NULL, NULL);
}
