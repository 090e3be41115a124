/*
 * fit_rows - the lines of `holt fit`: one for a model in one type with one plan, as text or JSON.
 *
 * Threads: main thread. Used by: cmd_fit.c.
 */
#pragma once

#include "base/strbuf.h"
#include "cli/fit_facts.h"
#include "cli/fit_plan.h"

#include <jansson.h>
#include <stdbool.h>

/* Owned by fit_rows. */
struct fit_row {
    char *name;
    bool is_here;
    char type[FIT_FACTS_WORD_MAX];
    uint64_t size_bytes;
    char *problem; /* NULL: there is a plan */
    struct fit_plan plan;
};

/* Zeroed is empty. */
struct fit_rows {
    struct fit_row *of;
    size_t count;
};

void fit_rows_add(struct fit_rows *rows, const char *name, bool is_here,
                  const struct fit_facts *facts, const struct fit_plan *plan);
void fit_rows_add_problem(struct fit_rows *rows, const char *name, const char *problem);
void fit_rows_done(struct fit_rows *rows); /* zeroed is allowed */

/* A heading and the rows that are here, or that are not; nothing when there is none. Names are made
 * safe to show. */
void fit_rows_write(const struct fit_rows *rows, bool are_here, struct strbuf *out);

/* One object per row; the caller releases it. */
json_t *fit_rows_json(const struct fit_rows *rows);

/* Of the rows that fit the one with the most weights; NULL: none does. */
const struct fit_row *fit_rows_largest(const struct fit_rows *rows);
