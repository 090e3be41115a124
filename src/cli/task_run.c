#include "cli/task_run.h"

#include "agent/agent.h"
#include "cli/agent_setup.h"
#include "cli/command.h"
#include "cli/display.h"
#include "cli/front.h"
#include "cli/json_print.h"
#include "cli/task_report.h"
#include "os/tty.h"

struct task {
    struct display display;
    struct front_view shown; /* the display's own view */
    struct task_report report;
    bool is_json;
};

static void on_message(void *context, const struct front_message *message)
{
    struct task *task = context;
    task_report_add(&task->report, message);
    if (task->is_json || message->kind == FRONT_HISTORY)
        return;
    display_message(&task->display, message);
}

static void on_tick(void *context)
{
    struct task *task = context;
    task->shown.tick(task->shown.context);
}

static enum warden_answer on_question(void *context, const struct warden_event *question,
                                      int interrupt_fd)
{
    struct task *task = context;
    return task->shown.question(task->shown.context, question, interrupt_fd);
}

static void on_core_says(void *context, struct str text)
{
    struct task *task = context;
    task->shown.core_says(task->shown.context, text);
}

/* A tier that cannot confine tools is told; a weaker one is for `holt doctor`. */
static void tell_sandbox(struct task *task, const struct sandbox_report *report)
{
    if (report->tier != SANDBOX_TIER_D || task->is_json)
        return;
    CLEANUP(strbuf_done) struct strbuf line = {0};
    strbuf_addf(&line,
                "This system cannot confine tools, so those that touch files or run programs are "
                "refused: %s",
                report->missing);
    display_note(&task->display, STYLE_WARNING, strbuf_view(&line));
}

static int report_end(struct task *task, const struct front_message *finished)
{
    if (finished->numbers[FRONT_FINISHED_STATUS] != OK) {
        struct error err = {0};
        snprintf(err.text, sizeof(err.text), "%.*s", STR_ARG(finished->text));
        return task->is_json ? EXIT_FAILED : command_fail(&err);
    }
    switch ((enum agent_end)finished->numbers[FRONT_FINISHED_END]) {
    case AGENT_END_ANSWER: return EXIT_OK;
    case AGENT_END_CANCELLED: return EXIT_INTERRUPTED;
    case AGENT_END_STEPS:
        if (!task->is_json)
            command_failf("the agent stopped after %u steps without an answer; --max-steps N "
                          "allows more",
                          (unsigned)finished->numbers[FRONT_FINISHED_STEPS]);
        return EXIT_NO_ANSWER;
    case AGENT_END_CONTEXT:
        if (!task->is_json)
            command_failf("the agent stopped without an answer: the context is full; --context N "
                          "makes it larger, where the model allows it");
        return EXIT_NO_ANSWER;
    }
    return EXIT_FAILED;
}

static int fail(struct task *task, const struct error *err)
{
    if (err->status == E_CANCELLED)
        return EXIT_INTERRUPTED;
    if (!task->is_json)
        return command_fail(err);
    CLEANUP(json_decrefp) json_t *object = task_report_make(&task->report, NULL, err->text);
    json_print(object);
    return EXIT_FAILED;
}

static int run(struct task *task, struct front *front, const struct front_config *config,
               struct str text)
{
    const struct front_view view = {
        .context = task,
        .message = on_message,
        .tick = on_tick,
        .question = on_question,
        .core_says = on_core_says,
    };
    struct error err = {0};
    struct front_message finished = {0};
    enum status status = front_start(front, config, &err);
    if (status == OK) {
        tell_sandbox(task, &front->warden.report);
        status = front_wait_ready(front, &view, &err);
    }
    if (status == OK)
        status = front_ask(front, (struct str){0}, text, &view, &finished, &err);
    progress_clear(&task->display.progress);
    if (status != OK) {
        err.status = status;
        return fail(task, &err);
    }
    if (task->is_json) {
        CLEANUP(json_decrefp) json_t *object = task_report_make(&task->report, &finished, NULL);
        json_print(object);
    } else {
        display_end_answer(&task->display);
    }
    return report_end(task, &finished);
}

int task_run(const struct agent_setup *setup, const struct command_common *common,
             const struct task_run_options *options, struct str text)
{
    struct task task = {.is_json = options->is_json};
    const struct display_options display = {
        .theme_name = setup->config.theme,
        .no_color = common->no_color,
        .is_quiet = options->is_quiet || options->is_json,
    };
    display_init(&task.display, &display);
    display_fill_view(&task.display, &task.shown);

    const struct front_config config = {
        .role = core_role_run,
        .role_context = &setup->core,
        .workspace = setup->workspace,
        .state_folder = setup->state.folder,
        .allowed = setup->allowed,
        .keeps_session = !setup->core.forgets,
        .has_person = tty_is_terminal(STDIN_FILENO) && tty_is_terminal(STDERR_FILENO),
    };
    progress_set(&task.display.progress, "loading %.60s", setup->model_label);
    struct front front = {0};
    const int code = run(&task, &front, &config, text);
    front_stop(&front);
    display_done(&task.display);
    task_report_done(&task.report);
    return code;
}
