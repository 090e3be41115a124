#include "cli/bench_report.h"

#include "cli/bench_rows.h"
#include "cli/style.h"
#include "text/clean_text.h"

#include <inttypes.h>
#include <math.h>

enum { PROGRAMS_MAX = 24, NAME_WIDTH = 26, BAR_WIDTH = 24 };

/* Programs with the kinds of keys and values they used: the columns of a table. */
struct column {
    const char *program;
    const char *kv;
};

struct report {
    const json_t *facts;
    const struct bench_rows *rows;
    const char *main_kv;
    const struct style_theme *theme;
    struct strbuf *out;
    struct column columns[PROGRAMS_MAX];
    uint32_t column_count;
};

static double number(const struct report *report, const char *name)
{
    return json_number_value(json_object_get(report->facts, name));
}

static const char *text(const struct report *report, const char *name)
{
    const char *value = json_string_value(json_object_get(report->facts, name));
    return value ? value : "";
}

/* A name and up to two columns. */
static void heading(const struct report *report, const char *name, const char *first,
                    const char *second)
{
    strbuf_addf(report->out, "\n%s%-*s", report->theme->begin[STYLE_HEADING],
                *first ? NAME_WIDTH : 0, name);
    if (*first)
        strbuf_addf(report->out, "%10s", first);
    if (*second)
        strbuf_addf(report->out, "  %13s", second);
    strbuf_addf(report->out, "%s\n", report->theme->begin[STYLE_NORMAL]);
}

static void dim(const struct report *report, const char *name)
{
    strbuf_addf(report->out, "%s%s%s", report->theme->begin[STYLE_DIM], name,
                report->theme->begin[STYLE_NORMAL]);
}

/* Three digits that count, so that columns can be read downwards. */
static void add_speed(double value, struct strbuf *out)
{
    if (value <= 0)
        strbuf_addf(out, "%10s", "-");
    else
        strbuf_addf(out, "%10.*f", value < 10 ? 2 : value < 1000 ? 1 : 0, value);
}

static void add_seconds(double seconds, struct strbuf *out)
{
    if (seconds < 1e-3)
        strbuf_addf(out, "%10.1f us", seconds * 1e6);
    else if (seconds < 1)
        strbuf_addf(out, "%10.1f ms", seconds * 1e3);
    else
        strbuf_addf(out, "%10.2f s ", seconds);
}

/* How much of what the machine can do, as a bar and a number. */
static void add_share(const struct report *report, double share, const char *limit)
{
    const int filled = share > 0 ? (int)(share * BAR_WIDTH + 0.5) : 0;
    strbuf_add_c(report->out, "  ");
    for (int i = 0; i < BAR_WIDTH; i++) {
        if (i == filled)
            strbuf_add_c(report->out, report->theme->begin[STYLE_DIM]);
        strbuf_add_c(report->out, i < filled ? "\u2588" : "\u2591");
    }
    strbuf_addf(report->out, "%s %3.0f %% of %s\n", report->theme->begin[STYLE_NORMAL], 100 * share,
                limit);
}

/* ---------------------------------------------------------------- the machine and the model */

static void add_machine(const struct report *report)
{
    const double mib = 1024.0 * 1024;
    struct strbuf *out = report->out;
    strbuf_addf(out, "%s%s%s  %.1f million parameters, %.1f MiB read for a token\n",
                report->theme->begin[STYLE_BOLD], text(report, "model"),
                report->theme->begin[STYLE_NORMAL], number(report, "parameters") / 1e6,
                number(report, "decode_bytes") / mib);
    strbuf_addf(out,
                "%s  %s, %.0f thread%s, %.1f GB/s reading these weights, %.0f billion int8 "
                "multiply-adds/s\n",
                text(report, "cpu"), text(report, "cpu_level"), number(report, "threads"),
                number(report, "threads") == 1 ? "" : "s", number(report, "bandwidth_gbs"),
                number(report, "int8_peak_gmacs"));
}

static void add_range(const struct report *report, const char *least, const char *most)
{
    const double from = number(report, least);
    CLEANUP(strbuf_done) struct strbuf range = {0};
    const int digits = from < 100 ? 1 : 0;
    strbuf_addf(&range, "%.*f-%.*f", digits, from, digits, number(report, most));
    strbuf_addf(report->out, "  %13s", strbuf_c(&range));
}

static void add_main(const struct report *report)
{
    struct strbuf *out = report->out;
    CLEANUP(strbuf_done) struct strbuf name = {0};
    heading(report, "", "tokens/s", "range");
    strbuf_addf(&name, "prefill, %.0f tokens", number(report, "prompt_tokens"));
    strbuf_addf(out, "%-*s", NAME_WIDTH, strbuf_c(&name));
    add_speed(number(report, "prefill_tps"), out);
    add_range(report, "prefill_tps_min", "prefill_tps_max");
    add_share(report, number(report, "prefill_peak_share"), "the int8 peak");
    strbuf_clear(&name);
    strbuf_addf(&name, "decode, %.0f behind it", number(report, "decode_tokens"));
    strbuf_addf(out, "%-*s", NAME_WIDTH, strbuf_c(&name));
    add_speed(number(report, "decode_tps"), out);
    add_range(report, "decode_tps_min", "decode_tps_max");
    add_share(report, number(report, "decode_bandwidth_share"), "the bandwidth");
}

/* ---------------------------------------------------------------- tables */

static bool has_own(const struct report *report, enum bench_test test)
{
    for (size_t i = 0; i < report->rows->count; i++)
        if (report->rows->rows[i].test == test &&
            strcmp(report->rows->rows[i].program, "holt") == 0)
            return true;
    return false;
}

/* Who measured `test`: ours first, in the order in which they came. */
static void find_columns(struct report *report, enum bench_test test)
{
    report->column_count = 0;
    for (size_t i = 0; i < report->rows->count; i++) {
        const struct bench_row *row = &report->rows->rows[i];
        uint32_t at = 0;
        while (at < report->column_count && (strcmp(report->columns[at].program, row->program) ||
                                             strcmp(report->columns[at].kv, row->kv)))
            at++;
        if (row->test == test && at == report->column_count && at < PROGRAMS_MAX)
            report->columns[report->column_count++] = (struct column){row->program, row->kv};
    }
}

static void add_column_names(const struct report *report, const char *what)
{
    struct strbuf *out = report->out;
    strbuf_addf(out, "\n%s%-*s", report->theme->begin[STYLE_HEADING], NAME_WIDTH, what);
    for (uint32_t i = 0; i < report->column_count; i++) {
        CLEANUP(strbuf_done) struct strbuf name = {0};
        const struct column *column = &report->columns[i];
        if (strcmp(column->program, "holt") == 0)
            strbuf_addf(&name, "%s", column->kv);
        else
            strbuf_addf(&name, "%s %s", column->program, column->kv);
        strbuf_addf(out, "%*s", name.len < 10 ? 10 : (int)name.len + 2, strbuf_c(&name));
        if (strcmp(column->program, "holt") != 0)
            strbuf_addf(out, "%8s", "holt is");
    }
    strbuf_addf(out, "%s\n", report->theme->begin[STYLE_NORMAL]);
}

static int column_width(const struct column *column)
{
    const bool is_own = strcmp(column->program, "holt") == 0;
    const size_t length = strlen(column->kv) + (is_own ? 0 : strlen(column->program) + 1);
    return length < 10 ? 10 : (int)length + 2;
}

/* The cells of one line: each program's figure, and ours as a multiple of a peer's. */
static void add_cells(const struct report *report, const struct bench_row *place)
{
    struct strbuf *out = report->out;
    const struct bench_row *own = bench_rows_like(report->rows, place, "holt", report->main_kv);
    if (!own)
        own = bench_rows_like(report->rows, place, "holt", NULL);
    for (uint32_t i = 0; i < report->column_count; i++) {
        const struct column *column = &report->columns[i];
        const struct bench_row *row =
            bench_rows_like(report->rows, place, column->program, column->kv);
        strbuf_addf(out, "%*s", column_width(column) - 10, "");
        add_speed(row ? bench_rows_median(row) : 0, out);
        if (strcmp(column->program, "holt") == 0)
            continue;
        if (row && own)
            strbuf_addf(out, "%7.2fx", bench_rows_ratio(own, row));
        else
            strbuf_addf(out, "%8s", "");
    }
}

static void name_place(const struct bench_row *row, struct strbuf *out)
{
    const uint32_t sequences = row->sequences ? row->sequences : 1;
    if (row->test == BENCH_PREFILL)
        strbuf_addf(out, "  %7" PRIu32 " tokens", row->tokens);
    else if (row->test == BENCH_DECODE)
        strbuf_addf(out, "  behind %7" PRIu32, row->depth);
    else
        strbuf_addf(out, "  %3" PRIu32 " together", sequences);
    if (row->test == BENCH_PREFILL && row->depth > 0)
        strbuf_addf(out, " at %" PRIu32, row->depth);
}

/* True for the first row that measures this thing. */
static bool is_first(const struct bench_rows *rows, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (bench_rows_alike(&rows->rows[i], &rows->rows[index]))
            return false;
    return true;
}

static void end_line(struct strbuf *out)
{
    while (out->len > 0 && out->ptr[out->len - 1] == ' ')
        strbuf_truncate(out, out->len - 1);
    strbuf_add_char(out, '\n');
}

static const char *limit_of(enum bench_test test)
{
    return test == BENCH_PREFILL ? "the int8 peak" : "the bandwidth";
}

/* One kind of figure for all programs and places. */
static void add_table(struct report *report, enum bench_test test, const char *what)
{
    find_columns(report, test);
    if (report->column_count == 0)
        return;
    add_column_names(report, what);
    for (size_t i = 0; i < report->rows->count; i++) {
        const struct bench_row *row = &report->rows->rows[i];
        CLEANUP(strbuf_done) struct strbuf name = {0};
        if (row->test != test || !is_first(report->rows, i))
            continue;
        name_place(row, &name);
        strbuf_addf(report->out, "%-*s", NAME_WIDTH, strbuf_c(&name));
        add_cells(report, row);
        if (report->column_count == 1 && row->share > 0)
            add_share(report, row->share, limit_of(test));
        else
            end_line(report->out);
    }
}

static void add_batch(struct report *report)
{
    const struct bench_row one = {.test = BENCH_BATCH, .sequences = 1};
    const struct bench_row *alone = bench_rows_like(report->rows, &one, "holt", NULL);
    find_columns(report, BENCH_BATCH);
    if (report->column_count != 1 || !alone) {
        add_table(report, BENCH_BATCH, "sequences, tokens/s of all");
        return;
    }
    heading(report, "sequences", "tokens/s", "times one");
    for (size_t i = 0; i < report->rows->count; i++) {
        const struct bench_row *row = &report->rows->rows[i];
        CLEANUP(strbuf_done) struct strbuf name = {0};
        if (row->test != BENCH_BATCH)
            continue;
        name_place(row, &name);
        strbuf_addf(report->out, "%-*s", NAME_WIDTH, strbuf_c(&name));
        add_speed(bench_rows_median(row), report->out);
        strbuf_addf(report->out, "  %12.2fx\n", bench_rows_median(row) / bench_rows_median(alone));
    }
}

/* ---------------------------------------------------------------- waiting */

static const struct bench_row *own_row(const struct report *report, enum bench_test test)
{
    for (size_t i = 0; i < report->rows->count; i++)
        if (report->rows->rows[i].test == test &&
            strcmp(report->rows->rows[i].program, "holt") == 0)
            return &report->rows->rows[i];
    return NULL;
}

static void add_wait(const struct report *report, enum bench_test test, const char *what,
                     const char *note)
{
    const struct bench_row *row = own_row(report, test);
    if (!row)
        return;
    strbuf_addf(report->out, "%-*s", NAME_WIDTH, what);
    add_seconds(bench_rows_median(row), report->out);
    strbuf_add_c(report->out, "  ");
    dim(report, note);
    strbuf_add_char(report->out, '\n');
}

static void add_waits(const struct report *report)
{
    const struct bench_row *cold = own_row(report, BENCH_COLD);
    const struct bench_row *warm = own_row(report, BENCH_WARM);
    const struct bench_row *fork = own_row(report, BENCH_FORK);
    const struct bench_row *save = own_row(report, BENCH_SAVE);
    const struct bench_row *restore = own_row(report, BENCH_RESTORE);
    char note[200];
    if (!cold || !warm || !fork || !save || !restore)
        return;
    heading(report, "waiting", "", "");
    snprintf(note, sizeof(note), "open the model, read %" PRIu32 " tokens", cold->tokens);
    add_wait(report, BENCH_COLD, "first token, cold", note);
    snprintf(note, sizeof(note), "%" PRIu32 " tokens more in the same conversation", warm->tokens);
    add_wait(report, BENCH_WARM, "first token, warm", note);
    snprintf(note, sizeof(note), "of %" PRIu32 " tokens", fork->tokens);
    add_wait(report, BENCH_FORK, "fork", note);
    snprintf(note, sizeof(note), "%" PRIu32 " tokens, %.1f MB, synced", save->tokens,
             save->bytes / 1e6);
    add_wait(report, BENCH_SAVE, "snapshot, write", note);
    const double again = restore->tokens / number(report, "prefill_tps");
    snprintf(note, sizeof(note), "digests checked; %.0f times faster than computing them",
             again / bench_rows_median(restore));
    add_wait(report, BENCH_RESTORE, "snapshot, restore", note);
}

void bench_report_write(const json_t *facts, const struct bench_rows *rows, const char *main_kv,
                        const struct style_theme *theme, struct strbuf *out)
{
    struct report report = {
        .facts = facts, .rows = rows, .main_kv = main_kv, .theme = theme, .out = out};
    add_machine(&report);
    add_main(&report);
    if (number(&report, "tokenizer_mbs") > 0)
        strbuf_addf(out, "%-*s%10.1f MB/s  one thread, %.2f bytes a token\n", NAME_WIDTH,
                    "text to tokens", number(&report, "tokenizer_mbs"),
                    number(&report, "bytes_per_token"));
    if (has_own(&report, BENCH_PREFILL))
        add_table(&report, BENCH_PREFILL, "prefill, tokens/s");
    add_table(&report, BENCH_DECODE, "decode, tokens/s");
    add_batch(&report);
    add_waits(&report);
}
