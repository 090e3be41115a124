#include "cli/markdown_table.h"

#include "base/mem.h"
#include "cli/text_flow.h"

#include <md4c.h>

enum { COLUMN_GAP = 2 };

void markdown_table_init(struct markdown_table *table, unsigned column_count)
{
    markdown_table_done(table);
    table->column_count =
        column_count < MARKDOWN_TABLE_COLUMNS_MAX ? column_count : MARKDOWN_TABLE_COLUMNS_MAX;
}

void markdown_table_done(struct markdown_table *table)
{
    strbuf_done(&table->text);
    mem_free(table->cells);
    *table = (struct markdown_table){0};
}

void markdown_table_begin_row(struct markdown_table *table)
{
    table->row_column = 0;
}

void markdown_table_begin_cell(struct markdown_table *table, int align)
{
    const unsigned column = table->row_column++;
    if (column >= table->column_count || table->cell_count >= MARKDOWN_TABLE_CELLS_MAX)
        return;
    if (table->cell_count == table->cell_capacity) {
        table->cell_capacity = table->cell_capacity ? 2 * table->cell_capacity : 64;
        table->cells = mem_realloc(table->cells, table->cell_capacity * sizeof(table->cells[0]));
    }
    table->cells[table->cell_count++] = (struct markdown_table_cell){table->text.len, 0};
    table->aligns[column] = align;
}

void markdown_table_add(struct markdown_table *table, struct str text)
{
    if (table->cell_count == 0 || table->row_column > table->column_count)
        return;
    strbuf_add_str(&table->text, text);
    table->cells[table->cell_count - 1].len += text.len;
}

static struct str cell_text(const struct markdown_table *table, size_t index)
{
    if (index >= table->cell_count)
        return (struct str){0};
    const struct markdown_table_cell cell = table->cells[index];
    return str_slice(strbuf_view(&table->text), cell.offset, cell.offset + cell.len);
}

static void add_spaces(struct strbuf *out, unsigned count)
{
    strbuf_addf(out, "%*s", (int)count, "");
}

static void add_cell(const struct markdown_table *table, size_t index, unsigned column,
                     unsigned width, struct strbuf *line)
{
    const struct str text = cell_text(table, index);
    const unsigned spare = width - text_flow_columns(text);
    unsigned before = 0;
    if (table->aligns[column] == MD_ALIGN_RIGHT)
        before = spare;
    else if (table->aligns[column] == MD_ALIGN_CENTER)
        before = spare / 2;
    add_spaces(line, before);
    strbuf_add_str(line, text);
    if (column + 1 < table->column_count)
        add_spaces(line, spare - before + COLUMN_GAP);
}

static void show_aligned(const struct markdown_table *table, const unsigned *widths,
                         struct text_flow *flow)
{
    CLEANUP(strbuf_done) struct strbuf line = {0};
    const size_t columns = table->column_count;
    for (size_t row = 0; row * columns < table->cell_count; row++) {
        strbuf_clear(&line);
        for (unsigned column = 0; column < columns; column++)
            add_cell(table, row * columns + column, column, widths[column], &line);
        text_flow_push_style(flow, row == 0 ? STYLE_BOLD : STYLE_NORMAL);
        text_flow_exact(flow, strbuf_view(&line));
        text_flow_pop_style(flow);
        text_flow_break(flow);
        if (row > 0)
            continue;
        strbuf_clear(&line);
        for (unsigned column = 0; column < columns; column++) {
            for (unsigned i = 0; i < widths[column]; i++)
                strbuf_add_c(&line, "\xe2\x94\x80");
            if (column + 1 < columns)
                add_spaces(&line, COLUMN_GAP);
        }
        text_flow_push_style(flow, STYLE_DIM);
        text_flow_exact(flow, strbuf_view(&line));
        text_flow_pop_style(flow);
        text_flow_break(flow);
    }
}

static void show_rows(const struct markdown_table *table, struct text_flow *flow)
{
    const size_t columns = table->column_count;
    for (size_t i = 0; i < table->cell_count; i++) {
        text_flow_words(flow, cell_text(table, i));
        if (i % columns + 1 == columns)
            text_flow_break(flow);
        else
            text_flow_words(flow, STR(" | "));
    }
}

void markdown_table_render(const struct markdown_table *table, struct text_flow *flow)
{
    unsigned widths[MARKDOWN_TABLE_COLUMNS_MAX] = {0};
    unsigned total = 0;
    if (table->column_count == 0)
        return;
    for (size_t i = 0; i < table->cell_count; i++) {
        const unsigned columns = text_flow_columns(cell_text(table, i));
        unsigned *width = &widths[i % table->column_count];
        *width = columns > *width ? columns : *width;
    }
    for (unsigned column = 0; column < table->column_count; column++)
        total += widths[column] + (column ? COLUMN_GAP : 0);
    if (flow->width && total > flow->width)
        show_rows(table, flow);
    else
        show_aligned(table, widths, flow);
}
