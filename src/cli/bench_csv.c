#include "cli/bench_csv.h"

#include "cli/bench_rows.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <time.h>

/* "2026-11-26T16:15:00Z", or as a part of a file's name "20261126-161500". */
static void add_time(int64_t unix_seconds, bool is_name, struct strbuf *out)
{
    const time_t seconds = (time_t)unix_seconds;
    struct tm t;
    if (!gmtime_r(&seconds, &t))
        return;
    strbuf_addf(out, is_name ? "%04d%02d%02d-%02d%02d%02d" : "%04d-%02d-%02dT%02d:%02d:%02dZ",
                t.tm_year + 1900, t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec);
}

/* In quotes where it needs them. */
static void add_cell(struct str text, struct strbuf *out)
{
    if (str_find_char(text, ',', 0) == SIZE_MAX && str_find_char(text, '"', 0) == SIZE_MAX) {
        strbuf_add_str(out, text);
        return;
    }
    strbuf_add_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"')
            strbuf_add_char(out, '"');
        strbuf_add_char(out, text.ptr[i]);
    }
    strbuf_add_char(out, '"');
}

static void add_cells(struct strbuf *out, const struct str *cells, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            strbuf_add_char(out, ',');
        add_cell(cells[i], out);
    }
}

void bench_csv_write(const struct bench_rows *rows, const struct bench_place *place,
                     struct strbuf *out)
{
    CLEANUP(strbuf_done) struct strbuf date = {0};
    add_time(place->unix_seconds, false, &date);
    strbuf_add_c(out, "date,cpu,level,threads,commit,model,program,test,kv,tokens,depth,sequences,"
                      "unit,median,least,most,turns,share,ratio\n");
    for (size_t i = 0; i < rows->count; i++) {
        const struct bench_row *row = &rows->rows[i];
        const struct bench_row *own = bench_rows_like(rows, row, "holt", NULL);
        const bool is_peer = strcmp(row->program, "holt") != 0;
        const bool is_speed = bench_rows_is_speed(row->test);
        const struct str where[] = {strbuf_view(&date), str_from_c(place->cpu),
                                    str_from_c(place->level)};
        const struct str what[] = {
            str_from_c(place->commit), place->model, str_from_c(row->program),
            str_from_c(bench_rows_test_name(row->test)), str_from_c(row->kv)};
        add_cells(out, where, ARRAY_LEN(where));
        strbuf_addf(out, ",%" PRIu32 ",", place->thread_count);
        add_cells(out, what, ARRAY_LEN(what));
        strbuf_addf(out, ",%" PRIu32 ",%" PRIu32 ",%" PRIu32 ",%s,%.6g,%.6g,%.6g,%" PRIu32 ",",
                    row->tokens, row->depth, row->sequences ? row->sequences : 1,
                    is_speed ? "tokens/s" : "s", bench_rows_median(row), bench_rows_least(row),
                    bench_rows_most(row), row->value_count);
        if (row->share > 0)
            strbuf_addf(out, "%.4f", row->share);
        strbuf_add_char(out, ',');
        if (is_peer && own)
            strbuf_addf(out, "%.4f", bench_rows_ratio(own, row));
        strbuf_add_char(out, '\n');
    }
}

/* Letters and digits, in small letters; one dash for each run of anything else. */
static void add_plain(const char *text, struct strbuf *out)
{
    bool is_dash = true; /* none at the beginning */
    for (; *text; text++) {
        const unsigned char c = (unsigned char)*text;
        if (isalnum(c) && c < 128)
            strbuf_add_char(out, (char)tolower(c));
        else if (!is_dash)
            strbuf_add_char(out, '-');
        is_dash = !(isalnum(c) && c < 128);
    }
    while (out->len > 0 && out->ptr[out->len - 1] == '-')
        strbuf_truncate(out, out->len - 1);
}

void bench_csv_name(const struct bench_place *place, struct strbuf *out)
{
    add_time(place->unix_seconds, true, out);
    strbuf_add_char(out, '_');
    add_plain(place->cpu, out);
    strbuf_add_char(out, '_');
    add_plain(place->commit, out);
    strbuf_add_c(out, ".csv");
}
