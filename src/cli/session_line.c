#include "cli/session_line.h"

#include "base/strbuf.h"
#include "cli/front_protocol.h"
#include "cli/style.h"
#include "cli/text_flow.h"
#include "os/clock.h"
#include "text/clean_text.h"
#include "text/utf8.h"

#include <inttypes.h>
#include <time.h>

enum { MS_PER_DAY = 24 * 60 * 60 * 1000, TIME_COLUMNS = 10, COUNT_COLUMNS = 5 };

void session_line_add_time(int64_t unix_ms, int64_t now_ms, struct strbuf *out)
{
    const time_t seconds = (time_t)(unix_ms / 1000);
    const time_t now = (time_t)(now_ms / 1000);
    struct tm then_local;
    struct tm now_local;
    char text[32] = "";
    if (!localtime_r(&seconds, &then_local) || !localtime_r(&now, &now_local))
        return;
    const bool is_today =
        then_local.tm_year == now_local.tm_year && then_local.tm_yday == now_local.tm_yday;
    const bool is_near = unix_ms <= now_ms && now_ms - unix_ms < INT64_C(6) * MS_PER_DAY;
    if (is_today)
        strftime(text, sizeof(text), "%H:%M", &then_local);
    else if (is_near)
        strftime(text, sizeof(text), "%a %H:%M", &then_local);
    else
        strftime(text, sizeof(text), "%Y-%m-%d", &then_local);
    strbuf_add_c(out, text);
}

/* Adds `text` on one line, cut to `columns` and filled up with spaces to `fill`. */
static void add_cut(struct str text, unsigned columns, unsigned fill, struct strbuf *out)
{
    CLEANUP(strbuf_done) struct strbuf clean = {0};
    clean_text_line(text, &clean);
    size_t len = clean.len;
    unsigned used = text_flow_columns(strbuf_view(&clean));
    if (used > columns) {
        while (len > 0 && text_flow_columns(str_slice(strbuf_view(&clean), 0, len)) + 1 > columns)
            len = utf8_cut(strbuf_view(&clean), len - 1);
        strbuf_add(out, clean.ptr, len);
        strbuf_add_c(out, "\xe2\x80\xa6");
        used = text_flow_columns(str_slice(strbuf_view(&clean), 0, len)) + 1;
    } else {
        strbuf_add_str(out, strbuf_view(&clean));
    }
    if (used < fill)
        strbuf_addf(out, "%*s", (int)(fill - used), "");
}

void session_line_print(const struct front_message *message, const struct style_theme *theme,
                        unsigned width, FILE *out)
{
    CLEANUP(strbuf_done) struct strbuf line = {0};
    CLEANUP(strbuf_done) struct strbuf when = {0};
    session_line_add_time((int64_t)message->numbers[0], clock_unix_us() / 1000, &when);
    strbuf_add_c(&line, theme->begin[STYLE_BOLD]);
    clean_text_line(str_slice(message->name, 0, 16), &line);
    strbuf_add_c(&line, theme->begin[STYLE_NORMAL]);
    strbuf_addf(&line, "  %-*s%*" PRIu64 "  ", TIME_COLUMNS, strbuf_c(&when), COUNT_COLUMNS,
                message->numbers[1]);
    const unsigned used = (unsigned)message->name.len + 2 + TIME_COLUMNS + COUNT_COLUMNS + 2;
    const unsigned left = width > used + 20 ? width - used : 20;
    add_cut(message->text.len ? message->text : STR("(nothing said)"), left * 3 / 5, left * 3 / 5,
            &line);
    strbuf_addf(&line, "  %s", theme->begin[STYLE_DIM]);
    add_cut(message->detail, left * 2 / 5 - 2, 0, &line);
    strbuf_addf(&line, "%s\n", theme->begin[STYLE_NORMAL]);
    fwrite(line.ptr, 1, line.len, out);
}
