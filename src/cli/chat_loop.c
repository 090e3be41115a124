#include "cli/chat_loop.h"

#include "agent/agent.h"
#include "base/mem.h"
#include "cli/agent_setup.h"
#include "cli/command.h"
#include "cli/display.h"
#include "cli/front.h"
#include "cli/line_editor.h"
#include "cli/session_line.h"
#include "os/tty.h"
#include "text/clean_text.h"
#include "text/utf8.h"

#include <inttypes.h>
#include <stdlib.h>

struct chat {
    const struct agent_setup *setup;
    struct front front;
    struct display display;
    struct front_view view;
    struct line_editor *editor;
    uint64_t context_tokens; /* of the model */
    char session_id[16];     /* "": nothing was said yet */
    unsigned sessions_shown; /* by the last /sessions */
    bool is_terminal;        /* somebody types */
};

/* What a line that begins with "/" does; false ends the conversation. */
typedef bool(chat_fn)(struct chat *chat, struct error *err);

/* ---------------------------------------------------------------- what is shown */

/* "~/project" for what lies in the home folder. */
static void add_folder(const char *folder, struct strbuf *out)
{
    const char *home = getenv("HOME");
    const size_t len = home ? strlen(home) : 0;
    const bool is_inside =
        len > 1 && strncmp(folder, home, len) == 0 && (folder[len] == '/' || folder[len] == '\0');
    strbuf_add_c(out, is_inside ? "~" : "");
    clean_text_line(str_from_c(is_inside ? folder + len : folder), out);
}

static void show_header(struct chat *chat, const struct front_message *ready)
{
    const struct style_theme *theme = chat->display.answer_theme;
    const struct sandbox_report *sandbox = &chat->front.warden.report;
    CLEANUP(strbuf_done) struct strbuf out = {0};
    strbuf_addf(&out, "%sholt%s in ", theme->begin[STYLE_HEADING], theme->begin[STYLE_NORMAL]);
    add_folder(chat->setup->workspace, &out);
    strbuf_addf(&out, "%s  \xc2\xb7  ", theme->begin[STYLE_DIM]);
    clean_text_line(ready->name, &out);
    strbuf_addf(&out, "  \xc2\xb7  %" PRIu64 " tokens  \xc2\xb7  sandbox %c%s\n",
                chat->context_tokens, sandbox_tier_letter(sandbox->tier),
                theme->begin[STYLE_NORMAL]);
    strbuf_addf(&out, "%s/help shows what can be typed, Ctrl-C stops a turn, Ctrl-D leaves.%s\n\n",
                theme->begin[STYLE_DIM], theme->begin[STYLE_NORMAL]);
    fwrite(out.ptr, 1, out.len, stdout);
    fflush(stdout);
    if (sandbox->tier == SANDBOX_TIER_D)
        display_note(&chat->display, STYLE_WARNING,
                     STR("This system cannot confine tools: those that touch files or run programs "
                         "are refused. holt doctor says more."));
}

/* An id is letters and digits; whatever else the core sends is not shown. */
static void keep_session_id(struct chat *chat, struct str id)
{
    size_t len = 0;
    for (; len < id.len && len + 1 < sizeof(chat->session_id); len++) {
        const char c = id.ptr[len];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9'))
            break;
        chat->session_id[len] = c;
    }
    chat->session_id[len] = '\0';
}

static void on_message(void *context, const struct front_message *message)
{
    struct chat *chat = context;
    chat->sessions_shown += message->kind == FRONT_SESSION;
    if (message->kind == FRONT_SESSION) {
        session_line_print(message, chat->display.answer_theme, tty_width(STDOUT_FILENO), stdout);
        return;
    }
    display_message(&chat->display, message);
    if (message->kind == FRONT_READY) {
        chat->context_tokens = message->numbers[FRONT_READY_CONTEXT];
        keep_session_id(chat, message->text);
        if (chat->is_terminal)
            show_header(chat, message);
    }
}

static void on_tick(void *context)
{
    progress_tick(&((struct chat *)context)->display.progress);
}

static enum warden_answer on_question(void *context, const struct warden_event *question,
                                      int interrupt_fd)
{
    struct chat *chat = context;
    struct front_view shown;
    display_fill_view(&chat->display, &shown);
    return shown.question(shown.context, question, interrupt_fd);
}

static void on_core_says(void *context, struct str text)
{
    progress_hide(&((struct chat *)context)->display.progress);
    fwrite(text.ptr, 1, text.len, stderr);
}

/* ---------------------------------------------------------------- one turn */

static void show_end(struct chat *chat, const struct front_message *finished)
{
    struct display *display = &chat->display;
    const uint64_t *numbers = finished->numbers;
    display_end_answer(display);
    keep_session_id(chat, finished->name);
    if (numbers[FRONT_FINISHED_STATUS] != OK) {
        display_note(display, STYLE_BAD, finished->text);
    } else if (numbers[FRONT_FINISHED_END] == AGENT_END_CANCELLED) {
        display_note(display, STYLE_WARNING, STR("Stopped. The session goes on."));
    } else if (numbers[FRONT_FINISHED_END] == AGENT_END_STEPS) {
        display_note(display, STYLE_WARNING,
                     STR("Stopped after the allowed number of steps; say \"go on\" to go on."));
    } else if (numbers[FRONT_FINISHED_END] == AGENT_END_CONTEXT) {
        display_note(display, STYLE_WARNING,
                     STR("The context is full. /new begins a new session."));
    }
    if (chat->is_terminal) {
        CLEANUP(strbuf_done) struct strbuf line = {0};
        const double seconds = (double)numbers[FRONT_FINISHED_MICROSECONDS] / 1e6;
        const uint64_t share = chat->context_tokens ? 100 * numbers[FRONT_FINISHED_CONTEXT_TOKENS] /
                                                          chat->context_tokens
                                                    : 0;
        strbuf_addf(&line, "%.1f s, %" PRIu64 " tokens written, context %" PRIu64 "%% full",
                    seconds, numbers[FRONT_FINISHED_GENERATED_TOKENS], share);
        display_note(display, STYLE_DIM, strbuf_view(&line));
        fputc('\n', stderr);
    }
    display->after_notes = false;
}

static enum status take_turn(struct chat *chat, struct str text, struct error *err)
{
    struct tty_quiet quiet = {0};
    struct front_message finished = {0};
    if (chat->is_terminal)
        TRY(tty_quiet_begin(&quiet, STDIN_FILENO, false, err));
    progress_set(&chat->display.progress, "thinking");
    const enum status status =
        front_ask(&chat->front, (struct str){0}, text, &chat->view, &finished, err);
    progress_clear(&chat->display.progress);
    tty_quiet_end(&quiet);
    if (status == OK)
        show_end(chat, &finished);
    return status;
}

/* ---------------------------------------------------------------- lines with a slash */

static bool say_help(struct chat *chat, struct error *err)
{
    (void)chat;
    (void)err;
    fputs("  /new        begin a new session\n"
          "  /sessions   list the sessions; holt resume ID goes on with one\n"
          "  /help       this\n"
          "  /quit       leave, as Ctrl-D does\n"
          "  Alt-Enter   begin another line\n"
          "  Ctrl-C      stop the turn, or drop the line\n"
          "Everything else is said to the agent.\n\n",
          stdout);
    return true;
}

static bool begin_new(struct chat *chat, struct error *err)
{
    if (front_new_session(&chat->front, err) != OK)
        return false;
    chat->session_id[0] = '\0';
    display_note(&chat->display, STYLE_DIM, STR("A new session."));
    return true;
}

static bool list_sessions(struct chat *chat, struct error *err)
{
    chat->sessions_shown = 0;
    const bool is_fine = front_list_sessions(&chat->front, &chat->view, err) == OK;
    fputs(chat->sessions_shown ? "\n" : "  No session was kept yet.\n\n", stdout);
    return is_fine;
}

static bool quit(struct chat *chat, struct error *err)
{
    (void)chat;
    (void)err;
    return false;
}

static const struct {
    const char *name;
    chat_fn *run;
} slashes[] = {
    {"/help", say_help}, {"/new", begin_new}, {"/sessions", list_sessions},
    {"/quit", quit},     {"/exit", quit},     {"/?", say_help},
};

/* False ends the conversation: because it was asked for, or because of *err. */
static bool take_slash(struct chat *chat, struct str line, struct error *err)
{
    for (size_t i = 0; i < ARRAY_LEN(slashes); i++) {
        if (str_equal_c(line, slashes[i].name))
            return slashes[i].run(chat, err);
    }
    display_note(&chat->display, STYLE_WARNING, STR("There is no such command; /help lists them."));
    fputc('\n', stderr);
    return true;
}

static bool is_slash(struct str line)
{
    const size_t end = str_find_char(line, ' ', 0);
    return line.len > 0 && line.ptr[0] == '/' && end == SIZE_MAX &&
           str_find_char(line, '/', 1) == SIZE_MAX && str_find_char(line, '\n', 0) == SIZE_MAX;
}

/* ---------------------------------------------------------------- the loop */

static enum status take_line(struct chat *chat, struct str line, bool *out_goes_on,
                             struct error *err)
{
    *out_goes_on = true;
    if (line.len == 0)
        return OK;
    if (is_slash(line)) {
        err->status = OK;
        *out_goes_on = take_slash(chat, line, err);
        return err->status;
    }
    if (!utf8_is_valid(line)) {
        display_note(&chat->display, STYLE_WARNING, STR("The text is not valid UTF-8."));
        return OK;
    }
    return take_turn(chat, line, err);
}

static enum status talk(struct chat *chat, struct error *err)
{
    CLEANUP(strbuf_done) struct strbuf line = {0};
    bool goes_on = true;
    while (goes_on) {
        enum line_editor_result result = LINE_EDITOR_END;
        const enum status status = line_editor_read(chat->editor, &line, &result, err);
        if (status == E_LIMIT) {
            display_note(&chat->display, STYLE_WARNING, str_from_c(err->text));
            continue;
        }
        if (status != OK)
            return status;
        if (result == LINE_EDITOR_END)
            return OK;
        if (result == LINE_EDITOR_TEXT)
            TRY(take_line(chat, str_trim(strbuf_view(&line)), &goes_on, err));
    }
    return OK;
}

static enum status begin(struct chat *chat, const struct front_config *config, struct error *err)
{
    progress_set(&chat->display.progress, "loading %.60s", chat->setup->model_label);
    TRY(front_start(&chat->front, config, err));
    TRY(front_wait_ready(&chat->front, &chat->view, err));
    progress_clear(&chat->display.progress);
    return line_editor_new(chat->setup->state.history, chat->display.answer_theme, &chat->editor,
                           err);
}

static void say_goodbye(const struct chat *chat)
{
    if (chat->is_terminal && chat->session_id[0])
        fprintf(stderr, "%sholt resume %s goes on with this session.%s\n",
                chat->display.note_theme->begin[STYLE_DIM], chat->session_id,
                chat->display.note_theme->begin[STYLE_NORMAL]);
}

int chat_loop(const struct agent_setup *setup, const struct command_common *common)
{
    CLEANUP(mem_freep) struct chat *chat = mem_zalloc(sizeof(*chat));
    chat->setup = setup;
    chat->is_terminal = tty_is_terminal(STDIN_FILENO) && tty_is_terminal(STDOUT_FILENO);
    const struct display_options display = {
        .theme_name = setup->config.theme,
        .no_color = common->no_color,
    };
    display_init(&chat->display, &display);
    chat->view = (struct front_view){
        .context = chat,
        .message = on_message,
        .tick = on_tick,
        .question = on_question,
        .core_says = on_core_says,
    };
    const struct front_config config = {
        .role = core_role_run,
        .role_context = &setup->core,
        .workspace = setup->workspace,
        .state_folder = setup->state.folder,
        .allowed = setup->allowed,
        .keeps_session = !setup->core.forgets,
        .has_person = tty_is_terminal(STDIN_FILENO) && tty_is_terminal(STDERR_FILENO),
    };
    struct error err = {0};
    enum status status = begin(chat, &config, &err);
    if (status == OK)
        status = talk(chat, &err);
    progress_clear(&chat->display.progress);
    line_editor_free(chat->editor);
    front_stop(&chat->front);
    say_goodbye(chat);
    display_done(&chat->display);
    if (status == E_CANCELLED)
        return EXIT_INTERRUPTED;
    return status == OK ? EXIT_OK : command_fail(&err);
}
