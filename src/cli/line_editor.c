#include "cli/line_editor.h"

#include "base/check.h"
#include "base/mem.h"
#include "os/file_create.h"
#include "os/tty.h"
#include "text/utf8.h"

#include <histedit.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>

struct line_editor {
    EditLine *edit; /* NULL: standard input is no terminal */
    History *history;
    HistEvent event;
    char *history_path; /* NULL: no file */
    char prompt[64];
    bool was_interrupted;
};

#define PASTE_BEGIN_KEY "\\e[200~"
#define PASTE_ON        "\x1b[?2004h"
#define PASTE_OFF       "\x1b[?2004l"

/* ---------------------------------------------------------------- keys */

static struct line_editor *editor_of(EditLine *edit)
{
    struct line_editor *editor = NULL;
    el_get(edit, EL_CLIENTDATA, &editor);
    return editor;
}

static char *prompt(EditLine *edit)
{
    return editor_of(edit)->prompt;
}

static unsigned char on_interrupt(EditLine *edit, int key)
{
    (void)key;
    editor_of(edit)->was_interrupted = true;
    return CC_EOF;
}

/* What Ctrl-Z does elsewhere, for all processes of holt. */
static unsigned char on_suspend(EditLine *edit, int key)
{
    (void)key;
    el_set(edit, EL_PREP_TERM, 0);
    kill(0, SIGTSTP);
    el_set(edit, EL_PREP_TERM, 1);
    return CC_REDISPLAY;
}

static unsigned char on_new_line(EditLine *edit, int key)
{
    (void)key;
    el_insertstr(edit, "\n");
    return CC_REFRESH;
}

/* Collects what comes until the terminal says that the paste is over, and inserts it whole. */
static unsigned char on_paste(EditLine *edit, int key)
{
    (void)key;
    CLEANUP(strbuf_done) struct strbuf text = {.size_max = LINE_EDITOR_TEXT_MAX};
    const struct str end = STR("\x1b[201~");
    while (!str_ends_with(strbuf_view(&text), end) && !text.overflowed) {
        wchar_t c = 0;
        char bytes[UTF8_BYTES_MAX];
        if (el_wgetc(edit, &c) != 1)
            return CC_ERROR;
        if (c != 0)
            strbuf_add(&text, bytes, utf8_write(c == '\r' ? '\n' : (uint32_t)c, bytes));
    }
    if (text.overflowed)
        return CC_ERROR;
    strbuf_truncate(&text, text.len - end.len);
    if (text.len > 0 && el_insertstr(edit, strbuf_c(&text)) != 0)
        return CC_ERROR;
    return CC_REFRESH;
}

/* ---------------------------------------------------------------- life */

/* libedit needs to know that bytes are UTF-8; nothing else of the locale is wanted. */
static void set_character_set(void)
{
    setlocale(LC_CTYPE, "");
    if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        setlocale(LC_CTYPE, "C.UTF-8");
}

static void open_history(struct line_editor *editor, const char *path)
{
    editor->history = history_init();
    CHECK(editor->history);
    history(editor->history, &editor->event, H_SETSIZE, LINE_EDITOR_HISTORY_MAX);
    history(editor->history, &editor->event, H_SETUNIQUE, 1);
    if (!path || file_create(path, NULL) != OK)
        return;
    editor->history_path = mem_copy_str(path);
    history(editor->history, &editor->event, H_LOAD, path);
}

static enum status open_edit(struct line_editor *editor, struct error *err)
{
    set_character_set();
    editor->edit = el_init("holt", stdin, stdout, stderr);
    if (!editor->edit)
        return error_set(err, E_IO, "cannot use this terminal for editing");
    EditLine *edit = editor->edit;
    el_set(edit, EL_CLIENTDATA, editor);
    el_set(edit, EL_EDITOR, "emacs");
    el_set(edit, EL_SIGNAL, 1);
    el_set(edit, EL_HIST, history, editor->history);
    el_set(edit, EL_PROMPT_ESC, prompt, '\1');
    el_set(edit, EL_ADDFN, "holt-interrupt", "drop the line", on_interrupt);
    el_set(edit, EL_ADDFN, "holt-suspend", "stop until fg", on_suspend);
    el_set(edit, EL_ADDFN, "holt-new-line", "begin another line", on_new_line);
    el_set(edit, EL_ADDFN, "holt-paste", "insert what is pasted", on_paste);
    /* Ctrl-C is a key here; as a signal it would be kept for the next turn. */
    el_set(edit, EL_SETTY, "-d", "-isig", NULL);
    el_set(edit, EL_BIND, "^C", "holt-interrupt", NULL);
    el_set(edit, EL_BIND, "^Z", "holt-suspend", NULL);
    el_set(edit, EL_BIND, "\\e\\r", "holt-new-line", NULL);
    el_set(edit, EL_BIND, "\\e\\n", "holt-new-line",
           NULL); /* where the terminal turns one into the other */
    el_set(edit, EL_BIND, PASTE_BEGIN_KEY, "holt-paste", NULL);
    el_set(edit, EL_BIND, "^R", "em-inc-search-prev", NULL);
    el_set(edit, EL_BIND, "^W", "ed-delete-prev-word", NULL);
    return OK;
}

enum status line_editor_new(const char *history_path, const struct style_theme *theme,
                            struct line_editor **out, struct error *err)
{
    CLEANUP(line_editor_freep) struct line_editor *editor = mem_zalloc(sizeof(*editor));
    if (tty_is_terminal(STDIN_FILENO) && tty_is_terminal(STDOUT_FILENO)) {
        open_history(editor, history_path);
        TRY(open_edit(editor, err));
        if (theme->has_color)
            snprintf(editor->prompt, sizeof(editor->prompt), "\1%s\1>\1%s\1 ",
                     theme->begin[STYLE_PROMPT], theme->begin[STYLE_NORMAL]);
        else
            snprintf(editor->prompt, sizeof(editor->prompt), "> ");
    }
    *out = editor;
    editor = NULL; /* ownership moves to the caller */
    return OK;
}

void line_editor_free(struct line_editor *editor)
{
    if (!editor)
        return;
    if (editor->edit)
        el_end(editor->edit);
    if (editor->history)
        history_end(editor->history);
    mem_free(editor->history_path);
    mem_free(editor);
}

/* ---------------------------------------------------------------- reading */

static enum status too_long(struct error *err)
{
    return error_set(err, E_LIMIT, "a text has at most %d bytes", LINE_EDITOR_TEXT_MAX);
}

static enum status read_pipe(struct strbuf *out, enum line_editor_result *out_result,
                             struct error *err)
{
    int c = 0;
    size_t count = 0;
    while ((c = getc(stdin)) != EOF && c != '\n') {
        if (++count > LINE_EDITOR_TEXT_MAX)
            return too_long(err);
        strbuf_add_char(out, (char)c);
    }
    *out_result = c == EOF && count == 0 ? LINE_EDITOR_END : LINE_EDITOR_TEXT;
    return OK;
}

static void keep_in_history(struct line_editor *editor, const char *line)
{
    history(editor->history, &editor->event, H_ENTER, line);
    if (editor->history_path)
        history(editor->history, &editor->event, H_SAVE, editor->history_path);
}

enum status line_editor_read(struct line_editor *editor, struct strbuf *out,
                             enum line_editor_result *out_result, struct error *err)
{
    strbuf_clear(out);
    if (!editor->edit)
        return read_pipe(out, out_result, err);

    int count = 0;
    editor->was_interrupted = false;
    /* libedit shows the prompt before it takes the terminal over: a key that comes in between would
     * be echoed, or be a signal. */
    struct tty_quiet quiet = {0};
    TRY(tty_quiet_begin(&quiet, STDIN_FILENO, true, err));
    fputs(PASTE_ON, stdout);
    fflush(stdout);
    const char *line = el_gets(editor->edit, &count);
    tty_quiet_end(&quiet);
    fputs(PASTE_OFF, stdout);
    fflush(stdout);
    if (editor->was_interrupted) {
        el_reset(editor->edit);
        fputs("^C\n", stdout);
        *out_result = LINE_EDITOR_INTERRUPTED;
        return OK;
    }
    if (!line || count <= 0) {
        fputc('\n', stdout);
        *out_result = LINE_EDITOR_END;
        return OK;
    }
    if (count > LINE_EDITOR_TEXT_MAX)
        return too_long(err);
    size_t len = (size_t)count;
    while (len > 0 && line[len - 1] == '\n')
        len--;
    strbuf_add(out, line, len);
    if (len > 0)
        keep_in_history(editor, strbuf_c(out));
    *out_result = LINE_EDITOR_TEXT;
    return OK;
}
