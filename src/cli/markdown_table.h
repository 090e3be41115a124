/*
 * markdown_table - a Markdown table, collected whole and shown in aligned columns.
 *
 * Cells hold plain text; their inline styles are dropped. A table that is wider than the
 * terminal is shown row by row, its cells separated by " | ".
 *
 * Threads: one at a time. Used by: markdown.c.
 */
#pragma once

#include "base/str.h"
#include "base/strbuf.h"

struct text_flow;

enum { MARKDOWN_TABLE_COLUMNS_MAX = 64, MARKDOWN_TABLE_CELLS_MAX = 64 * 1024 };

struct markdown_table_cell {
    size_t offset; /* into `text` */
    size_t len;
};

struct markdown_table {
    unsigned column_count;                  /* columns beyond the maximum are dropped */
    int aligns[MARKDOWN_TABLE_COLUMNS_MAX]; /* MD_ALIGN */
    struct strbuf text;
    struct markdown_table_cell *cells; /* row by row, column_count each */
    size_t cell_count;
    size_t cell_capacity;
    unsigned row_column; /* cells begun in the current row */
};

void markdown_table_init(struct markdown_table *table, unsigned column_count);
void markdown_table_done(struct markdown_table *table); /* zeroed is allowed */
void markdown_table_begin_row(struct markdown_table *table);
void markdown_table_begin_cell(struct markdown_table *table, int align);
void markdown_table_add(struct markdown_table *table, struct str text); /* to the last cell */
void markdown_table_render(const struct markdown_table *table, struct text_flow *flow);
