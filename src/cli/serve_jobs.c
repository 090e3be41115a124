#include "cli/serve_jobs.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "catalog/blob_store.h"
#include "cli/front.h"
#include "cli/model_admin.h"
#include "cli/model_catalog.h"
#include "cli/model_create.h"
#include "cli/pull_run.h"
#include "cli/serve_uploads.h"
#include "cli/state.h"
#include "os/pipe_record.h"
#include "os/process.h"
#include "os/readable.h"
#include "os/same_user.h"
#include "server/guard.h"
#include "text/json.h"
#include "text/utf8.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PULLS_MAX = 4, NAME_BYTES_MAX = 256, FILE_NAME_BYTES_MAX = 256 };

/* From a child (pipe_record.h). */
struct news {
    bool is_last;
    enum status status;
    uint64_t done;
    uint64_t total;
    char file[FILE_NAME_BYTES_MAX];
    char text[ERROR_TEXT_MAX];
};

static_assert(sizeof(struct news) <= PIPE_RECORD_BYTES_MAX, "a pipe writes it in one piece");

struct pull {
    uint64_t id; /* 0: free */
    pid_t pid;
    int fd;
};

struct serve_jobs {
    struct serve_jobs_config config;
    struct pull pulls[PULLS_MAX];
    struct serve_uploads *uploads;
};

struct serve_jobs *serve_jobs_new(const struct serve_jobs_config *config)
{
    struct serve_jobs *jobs = mem_zalloc(sizeof(*jobs));
    jobs->config = *config;
    jobs->uploads = serve_uploads_new(config->state);
    return jobs;
}

static void end_pull(struct pull *pull)
{
    process_kill(pull->pid);
    close(pull->fd);
    *pull = (struct pull){0};
}

void serve_jobs_free(struct serve_jobs *jobs)
{
    if (!jobs)
        return;
    for (size_t i = 0; i < PULLS_MAX; i++)
        if (jobs->pulls[i].id)
            end_pull(&jobs->pulls[i]);
    serve_uploads_free(jobs->uploads);
    mem_free(jobs);
}

static void tell(struct front *front, uint64_t id, bool is_last, enum status status,
                 struct str text)
{
    const struct front_message message = {
        .kind = FRONT_NEWS,
        .text = text,
        .flag = is_last,
        .number_count = 2,
        .numbers = {id, (uint64_t)status},
    };
    (void)!front_protocol_send(&front->core, &message, NULL);
}

/* ---------------------------------------------------------------- the child that pulls */

static bool on_progress(void *context, const struct pull_file *file, uint64_t done, uint64_t total)
{
    const int *fd = context;
    struct news news = {.done = done, .total = total};
    snprintf(news.file, sizeof(news.file), "%s", file->name);
    pipe_record_send(*fd, &news, sizeof(news));
    return true;
}

static void on_note(void *context, const char *text)
{
    (void)context;
    (void)text;
}

NO_RETURN static void be_child(const struct serve_jobs *jobs, const char *name, int fd)
{
    struct error err = {0};
    struct news last = {.is_last = true};
    char *model = NULL;
    const struct pull_run_config config = {
        .name = name,
        .source = jobs->config.source,
        .state = jobs->config.state,
        .progress = on_progress,
        .note = on_note,
        .context = &fd,
    };
    process_silence(false);
    signal(SIGINT, SIG_IGN); /* the front decides */
    last.status = pull_run(&config, &model, &err);
    memcpy(last.text, err.text, sizeof(last.text));
    pipe_record_send(fd, &last, sizeof(last));
    _exit(0);
}

static enum status start_pull(struct serve_jobs *jobs, uint64_t id, const char *name,
                              struct error *err)
{
    const pid_t parent = getpid();
    struct pull *pull = jobs->pulls;
    int ends[2];
    while (pull < jobs->pulls + PULLS_MAX && pull->id)
        pull++;
    if (pull == jobs->pulls + PULLS_MAX)
        return error_set(err, E_BUSY, "%d models are being pulled already", PULLS_MAX);
    TRY(process_pipe(ends, err));
    if (process_fork(&pull->pid, err) != OK) {
        close(ends[0]);
        close(ends[1]);
        return E_IO;
    }
    if (pull->pid == 0) {
        process_die_with(parent, SIGKILL);
        close(ends[0]);
        be_child(jobs, name, ends[1]);
    }
    close(ends[1]);
    pull->id = id;
    pull->fd = ends[0];
    return OK;
}

/* As Ollama tells it: a line for each piece of news. */
static void tell_progress(struct front *front, const struct pull *pull, const struct news *news)
{
    CLEANUP(strbuf_done) struct strbuf file = {0};
    utf8_add_clean(&file, str_from_c(news->file));
    json_t *line = json_pack("{s:s+, s:s, s:I, s:I}", "status", "pulling ", strbuf_c(&file),
                             "digest", strbuf_c(&file), "total", (json_int_t)news->total,
                             "completed", (json_int_t)news->done);
    CLEANUP(strbuf_done) struct strbuf text = {0};
    json_write_python(line, &text);
    tell(front, pull->id, false, OK, strbuf_view(&text));
    json_decref(line);
}

/* False: the pull is over. */
static bool pass_on(struct front *front, struct pull *pull)
{
    struct news news;
    if (!pipe_record_receive(pull->fd, &news, sizeof(news))) {
        tell(front, pull->id, true, E_IO, STR("the fetching process ended without a word"));
        return false;
    }
    news.file[sizeof(news.file) - 1] = news.text[sizeof(news.text) - 1] = '\0';
    if (news.is_last)
        tell(front, pull->id, true, news.status, str_from_c(news.text));
    else
        tell_progress(front, pull, &news);
    return !news.is_last;
}

void serve_jobs_tick(struct serve_jobs *jobs, struct front *front)
{
    for (size_t i = 0; i < PULLS_MAX; i++) {
        struct pull *pull = &jobs->pulls[i];
        while (pull->id && readable_wait(&pull->fd, 1, 0) != 0)
            if (!pass_on(front, pull))
                end_pull(pull);
    }
}

/* ---------------------------------------------------------------- asked for */

static enum status read_name(const json_t *body, const char *key, const char *other,
                             struct str *out, struct error *err)
{
    const struct str latest = STR(":latest");
    if (!json_member_str(body, key, out) && (!other || !json_member_str(body, other, out)))
        return error_set(err, E_INVALID, "%s is missing", key);
    if (str_ends_with(*out, latest))
        *out = str_slice(*out, 0, out->len - latest.len);
    if (out->len == 0 || out->len > NAME_BYTES_MAX || memchr(out->ptr, '\0', out->len))
        return error_set(err, E_INVALID, "%s has 1 to %d bytes", key, NAME_BYTES_MAX);
    return OK;
}

static enum status copy_model(const struct serve_jobs *jobs, const json_t *body, struct error *err)
{
    CLEANUP(catalog_done) struct catalog catalog = {0};
    const struct catalog_entry *entry = NULL;
    struct str from = {0};
    struct str to = {0};
    bool is_link = false;
    TRY(read_name(body, "source", NULL, &from, err));
    TRY(read_name(body, "destination", NULL, &to, err));
    model_catalog_read(jobs->config.state, jobs->config.model_folders, &catalog);
    TRY(catalog_find(&catalog, from, &entry, err));
    if (entry->manifest) {
        CLEANUP(json_decrefp)
        json_t *copy = json_pack("{s:s%, s:s}", "model", to.ptr, to.len, "from", entry->name);
        return model_create(jobs->config.state, jobs->config.model_folders, copy, NULL, err);
    }
    return model_admin_take(jobs->config.state, entry->path, to, &is_link, err);
}

/* A line of progress. */
static void tell_line(struct front *front, uint64_t id, const char *status)
{
    CLEANUP(strbuf_done) struct strbuf text = {0};
    CLEANUP(json_decrefp) json_t *line = json_pack("{s:s}", "status", status);
    json_write_python(line, &text);
    tell(front, id, false, OK, strbuf_view(&text));
}

static enum status create_model(const struct serve_jobs *jobs, struct front *front, uint64_t id,
                                const json_t *body, struct error *err)
{
    bool ignores_template = false;
    TRY(model_create(jobs->config.state, jobs->config.model_folders, body, &ignores_template, err));
    if (ignores_template)
        tell_line(front, id,
                  "the template is written in Go's language: the model file's own is used");
    tell_line(front, id, "writing manifest");
    return OK;
}

/* Whether a file was uploaded. */
static enum status look_for_blob(const struct serve_jobs *jobs, const json_t *body,
                                 struct error *err)
{
    struct blob_digest digest;
    TRY(blob_store_digest(json_str(json_object_get(body, "digest")), &digest, err));
    if (!blob_store_has(jobs->config.state->models, &digest))
        return error_set(err, E_NOT_FOUND, "the file sha256:%.12s... is not here", digest.hex);
    return OK;
}

static enum status check_client(const struct serve_jobs *jobs, const struct front_message *message,
                                struct error *err)
{
    const uint64_t peer_port = message->numbers[1];
    const struct str key = jobs->config.key;
    if (key.len > 0 && message->detail.len > 0 && guard_key_is(key, message->detail))
        return OK;
    if (peer_port > 0 && peer_port <= UINT16_MAX &&
        same_user_at(jobs->config.own_port, (uint16_t)peer_port))
        return OK;
    return error_set(err, E_DENIED,
                     "only programs of the user who runs this server, or with its key, may change "
                     "its models");
}

static void stop(struct serve_jobs *jobs, uint64_t id)
{
    for (size_t i = 0; i < PULLS_MAX; i++)
        if (id && jobs->pulls[i].id == id)
            end_pull(&jobs->pulls[i]);
    serve_uploads_stop(jobs->uploads, id);
}

static enum status begin_upload(struct serve_jobs *jobs, struct front *front, uint64_t id,
                                const json_t *body, struct error *err)
{
    TRY(serve_uploads_begin(jobs->uploads, id, body, err));
    tell(front, id, false, OK, (struct str){0}); /* go on */
    return OK;
}

void serve_jobs_data(struct serve_jobs *jobs, struct front *front,
                     const struct front_message *message)
{
    const uint64_t id = message->numbers[0];
    struct error err = {0};
    const enum status status = serve_uploads_add(jobs->uploads, id, message->text, &err);
    if (status != E_NOT_FOUND) /* its end was told */
        tell(front, id, status != OK, status, str_from_c(err.text));
}

/* About a file of a digest. */
static enum status work_on_blob(struct serve_jobs *jobs, struct front *front,
                                const struct front_message *message, const json_t *body,
                                bool *out_goes_on, struct error *err)
{
    if (str_equal_c(message->name, "blob"))
        return look_for_blob(jobs, body, err);
    *out_goes_on = true;
    return begin_upload(jobs, front, message->numbers[0], body, err);
}

/* What is asked for; *out_goes_on: its end will be told later. */
static enum status work(struct serve_jobs *jobs, struct front *front,
                        const struct front_message *message, struct strbuf *line, bool *out_goes_on,
                        struct error *err)
{
    CLEANUP(json_decrefp) json_t *body = NULL;
    CLEANUP(strbuf_done) struct strbuf name = {0};
    struct str text = {0};
    TRY(check_client(jobs, message, err));
    TRY(json_parse(message->text, NULL, &body, err));
    if (str_equal_c(message->name, "copy")) {
        strbuf_add_c(line, "a client copied a model");
        return copy_model(jobs, body, err);
    }
    if (str_equal_c(message->name, "blob") || str_equal_c(message->name, "upload"))
        return work_on_blob(jobs, front, message, body, out_goes_on, err);
    TRY(read_name(body, "model", "name", &text, err));
    strbuf_add_str(&name, text);
    if (str_equal_c(message->name, "pull") && !jobs->config.allows_pull)
        return error_set(err, E_DENIED,
                         "nothing is fetched for clients here: use `holt pull %s`, or start holt "
                         "serve with --allow-pull",
                         strbuf_c(&name));
    if (str_equal_c(message->name, "pull")) {
        strbuf_addf(line, "a client pulls %s", strbuf_c(&name));
        *out_goes_on = true;
        return start_pull(jobs, message->numbers[0], strbuf_c(&name), err);
    }
    if (str_equal_c(message->name, "create")) {
        strbuf_addf(line, "a client made %s", strbuf_c(&name));
        return create_model(jobs, front, message->numbers[0], body, err);
    }
    if (!str_equal_c(message->name, "delete"))
        return error_set(err, E_UNSUPPORTED, "there is no such work");
    strbuf_addf(line, "a client removed %s", strbuf_c(&name));
    return model_admin_remove(jobs->config.state, jobs->config.model_folders, text, NULL, err);
}

char *serve_jobs_take(struct serve_jobs *jobs, struct front *front,
                      const struct front_message *message)
{
    CLEANUP(strbuf_done) struct strbuf line = {0};
    const uint64_t id = message->numbers[0];
    struct error err = {0};
    bool goes_on = false;
    if (str_equal_c(message->name, "stop")) {
        stop(jobs, id);
        tell(front, id, true, E_CANCELLED, STR("the client is gone"));
        return NULL;
    }
    if (str_equal_c(message->name, "uploaded")) {
        const enum status ended = serve_uploads_finish(jobs->uploads, id, &err);
        tell(front, id, true, ended, str_from_c(err.text));
        return NULL;
    }
    const enum status status = work(jobs, front, message, &line, &goes_on, &err);
    if (status != OK || !goes_on)
        tell(front, id, true, status, str_from_c(err.text));
    return status == OK && line.len > 0 ? strbuf_take(&line) : NULL;
}
