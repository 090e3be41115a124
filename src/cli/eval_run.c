#include "cli/eval_run.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/eval_play.h"
#include "os/channel.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/interrupt.h"
#include "os/path.h"
#include "os/process.h"
#include "os/random.h"
#include "os/readable.h"
#include "os/remove_all.h"
#include "text/json.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>

enum { NAME_LEN = 10, WAIT_MS = 200, RESULT_KIND = 1, GRACE_MS = 5000, REMOVE_TRIES = 20 };
enum { REMOVE_WAIT_NS = 50 * 1000 * 1000 };

struct job {
    pid_t pid; /* 0: free */
    size_t task_index;
    double begin;
    char *folder;
    struct channel from;
};

struct run {
    const struct eval_run_config *config;
    const json_t *tasks;
    json_t **results; /* [task_count] */
    size_t next;
    struct job jobs[EVAL_RUN_JOBS_MAX];
    int interrupt_fd;
};

static char *make_name(void)
{
    const char *parent = getenv("TMPDIR");
    char name[NAME_LEN + 1];
    random_name(name, NAME_LEN);
    struct strbuf text = {0};
    strbuf_addf(&text, "holt-eval-%s", name);
    char *path = path_join(parent && parent[0] == '/' ? parent : "/tmp", strbuf_c(&text));
    strbuf_done(&text);
    return path;
}

/* ---------------------------------------------------------------- one job */

NO_RETURN static void be_player(const struct run *run, const struct job *job, struct channel *to,
                                pid_t parent)
{
    process_die_with(parent, SIGKILL);
    interrupt_close(run->interrupt_fd);
    json_t *result =
        eval_play_run(json_array_get(run->tasks, job->task_index), job->folder, &run->config->core);
    CLEANUP(strbuf_done) struct strbuf text = {.size_max = EVAL_RUN_RESULT_MAX};
    json_write_python(result, &text);
    const bool is_sent =
        !text.overflowed && channel_send(to, RESULT_KIND, strbuf_view(&text), NULL) == OK;
    _exit(is_sent ? 0 : 1);
}

static enum status start_job(struct run *run, struct job *job, struct error *err)
{
    struct channel to = {0};
    const pid_t parent = getpid();
    *job = (struct job){.task_index = run->next++, .begin = clock_seconds()};
    job->folder = make_name();
    TRY(file_make_folder(job->folder, err));
    TRY(channel_pair(&job->from, &to, err));
    fflush(stdout);
    fflush(stderr);
    TRY(process_fork(&job->pid, err));
    if (job->pid == 0) {
        channel_close(&job->from);
        be_player(run, job, &to, parent);
    }
    channel_close(&to);
    return OK;
}

static json_t *failure(const json_t *task, const char *reason, double seconds)
{
    return json_pack("{s:O, s:O, s:b, s:s, s:s, s:[], s:i, s:i, s:f}", "id",
                     json_object_get(task, "id"), "kind", json_object_get(task, "kind"), "passed",
                     0, "reason", reason, "answer", "", "calls", "bad_calls", 0, "steps", 0,
                     "seconds", seconds);
}

/* Takes the result and everything that belongs to the job away. `reason`: why there is none. */
static void end_job(struct run *run, struct job *job, const char *reason)
{
    const json_t *task = json_array_get(run->tasks, job->task_index);
    CLEANUP(strbuf_done) struct strbuf body = {0};
    json_t *result = NULL;
    uint32_t kind = 0;
    int status = 0;
    const bool came = !reason && channel_receive(&job->from, EVAL_RUN_RESULT_MAX, GRACE_MS, &kind,
                                                 &body, NULL) == OK;
    if (!came || json_parse(strbuf_view(&body), NULL, &result, NULL) != OK)
        result = failure(task, reason ? reason : "the process that played it died",
                         clock_seconds() - job->begin);
    if (reason || !process_wait(job->pid, GRACE_MS, &status))
        process_kill(job->pid);
    channel_close(&job->from);
    /* What a killed job had started needs a moment to die. */
    for (int i = 0; i < REMOVE_TRIES && !remove_all(AT_FDCWD, job->folder); i++)
        clock_sleep_ns(REMOVE_WAIT_NS);
    mem_free(job->folder);
    run->results[job->task_index] = result;
    *job = (struct job){0};
    if (run->config->on_result)
        run->config->on_result(run->config->context, result);
}

/* ---------------------------------------------------------------- all of them */

static bool is_busy(const struct run *run)
{
    for (unsigned i = 0; i < run->config->job_count; i++) {
        if (run->jobs[i].pid > 0)
            return true;
    }
    return false;
}

static enum status start_free(struct run *run, struct error *err)
{
    const size_t count = json_array_size(run->tasks);
    for (unsigned i = 0; i < run->config->job_count && run->next < count; i++) {
        if (run->jobs[i].pid == 0)
            TRY(start_job(run, &run->jobs[i], err));
    }
    return OK;
}

/* Waits until something comes, and ends the jobs that are ready or too slow. False on Ctrl-C. */
static bool wait_and_end(struct run *run)
{
    const unsigned count = run->config->job_count;
    int fds[EVAL_RUN_JOBS_MAX + 1];
    for (unsigned i = 0; i < count; i++)
        fds[i] = run->jobs[i].pid > 0 ? run->jobs[i].from.fd : -1;
    fds[count] = run->interrupt_fd;
    const uint32_t ready = readable_wait(fds, count + 1, WAIT_MS);
    if (ready >> count & 1)
        return false;
    for (unsigned i = 0; i < count; i++) {
        struct job *job = &run->jobs[i];
        if (ready >> i & 1)
            end_job(run, job, NULL);
        else if (job->pid > 0 && clock_seconds() - job->begin > run->config->timeout_s)
            end_job(run, job, "it took too long");
    }
    return true;
}

static enum status run_all(struct run *run, struct error *err)
{
    const size_t count = json_array_size(run->tasks);
    while (run->next < count || is_busy(run)) {
        TRY(start_free(run, err));
        if (!wait_and_end(run))
            return error_set(err, E_CANCELLED, "interrupted");
    }
    return OK;
}

static void end_all(struct run *run)
{
    for (unsigned i = 0; i < run->config->job_count; i++) {
        if (run->jobs[i].folder)
            end_job(run, &run->jobs[i], "interrupted");
    }
}

enum status eval_run(const struct eval_run_config *config, const json_t *tasks,
                     json_t **out_results, struct error *err)
{
    CHECK(config->job_count >= 1 && config->job_count <= EVAL_RUN_JOBS_MAX);
    struct run run = {.config = config, .tasks = tasks};
    const size_t count = json_array_size(tasks);
    TRY(interrupt_open(&run.interrupt_fd, err));
    run.results = mem_alloc((count + 1) * sizeof(run.results[0]));
    memset(run.results, 0, (count + 1) * sizeof(run.results[0]));
    const enum status status = run_all(&run, err);
    end_all(&run);
    interrupt_close(run.interrupt_fd);
    json_t *results = json_array();
    for (size_t i = 0; i < count && run.results[i]; i++)
        json_array_append_new(results, run.results[i]);
    mem_free(run.results);
    if (status == OK)
        *out_results = results;
    else
        json_decref(results);
    return status;
}
