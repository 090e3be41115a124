#include "engine/scheduler.h"

#include "base/check.h"
#include "base/mem.h"
#include "chat/chat_spans.h"
#include "engine/engine_internal.h"
#include "engine/generation.h"
#include "engine/prefix_store.h"
#include "engine/session_internal.h"
#include "engine/session_pool.h"
#include "infer/infer.h"
#include "infer/token_mask.h"
#include "os/clock.h"

enum {
    PROMPT_ROWS_MAX = 256, /* of one step: what a person who hangs up waits for at most */
    PROMPT_ROWS_FIRST = 4, /* beside running streams, while nothing is known of the machine */
    FORCED_ROWS_MAX = 64,  /* pending tokens that still count as the next of a stream */
    LOGITS_ROWS_MAX = INFER_LOGITS_ROWS_DEFAULT,
    ROWS_MAX = SCHEDULER_ACTIVE_MAX * FORCED_ROWS_MAX + PROMPT_ROWS_MAX + LOGITS_ROWS_MAX,
};

/* With a slice of prompts a step may take so many times what it takes without. */
static const double PROMPT_STEP_MAX = 1.8;

/* So much may a slice of prompts change from one step to the next. */
static const double SLICE_CHANGE_MIN = 0.5;
static const double SLICE_CHANGE_MAX = 1.5;

struct scheduler_task {
    struct scheduler_task *next;
    struct chat_spans prompt; /* until the session has it */
    struct token_mask *mask;
    struct sampler_options sampler;
    struct session_limits limits;
    struct scheduler_sink sink;
    struct session *session; /* NULL until the task is first worked on */
    struct generation generation;
    enum scheduler_urgency urgency;
    double due;              /* clock_seconds(): who comes first is taken up first */
    double began, answered;  /* the same of admission and of the first token; 0: not yet */
    uint32_t prompt_pending; /* tokens to compute when it began */
    uint32_t row_count;      /* its rows of the current step */
    bool is_cancelled;
    bool is_held;
    bool is_out_of_room;
};

struct scheduler {
    struct engine *engine;
    struct session_pool *pool;
    struct scheduler_config config;                      /* every 0 replaced */
    struct scheduler_task *waiting;                      /* a list, in the order of `due` */
    struct scheduler_task *held;                         /* a list */
    struct scheduler_task *active[SCHEDULER_ACTIVE_MAX]; /* in the order they began */
    struct infer_row rows[ROWS_MAX];
    struct scheduler_facts facts;
    uint32_t turn;       /* which task's prompt goes first */
    uint32_t slice_rows; /* of prompts beside streams, as it came out to be right */
};

/* ---------------------------------------------------------------- life */

enum status scheduler_new(struct engine *engine, const struct scheduler_config *config,
                          struct scheduler **out, struct error *err)
{
    if (config->active_max > SCHEDULER_ACTIVE_MAX || config->queue_max > SCHEDULER_QUEUE_MAX)
        return error_set(err, E_INVALID, "%u answers at once and %u waiting (limits %d and %d)",
                         config->active_max, config->queue_max, SCHEDULER_ACTIVE_MAX,
                         SCHEDULER_QUEUE_MAX);
    struct scheduler *scheduler = mem_zalloc(sizeof(*scheduler));
    scheduler->engine = engine;
    scheduler->slice_rows = PROMPT_ROWS_FIRST;
    scheduler->config = *config;
    if (config->active_max == 0)
        scheduler->config.active_max = SCHEDULER_ACTIVE_DEFAULT;
    const uint32_t seqs_max = infer_seqs_max(engine->infer);
    if (scheduler->config.active_max > seqs_max)
        scheduler->config.active_max = seqs_max;
    if (config->queue_max == 0)
        scheduler->config.queue_max = SCHEDULER_QUEUE_MAX;
    scheduler->pool = session_pool_new(engine);
    *out = scheduler;
    return OK;
}

/* Tells the task's last word and forgets it. It is in no list any more. */
static void end_task(struct scheduler *scheduler, struct scheduler_task *task, enum status status,
                     const struct error *err)
{
    struct session_result result = {0};
    if (task->session) {
        if (status != OK)
            task->generation.is_cancelled = true; /* nothing more is handed out */
        generation_finish(&task->generation);
        result = task->generation.result;
        const double now = clock_seconds();
        result.prompt_seconds = (task->answered > 0 ? task->answered : now) - task->began;
        result.generate_seconds = task->answered > 0 ? now - task->answered : 0;
        generation_done(&task->generation);
        session_pool_give(scheduler->pool, task->session);
    }
    task->sink.finished(task->sink.context, &result, status, err);
    chat_spans_done(&task->prompt);
    token_mask_free(task->mask);
    mem_free(task);
}

static void end_list(struct scheduler *scheduler, struct scheduler_task **list, enum status status,
                     const struct error *err)
{
    while (*list) {
        struct scheduler_task *task = *list;
        *list = task->next;
        end_task(scheduler, task, status, err);
    }
}

static void cancel_all(struct scheduler *scheduler)
{
    struct error err = {0};
    const enum status status = error_set(&err, E_BUSY, "holt is closing");
    for (uint32_t i = 0; i < scheduler->facts.active_count; i++)
        end_task(scheduler, scheduler->active[i], status, &err);
    scheduler->facts.active_count = 0;
    end_list(scheduler, &scheduler->waiting, status, &err);
    end_list(scheduler, &scheduler->held, status, &err);
}

void scheduler_free(struct scheduler *scheduler)
{
    if (!scheduler)
        return;
    cancel_all(scheduler);
    session_pool_free(scheduler->pool);
    mem_free(scheduler);
}

/* ---------------------------------------------------------------- the queue */

enum status scheduler_check_room(const struct scheduler *scheduler, enum scheduler_urgency urgency,
                                 struct error *err)
{
    const uint32_t count = scheduler->facts.waiting_counts[urgency];
    if (count >= scheduler->config.queue_max)
        return error_set(err, E_BUSY, "%u requests are waiting already; try again later", count);
    return OK;
}

/* In front of who is due later. */
static void enqueue(struct scheduler *scheduler, struct scheduler_task *task)
{
    struct scheduler_task **link = &scheduler->waiting;
    while (*link && (*link)->due <= task->due)
        link = &(*link)->next;
    task->next = *link;
    *link = task;
    scheduler->facts.waiting_count++;
    scheduler->facts.waiting_counts[task->urgency]++;
}

/* Out of the queue, whose link it is. */
static struct scheduler_task *dequeue(struct scheduler *scheduler, struct scheduler_task **link)
{
    struct scheduler_task *task = *link;
    *link = task->next;
    task->next = NULL;
    scheduler->facts.waiting_count--;
    scheduler->facts.waiting_counts[task->urgency]--;
    return task;
}

static double patience_of(enum scheduler_urgency urgency)
{
    switch (urgency) {
    case SCHEDULER_INTERACTIVE: return 0;
    case SCHEDULER_SIDE: return SCHEDULER_SIDE_SECONDS;
    case SCHEDULER_BATCH:
    case SCHEDULER_URGENCY_COUNT: return SCHEDULER_BATCH_SECONDS;
    }
    return 0;
}

enum status scheduler_add(struct scheduler *scheduler, struct scheduler_request *request,
                          struct scheduler_task **out, struct error *err)
{
    TRY(sampler_options_check(&request->sampler, err));
    TRY(scheduler_check_room(scheduler, request->urgency, err));
    struct scheduler_task *task = mem_zalloc(sizeof(*task));
    task->prompt = *request->prompt;
    *request->prompt = (struct chat_spans){0};
    task->mask = request->mask;
    task->sampler = request->sampler;
    task->limits = request->limits;
    task->sink = request->sink;
    task->urgency = request->urgency;
    task->due = clock_seconds() + patience_of(request->urgency);
    enqueue(scheduler, task);
    *out = task;
    return OK;
}

void scheduler_cancel(struct scheduler_task *task)
{
    task->is_cancelled = true;
}

void scheduler_hold(struct scheduler_task *task, bool is_held)
{
    task->is_held = is_held;
}

uint32_t scheduler_ahead(const struct scheduler *scheduler, const struct scheduler_task *task)
{
    uint32_t count = 0;
    for (const struct scheduler_task *other = scheduler->waiting; other; other = other->next) {
        if (other == task)
            return count;
        count++;
    }
    return 0;
}

static void end_cancelled_waiting(struct scheduler *scheduler)
{
    struct error err = {0};
    const enum status status = error_set(&err, E_CANCELLED, "the caller went away");
    struct scheduler_task **link = &scheduler->waiting;
    while (*link) {
        if ((*link)->is_cancelled)
            end_task(scheduler, dequeue(scheduler, link), status, &err);
        else
            link = &(*link)->next;
    }
}

/* ---------------------------------------------------------------- places given up */

/* Ends the one that is held longest. */
static void give_up_held(struct scheduler *scheduler)
{
    struct error err = {0};
    struct scheduler_task **link = &scheduler->held;
    while ((*link)->next)
        link = &(*link)->next;
    struct scheduler_task *task = *link;
    *link = NULL;
    scheduler->facts.held_count--;
    end_task(scheduler, task,
             error_set(&err, E_BUSY, "this answer is read too slowly, as are too many others"),
             &err);
}

/* Tasks that are held leave their places. */
static void set_held_aside(struct scheduler *scheduler)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < scheduler->facts.active_count; i++) {
        struct scheduler_task *task = scheduler->active[i];
        task->row_count = 0;
        if (!task->is_held || task->is_cancelled) {
            scheduler->active[kept++] = task;
            continue;
        }
        task->next = scheduler->held;
        scheduler->held = task;
        scheduler->facts.held_count++;
    }
    scheduler->facts.active_count = kept;
    while (scheduler->facts.held_count > SCHEDULER_HELD_MAX)
        give_up_held(scheduler);
}

/* Those that may go on wait for a place again; due since they came, they are among the first. */
static void take_held_back(struct scheduler *scheduler)
{
    struct scheduler_task **link = &scheduler->held;
    while (*link) {
        struct scheduler_task *task = *link;
        if (task->is_held && !task->is_cancelled) {
            link = &task->next;
            continue;
        }
        *link = task->next;
        scheduler->facts.held_count--;
        enqueue(scheduler, task);
    }
}

/* Where all places are taken, the last task of the lowest class leaves its own to one of a higher
 * class, and waits; not when its time has come, or it might wait for ever. */
static void yield_place(struct scheduler *scheduler)
{
    const uint32_t count = scheduler->facts.active_count;
    uint32_t last = count;
    if (!scheduler->waiting || scheduler->waiting->urgency == SCHEDULER_BATCH ||
        count < scheduler->config.active_max)
        return;
    for (uint32_t i = 0; i < count; i++)
        if (scheduler->active[i]->urgency == SCHEDULER_BATCH &&
            scheduler->active[i]->due > scheduler->waiting->due)
            last = i;
    if (last == count)
        return;
    struct scheduler_task *task = scheduler->active[last];
    for (uint32_t i = last + 1; i < count; i++)
        scheduler->active[i - 1] = scheduler->active[i];
    scheduler->facts.active_count--;
    struct scheduler_task *first = dequeue(scheduler, &scheduler->waiting);
    enqueue(scheduler, task);
    first->next = scheduler->waiting; /* whatever is due */
    scheduler->waiting = first;
    scheduler->facts.waiting_count++;
    scheduler->facts.waiting_counts[first->urgency]++;
}

static bool give_pages(struct scheduler_task *list)
{
    for (struct scheduler_task *task = list; task; task = task->next) {
        if (!task->session || infer_seq_token_count(task->session->seq) == 0)
            continue;
        session_release_pages(task->session);
        return true;
    }
    return false;
}

/* Forgets idle sessions, then takes the pages of who is held or is in the queue from `waiting` on,
 * until `page_count` are free. */
static bool make_free(struct scheduler *scheduler, struct scheduler_task *waiting,
                      uint32_t page_count)
{
    while (infer_free_page_count(scheduler->engine->infer) < page_count)
        if (!session_pool_forget_oldest(scheduler->pool) && !give_pages(scheduler->held) &&
            !give_pages(waiting))
            return false;
    return true;
}

/* Gives the task a session that holds its prompt. */
static enum status open_session(struct scheduler *scheduler, struct scheduler_task *task,
                                struct error *err)
{
    uint32_t kept = 0;
    TRY(gguf_check_unchanged(scheduler->engine->gguf, err));
    TRY(session_pool_take(scheduler->pool, &task->prompt, &task->sampler, &task->session, &kept,
                          err));
    chat_spans_done(&task->prompt);
    task->prompt = (struct chat_spans){0};
    generation_init(&task->generation, &(struct generation_config){
                                           .session = task->session,
                                           .limits = &task->limits,
                                           .mask = task->mask,
                                           .event = task->sink.event,
                                           .context = task->sink.context,
                                       });
    task->began = clock_seconds();
    task->prompt_pending = session_pending(task->session);
    scheduler->facts.cached_tokens += task->generation.result.cached_tokens;
    if (scheduler->config.cache)
        scheduler->config.cache(session_pool_report(scheduler->pool));
    if (task->sink.began)
        task->sink.began(task->sink.context, &task->generation.result);
    return OK;
}

/* Begins with the first of the queue; false when it has to go on waiting. */
static bool admit_first(struct scheduler *scheduler)
{
    struct scheduler_task *task = scheduler->waiting;
    struct error err = {0};
    enum status status = OK;
    if (task->is_cancelled) /* by the end of one before it */
        status = error_set(&err, E_CANCELLED, "the caller went away");
    else if (!task->session)
        status = open_session(scheduler, task, &err);
    if (status == OK && scheduler->facts.active_count > 0) {
        const uint32_t pending = session_pending(task->session);
        const uint32_t pages = infer_seq_append_pages(task->session->seq, pending);
        if (!make_free(scheduler, task->next, pages + scheduler->facts.active_count))
            return false;
    }
    (void)dequeue(scheduler, &scheduler->waiting);
    if (status == OK)
        scheduler->active[scheduler->facts.active_count++] = task;
    else
        end_task(scheduler, task, status, &err);
    return true;
}

/* ---------------------------------------------------------------- one batch */

static bool is_stream(const struct scheduler_task *task)
{
    return task->answered > 0 && session_pending(task->session) <= FORCED_ROWS_MAX;
}

/* Decides task->row_count of every active task; returns the rows of prompts. */
static uint32_t plan_rows(struct scheduler *scheduler)
{
    const uint32_t count = scheduler->facts.active_count;
    uint32_t stream_rows = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct scheduler_task *task = scheduler->active[i];
        const bool runs = is_stream(task) && !task->is_held;
        task->row_count = runs ? session_pending(task->session) : 0;
        task->session->draft.count = 0;
        stream_rows += task->row_count;
    }
    const uint32_t budget = stream_rows > 0 ? scheduler->slice_rows : PROMPT_ROWS_MAX;
    uint32_t left = budget;
    for (uint32_t i = 0; i < count && left > 0; i++) {
        struct scheduler_task *task = scheduler->active[(scheduler->turn + i) % count];
        if (task->row_count > 0 || task->is_held)
            continue;
        const uint32_t pending = session_pending(task->session);
        task->row_count = pending < left ? pending : left;
        left -= task->row_count;
    }
    scheduler->turn++;
    return budget - left;
}

static uint32_t pages_wanted(const struct scheduler *scheduler)
{
    uint32_t pages = 0;
    for (uint32_t i = 0; i < scheduler->facts.active_count; i++) {
        const struct scheduler_task *task = scheduler->active[i];
        pages += infer_seq_append_pages(task->session->seq,
                                        task->row_count + task->session->draft.count);
    }
    return pages;
}

/* Guesses of what follows in every stream, as far as they pay; not beside prompts, whose rows take
 * the same time and are sure to be wanted. Nobody gives pages back for a guess. */
static void plan_drafts(struct scheduler *scheduler)
{
    struct session *sessions[SCHEDULER_ACTIVE_MAX];
    uint32_t count = 0;
    uint32_t rows = 0;
    for (uint32_t i = 0; i < scheduler->facts.active_count; i++) {
        struct scheduler_task *task = scheduler->active[i];
        if (task->is_held)
            continue;
        sessions[count++] = task->session;
        rows += task->row_count;
        generation_propose(&task->generation);
    }
    speculation_plan(&scheduler->engine->speculation, sessions, count, rows, LOGITS_ROWS_MAX);
    if (pages_wanted(scheduler) > infer_free_page_count(scheduler->engine->infer))
        for (uint32_t i = 0; i < count; i++)
            sessions[i]->draft.count = 0;
}

/* The task that began last gives its pages back and waits at the head of the queue. */
static void preempt_last(struct scheduler *scheduler)
{
    struct scheduler_task *task = scheduler->active[--scheduler->facts.active_count];
    session_release_pages(task->session);
    task->row_count = 0;
    task->next = scheduler->waiting;
    scheduler->waiting = task;
    scheduler->facts.waiting_count++;
    scheduler->facts.waiting_counts[task->urgency]++;
    scheduler->facts.preempted_count++;
}

/* Makes room for the planned rows; when one task alone has none left, it ends there. */
static void make_room(struct scheduler *scheduler)
{
    while (!make_free(scheduler, scheduler->waiting, pages_wanted(scheduler)) &&
           scheduler->facts.active_count > 1)
        preempt_last(scheduler);
    if (scheduler->facts.active_count != 1)
        return;
    struct scheduler_task *only = scheduler->active[0];
    const uint32_t room = infer_seq_room(only->session->seq);
    if (only->row_count > room)
        only->row_count = room;
    only->is_out_of_room =
        only->row_count == 0 && !only->is_held && session_pending(only->session) > 0;
}

/* The next slice of prompts beside streams: larger when this step was faster than it might be. */
static void fit_slice(struct scheduler *scheduler, uint32_t stream_rows, double seconds)
{
    const double alone = step_cost_of(&scheduler->engine->speculation.cost, stream_rows);
    if (alone <= 0)
        return;
    double change = PROMPT_STEP_MAX * alone / seconds;
    change = change < SLICE_CHANGE_MIN   ? SLICE_CHANGE_MIN
             : change > SLICE_CHANGE_MAX ? SLICE_CHANGE_MAX
                                         : change;
    const double rows = scheduler->slice_rows * change;
    scheduler->slice_rows = rows < 1                 ? 1
                            : rows > PROMPT_ROWS_MAX ? PROMPT_ROWS_MAX
                                                     : (uint32_t)rows;
    if (change > 1 && scheduler->slice_rows < PROMPT_ROWS_MAX)
        scheduler->slice_rows++;
}

/* Computes the planned rows of every task. */
static enum status run_rows(struct scheduler *scheduler, uint32_t prompt_rows, struct error *err)
{
    struct engine *engine = scheduler->engine;
    uint32_t total = 0;
    for (uint32_t i = 0; i < scheduler->facts.active_count; i++) {
        const struct scheduler_task *task = scheduler->active[i];
        session_rows(task->session, task->row_count, scheduler->rows + total);
        total += task->row_count;
        total += session_draft_rows(task->session, scheduler->rows + total);
    }
    if (total == 0)
        return OK;
    const double start = clock_seconds();
    TRY(infer_step(engine->infer, scheduler->rows, total, err));
    const double seconds = clock_seconds() - start;
    speculation_note(engine, total, seconds);
    if (prompt_rows > 0 && prompt_rows < total)
        fit_slice(scheduler, total - prompt_rows, seconds);
    for (uint32_t i = 0; i < scheduler->facts.active_count; i++)
        session_draft_computed(scheduler->active[i]->session);
    scheduler->facts.step_seconds += seconds;
    scheduler->facts.step_count++;
    scheduler->facts.prompt_tokens += prompt_rows;
    return OK;
}

/* ---------------------------------------------------------------- what a step yields */

/* Goes on with one task; false when it is over, *out_status says how. */
static bool advance(struct scheduler *scheduler, struct scheduler_task *task,
                    enum status *out_status, struct error *err)
{
    *out_status = OK;
    if (task->is_cancelled) {
        *out_status = error_set(err, E_CANCELLED, "the caller went away");
        return false;
    }
    if (task->is_held)
        return true;
    if (task->is_out_of_room)
        return false;
    const uint32_t pending = session_pending(task->session);
    if (pending > 0) {
        const uint32_t done = task->prompt_pending > pending ? task->prompt_pending - pending : 0;
        if (task->answered > 0 || !task->sink.progress ||
            task->sink.progress(task->sink.context, done, task->prompt_pending))
            return true;
        *out_status = error_set(err, E_CANCELLED, "stopped while reading the prompt");
        return false;
    }
    if (task->answered <= 0)
        task->answered = clock_seconds();
    const uint32_t before = task->generation.result.generated_tokens;
    task->generation.result.step_count += before > 0;
    *out_status = generation_advance(&task->generation, err);
    scheduler->facts.generated_tokens += task->generation.result.generated_tokens - before;
    return *out_status == OK && !generation_is_over(&task->generation);
}

static void advance_all(struct scheduler *scheduler)
{
    const uint32_t count = scheduler->facts.active_count;
    struct scheduler_task *over[SCHEDULER_ACTIVE_MAX];
    enum status statuses[SCHEDULER_ACTIVE_MAX];
    struct error errors[SCHEDULER_ACTIVE_MAX];
    uint32_t over_count = 0;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct scheduler_task *task = scheduler->active[i];
        errors[over_count] = (struct error){0};
        if (advance(scheduler, task, &statuses[over_count], &errors[over_count]))
            scheduler->active[kept++] = task;
        else
            over[over_count++] = task;
    }
    scheduler->facts.active_count = kept;
    for (uint32_t i = 0; i < over_count; i++)
        end_task(scheduler, over[i], statuses[i], &errors[i]);
}

/* A step that failed as a whole: what was asked of the model was wrong, for all of them. */
static void fail_all(struct scheduler *scheduler, enum status status, const struct error *err)
{
    const uint32_t count = scheduler->facts.active_count;
    scheduler->facts.active_count = 0;
    for (uint32_t i = 0; i < count; i++)
        end_task(scheduler, scheduler->active[i], status, err);
}

/* Something is to be computed, or a cancelled task to be ended. */
static bool has_work(const struct scheduler *scheduler)
{
    for (uint32_t i = 0; i < scheduler->facts.active_count; i++)
        if (!scheduler->active[i]->is_held || scheduler->active[i]->is_cancelled)
            return true;
    return false;
}

bool scheduler_step(struct scheduler *scheduler)
{
    take_held_back(scheduler);
    end_cancelled_waiting(scheduler);
    set_held_aside(scheduler);
    yield_place(scheduler);
    while (scheduler->waiting && scheduler->facts.active_count < scheduler->config.active_max)
        if (!admit_first(scheduler))
            break;
    if (!has_work(scheduler))
        return scheduler->facts.active_count == 0 && scheduler->waiting != NULL;
    const uint32_t prompt_rows = plan_rows(scheduler);
    if (prompt_rows == 0)
        plan_drafts(scheduler);
    make_room(scheduler);
    struct error err = {0};
    const enum status status = run_rows(scheduler, prompt_rows, &err);
    if (status == OK)
        advance_all(scheduler);
    else
        fail_all(scheduler, status, &err);
    return true;
}

void scheduler_keep(struct scheduler *scheduler, bool (*goes_on)(void *context), void *context)
{
    (void)session_pool_keep(scheduler->pool, goes_on, context);
}

void scheduler_get_facts(const struct scheduler *scheduler, struct scheduler_facts *out)
{
    *out = scheduler->facts;
    out->drafted_tokens = scheduler->engine->speculation.drafted_tokens;
    out->accepted_tokens = scheduler->engine->speculation.accepted_tokens;
    struct prefix_store_facts stored;
    engine_prefix_facts(scheduler->engine, &stored);
    out->stored_tokens = stored.recalled_tokens;
    out->stored_bytes = stored.file_bytes;
    out->idle_session_count = session_pool_idle_count(scheduler->pool);
}

void scheduler_add_facts(struct scheduler_facts *total, const struct scheduler_facts *more)
{
    total->active_count += more->active_count;
    total->waiting_count += more->waiting_count;
    for (int i = 0; i < SCHEDULER_URGENCY_COUNT; i++)
        total->waiting_counts[i] += more->waiting_counts[i];
    total->held_count += more->held_count;
    total->idle_session_count += more->idle_session_count;
    total->step_count += more->step_count;
    total->prompt_tokens += more->prompt_tokens;
    total->cached_tokens += more->cached_tokens;
    total->generated_tokens += more->generated_tokens;
    total->drafted_tokens += more->drafted_tokens;
    total->accepted_tokens += more->accepted_tokens;
    total->preempted_count += more->preempted_count;
    total->stored_tokens += more->stored_tokens;
    if (more->stored_bytes > total->stored_bytes)
        total->stored_bytes = more->stored_bytes; /* one folder for all */
    total->step_seconds += more->step_seconds;
}
