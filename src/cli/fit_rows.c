#include "cli/fit_rows.h"

#include "base/mem.h"
#include "text/clean_text.h"

#include <inttypes.h>
#include <stdio.h>

enum { NAME_WIDTH_MAX = 44 };

static const double GIB = 1024.0 * 1024 * 1024;

static struct fit_row *new_row(struct fit_rows *rows, const char *name)
{
    rows->of = mem_realloc(rows->of, (rows->count + 1) * sizeof(rows->of[0]));
    struct fit_row *row = &rows->of[rows->count++];
    *row = (struct fit_row){.name = mem_copy_str(name)};
    return row;
}

void fit_rows_add(struct fit_rows *rows, const char *name, bool is_here,
                  const struct fit_facts *facts, const struct fit_plan *plan)
{
    struct fit_row *row = new_row(rows, name);
    row->is_here = is_here;
    memcpy(row->type, facts->type, sizeof(row->type));
    row->size_bytes = facts->shape.weight_bytes;
    row->plan = *plan;
}

void fit_rows_add_problem(struct fit_rows *rows, const char *name, const char *problem)
{
    struct fit_row *row = new_row(rows, name);
    row->is_here = true;
    row->problem = mem_copy_str(problem);
}

void fit_rows_done(struct fit_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        mem_free(rows->of[i].name);
        mem_free(rows->of[i].problem);
    }
    mem_free(rows->of);
    *rows = (struct fit_rows){0};
}

/* ---------------------------------------------------------------- text */

static void add_size(struct strbuf *out, uint64_t bytes)
{
    if (bytes < UINT64_C(1000) << 20)
        strbuf_addf(out, "%6.1f MiB", (double)bytes / (1 << 20));
    else
        strbuf_addf(out, "%6.1f GiB", (double)bytes / GIB);
}

/* Two figures are what an estimate is worth. */
static void add_speed(struct strbuf *out, double speed, int width)
{
    double step = 1;
    while (speed / step >= 100)
        step *= 10;
    if (speed <= 0)
        strbuf_addf(out, "%*s", width, "-");
    else if (speed < 10)
        strbuf_addf(out, "%*.1f", width, speed);
    else
        strbuf_addf(out, "%*.0f", width, (double)(uint64_t)(speed / step + 0.5) * step);
}

static void add_plan(struct strbuf *out, const struct fit_plan *plan)
{
    if (!plan->fits) {
        strbuf_addf(out, "  does not fit: it takes %.1f GiB and there are %.1f GiB\n",
                    (double)plan->needed_bytes / GIB, (double)plan->room_bytes / GIB);
        return;
    }
    strbuf_addf(out, "  %8" PRIu32 "  %-4s", plan->context_tokens, kv_kind_name(plan->kv));
    add_speed(out, plan->first_speed, 8);
    add_speed(out, plan->last_speed, 8);
    add_speed(out, plan->prompt_speed, 8);
    strbuf_add_char(out, '\n');
}

static int name_width(const struct fit_rows *rows)
{
    size_t width = strlen("NOT PULLED YET");
    for (size_t i = 0; i < rows->count; i++) {
        const size_t len = strlen(rows->of[i].name);
        width = len > width ? len : width;
    }
    return width < NAME_WIDTH_MAX ? (int)width : NAME_WIDTH_MAX;
}

void fit_rows_write(const struct fit_rows *rows, bool are_here, struct strbuf *out)
{
    const int width = name_width(rows);
    bool has_heading = false;
    for (size_t i = 0; i < rows->count; i++) {
        const struct fit_row *row = &rows->of[i];
        CLEANUP(strbuf_done) struct strbuf name = {0};
        if (row->is_here != are_here)
            continue;
        if (!has_heading)
            strbuf_addf(out, "%-*s  %-6s  %10s  %8s  %-4s%8s%8s%8s\n", width,
                        are_here ? "HERE" : "NOT PULLED YET", "TYPE", "SIZE", "CONTEXT", "KV",
                        "WRITES", "FULL", "READS");
        has_heading = true;
        clean_text_line(str_from_c(row->name), &name);
        strbuf_addf(out, "%-*s", width, strbuf_c(&name));
        if (row->problem) {
            strbuf_addf(out, "  %s\n", row->problem);
            continue;
        }
        strbuf_addf(out, "  %-6s  ", row->type);
        add_size(out, row->size_bytes);
        add_plan(out, &row->plan);
    }
}

/* ---------------------------------------------------------------- JSON */

static json_t *row_json(const struct fit_row *row)
{
    CLEANUP(strbuf_done) struct strbuf name = {0};
    clean_text_line(str_from_c(row->name), &name);
    json_t *object = json_pack("{s:s, s:b, s:s?}", "name", strbuf_c(&name), "here",
                               (int)row->is_here, "problem", row->problem);
    if (row->problem)
        return object;
    const struct fit_plan *plan = &row->plan;
    json_object_set_new(object, "type", json_string(row->type));
    json_object_set_new(object, "size_bytes", json_integer((json_int_t)row->size_bytes));
    json_object_set_new(object, "fits", json_boolean(plan->fits));
    json_object_set_new(object, "kv", json_string(kv_kind_name(plan->kv)));
    json_object_set_new(object, "context_tokens", json_integer((json_int_t)plan->context_tokens));
    json_object_set_new(object, "needed_bytes", json_integer((json_int_t)plan->needed_bytes));
    json_object_set_new(object, "writes_per_second", json_real(plan->first_speed));
    json_object_set_new(object, "writes_per_second_full", json_real(plan->last_speed));
    json_object_set_new(object, "reads_per_second", json_real(plan->prompt_speed));
    return object;
}

json_t *fit_rows_json(const struct fit_rows *rows)
{
    json_t *list = json_array();
    for (size_t i = 0; i < rows->count; i++)
        json_array_append_new(list, row_json(&rows->of[i]));
    return list;
}

const struct fit_row *fit_rows_largest(const struct fit_rows *rows)
{
    const struct fit_row *best = NULL;
    for (size_t i = 0; i < rows->count; i++) {
        const struct fit_row *row = &rows->of[i];
        if (!row->problem && row->plan.fits && (!best || row->size_bytes > best->size_bytes))
            best = row;
    }
    return best;
}
