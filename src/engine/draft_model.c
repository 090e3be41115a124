#include "engine/draft_model.h"

#include "base/mem.h"
#include "engine/draft_gain.h"
#include "engine/drafter.h"
#include "engine/engine_internal.h"
#include "engine/session_internal.h"
#include "infer/infer.h"
#include "os/clock.h"
#include "text/clean_text.h"
#include "tokenizer/tokenizer.h"

#include <inttypes.h>

enum { SLICE_ROWS = 256, SHOWN_MAX = 40 };

struct draft_model {
    struct drafter drafter;
    const struct engine *main;
    struct engine *engine; /* the smaller model's */
    struct draft_gain gain;
    struct infer_row rows[SLICE_ROWS];
};

/* What it keeps for a session. */
struct follower {
    struct infer_seq *seq;
    int32_t *log; /* [capacity] of the session: what `seq` holds */
};

static void follower_free(struct follower *follower)
{
    infer_seq_free(follower->seq);
    mem_free(follower->log);
    mem_free(follower);
}

static struct follower *follower_of(const struct draft_model *model, struct session *session)
{
    struct follower *follower = session->draft.asked;
    struct error ignored;
    if (follower)
        return follower;
    follower = mem_zalloc(sizeof(*follower));
    follower->log = mem_try_zalloc(session->capacity, sizeof(*follower->log));
    if (!follower->log || infer_seq_new(model->engine->infer, &follower->seq, &ignored) != OK) {
        follower_free(follower);
        return NULL;
    }
    session->draft.asked = follower;
    return follower;
}

/* Adds one token or more behind what it has; the last one's logits are then there. */
static bool compute(struct draft_model *model, struct follower *follower, const int32_t *tokens,
                    uint32_t count)
{
    struct error ignored;
    for (uint32_t done = 0; done < count;) {
        const uint32_t at = infer_seq_token_count(follower->seq);
        const uint32_t slice = count - done < SLICE_ROWS ? count - done : SLICE_ROWS;
        for (uint32_t i = 0; i < slice; i++) {
            follower->log[at + i] = tokens[done + i];
            model->rows[i] = (struct infer_row){.seq = follower->seq,
                                                .token = tokens[done + i],
                                                .wants_logits = done + i + 1 == count};
        }
        if (infer_step(model->engine->infer, model->rows, slice, &ignored) != OK)
            return false;
        done += slice;
    }
    return true;
}

/* Adds the tokens of the session's log from `begin` on. */
static bool compute_log(struct draft_model *model, struct follower *follower,
                        const struct session *session, uint32_t begin)
{
    int32_t ids[SLICE_ROWS];
    while (begin < session->log.count) {
        const uint32_t left = session->log.count - begin;
        const uint32_t slice = left < SLICE_ROWS ? left : SLICE_ROWS;
        session_log_ids(&session->log, begin, begin + slice, ids);
        if (!compute(model, follower, ids, slice))
            return false;
        begin += slice;
    }
    return true;
}

/* Makes it hold the session's log. */
static bool follow(struct draft_model *model, struct follower *follower,
                   const struct session *session)
{
    const uint32_t held = infer_seq_token_count(follower->seq);
    uint32_t common = 0;
    while (common < held && common < session->log.count &&
           follower->log[common] == session_token(session, common))
        common++;
    if (common == session->log.count) /* the last one again, for its logits */
        common--;
    infer_seq_truncate(follower->seq, common);
    const bool is_there = compute_log(model, follower, session, common);
    if (is_there)
        infer_seq_keep_state(follower->seq); /* guesses are taken back to here */
    return is_there;
}

static uint32_t propose(struct drafter *drafter, struct session *session, uint32_t max,
                        int32_t *out_tokens, double *out_chances)
{
    struct draft_model *model = (struct draft_model *)drafter;
    const uint32_t room = session->capacity - session->log.count;
    const uint32_t most = max < room ? max : room;
    const uint32_t wanted =
        draft_gain_count(&model->gain, &model->main->speculation, most, out_chances);
    if (wanted == 0)
        return 0;
    struct follower *follower = follower_of(model, session);
    if (!follower || !follow(model, follower, session))
        return 0;
    const double start = clock_seconds();
    uint32_t count = 0;
    while (count < wanted) {
        const float *logits = infer_seq_logits(follower->seq);
        out_tokens[count] = drafter_choose(session, model->engine->sampler, logits, count);
        count++;
        if (count < wanted && !compute(model, follower, out_tokens + count - 1, 1))
            break;
    }
    if (count > 1)
        draft_gain_timed(&model->gain, count - 1, clock_seconds() - start);
    return count;
}

static void settled(struct drafter *drafter, uint32_t computed, uint32_t taken)
{
    draft_gain_settled(&((struct draft_model *)drafter)->gain, computed, taken);
}

static void forget(struct drafter *drafter, struct session_draft *draft)
{
    (void)drafter;
    follower_free(draft->asked);
    draft->asked = NULL;
}

static void free_model(struct drafter *drafter)
{
    struct draft_model *model = (struct draft_model *)drafter;
    engine_close(model->engine);
    mem_free(model);
}

/* ---------------------------------------------------------------- opening */

static void show_piece(struct str piece, struct strbuf *out)
{
    clean_text_line(str_slice(piece, 0, SHOWN_MAX), out);
}

static enum status refuse_token(const struct engine *engine, const struct engine *other,
                                int32_t token, const char *path, struct error *err)
{
    CLEANUP(strbuf_done) struct strbuf own = {0};
    CLEANUP(strbuf_done) struct strbuf theirs = {0};
    show_piece(tokenizer_piece(engine->tokenizer, token), &own);
    show_piece(tokenizer_piece(other->tokenizer, token), &theirs);
    return error_set(err, E_INVALID,
                     "the draft model %.200s has another vocabulary: token %" PRId32
                     " is \"%s\" there and \"%s\" in the model itself",
                     path, token, strbuf_c(&theirs), strbuf_c(&own));
}

static enum status check_same(const struct engine *engine, const struct engine *other,
                              const char *path, struct error *err)
{
    if (engine->pick_count != other->pick_count ||
        engine->info.has_vocabulary != other->info.has_vocabulary)
        return error_set(err, E_INVALID,
                         "the draft model %.200s has another vocabulary: %" PRIu32
                         " tokens, the model itself has %" PRIu32,
                         path, other->pick_count, engine->pick_count);
    for (uint32_t i = 0; i < engine->pick_count && engine->info.has_vocabulary; i++) {
        const int32_t token = (int32_t)i;
        if (!str_equal(tokenizer_piece(engine->tokenizer, token),
                       tokenizer_piece(other->tokenizer, token)) ||
            tokenizer_kind(engine->tokenizer, token) != tokenizer_kind(other->tokenizer, token))
            return refuse_token(engine, other, token, path, err);
    }
    return OK;
}

enum status draft_model_new(const struct engine *engine, const struct engine_config *config,
                            struct drafter **out, struct error *err)
{
    CLEANUP(engine_closep) struct engine *other = NULL;
    struct engine_config own = *config;
    own.model_path = config->draft_path;
    own.draft_path = NULL;
    own.speculate = ENGINE_SPECULATE_OFF;
    own.prefix_folder = NULL;
    own.context_tokens = engine->info.context_tokens;
    TRY(engine_open(&own, &other, err));
    TRY(check_same(engine, other, config->draft_path, err));
    struct draft_model *model = mem_zalloc(sizeof(*model));
    model->drafter = (struct drafter){propose, settled, forget, free_model};
    model->main = engine;
    model->engine = other;
    draft_gain_init(&model->gain);
    other = NULL; /* ownership moves to the draft model */
    *out = &model->drafter;
    return OK;
}
