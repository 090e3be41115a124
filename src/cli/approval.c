#include "cli/approval.h"

#include "os/readable.h"
#include "os/tty.h"
#include "text/clean_text.h"

void approval_add_question(const struct warden_event *question, const struct style_theme *theme,
                           struct strbuf *out)
{
    struct str rest = strbuf_view(&question->text);
    while (rest.ptr && rest.len > 0) {
        const struct str line = str_split(&rest, '\n');
        strbuf_addf(out, "%s\xe2\x94\x83%s ", theme->begin[STYLE_WARNING],
                    theme->begin[STYLE_NORMAL]);
        clean_text_visible(line, out);
        strbuf_add_char(out, '\n');
    }
    strbuf_addf(out, "%sAllow this?%s  [y]es  [n]o  [a]lways %s in this session  ",
                theme->begin[STYLE_BOLD], theme->begin[STYLE_NORMAL], question->tool_name);
}

/* One key, or 'n' when Ctrl-C came or the terminal is gone. */
static char read_key(int interrupt_fd)
{
    for (;;) {
        const int fds[] = {STDIN_FILENO, interrupt_fd};
        const uint32_t ready = readable_wait(fds, 2, -1);
        if (ready & 2)
            return 'n'; /* left readable: the front stops the turn */
        char key = 0;
        if (ready & 1)
            return read(STDIN_FILENO, &key, 1) == 1 ? key : 'n';
    }
}

enum warden_answer approval_ask(const struct warden_event *question,
                                const struct style_theme *theme, int interrupt_fd)
{
    static const struct {
        char key;
        enum warden_answer answer;
        const char *word;
    } answers[] = {
        {'y', WARDEN_ANSWER_YES, "yes"},       {'Y', WARDEN_ANSWER_YES, "yes"},
        {'a', WARDEN_ANSWER_ALWAYS, "always"}, {'A', WARDEN_ANSWER_ALWAYS, "always"},
        {'n', WARDEN_ANSWER_NO, "no"},         {'N', WARDEN_ANSWER_NO, "no"},
        {'\x1b', WARDEN_ANSWER_NO, "no"},
    };
    struct tty_quiet quiet = {0};
    if (tty_quiet_begin(&quiet, STDIN_FILENO, false, NULL) != OK)
        return WARDEN_ANSWER_NO;
    tty_discard_typed(STDIN_FILENO);
    CLEANUP(strbuf_done) struct strbuf text = {0};
    approval_add_question(question, theme, &text);
    fflush(stdout);
    fwrite(text.ptr, 1, text.len, stderr);
    fflush(stderr);

    enum warden_answer answer = WARDEN_ANSWER_NO;
    const char *word = NULL;
    while (!word) {
        const char key = read_key(interrupt_fd);
        for (size_t i = 0; i < ARRAY_LEN(answers) && !word; i++) {
            if (answers[i].key == key) {
                answer = answers[i].answer;
                word = answers[i].word;
            }
        }
    }
    tty_quiet_end(&quiet);
    fprintf(stderr, "%s\n", word);
    return answer;
}
