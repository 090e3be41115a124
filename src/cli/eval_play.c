#include "cli/eval_play.h"

#include "agent/agent.h"
#include "base/mem.h"
#include "cli/command.h"
#include "cli/eval_judge.h"
#include "cli/eval_task.h"
#include "cli/front.h"
#include "cli/state.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/path.h"
#include "store/memory_store.h"
#include "text/clean_text.h"
#include "text/json.h"

struct play {
    const json_t *task;
    char *workspace;
    struct state state;
    struct front front;
    struct strbuf answer; /* text of the step that is going on: the answer at the end */
    json_t *calls;
    unsigned bad_calls;
    unsigned steps;
    uint64_t generated; /* tokens, and of guessed ones computed and right */
    uint64_t drafted;
    uint64_t accepted;
};

static void on_message(void *context, const struct front_message *message)
{
    struct play *play = context;
    if (message->kind == FRONT_TEXT) {
        strbuf_add_str(&play->answer, message->text);
    } else if (message->kind == FRONT_CALL) {
        strbuf_clear(&play->answer);
        json_array_append_new(play->calls, json_stringn(message->name.ptr, message->name.len));
    } else if (message->kind == FRONT_RESULT && message->name.len == 0) {
        strbuf_clear(&play->answer);
        play->bad_calls++; /* not even a call: the loop told the model why */
    }
}

static unsigned allowed_of(const json_t *task)
{
    unsigned bits = 0;
    size_t index = 0;
    json_t *word = NULL;
    json_array_foreach(json_object_get(task, "allow"), index, word)
    {
        if (str_equal_c(json_str(word), "write"))
            bits |= WARDEN_ALLOW_WRITE;
        if (str_equal_c(json_str(word), "run"))
            bits |= WARDEN_ALLOW_RUN;
    }
    return bits;
}

static enum status keep_notes(struct play *play, struct error *err)
{
    const json_t *notes = json_object_get(play->task, "notes");
    size_t index = 0;
    json_t *note = NULL;
    if (json_array_size(notes) == 0)
        return OK;
    CLEANUP(memory_store_closep) struct memory_store *store = NULL;
    TRY(memory_store_open(play->state.memory, &store, err));
    json_array_foreach(notes, index, note)
    {
        TRY(memory_store_add(store, json_str(note), err));
    }
    return OK;
}

static enum status prepare(struct play *play, const char *folder, struct error *err)
{
    CLEANUP(mem_freep) char *state_folder = path_join(folder, "state");
    const struct command_common common = {.state_folder = state_folder};
    play->workspace = path_join(folder, "work");
    TRY(file_make_folder(play->workspace, err));
    TRY(state_init(&common, &play->state, err));
    TRY(keep_notes(play, err));
    return eval_task_lay_out(play->task, play->workspace, err);
}

static enum status play_turns(struct play *play, const struct front_view *view, struct error *err)
{
    size_t index = 0;
    json_t *turn = NULL;
    TRY(front_wait_ready(&play->front, view, err));
    json_array_foreach(json_object_get(play->task, "turns"), index, turn)
    {
        struct front_message finished;
        strbuf_clear(&play->answer);
        TRY(front_ask(&play->front, (struct str){0}, json_str(turn), view, &finished, err));
        play->steps += (unsigned)finished.numbers[FRONT_FINISHED_STEPS];
        play->generated += finished.numbers[FRONT_FINISHED_GENERATED_TOKENS];
        play->drafted += finished.numbers[FRONT_FINISHED_DRAFTED_TOKENS];
        play->accepted += finished.numbers[FRONT_FINISHED_ACCEPTED_TOKENS];
        if (finished.numbers[FRONT_FINISHED_STATUS] != OK)
            return error_set(err, E_IO, "%.*s", STR_ARG(finished.text));
        if (finished.numbers[FRONT_FINISHED_END] != AGENT_END_ANSWER)
            return error_set(err, E_LIMIT, "the agent stopped without an answer");
    }
    return OK;
}

static enum status play_task(struct play *play, const struct core_role_config *core,
                             struct error *err)
{
    const struct front_config config = {
        .role = core_role_run,
        .role_context = core,
        .workspace = play->workspace,
        .state_folder = play->state.folder,
        .allowed = allowed_of(play->task),
    };
    const struct front_view view = {.context = play, .message = on_message};
    TRY(front_start(&play->front, &config, err));
    return play_turns(play, &view, err);
}

static json_t *clean_json(struct str text)
{
    CLEANUP(strbuf_done) struct strbuf clean = {0};
    clean_text_whole(text, &clean);
    return json_stringn(strbuf_c(&clean), clean.len);
}

static bool judge(const struct play *play, struct strbuf *reason)
{
    CLEANUP(mem_freep) char *notes = path_join(play->state.memory, "notes.md");
    const struct eval_judge_outcome outcome = {
        .answer = strbuf_view(&play->answer),
        .calls = play->calls,
        .workspace = play->workspace,
        .memory_file = notes,
    };
    return eval_judge(play->task, &outcome, reason);
}

json_t *eval_play_run(const json_t *task, const char *folder, const struct core_role_config *core)
{
    struct play play = {.task = task, .calls = json_array()};
    struct core_role_config own = *core;
    struct error err = {0};
    CLEANUP(strbuf_done) struct strbuf reason = {0};
    const double begin = clock_seconds();
    enum status status = prepare(&play, folder, &err);
    if (status == OK) {
        own.state = &play.state;
        own.workspace = play.workspace;
        status = play_task(&play, &own, &err);
        front_stop(&play.front);
    }
    const double seconds = clock_seconds() - begin;
    bool passed = false;
    if (status == OK)
        passed = judge(&play, &reason);
    else
        strbuf_add_c(&reason, err.text);

    json_t *result =
        json_pack("{s:O, s:O, s:b, s:o, s:o, s:o, s:i, s:i, s:I, s:I, s:I, s:f}", "id",
                  json_object_get(task, "id"), "kind", json_object_get(task, "kind"), "passed",
                  passed, "reason", passed ? json_null() : clean_json(strbuf_view(&reason)),
                  "answer", clean_json(strbuf_view(&play.answer)), "calls", play.calls, "bad_calls",
                  (int)play.bad_calls, "steps", (int)play.steps, "generated_tokens",
                  (json_int_t)play.generated, "drafted_tokens", (json_int_t)play.drafted,
                  "accepted_tokens", (json_int_t)play.accepted, "seconds", seconds);
    strbuf_done(&play.answer);
    state_done(&play.state);
    mem_free(play.workspace);
    return result;
}
