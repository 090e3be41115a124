#include "infer/infer.h"

#include "base/check.h"
#include "base/mem.h"
#include "infer/infer_internal.h"
#include "kernel/kernel_table.h"
#include "model/forward.h"
#include "model/model.h"
#include "model/model_arch.h"
#include "model/op_recurrent.h"
#include "model/packed_weights.h"
#include "os/cpu.h"
#include "os/thread.h"
#include "os/worker_pool.h"

#include <inttypes.h>
#include <string.h>

/* ---------------------------------------------------------------- configuration */

static uint32_t value_or(uint32_t value, uint32_t fallback)
{
    return value ? value : fallback;
}

static enum status check_range(const char *what, uint32_t value, uint32_t max, struct error *err)
{
    if (value > max)
        return error_set(err, E_INVALID, "%s is %" PRIu32 " (1 to %" PRIu32 ")", what, value, max);
    return OK;
}

/* The states a model gets when nobody says how many. */
static uint32_t default_state_count(const struct model *model)
{
    const size_t bytes = recurrent_shape_floats(&model->shape.recurrent) * sizeof(float);
    const size_t count = bytes ? INFER_STATES_BYTES / bytes : 0;
    if (count < INFER_STATES_DEFAULT_MIN)
        return INFER_STATES_DEFAULT_MIN;
    return count < INFER_STATES_DEFAULT_MAX ? (uint32_t)count : INFER_STATES_DEFAULT_MAX;
}

/* Not every model's keys and values can be coded. */
static enum status check_codes(const struct model *model, enum kv_kind kind, struct error *err)
{
    const struct model_shape *s = &model->shape;
    if (!kv_kind_is_coded(kind))
        return OK;
    if (s->sees_all)
        return error_set(err, E_UNSUPPORTED,
                         "an encoder reads each text once and keeps nothing: take --kv f16, not %s",
                         kv_kind_name(kind));
    if (!kv_code_fits(s->head_dim) || !kv_code_fits(s->value_dim))
        return error_set(err, E_UNSUPPORTED,
                         "heads of %" PRIu32 " and %" PRIu32 " numbers cannot be kept as %s, which "
                         "needs multiples of %d up to %d: take --kv q8",
                         s->head_dim, s->value_dim, kv_kind_name(kind), KV_CODE_PIECE_MIN,
                         KV_CODE_DIM_MAX);
    return OK;
}

static bool is_recurrent(const struct model *model)
{
    return recurrent_shape_floats(&model->shape.recurrent) > 0;
}

/* Open pages: two for each sequence, and one for a slice that ends one block and begins another.
 * Recurrent models cannot compute a part again without a state from before it, so each sequence has
 * its own, and those of one slice of a long prompt are kept too. */
static uint32_t open_page_count(const struct model *model, const struct infer_config *c)
{
    if (!is_recurrent(model))
        return 2 * c->open_sequences + 1;
    const uint32_t sequences =
        c->state_count > c->open_sequences ? c->state_count : c->open_sequences;
    return 2 * sequences + c->batch_rows_max / KV_PAGE_TOKENS + 1;
}

/* Blocks that one slice can fill from their first token to their last. */
static uint32_t passing_page_count(const struct model *model, const struct infer_config *c)
{
    return is_recurrent(model) ? 0 : c->batch_rows_max / KV_PAGE_TOKENS;
}

/* Replaces every 0 of `config` and checks it. */
static enum status resolve(const struct model *model, const struct infer_config *config,
                           struct infer_config *out, struct error *err)
{
    const uint32_t context = model->shape.context_length;
    const uint32_t tokens = context < INFER_TOKENS_DEFAULT ? context : INFER_TOKENS_DEFAULT;
    struct infer_config c = *config;
    c.token_capacity = value_or(c.token_capacity, tokens);
    c.batch_rows_max = value_or(c.batch_rows_max, INFER_BATCH_ROWS_DEFAULT);
    c.logits_rows_max = value_or(c.logits_rows_max, INFER_LOGITS_ROWS_DEFAULT);
    c.open_sequences = value_or(c.open_sequences, INFER_OPEN_SEQUENCES_DEFAULT);
    c.state_count = value_or(c.state_count, default_state_count(model));
    if (c.thread_count == 0) {
        const unsigned cores = cpu_core_count();
        c.thread_count = cores < INFER_THREADS_MAX ? cores : INFER_THREADS_MAX;
    }
    TRY(check_range("the number of threads", c.thread_count, INFER_THREADS_MAX, err));
    TRY(check_range("the number of tokens to keep", c.token_capacity, KV_CACHE_TOKENS_MAX, err));
    TRY(check_range("the number of recurrent states", c.state_count, RECURRENT_STATE_SLOTS_MAX,
                    err));
    TRY(check_range("the number of open sequences", c.open_sequences, INFER_OPEN_SEQUENCES_MAX,
                    err));
    TRY(check_codes(model, c.kv_kind, err));
    TRY(check_range("the batch size", c.batch_rows_max, INFER_BATCH_ROWS_MAX, err));
    TRY(check_range("the number of logits rows", c.logits_rows_max, INFER_LOGITS_ROWS_MAX, err));
    *out = c;
    return OK;
}

/* Whether sequences may have to compute tokens again: ids are kept then. */
static bool computes_again(const struct model *model, const struct infer_config *c)
{
    return kv_kind_is_coded(c->kv_kind) || recurrent_shape_floats(&model->shape.recurrent) > 0;
}

/* What cache_config() points to. */
struct cache_layers {
    struct kv_cache_layer of[MODEL_LAYERS_MAX];
};

static struct kv_cache_config cache_config(const struct model *model, const struct infer_config *c,
                                           struct cache_layers *layers)
{
    const struct model_shape *s = &model->shape;
    for (uint32_t i = 0; i < s->block_count; i++)
        if (s->layers[i].mixer == LAYER_MIXER_ATTENTION)
            layers->of[s->layers[i].kv_layer] =
                (struct kv_cache_layer){.kv_head_count = s->layers[i].kv_head_count,
                                        .key_dim = s->head_dim,
                                        .value_dim = s->values_in_keys ? 0 : s->value_dim,
                                        .key_cut = s->values_in_keys ? s->value_dim : 0,
                                        .is_plain = i >= s->layer_count};
    return (struct kv_cache_config){
        .layers = layers->of,
        .layer_count = s->kv_layer_count,
        .kind = c->kv_kind,
        .token_capacity = c->token_capacity,
        .open_page_count = open_page_count(model, c),
        .passing_page_count = passing_page_count(model, c),
        .keeps_tokens = computes_again(model, c),
    };
}

static struct recurrent_state_store_config states_config(const struct model *model,
                                                         const struct infer_config *c)
{
    return (struct recurrent_state_store_config){
        .float_count = recurrent_shape_floats(&model->shape.recurrent),
        .slot_count = c->state_count,
    };
}

static struct forward_config forward_config(const struct infer_config *c)
{
    return (struct forward_config){
        .rows_max = c->batch_rows_max,
        .logits_rows_max = c->logits_rows_max,
        .thread_count = c->thread_count,
        .positions_max = (c->token_capacity + KV_PAGE_TOKENS - 1) / KV_PAGE_TOKENS * KV_PAGE_TOKENS,
        .packs_weights = c->packs_weights,
        .draft_rows_max = INFER_DRAFTS_MAX,
    };
}

/* Will the block for speculation be kept up to date? Its keys and values come one token late, when
 * 64 others may be coded already: so its layer is plain. */
static bool fills_block(const struct model *model, const struct infer_config *c)
{
    return c->guesses && model->arch->run_draft && model->draft.project.data;
}

static size_t fill_bytes(const struct model *model, const struct infer_config *c)
{
    const size_t row_bytes = forward_stride(model->shape.embd_dim) * sizeof(float);
    return (c->batch_rows_max + (size_t)INFER_DRAFTS_MAX) * row_bytes +
           c->batch_rows_max * sizeof(uint32_t);
}

enum status infer_memory(const struct model *model, const struct infer_config *config,
                         struct infer_memory *out, struct error *err)
{
    struct infer_config c;
    TRY(resolve(model, config, &c, err));
    struct cache_layers layers;
    const struct kv_cache_config cache = cache_config(model, &c, &layers);
    const struct forward_config forward = forward_config(&c);
    const struct recurrent_state_store_config states = states_config(model, &c);
    *out = (struct infer_memory){
        .kv_bytes = kv_cache_bytes(&cache),
        .state_bytes = states.float_count ? recurrent_state_store_bytes(&states) : 0,
        .scratch_bytes = forward_bytes(model, &forward) + sizeof(struct infer) +
                         c.logits_rows_max * (sizeof(size_t) + sizeof(struct infer_seq *)) +
                         (fills_block(model, &c) ? fill_bytes(model, &c) : 0),
    };
    return OK;
}

/* Every element type of the model needs a product; what is looked up by token also a row reader. */
static enum status check_kernels(const struct infer *infer, struct error *err)
{
    for (uint32_t id = 0; id <= DTYPE_ID_MAX; id++)
        if (infer->model->uses_dtype[id] &&
            (!infer->kernels.matmul[id].run || !infer->kernels.dequantize_row[id]))
            return error_set(err, E_UNSUPPORTED, "no kernels for the element type %s",
                             dtype_name(id));
    return OK;
}

static enum status prepare_fills(struct infer *infer, struct error *err)
{
    const uint32_t rows = infer->config.batch_rows_max;
    const size_t stride = forward_stride(infer->model->shape.embd_dim);
    infer->positions = mem_try_zalloc(rows, sizeof(*infer->positions));
    infer->fills = mem_try_zalloc(rows * stride, sizeof(*infer->fills));
    infer->draft_hidden = mem_try_zalloc(INFER_DRAFTS_MAX * stride, sizeof(*infer->draft_hidden));
    if (!infer->positions || !infer->fills || !infer->draft_hidden)
        return error_set(err, E_NO_MEMORY, "no memory for the block for speculation");
    infer->forward->keeps_hidden = true;
    return OK;
}

enum status infer_new(const struct model *model, const struct infer_config *config,
                      struct infer **out, struct error *err)
{
    CLEANUP(infer_freep) struct infer *infer = mem_zalloc(sizeof(*infer));
    infer->model = model;
    TRY(resolve(model, config, &infer->config, err));
    kernel_table_init(&infer->kernels, infer->config.cpu_features);
    TRY(check_kernels(infer, err));
    struct cache_layers layers;
    const struct kv_cache_config cache = cache_config(model, &infer->config, &layers);
    const struct forward_config forward = forward_config(&infer->config);
    const struct recurrent_state_store_config states = states_config(model, &infer->config);
    TRY(kv_cache_new(&cache, &infer->cache, err));
    if (states.float_count)
        TRY(recurrent_state_store_new(&states, &infer->states, err));
    infer->logits_rows = mem_try_zalloc(infer->config.logits_rows_max, sizeof(size_t));
    infer->logits_seqs = mem_try_zalloc(infer->config.logits_rows_max, sizeof(struct infer_seq *));
    if (!infer->logits_rows || !infer->logits_seqs)
        return error_set(err, E_NO_MEMORY, "no memory for the list of logits");
    TRY(worker_pool_new(infer->config.thread_count, &infer->workers, err));
    TRY(forward_new(model, &forward, &infer->kernels, infer->workers, kv_cache_view(infer->cache),
                    &infer->forward, err));
    if (fills_block(model, &infer->config))
        TRY(prepare_fills(infer, err));
    *out = infer;
    infer = NULL;
    return OK;
}

void infer_free(struct infer *infer)
{
    if (!infer)
        return;
    worker_pool_free(infer->workers);
    forward_free(infer->forward);
    kv_cache_free(infer->cache);
    recurrent_state_store_free(infer->states);
    mem_free(infer->positions);
    mem_free(infer->fills);
    mem_free(infer->draft_hidden);
    mem_free(infer->logits_rows);
    mem_free(infer->logits_seqs);
    mem_free(infer);
}

uint64_t infer_packed_bytes(const struct infer *infer)
{
    return infer->forward->packed ? packed_weights_bytes(infer->forward->packed) : 0;
}

/* ---------------------------------------------------------------- sequences */

/* The sequence has other tokens now, or ends. */
static void forget_logits(struct infer_seq *seq)
{
    struct infer *infer = seq->infer;
    if (seq->logits_step != 0 && seq->logits_step == infer->step_count) {
        struct infer_seq **link = &infer->logits_seqs[seq->logits_index];
        while (*link && *link != seq)
            link = &(*link)->logits_next;
        if (*link)
            *link = seq->logits_next;
    }
    seq->logits_next = NULL;
    seq->logits_step = 0;
    seq->has_kept_logits = false;
}

static void drop_kept(struct infer_seq *seq)
{
    if (seq->kept && --seq->kept->references == 0)
        mem_free(seq->kept);
    seq->kept = NULL;
    seq->has_kept_logits = false;
}

/* A recurrent state cannot go back by one token to compute logits again: they are kept instead.
 * Without memory for them they are not, and a rewind finds an older state. */
static void keep_logits(struct infer_seq *seq, const float *logits)
{
    const uint32_t vocab_size = seq->infer->model->shape.vocab_size;
    if (seq->kept && seq->kept->references > 1)
        drop_kept(seq);
    if (!seq->kept) {
        seq->kept = mem_try_zalloc(1, sizeof(*seq->kept) + vocab_size * sizeof(*logits));
        if (!seq->kept)
            return;
        seq->kept->references = 1;
    }
    seq->has_kept_logits = true;
    memcpy(seq->kept->values, logits, vocab_size * sizeof(*logits));
}

/* Gives `to` the logits that are kept with `from`. */
static void share_kept(const struct infer_seq *from, struct infer_seq *to)
{
    drop_kept(to);
    if (!from->has_kept_logits)
        return;
    to->kept = from->kept;
    to->kept->references++;
    to->has_kept_logits = true;
}

/* A fork has the logits of the newest token too. */
static void share_logits(struct infer_seq *seq, struct infer_seq *fork)
{
    if (seq->logits_step == 0 || seq->logits_step != seq->infer->step_count) {
        share_kept(seq, fork);
        return;
    }
    fork->logits_step = seq->logits_step;
    fork->logits_index = seq->logits_index;
    fork->logits_next = seq->logits_next;
    seq->logits_next = fork;
}

/* What a guess behind the newest token starts from; without memory there is none. */
static void keep_hidden(struct infer_seq *seq, const float *hidden, uint32_t token_count)
{
    const size_t columns = seq->infer->model->shape.embd_dim;
    if (!seq->hidden)
        seq->hidden = mem_try_zalloc(columns, sizeof(*seq->hidden));
    seq->hidden_count = seq->hidden ? token_count : 0;
    if (seq->hidden)
        memcpy(seq->hidden, hidden, columns * sizeof(*hidden));
}

enum status infer_seq_new(struct infer *infer, struct infer_seq **out, struct error *err)
{
    CLEANUP(infer_seq_freep) struct infer_seq *seq = mem_zalloc(sizeof(*seq));
    seq->infer = infer;
    TRY(kv_cache_seq_new(infer->cache, &seq->pages, err));
    if (infer->states) {
        TRY(recurrent_state_new(infer->states, &seq->state, err));
    }
    *out = seq;
    seq = NULL;
    return OK;
}

void infer_seq_free(struct infer_seq *seq)
{
    if (!seq)
        return;
    forget_logits(seq);
    drop_kept(seq);
    mem_free(seq->hidden);
    kv_cache_seq_free(seq->pages);
    recurrent_state_free(seq->state);
    mem_free(seq);
}

enum status infer_seq_fork(struct infer_seq *seq, uint32_t token_count, struct infer_seq **out,
                           struct error *err)
{
    CLEANUP(infer_seq_freep) struct infer_seq *fork = mem_zalloc(sizeof(*fork));
    fork->infer = seq->infer;
    TRY(kv_cache_seq_fork(seq->pages, token_count, &fork->pages, err));
    if (seq->state) {
        TRY(recurrent_state_fork(seq->state, token_count, &fork->state, err));
        if (token_count == infer_seq_token_count(seq) && infer_seq_logits(seq))
            share_logits(seq, fork);
    }
    if (seq->hidden_count > 0 && seq->hidden_count == token_count)
        keep_hidden(fork, seq->hidden, token_count);
    *out = fork;
    fork = NULL;
    return OK;
}

/* Drafts that nobody accepted. */
static void forget_drafts(struct infer_seq *seq)
{
    if (seq->draft_count == 0)
        return;
    kv_cache_seq_truncate(seq->pages, infer_seq_token_count(seq));
    seq->draft_count = 0;
}

void infer_seq_truncate(struct infer_seq *seq, uint32_t token_count)
{
    forget_drafts(seq);
    if (token_count < infer_seq_token_count(seq)) {
        forget_logits(seq);
        seq->hidden_count = 0;
    }
    kv_cache_seq_truncate(seq->pages, token_count);
    if (seq->state)
        recurrent_state_rewind(seq->state, token_count);
}

void infer_seq_keep_state(struct infer_seq *seq)
{
    if (seq->state)
        recurrent_state_keep(seq->state);
}

uint32_t infer_seq_ready_count(const struct infer_seq *seq)
{
    return seq->state ? recurrent_state_position(seq->state) : infer_seq_token_count(seq);
}

uint32_t infer_seq_token_count(const struct infer_seq *seq)
{
    return kv_cache_seq_token_count(seq->pages) - seq->draft_count;
}

uint32_t infer_seq_room(const struct infer_seq *seq)
{
    return kv_cache_seq_room(seq->pages);
}

/* ---------------------------------------------------------------- steps */

static enum status check_rows(const struct infer *infer, const struct infer_row *rows,
                              size_t row_count, struct error *err)
{
    const uint32_t vocab_size = infer->model->shape.vocab_size;
    size_t wanted = 0;
    size_t drafts = 0;
    for (size_t i = 0; i < row_count; i++) {
        if (rows[i].seq->infer != infer)
            return error_set(err, E_INVALID, "row %zu belongs to another model's sequence", i);
        if (rows[i].is_draft && !rows[i].wants_logits)
            return error_set(err, E_INVALID, "row %zu is a draft without logits", i);
        drafts += rows[i].is_draft;
        if (rows[i].token < 0 || (uint32_t)rows[i].token >= vocab_size)
            return error_set(err, E_INVALID,
                             "token %" PRId32 " is not in the vocabulary of %" PRIu32,
                             rows[i].token, vocab_size);
        wanted += rows[i].wants_logits;
    }
    if (drafts > infer_drafts_max(infer))
        return error_set(err, E_LIMIT, "%zu drafts in one step (limit %" PRIu32 ")", drafts,
                         infer_drafts_max(infer));
    if (!infer->forward->ends_hidden && wanted > infer->config.logits_rows_max)
        return error_set(err, E_LIMIT, "logits of %zu rows in one step (limit %" PRIu32 ")", wanted,
                         infer->config.logits_rows_max);
    return OK;
}

/* Makes room for all rows, or for none. Afterwards seq->added says how many each sequence got, and
 * seq->draft_count how many of them are drafts. */
static enum status append_rows(const struct infer_row *rows, size_t row_count, struct error *err)
{
    for (size_t i = 0; i < row_count; i++) {
        forget_drafts(rows[i].seq);
        rows[i].seq->pending = rows[i].seq->added = 0;
    }
    for (size_t i = 0; i < row_count; i++)
        rows[i].seq->pending++;
    for (size_t i = 0; i < row_count; i++) {
        struct infer_seq *seq = rows[i].seq;
        if (seq->pending == 0)
            continue;
        enum status status = seq->state ? recurrent_state_reserve(seq->state, err) : OK;
        if (status == OK)
            status = kv_cache_seq_append(seq->pages, seq->pending, err);
        if (status != OK) {
            for (size_t k = 0; k < i; k++) {
                infer_seq_truncate(rows[k].seq,
                                   infer_seq_token_count(rows[k].seq) - rows[k].seq->added);
                rows[k].seq->added = 0;
            }
            return status;
        }
        seq->added = seq->pending;
        seq->pending = 0;
    }
    for (size_t i = 0; i < row_count; i++)
        rows[i].seq->draft_count += rows[i].is_draft;
    return OK;
}

/* One row of a slice; the sequence's state then stands for it too, unless it is a draft (`draft` as
 * forward_row.draft). */
static void set_row(struct forward_row *row, struct infer_seq *seq, int32_t token,
                    uint32_t position, uint32_t draft)
{
    row->token = token;
    row->position = position;
    row->pages = kv_cache_seq_pages(seq->pages);
    row->open_pages = kv_cache_seq_open_pages(seq->pages);
    row->state = NULL;
    row->draft = draft;
    kv_cache_seq_set_token(seq->pages, position, token);
    if (row->open_pages)
        kv_cache_seq_note(seq->pages, position);
    if (!seq->state)
        return;
    struct error err;
    /* Cannot fail: append_rows() took a slot, and what was kept of it since can be given up. */
    CHECK(recurrent_state_reserve(seq->state, &err) == OK);
    row->state = recurrent_state_values(seq->state);
    if (!draft)
        recurrent_state_advance(seq->state, 1);
}

/* ---------------------------------------------------------------- the block for speculation */

/* The hidden state of the token before row `row` of a slice; NULL: it is not known. */
static const float *hidden_before(const struct infer *infer, const struct infer_seq *seq,
                                  uint64_t slice, size_t row)
{
    const size_t stride = forward_stride(infer->model->shape.embd_dim);
    if (seq->slice == slice)
        return infer->forward->hidden + seq->slice_row * stride;
    return seq->hidden_count > 0 && seq->hidden_count == infer->positions[row] ? seq->hidden : NULL;
}

/* Keeps the hidden state of a row for what follows it in another slice. */
static void note_hidden(struct infer *infer, const struct infer_row *rows, size_t row, bool is_last,
                        uint32_t *draft)
{
    const size_t stride = forward_stride(infer->model->shape.embd_dim);
    const float *hidden = infer->forward->hidden + row * stride;
    if (rows[row].is_draft)
        memcpy(infer->draft_hidden + (*draft)++ * stride, hidden, stride * sizeof(*hidden));
    else if (is_last || rows[row + 1].seq != rows[row].seq || rows[row + 1].is_draft)
        keep_hidden(rows[row].seq, hidden, infer->positions[row] + 1);
}

/*
 * After a slice: the block's keys and values for the positions whose hidden state and next token
 * are both known. They are for guesses only: what stands there where a draft turned out wrong is
 * written again when the next token is known.
 */
static void fill_block(struct infer *infer, const struct infer_row *rows, size_t count)
{
    struct forward *f = infer->forward;
    const size_t columns = infer->model->shape.embd_dim;
    const size_t stride = forward_stride(columns);
    const uint64_t slice = ++infer->slice_count;
    uint32_t draft = infer->slice_draft;
    uint32_t filled = 0;
    for (size_t i = 0; i < count; i++) {
        struct infer_seq *seq = rows[i].seq;
        const float *hidden = hidden_before(infer, seq, slice, i);
        if (hidden) {
            memcpy(infer->fills + filled * stride, hidden, columns * sizeof(*hidden));
            f->rows[filled++] = (struct forward_row){.token = rows[i].token,
                                                     .position = infer->positions[i] - 1,
                                                     .pages = kv_cache_seq_pages(seq->pages)};
        }
        seq->slice = slice;
        seq->slice_row = i;
    }
    for (size_t i = 0; i < count; i++)
        note_hidden(infer, rows, i, i + 1 == count, &draft);
    if (filled == 0)
        return;
    memcpy(f->hidden, infer->fills, filled * stride * sizeof(*f->hidden));
    f->row_count = filled;
    f->fills_draft = true;
    forward_begin(f);
    infer->model->arch->run_draft(infer->model, f);
    f->fills_draft = false;
}

uint32_t infer_guess(struct infer_seq *seq, int32_t token, uint32_t count, infer_choose_fn *choose,
                     void *context, int32_t *out_tokens)
{
    struct infer *infer = seq->infer;
    struct forward *f = infer->forward;
    struct error ignored;
    const uint32_t before = infer_seq_token_count(seq);
    forget_drafts(seq);
    if (!infer->fills || before == 0 || seq->hidden_count != before || count == 0 ||
        kv_cache_seq_append(seq->pages, count - 1, &ignored) != OK)
        return 0;
    thread_reset_float_state();
    memcpy(f->hidden, seq->hidden, infer->model->shape.embd_dim * sizeof(*f->hidden));
    f->logits = f->logits_block +
                infer->config.logits_rows_max * forward_stride(infer->model->shape.vocab_size);
    for (uint32_t i = 0; i < count; i++) {
        f->row_count = 1;
        f->rows[0] = (struct forward_row){.token = i == 0 ? token : out_tokens[i - 1],
                                          .position = before - 1 + i,
                                          .pages = kv_cache_seq_pages(seq->pages),
                                          .wants_logits = true};
        forward_begin(f);
        infer->model->arch->run_draft(infer->model, f);
        out_tokens[i] = choose(context, f->logits, i);
    }
    kv_cache_seq_truncate(seq->pages, before);
    return count;
}

/* ---------------------------------------------------------------- slices */

static void run_model(struct infer *infer)
{
    forward_begin(infer->forward);
    infer->model->arch->run(infer->model, infer->forward);
}

/* Computes tokens [begin, end) of a sequence again, in one slice. */
static void run_again(struct infer *infer, struct infer_seq *seq, uint32_t begin, uint32_t end)
{
    struct forward *f = infer->forward;
    f->row_count = end - begin;
    for (uint32_t i = 0; i < f->row_count; i++) {
        set_row(&f->rows[i], seq, kv_cache_seq_token(seq->pages, begin + i), begin + i, 0);
        f->rows[i].token_count = kv_cache_seq_token_count(seq->pages);
        f->rows[i].wants_logits = false;
    }
    run_model(infer);
}

/* A state is of use only where the tokens before it in its block are in their open page: goes back
 * to one that is. */
static void find_open_state(struct infer *infer, struct infer_seq *seq)
{
    for (;;) {
        const uint32_t at = recurrent_state_position(seq->state);
        if (at == 0)
            return;
        kv_cache_open_begin(infer->cache);
        CHECK(kv_cache_seq_open(seq->pages, at));
        const uint32_t missing = kv_cache_seq_missing(seq->pages, at);
        if (missing == at)
            return;
        recurrent_state_rewind(seq->state, missing / KV_PAGE_TOKENS * KV_PAGE_TOKENS);
    }
}

/* After a rewind the recurrent state may stand for fewer tokens than the sequence has: computes
 * those between again. Their keys and values come out as they are already. */
static void catch_up(struct infer *infer, struct infer_seq *seq)
{
    const uint32_t end = kv_cache_seq_token_count(seq->pages) - seq->added;
    const bool is_coded = kv_kind_is_coded(infer->config.kv_kind);
    if (seq->state && is_coded)
        find_open_state(infer, seq);
    while (seq->state && recurrent_state_position(seq->state) < end) {
        const uint32_t begin = recurrent_state_position(seq->state);
        const uint32_t block_left = KV_PAGE_TOKENS - begin % KV_PAGE_TOKENS;
        uint32_t slice = infer->config.batch_rows_max;
        if (is_coded) { /* a block at a time needs few open pages */
            slice = block_left < slice ? block_left : slice;
            kv_cache_open_begin(infer->cache);
            CHECK(kv_cache_seq_open(seq->pages, begin));
        }
        run_again(infer, seq, begin, end - begin < slice ? end : begin + slice);
    }
}

/* Of a coded kind: computes again what the open pages lack before `position`. They are there. */
static void fill_open_pages(struct infer *infer, struct infer_seq *seq, uint32_t position)
{
    for (;;) {
        const uint32_t begin = kv_cache_seq_missing(seq->pages, position);
        if (begin == position)
            return;
        CHECK(!seq->state); /* catch_up() was there */
        const uint32_t block_end = (begin / KV_PAGE_TOKENS + 1) * KV_PAGE_TOKENS;
        const uint32_t stop = block_end < position ? block_end : position;
        const uint32_t slice = infer->config.batch_rows_max;
        run_again(infer, seq, begin, stop - begin < slice ? stop : begin + slice);
    }
}

/* Row `row` of the step will have logits; of a sequence's last one that is no draft they are the
 * newest. */
static void note_logits(struct infer *infer, struct infer_seq *seq, size_t row)
{
    const uint32_t index = infer->logits_row_count++;
    const bool is_newest = seq->added == seq->draft_count;
    infer->logits_rows[index] = row;
    infer->logits_seqs[index] = is_newest ? seq : NULL;
    if (!is_newest)
        return;
    seq->logits_step = infer->step_count;
    seq->logits_index = index;
}

/* The place of a row that is a draft among those of the step, from 1. Before its logits are
 * noted. */
static uint32_t note_draft(struct infer *infer, struct infer_seq *seq)
{
    if (seq->added == seq->draft_count) { /* the first one */
        seq->draft_step = infer->step_count;
        seq->draft_place = infer->draft_row_count;
        seq->draft_logits = infer->logits_row_count;
    }
    return ++infer->draft_row_count;
}

/* Computes rows [begin, end), which are in their sequences already; `added` counts down what is
 * left of each. */
static void run_slice(struct infer *infer, const struct infer_row *rows, const uint32_t *segments,
                      size_t begin, size_t end)
{
    struct forward *f = infer->forward;
    f->logits = f->logits_block +
                (size_t)infer->logits_row_count * forward_stride(infer->model->shape.vocab_size);
    for (size_t i = begin; i < end && kv_kind_is_coded(infer->config.kv_kind); i++)
        fill_open_pages(infer, rows[i].seq,
                        kv_cache_seq_token_count(rows[i].seq->pages) - rows[i].seq->added);
    f->row_count = (uint32_t)(end - begin);
    infer->slice_draft = infer->draft_row_count;
    for (size_t i = begin; i < end; i++) {
        struct infer_seq *seq = rows[i].seq;
        const uint32_t count = kv_cache_seq_token_count(seq->pages);
        const uint32_t draft = rows[i].is_draft ? note_draft(infer, seq) : 0;
        CHECK(rows[i].is_draft == (seq->added <= seq->draft_count));
        set_row(&f->rows[i - begin], seq, rows[i].token, count - seq->added, draft);
        f->rows[i - begin].token_count = count;
        if (infer->fills)
            infer->positions[i - begin] = count - seq->added;
        f->rows[i - begin].segment = segments ? segments[i] : 0;
        f->rows[i - begin].wants_logits = rows[i].wants_logits;
        seq->added--;
        if (rows[i].wants_logits && !f->ends_hidden)
            note_logits(infer, seq, i);
    }
    run_model(infer);
    if (infer->fills && !f->ends_hidden)
        fill_block(infer, rows + begin, end - begin);
}

/* Whether row i, at `position`, begins a block that rows [i, end) fill, for good and whatever else
 * they are cut into: its rows as f16 are then needed only while a layer is computed. */
static bool fills_kv_block(const struct infer_row *rows, size_t i, size_t end, uint32_t position)
{
    if (position % KV_PAGE_TOKENS != 0 || end - i < KV_PAGE_TOKENS)
        return false;
    for (size_t k = i; k < i + KV_PAGE_TOKENS; k++)
        if (rows[k].seq != rows[i].seq || rows[k].is_draft)
            return false;
    return end - i == KV_PAGE_TOKENS || !rows[i + KV_PAGE_TOKENS].is_draft;
}

/* Sees to the open pages of rows [begin, end): the row that there are not enough for. */
static size_t open_rows(struct infer *infer, const struct infer_row *rows, size_t begin, size_t end)
{
    if (!kv_kind_is_coded(infer->config.kv_kind))
        return end;
    kv_cache_open_begin(infer->cache);
    for (size_t i = begin; i < end; i++)
        rows[i].seq->pending = 0;
    for (size_t i = begin; i < end; i++) {
        struct infer_seq *seq = rows[i].seq;
        const uint32_t position =
            kv_cache_seq_token_count(seq->pages) - seq->added + seq->pending++;
        if (fills_kv_block(rows, i, end, position) &&
            kv_cache_seq_open_passing(seq->pages, position)) {
            seq->pending += KV_PAGE_TOKENS - 1;
            i += KV_PAGE_TOKENS - 1;
            continue;
        }
        if (!kv_cache_seq_open(seq->pages, position)) {
            while (rows[i].is_draft && i > begin + 1) /* they are not parted */
                i--;
            CHECK(i > begin);
            return i;
        }
    }
    return end;
}

/* A slice ends where a recurrent state is to be kept: it can be seen only between two slices. The
 * drafts of a sequence are not parted: they go through a copy of its state. */
static size_t slice_end(const struct infer *infer, const struct infer_row *rows, size_t begin,
                        size_t row_count)
{
    const size_t slice = infer->config.batch_rows_max;
    size_t end = row_count - begin < slice ? row_count : begin + slice;
    while (end < row_count && rows[end].is_draft && end > begin + 1)
        end--;
    for (size_t i = begin; infer->states && i < end; i++)
        if (rows[i].keeps_state)
            return i + 1;
    return end;
}

static const float *logits_at(const struct infer *infer, size_t index)
{
    return infer->forward->logits_block + index * forward_stride(infer->model->shape.vocab_size);
}

/* Before the logits of the last step are overwritten: those of recurrent sequences that are not in
 * this one are kept. */
static void begin_step(struct infer *infer, const struct infer_row *rows, size_t row_count)
{
    for (size_t i = 0; i < row_count; i++)
        forget_logits(rows[i].seq);
    for (uint32_t i = 0; i < infer->logits_row_count; i++) {
        struct infer_seq *first = infer->logits_seqs[i];
        if (!first || !first->state)
            continue;
        keep_logits(first, logits_at(infer, i));
        for (struct infer_seq *seq = first->logits_next; seq; seq = seq->logits_next)
            share_kept(first, seq);
    }
    infer->logits_row_count = 0;
    infer->draft_row_count = 0;
    infer->step_count++;
}

/* The states of these sequences are no longer written. */
static void rest_states(const struct infer_row *rows, size_t row_count)
{
    for (size_t i = 0; i < row_count; i++)
        if (rows[i].seq->state)
            recurrent_state_rest(rows[i].seq->state);
}

enum status infer_step(struct infer *infer, const struct infer_row *rows, size_t row_count,
                       struct error *err)
{
    if (infer->model->shape.sees_all)
        return error_set(err, E_UNSUPPORTED,
                         "a %s model is an encoder: it makes embeddings of whole texts (holt "
                         "embed) and cannot write text",
                         infer->model->arch->name);
    infer->forward->ends_hidden = false;
    TRY(check_rows(infer, rows, row_count, err));
    const enum status status = append_rows(rows, row_count, err);
    if (status != OK) {
        rest_states(rows, row_count);
        return status;
    }
    begin_step(infer, rows, row_count);
    thread_reset_float_state(); /* what runs on this thread rounds as on the others */
    for (size_t i = 0; i < row_count; i++)
        catch_up(infer, rows[i].seq);
    for (size_t begin = 0, end = 0; begin < row_count; begin = end) {
        end = slice_end(infer, rows, begin, row_count);
        end = open_rows(infer, rows, begin, end);
        run_slice(infer, rows, NULL, begin, end);
        if (rows[end - 1].keeps_state)
            infer_seq_keep_state(rows[end - 1].seq);
    }
    rest_states(rows, row_count);
    return OK;
}

uint32_t infer_drafts_max(const struct infer *infer)
{
    const uint32_t slice = infer->config.batch_rows_max - 1; /* behind a row that is none */
    const uint32_t most = infer->states ? INFER_DRAFTS_MAX : infer->config.logits_rows_max - 1;
    return most < slice ? most : slice;
}

const float *infer_seq_draft_logits(const struct infer_seq *seq, uint32_t index)
{
    CHECK(index < seq->draft_count && seq->draft_step == seq->infer->step_count);
    return logits_at(seq->infer, seq->draft_logits + index);
}

void infer_seq_accept(struct infer_seq *seq, uint32_t count)
{
    struct infer *infer = seq->infer;
    const uint32_t before = infer_seq_token_count(seq);
    CHECK(count <= seq->draft_count);
    if (count == 0) {
        forget_drafts(seq);
        return;
    }
    CHECK(seq->draft_step == infer->step_count);
    /* A state that others needed meanwhile stands for fewer tokens: the next step catches up. */
    if (seq->state && recurrent_state_position(seq->state) == before) {
        struct error err;
        CHECK(recurrent_state_reserve(seq->state, &err) == OK); /* nobody else writes now */
        op_drafts_take(infer->forward, recurrent_state_values(seq->state), seq->draft_place, count);
        recurrent_state_advance(seq->state, count);
        recurrent_state_rest(seq->state);
    }
    if (infer->fills)
        keep_hidden(seq,
                    infer->draft_hidden + (seq->draft_place + count - 1) *
                                              forward_stride(infer->model->shape.embd_dim),
                    before + count);
    forget_logits(seq);
    seq->logits_step = infer->step_count;
    seq->logits_index = seq->draft_logits + count - 1;
    infer->logits_seqs[seq->logits_index] = seq;
    kv_cache_seq_truncate(seq->pages, before + count);
    seq->draft_count = 0;
}

/* Texts in one piece, where they must be, and none beyond what the model has positions for. */
static enum status check_texts(const struct infer *infer, const struct infer_row *rows,
                               size_t row_count, struct error *err)
{
    const struct model_shape *s = &infer->model->shape;
    if (row_count > infer->config.batch_rows_max)
        return error_set(err, E_LIMIT, "%zu tokens in one step (limit %" PRIu32 ")", row_count,
                         infer->config.batch_rows_max);
    for (size_t i = 0; i < row_count; i++) {
        rows[i].seq->pending = 0;
        if (s->sees_all && infer_seq_token_count(rows[i].seq) != 0)
            return error_set(err, E_INVALID, "this model needs each text whole, in one step");
    }
    for (size_t i = 0; i < row_count; i++) {
        struct infer_seq *seq = rows[i].seq;
        if (infer_seq_token_count(seq) + ++seq->pending > s->context_length)
            return error_set(err, E_LIMIT,
                             "a text of more than %" PRIu32 " tokens, which this model has no "
                             "positions for",
                             s->context_length);
    }
    return OK;
}

enum status infer_hidden_step(struct infer *infer, const struct infer_row *rows,
                              const uint32_t *segments, size_t row_count, struct error *err)
{
    if (kv_kind_is_coded(infer->config.kv_kind))
        return error_set(err, E_UNSUPPORTED,
                         "embeddings are made with --kv f16, q8 or f32, not with %s",
                         kv_kind_name(infer->config.kv_kind));
    infer->forward->ends_hidden = true;
    TRY(check_rows(infer, rows, row_count, err));
    TRY(check_texts(infer, rows, row_count, err));
    for (size_t i = 0; i < row_count && segments; i++)
        if (segments[i] > 1)
            return error_set(err, E_INVALID, "row %zu is in text %" PRIu32 " of a pair", i,
                             segments[i]);
    TRY(append_rows(rows, row_count, err));
    begin_step(infer, rows, row_count);
    thread_reset_float_state();
    for (size_t i = 0; i < row_count; i++)
        catch_up(infer, rows[i].seq);
    if (row_count > 0)
        run_slice(infer, rows, segments, 0, row_count);
    return OK;
}

const float *infer_hidden(const struct infer *infer, size_t index)
{
    const struct forward *f = infer->forward;
    CHECK(f->ends_hidden && index < f->row_count);
    return f->normed + index * forward_stride(infer->model->shape.embd_dim);
}

uint32_t infer_batch_rows(const struct infer *infer)
{
    return infer->config.batch_rows_max;
}

const float *infer_logits(const struct infer *infer, size_t row_index)
{
    size_t low = 0;
    size_t high = infer->logits_row_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (infer->logits_rows[middle] < row_index)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == infer->logits_row_count || infer->logits_rows[low] != row_index)
        return NULL;
    return logits_at(infer, low);
}

const float *infer_seq_logits(const struct infer_seq *seq)
{
    if (seq->logits_step != 0 && seq->logits_step == seq->infer->step_count)
        return logits_at(seq->infer, seq->logits_index);
    return seq->has_kept_logits ? seq->kept->values : NULL;
}

void infer_seq_load_logits(struct infer_seq *seq, const float *logits)
{
    forget_logits(seq);
    keep_logits(seq, logits);
}
