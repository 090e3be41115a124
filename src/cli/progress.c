#include "cli/progress.h"

#include "base/strbuf.h"
#include "cli/text_flow.h"
#include "os/clock.h"
#include "os/tty.h"
#include "text/utf8.h"

#include <stdarg.h>

enum { NS_PER_MS = 1000 * 1000, SECONDS_SHOWN_AFTER = 3 };

static const char *const frames[] = {
    "\xe2\xa0\x8b", "\xe2\xa0\x99", "\xe2\xa0\xb9", "\xe2\xa0\xb8", "\xe2\xa0\xbc",
    "\xe2\xa0\xb4", "\xe2\xa0\xa6", "\xe2\xa0\xa7", "\xe2\xa0\x87", "\xe2\xa0\x8f",
};

void progress_init(struct progress *progress, int fd, const struct style_theme *theme)
{
    *progress = (struct progress){.fd = fd, .is_enabled = tty_is_terminal(fd), .theme = theme};
}

void progress_set(struct progress *progress, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    if (!progress->text[0])
        progress->began_ns = clock_monotonic_ns();
    vsnprintf(progress->text, sizeof(progress->text), fmt, args);
    va_end(args);
}

static void write_all(const struct progress *progress, const struct strbuf *bytes)
{
    fflush(stdout);
    fflush(stderr);
    if (write(progress->fd, bytes->ptr, bytes->len) < 0)
        return; /* a terminal that is gone needs no progress */
}

void progress_tick(struct progress *progress)
{
    if (!progress->is_enabled || !progress->text[0])
        return;
    const uint64_t passed_ms = (clock_monotonic_ns() - progress->began_ns) / NS_PER_MS;
    if (passed_ms < PROGRESS_DELAY_MS)
        return;
    CLEANUP(strbuf_done) struct strbuf line = {0};
    CLEANUP(strbuf_done) struct strbuf text = {0};
    strbuf_add_c(&text, progress->text);
    if (passed_ms >= SECONDS_SHOWN_AFTER * 1000)
        strbuf_addf(&text, " (%u s)", (unsigned)(passed_ms / 1000));
    const unsigned width = tty_width(progress->fd);
    while (text.len > 0 && text_flow_columns(strbuf_view(&text)) + 3 > width)
        strbuf_truncate(&text, utf8_cut(strbuf_view(&text), text.len - 1));
    strbuf_addf(&line, "\r%s%s %s%s\x1b[K", progress->theme->begin[STYLE_DIM],
                frames[progress->frame++ % ARRAY_LEN(frames)], strbuf_c(&text),
                progress->theme->begin[STYLE_NORMAL]);
    write_all(progress, &line);
    progress->is_shown = true;
}

void progress_hide(struct progress *progress)
{
    if (!progress->is_shown)
        return;
    CLEANUP(strbuf_done) struct strbuf line = {0};
    strbuf_add_c(&line, "\r\x1b[K");
    write_all(progress, &line);
    progress->is_shown = false;
}

void progress_clear(struct progress *progress)
{
    progress_hide(progress);
    progress->text[0] = '\0';
}
