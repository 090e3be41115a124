#include "engine/session.h"

#include "base/check.h"
#include "base/mem.h"
#include "chat/chat_template.h"
#include "engine/engine_internal.h"
#include "engine/prefix_store.h"
#include "engine/session_internal.h"
#include "infer/choice.h"
#include "infer/infer.h"
#include "tokenizer/tokenizer.h"

#include <inttypes.h>

/* A recurrent state this close before a place is as good as one at it. */
enum { STATE_REACH_TOKENS = 16 };

enum {
    PREFIX_TOKENS_MIN = 32, /* fewer are not worth a state of their own */
    RECALL_BYTES_MIN = 128, /* of new text; less is computed without a look at the disk */
};

/* ---------------------------------------------------------------- the log */

bool session_is_control(const struct tokenizer *tokenizer, int32_t id)
{
    const enum token_kind kind = tokenizer_kind(tokenizer, id);
    return kind == TOKEN_CONTROL || kind == TOKEN_USER_DEFINED;
}

static bool is_control_at(const struct session *session, uint32_t index)
{
    return session_is_control(session->engine->tokenizer, session_log_at(&session->log, index)->id);
}

void session_push(struct session *session, int32_t id, enum segment_origin origin, size_t bytes)
{
    recent_ids_push(&session->recent, session->log.count, id);
    session_log_push(
        &session->log,
        (struct log_token){.id = id, .origin = (uint8_t)origin, .bytes = (uint32_t)bytes});
}

uint32_t session_room(const struct session *session)
{
    const uint32_t own = session->capacity - session->log.count;
    if (session->gets_pages)
        return own;
    const uint32_t pending = session->log.count - infer_seq_token_count(session->seq);
    const uint32_t pages = infer_seq_room(session->seq);
    const uint32_t shared = pages > pending ? pages - pending : 0;
    return own < shared ? own : shared;
}

/* Keeps the first `token_count` tokens. */
static void cut(struct session *session, uint32_t token_count)
{
    if (token_count >= session->log.count)
        return;
    session_log_cut(&session->log, token_count);
    recent_ids_cut(&session->recent, token_count);
    infer_seq_truncate(session->seq, token_count);
}

/*
 * How many bytes of the source text token `i` stands for: its piece, less the space that SPM puts
 * in front of a text. `left` is the text from the token on.
 */
static size_t bytes_of(const struct tokenizer *tokenizer, int32_t id, struct str left)
{
    const struct str piece = tokenizer_piece(tokenizer, id);
    if (str_starts_with(left, piece) || !tokenizer_adds_space_prefix(tokenizer))
        return piece.len;
    const bool has_extra = piece.len > 0 && piece.ptr[0] == ' ' &&
                           str_starts_with(left, str_slice(piece, 1, piece.len));
    return has_extra ? piece.len - 1 : piece.len;
}

/* Moves scratch tokens from `first` on into the log; `text` is what all were made from. */
static void push_scratch(struct session *session, const struct session_segment *segments,
                         struct str text, size_t first)
{
    const struct token_list *list = &session->scratch;
    size_t offset = 0;
    for (size_t i = 0; i < list->count; i++) {
        const size_t bytes =
            bytes_of(session->engine->tokenizer, list->ids[i], str_slice(text, offset, text.len));
        if (i >= first)
            session_push(session, list->ids[i], segments[list->spans[i]].origin, bytes);
        offset += bytes;
    }
}

/* Tokenizes the segments into session->scratch and joins their text in session->text. */
static enum status encode(struct session *session, const struct session_segment *segments,
                          size_t count, struct error *err)
{
    CLEANUP(mem_freep) struct text_span *spans = mem_try_zalloc(count, sizeof(*spans));
    if (!spans)
        return error_set(err, E_NO_MEMORY, "%zu segments of text", count);
    strbuf_clear(&session->text);
    token_list_clear(&session->scratch);
    for (size_t i = 0; i < count; i++) {
        spans[i] = (struct text_span){.text = segments[i].text,
                                      .may_be_special = segments[i].origin == SEGMENT_TEMPLATE};
        if (segments[i].text.len > SESSION_TEXT_MAX - session->text.len)
            return error_set(err, E_LIMIT, "the text is longer than %d MiB",
                             SESSION_TEXT_MAX >> 20);
        strbuf_add_str(&session->text, segments[i].text);
    }
    return tokenizer_encode_spans(session->engine->tokenizer, spans, count, &session->scratch, err);
}

/* True if scratch should be preceded by a beginning-of-text token. */
static bool wants_bos(const struct session *session, uint32_t kept)
{
    const struct tokenizer *tokenizer = session->engine->tokenizer;
    const int32_t bos = tokenizer_bos(tokenizer);
    if (kept > 0 || bos < 0 || !tokenizer_adds_bos(tokenizer))
        return false;
    return session->scratch.count == 0 || session->scratch.ids[0] != bos;
}

/* E_LIMIT unless `added` tokens fit behind the first `kept`. */
static enum status check_room(const struct session *session, uint32_t kept, size_t added,
                              struct error *err)
{
    const uint32_t gained = session->log.count - kept; /* given up by a rewind */
    if (added > (size_t)session_room(session) + gained)
        return error_set(err, E_LIMIT,
                         "the text takes %zu tokens and the context of %" PRIu32
                         " tokens has room for %" PRIu32,
                         added, session->capacity, session_room(session) + gained);
    return OK;
}

/*
 * Where to keep a recurrent state of the tokens behind `begin`: near their end, where a next turn
 * goes on from or, when its rendering differs from what was generated, comes back to. Behind the
 * first control token of the last few, or else so that the last token can be computed again.
 */
static void mark_state(struct session *session, uint32_t begin)
{
    const uint32_t count = session->log.count;
    if (count < begin + 2)
        return;
    const uint32_t reach = begin + STATE_REACH_TOKENS < count ? count - STATE_REACH_TOKENS : begin;
    uint32_t at = reach;
    while (at < count && !is_control_at(session, at))
        at++;
    session_log_keep_state(&session->log, at + 1 < count ? at : count - 2);
}

/* How many scratch tokens the log has from token `begin` on; one fewer than all, so that there is
 * something to compute. */
static size_t count_same(const struct session *session, uint32_t begin)
{
    const struct token_list *list = &session->scratch;
    size_t same = 0;
    while (same + 1 < list->count && begin + same < session->log.count &&
           session_log_at(&session->log, begin + (uint32_t)same)->id == list->ids[same])
        same++;
    return same;
}

/* Replaces everything behind the first *kept tokens by the segments. What they begin with and the
 * log has stays; *kept counts it, too. */
static enum status replace_tail(struct session *session, uint32_t *kept,
                                const struct session_segment *segments, size_t count,
                                struct error *err)
{
    TRY(encode(session, segments, count, err));
    const int32_t bos = tokenizer_bos(session->engine->tokenizer);
    const bool has_bos = wants_bos(session, *kept);
    TRY(check_room(session, *kept, session->scratch.count + has_bos, err));
    const bool keeps_bos =
        has_bos && session->log.count > 0 && session_log_at(&session->log, 0)->id == bos;
    size_t same = 0;
    if (keeps_bos || !has_bos) {
        *kept += keeps_bos;
        same = count_same(session, *kept);
        *kept += (uint32_t)same;
    }
    cut(session, *kept);
    if (has_bos && !keeps_bos)
        session_push(session, bos, SEGMENT_TEMPLATE, 0);
    push_scratch(session, segments, strbuf_view(&session->text), same);
    infer_seq_keep_state(session->seq);
    mark_state(session, *kept);
    return OK;
}

enum status session_append(struct session *session, const struct session_segment *segments,
                           size_t count, struct error *err)
{
    uint32_t kept = session->log.count;
    return replace_tail(session, &kept, segments, count, err);
}

enum status session_append_ids(struct session *session, const int32_t *ids, uint32_t count,
                               struct error *err)
{
    const uint32_t begin = session->log.count;
    TRY(check_room(session, begin, count, err));
    for (uint32_t i = 0; i < count; i++)
        if (ids[i] < 0 || (uint32_t)ids[i] >= session->engine->info.vocab_size)
            return error_set(err, E_INVALID, "token %" PRId32 " is not in the vocabulary", ids[i]);
    for (uint32_t i = 0; i < count; i++)
        session_push(session, ids[i], SEGMENT_USER, 0);
    infer_seq_keep_state(session->seq);
    mark_state(session, begin);
    return OK;
}

enum status session_measure(const struct session *session, struct session_segment segment,
                            uint32_t *out_token_count, struct error *err)
{
    CLEANUP(token_list_done) struct token_list list = {0};
    const struct text_span span = {.text = segment.text,
                                   .may_be_special = segment.origin == SEGMENT_TEMPLATE};
    TRY(tokenizer_encode_spans(session->engine->tokenizer, &span, 1, &list, err));
    *out_token_count = (uint32_t)list.count;
    return OK;
}

/* ---------------------------------------------------------------- sync */

/* May the log's token stand for rendered bytes of this origin? */
static bool fits_origin(const struct tokenizer *tokenizer, const struct log_token *token,
                        enum segment_origin rendered)
{
    if (session_is_control(tokenizer, token->id))
        return rendered == SEGMENT_TEMPLATE;
    if (token->origin == SEGMENT_TEMPLATE || token->origin == SEGMENT_MODEL)
        return true; /* generated text comes back partly as the template's own scaffolding */
    return rendered != SEGMENT_TEMPLATE;
}

uint32_t session_match(const struct tokenizer *tokenizer, const struct log_token *log,
                       uint32_t count, const struct chat_spans *spans,
                       struct session_cursor *cursor)
{
    const struct str text = strbuf_view(&spans->text);
    size_t offset = cursor->offset;
    size_t run = cursor->run;
    uint32_t common = 0;
    for (; common < count; common++) {
        const struct log_token *token = &log[common];
        const struct str piece = tokenizer_piece(tokenizer, token->id);
        if (token->bytes > piece.len)
            break;
        const struct str wanted = str_slice(piece, piece.len - token->bytes, piece.len);
        if (!str_starts_with(str_slice(text, offset, text.len), wanted))
            break;
        while (run < spans->run_count &&
               offset >= spans->runs[run].offset + spans->runs[run].length)
            run++;
        if (token->bytes > 0 &&
            (run >= spans->run_count || !fits_origin(tokenizer, token, spans->runs[run].origin)))
            break;
        offset += token->bytes;
    }
    *cursor = (struct session_cursor){.offset = offset, .run = run};
    return common;
}

/* Tokens of the log that `spans` begins with; *out_offset: the bytes they stand for. */
static uint32_t common_tokens(const struct session *session, const struct chat_spans *spans,
                              size_t *out_offset)
{
    struct session_cursor cursor = {0};
    const struct session_log *log = &session->log;
    uint32_t count = 0;
    while (count < log->count) {
        const uint32_t run = session_log_run(log, count);
        const uint32_t same = session_match(session->engine->tokenizer, session_log_at(log, count),
                                            run, spans, &cursor);
        count += same;
        if (same < run)
            break;
    }
    *out_offset = cursor.offset;
    return count;
}

uint32_t session_common_tokens(const struct session *session, const struct chat_spans *spans)
{
    size_t offset = 0;
    return common_tokens(session, spans, &offset);
}

/* Back to the end of the last control token, where tokens cannot merge across the cut. */
static uint32_t safe_boundary(const struct session *session, uint32_t count, size_t *offset)
{
    while (count > 0 && !is_control_at(session, count - 1)) {
        count--;
        *offset -= session_log_at(&session->log, count)->bytes;
    }
    return count;
}

/* What conversations with the same system message and tools have in common: up to the last control
 * token before the first text of somebody else. A recurrent state is kept there. */
static void mark_prefix(struct session *session)
{
    uint32_t end = 0;
    session->prefix_count = 0;
    while (end < session->log.count && session_log_at(&session->log, end)->origin <= SEGMENT_SYSTEM)
        end++;
    if (end == session->log.count)
        return;
    while (end > 0 && !is_control_at(session, end - 1))
        end--;
    session->prefix_count = end;
    if (end >= PREFIX_TOKENS_MIN)
        session_log_keep_state(&session->log, end - 1);
}

/* Begins with what is stored, where that is more than the log has. */
static void recall(struct session *session, const struct chat_spans *spans)
{
    size_t offset = 0;
    if (!session->engine->prefixes)
        return;
    (void)common_tokens(session, spans, &offset);
    if (spans->text.len - offset >= RECALL_BYTES_MIN)
        (void)prefix_store_recall(session->engine->prefixes, session, spans);
}

/* Whether a text that goes on behind the log might have been split otherwise as a whole. What the
 * model wrote stays as it wrote it. */
static bool ends_in_text(const struct session *session, uint32_t kept, bool goes_on)
{
    return goes_on && kept > 0 && !is_control_at(session, kept - 1) &&
           session_log_at(&session->log, kept - 1)->origin != SEGMENT_MODEL;
}

enum status session_sync(struct session *session, const struct chat_spans *spans,
                         uint32_t *out_kept, struct error *err)
{
    size_t offset = 0;
    recall(session, spans);
    uint32_t kept = common_tokens(session, spans, &offset);
    if (kept < session->log.count || ends_in_text(session, kept, offset < spans->text.len))
        kept = safe_boundary(session, kept, &offset);

    CLEANUP(mem_freep)
    struct session_segment *segments = mem_try_zalloc(spans->run_count + 1, sizeof(*segments));
    if (!segments)
        return error_set(err, E_NO_MEMORY, "a conversation of %zu pieces", spans->run_count);
    size_t count = 0;
    for (size_t i = 0; i < spans->run_count; i++) {
        const struct segment_run *run = &spans->runs[i];
        const size_t end = run->offset + run->length;
        if (end <= offset)
            continue;
        const size_t begin = run->offset > offset ? run->offset : offset;
        segments[count++] = (struct session_segment){
            .text = str_slice(strbuf_view(&spans->text), begin, end), .origin = run->origin};
    }
    TRY(replace_tail(session, &kept, segments, count, err));
    mark_prefix(session);
    if (out_kept)
        *out_kept = kept;
    return OK;
}

/* ---------------------------------------------------------------- life */

/* Without pages. */
static enum status new_session(struct engine *engine, const struct sampler_options *sampler,
                               struct session **out, struct error *err)
{
    TRY(sampler_options_check(sampler, err));
    struct session *session = mem_zalloc(sizeof(*session));
    session->engine = engine;
    session->sampler = *sampler;
    session->capacity = engine->info.context_tokens;
    session_log_init(&session->log, &engine->logs, session->capacity);
    session->rows = mem_alloc(SESSION_SLICE_ROWS * sizeof(*session->rows));
    *out = session;
    return OK;
}

enum status session_new(struct engine *engine, const struct sampler_options *sampler,
                        struct session **out, struct error *err)
{
    CLEANUP(session_freep) struct session *session = NULL;
    TRY(new_session(engine, sampler, &session, err));
    TRY(infer_seq_new(engine->infer, &session->seq, err));
    *out = session;
    session = NULL; /* ownership moves to the caller */
    return OK;
}

void session_free(struct session *session)
{
    if (!session)
        return;
    session_draft_done(session);
    infer_seq_free(session->seq);
    token_list_done(&session->scratch);
    strbuf_done(&session->text);
    mem_free(session->rows);
    recent_ids_done(&session->recent);
    session_log_done(&session->log);
    mem_free(session);
}

enum status session_set_sampler(struct session *session, const struct sampler_options *sampler,
                                struct error *err)
{
    TRY(sampler_options_check(sampler, err));
    session->sampler = *sampler;
    return OK;
}

static enum status branch_off(const struct session *session, struct session **out,
                              struct error *err)
{
    CLEANUP(session_freep) struct session *fork = NULL;
    TRY(new_session(session->engine, &session->sampler, &fork, err));
    TRY(infer_seq_fork(session->seq, infer_seq_token_count(session->seq), &fork->seq, err));
    session_log_share(&session->log, &fork->log);
    fork->prefix_count = session->prefix_count;
    *out = fork;
    fork = NULL; /* ownership moves to the caller */
    return OK;
}

enum status session_fork(struct session *session, struct session **out, struct error *err)
{
    infer_seq_keep_state(session->seq);
    return branch_off(session, out, err);
}

enum status session_rewind(struct session *session, uint32_t token_count, struct error *err)
{
    if (token_count > session->log.count)
        return error_set(err, E_INVALID,
                         "cannot rewind to %" PRIu32 " tokens: there are only %" PRIu32,
                         token_count, session->log.count);
    cut(session, token_count);
    return OK;
}

uint32_t session_token_count(const struct session *session)
{
    return session->log.count;
}

int32_t session_token(const struct session *session, uint32_t index)
{
    CHECK(index < session->log.count);
    return session_log_at(&session->log, index)->id;
}

enum segment_origin session_token_origin(const struct session *session, uint32_t index)
{
    CHECK(index < session->log.count);
    return (enum segment_origin)session_log_at(&session->log, index)->origin;
}

/* ---------------------------------------------------------------- computing */

/* The logits of the log's last token are there. */
static bool has_logits(const struct session *session)
{
    return session->draft.taken > 0 || infer_seq_logits(session->seq) != NULL;
}

void session_rows(struct session *session, uint32_t count, struct infer_row *rows)
{
    if (count > 0 && session_cached_tokens(session) == session->log.count) /* its logits are gone */
        infer_seq_truncate(session->seq, session->log.count - 1);
    const uint32_t from = session_cached_tokens(session);
    CHECK(count <= session->log.count - from);
    for (uint32_t i = 0; i < count; i++) {
        const struct log_token *token = session_log_at(&session->log, from + i);
        rows[i] = (struct infer_row){.seq = session->seq,
                                     .token = token->id,
                                     .wants_logits = from + i + 1 == session->log.count,
                                     .keeps_state = token->keeps_state};
    }
}

/* Computes the next `count` pending tokens. */
static enum status run_slice(struct session *session, uint32_t count, struct error *err)
{
    session_rows(session, count, session->rows);
    return infer_step(session->engine->infer, session->rows, count, err);
}

enum status session_compute(struct session *session, engine_progress_fn *progress, void *context,
                            struct error *err)
{
    if (session->log.count == 0)
        return error_set(err, E_INVALID, "there is no text to continue");
    const uint32_t all = session_pending(session);
    for (uint32_t left = all; left > 0; left = session_pending(session)) {
        const uint32_t slice = left < SESSION_SLICE_ROWS ? left : SESSION_SLICE_ROWS;
        if (progress && all > 1 && !progress(context, all - left, all))
            return error_set(err, E_CANCELLED, "stopped while reading the prompt");
        TRY(run_slice(session, slice, err));
    }
    return OK;
}

uint32_t session_cached_tokens(const struct session *session)
{
    return infer_seq_token_count(session->seq);
}

uint32_t session_pending(const struct session *session)
{
    const uint32_t computed = infer_seq_token_count(session->seq) + session->draft.taken;
    if (computed < session->log.count)
        return session->log.count - computed;
    return has_logits(session) ? 0 : 1;
}

void session_release_pages(struct session *session)
{
    infer_seq_truncate(session->seq, 0);
}

const float *session_last_logits(const struct session *session)
{
    const uint32_t taken = session->draft.taken;
    return taken ? infer_seq_draft_logits(session->seq, taken - 1) : infer_seq_logits(session->seq);
}

enum status session_logits(struct session *session, const float **out, struct error *err)
{
    TRY(session_compute(session, NULL, NULL, err));
    *out = session_last_logits(session);
    return OK;
}

/* ---------------------------------------------------------------- probe */

/* The first token of each choice as it would follow the log. */
static enum status first_tokens(const struct session *session, const struct str *choices,
                                size_t count, int32_t *out, struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        CLEANUP(token_list_done) struct token_list list = {0};
        const struct text_span span = {.text = choices[i], .may_be_special = false};
        TRY(tokenizer_encode_spans(session->engine->tokenizer, &span, 1, &list, err));
        if (list.count == 0)
            return error_set(err, E_INVALID, "choice %zu is empty", i + 1);
        out[i] = list.ids[0];
        for (size_t j = 0; j < i; j++) {
            if (out[j] == out[i])
                return error_set(err, E_INVALID, "choices %zu and %zu begin with the same token",
                                 j + 1, i + 1);
        }
    }
    return OK;
}

enum status session_probe(struct session *session, const struct session_segment *question,
                          size_t segment_count, const struct str *choices, size_t choice_count,
                          double *out_probabilities, struct error *err)
{
    if (choice_count == 0 || choice_count > SESSION_CHOICES_MAX)
        return error_set(err, E_LIMIT, "%zu choices (limit %d)", choice_count, SESSION_CHOICES_MAX);
    int32_t ids[SESSION_CHOICES_MAX];
    TRY(first_tokens(session, choices, choice_count, ids, err));

    CLEANUP(session_freep) struct session *branch = NULL;
    TRY(branch_off(session, &branch, err));
    TRY(session_append(branch, question, segment_count, err));
    const float *logits = NULL;
    TRY(session_logits(branch, &logits, err));

    choice_probabilities(logits, ids, choice_count, out_probabilities);
    return OK;
}
