#include "cli/display.h"

#include "cli/approval.h"
#include "cli/front.h"
#include "cli/text_flow.h"
#include "os/tty.h"
#include "text/clean_text.h"
#include "text/utf8.h"

#include <inttypes.h>

/* A line that is longer is hard to read, however wide the terminal is. */
enum { ANSWER_WIDTH_MAX = 100, PROGRESS_TOKENS_MIN = 64 };

void display_init(struct display *display, const struct display_options *options)
{
    const bool is_terminal = tty_is_terminal(STDOUT_FILENO);
    const unsigned columns = tty_width(STDOUT_FILENO);
    const unsigned width = columns < ANSWER_WIDTH_MAX ? columns : ANSWER_WIDTH_MAX;
    *display = (struct display){
        .answer_theme = style_for(STDOUT_FILENO, options->theme_name, options->no_color),
        .note_theme = style_for(STDERR_FILENO, options->theme_name, options->no_color),
        .note_width = tty_is_terminal(STDERR_FILENO) ? tty_width(STDERR_FILENO) - 1 : 0,
        .is_live = is_terminal || options->is_streamed,
        .is_quiet = options->is_quiet,
        .shows_thinking = options->shows_thinking,
    };
    stream_view_init(&display->answer, display->answer_theme, width,
                     is_terminal && !options->is_raw);
    progress_init(&display->progress, STDERR_FILENO, display->note_theme);
}

void display_done(struct display *display)
{
    progress_clear(&display->progress);
    stream_view_done(&display->answer);
    strbuf_done(&display->held);
}

static void put(const struct strbuf *bytes, FILE *out)
{
    if (bytes->len > 0)
        fwrite(bytes->ptr, 1, bytes->len, out);
    fflush(out);
}

static void show_thinking(struct display *display, struct str text)
{
    if (!display->shows_thinking) {
        progress_set(&display->progress, "thinking");
        return;
    }
    CLEANUP(strbuf_done) struct strbuf out = {0};
    progress_clear(&display->progress);
    strbuf_add_c(&out, display->note_theme->begin[STYLE_DIM]);
    clean_text_feed(&display->thinking, text, &out);
    strbuf_add_c(&out, display->note_theme->begin[STYLE_NORMAL]);
    display->in_thinking = true;
    fflush(stdout);
    put(&out, stderr);
}

static void end_thinking(struct display *display)
{
    if (!display->in_thinking)
        return;
    CLEANUP(strbuf_done) struct strbuf out = {0};
    clean_text_end(&display->thinking, &out);
    strbuf_add_char(&out, '\n');
    put(&out, stderr);
    display->in_thinking = false;
    display->after_notes = true;
}

void display_note(struct display *display, enum style style, struct str text)
{
    progress_hide(&display->progress);
    CLEANUP(strbuf_done) struct strbuf line = {0};
    strbuf_add_c(&line, display->note_theme->begin[style]);
    clean_text_line(text, &line);
    strbuf_add_c(&line, display->note_theme->begin[STYLE_NORMAL]);
    strbuf_add_char(&line, '\n');
    fflush(stdout);
    put(&line, stderr);
    display->after_notes = true;
}

static void show_text(struct display *display, struct str text)
{
    progress_clear(&display->progress);
    if (!display->is_live) {
        strbuf_add_str(&display->held, text);
        return;
    }
    CLEANUP(strbuf_done) struct strbuf out = {0};
    stream_view_add(&display->answer, text, &out);
    if (out.len > 0 && display->after_notes) {
        fputc('\n', stdout); /* the answer stands apart from what was done for it */
        display->after_notes = false;
    }
    put(&out, stdout);
}

/* Text before a call is a remark of the agent, not its answer. */
static void end_remark(struct display *display)
{
    if (display->is_live) {
        CLEANUP(strbuf_done) struct strbuf out = {0};
        stream_view_end(&display->answer, &out);
        put(&out, stdout);
    } else if (display->held.len > 0) {
        if (!display->is_quiet)
            display_note(display, STYLE_DIM, strbuf_view(&display->held));
        strbuf_clear(&display->held);
    }
}

bool display_end_answer(struct display *display)
{
    progress_clear(&display->progress);
    CLEANUP(strbuf_done) struct strbuf out = {0};
    if (!display->is_live)
        stream_view_add(&display->answer, strbuf_view(&display->held), &out);
    stream_view_end(&display->answer, &out);
    strbuf_clear(&display->held);
    display->after_notes = false;
    put(&out, stdout);
    return !ferror(stdout);
}

/* `text` clean and on one line that the terminal need not break. */
static void add_note_line(const struct display *display, struct str text, struct strbuf *out)
{
    CLEANUP(strbuf_done) struct strbuf clean = {0};
    clean_text_line(text, &clean);
    struct str line = strbuf_view(&clean);
    const unsigned indent = 2;
    if (display->note_width > indent && text_flow_columns(line) + indent > display->note_width) {
        while (line.len > 0 && text_flow_columns(line) + indent + 1 > display->note_width)
            line.len = utf8_cut(line, line.len - 1);
        strbuf_add_str(out, line);
        strbuf_add_c(out, "\xe2\x80\xa6");
    } else {
        strbuf_add_str(out, line);
    }
}

static void show_call(struct display *display, const struct front_message *message)
{
    end_remark(display);
    if (display->is_quiet)
        return;
    CLEANUP(strbuf_done) struct strbuf line = {0};
    const struct style_theme *theme = display->note_theme;
    strbuf_addf(&line, "%s\xe2\x80\xa2%s ", theme->begin[STYLE_TOOL], theme->begin[STYLE_NORMAL]);
    add_note_line(display, message->detail, &line);
    strbuf_add_char(&line, '\n');
    progress_hide(&display->progress);
    fflush(stdout);
    put(&line, stderr);
    display->after_notes = true;
    CLEANUP(strbuf_done) struct strbuf name = {0};
    clean_text_line(str_slice(message->name, 0, 40), &name);
    progress_clear(&display->progress);
    progress_set(&display->progress, "%s", strbuf_c(&name));
}

static void show_result(struct display *display, const struct front_message *message)
{
    progress_clear(&display->progress);
    if (!display->is_quiet) {
        CLEANUP(strbuf_done) struct strbuf line = {0};
        strbuf_add_c(&line, "  ");
        add_note_line(display, message->detail, &line);
        display_note(display, message->flag ? STYLE_BAD : STYLE_DIM, strbuf_view(&line));
    }
    progress_set(&display->progress, "thinking");
}

static void show_history(struct display *display, const struct front_message *message)
{
    if (str_equal_c(message->name, "user")) {
        CLEANUP(strbuf_done) struct strbuf line = {0};
        const struct style_theme *theme = display->answer_theme;
        strbuf_addf(&line, "%s> %s", theme->begin[STYLE_PROMPT], theme->begin[STYLE_NORMAL]);
        clean_text_whole(message->text, &line);
        strbuf_add_c(&line, "\n");
        put(&line, stdout);
    } else {
        show_text(display, message->text);
        display_end_answer(display);
        fputc('\n', stdout);
    }
}

static void show_progress(struct display *display, const struct front_message *message)
{
    const uint64_t done = message->numbers[0];
    const uint64_t total = message->numbers[1];
    if (total > done && total >= PROGRESS_TOKENS_MIN)
        progress_set(&display->progress, "reading %" PRIu64 " of %" PRIu64 " tokens", done, total);
    else
        progress_set(&display->progress, "thinking");
}

void display_message(struct display *display, const struct front_message *message)
{
    if (message->kind != FRONT_REASONING)
        end_thinking(display);
    switch (message->kind) {
    case FRONT_READY: progress_clear(&display->progress); break;
    case FRONT_PROGRESS: show_progress(display, message); break;
    case FRONT_REASONING: show_thinking(display, message->text); break;
    case FRONT_TEXT: show_text(display, message->text); break;
    case FRONT_CALL: show_call(display, message); break;
    case FRONT_RESULT: show_result(display, message); break;
    case FRONT_NOTICE: display_note(display, STYLE_WARNING, message->text); break;
    case FRONT_HISTORY: show_history(display, message); break;
    case FRONT_FINISHED: progress_clear(&display->progress); break;
    case FRONT_ASK:
    case FRONT_JOB:
    case FRONT_DATA:
    case FRONT_NEWS:
    case FRONT_STOP:
    case FRONT_NEW:
    case FRONT_LIST:
    case FRONT_SESSION:
    case FRONT_LISTED:
    case FRONT_FAILED: break;
    }
}

static void on_message(void *context, const struct front_message *message)
{
    display_message(context, message);
}

static void on_tick(void *context)
{
    progress_tick(&((struct display *)context)->progress);
}

static enum warden_answer on_question(void *context, const struct warden_event *question,
                                      int interrupt_fd)
{
    struct display *display = context;
    progress_hide(&display->progress);
    display->after_notes = true;
    return approval_ask(question, display->note_theme, interrupt_fd);
}

static void on_core_says(void *context, struct str text)
{
    progress_hide(&((struct display *)context)->progress);
    fwrite(text.ptr, 1, text.len, stderr);
}

void display_fill_view(struct display *display, struct front_view *view)
{
    *view = (struct front_view){
        .context = display,
        .message = on_message,
        .tick = on_tick,
        .question = on_question,
        .core_says = on_core_says,
    };
}
