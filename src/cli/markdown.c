#include "cli/markdown.h"

#include "base/mem.h"
#include "cli/markdown_table.h"
#include "cli/text_flow.h"
#include "text/utf8.h"

#include <md4c.h>

enum { LIST_DEPTH_MAX = 32, RULE_COLUMNS = 40, ENTITY_LEN_MAX = 12 };

struct list_level {
    bool is_ordered;
    unsigned number;
};

struct renderer {
    struct text_flow flow;
    const struct style_theme *theme;
    struct list_level lists[LIST_DEPTH_MAX];
    unsigned list_depth;
    bool is_item_begun; /* the item's first block is still to come: no gap before it */
    bool is_first;      /* no block was shown yet */
    unsigned heading_level;
    bool in_code_block;
    struct markdown_table table;
    bool in_cell;
};

/* ---------------------------------------------------------------- blocks */

/* Every block but the first begins after an empty line; inside lists, blocks stand close. */
static void begin_block(struct renderer *r)
{
    if (r->is_item_begun)
        r->is_item_begun = false;
    else if (r->list_depth > 0)
        text_flow_break(&r->flow);
    else if (!r->is_first)
        text_flow_gap(&r->flow);
    r->is_first = false;
}

static void begin_list(struct renderer *r, bool is_ordered, unsigned start)
{
    if (r->list_depth == 0)
        begin_block(r);
    if (r->list_depth < LIST_DEPTH_MAX)
        r->lists[r->list_depth] = (struct list_level){is_ordered, start};
    r->list_depth++;
}

static void begin_item(struct renderer *r, const MD_BLOCK_LI_DETAIL *item)
{
    char mark[16] = "\xe2\x80\xa2 "; /* bullet */
    text_flow_break(&r->flow);
    if (r->list_depth > 0 && r->list_depth <= LIST_DEPTH_MAX) {
        struct list_level *level = &r->lists[r->list_depth - 1];
        if (level->is_ordered)
            snprintf(mark, sizeof(mark), "%u. ", level->number++);
        else if (item->is_task)
            snprintf(mark, sizeof(mark), item->task_mark == ' ' ? "[ ] " : "[x] ");
    }
    text_flow_push_prefix(&r->flow, mark, STYLE_NORMAL, true);
    r->is_item_begun = true;
}

static void begin_code(struct renderer *r)
{
    begin_block(r);
    text_flow_push_prefix(&r->flow, "  ", STYLE_NORMAL, false);
    text_flow_push_style(&r->flow, STYLE_CODE);
    r->in_code_block = true;
}

static void end_code(struct renderer *r)
{
    r->in_code_block = false;
    text_flow_pop_style(&r->flow);
    text_flow_pop_prefix(&r->flow);
    r->flow.breaks = 0; /* the line break behind the last line is no empty line */
    if (r->list_depth > 0)
        text_flow_break(&r->flow);
}

static void rule(struct renderer *r)
{
    begin_block(r);
    text_flow_push_style(&r->flow, STYLE_DIM);
    CLEANUP(strbuf_done) struct strbuf line = {0};
    for (unsigned i = 0; i < RULE_COLUMNS; i++)
        strbuf_add_c(&line, "\xe2\x94\x80");
    text_flow_exact(&r->flow, strbuf_view(&line));
    text_flow_pop_style(&r->flow);
}

static int enter_block(MD_BLOCKTYPE type, void *detail, void *context)
{
    struct renderer *r = context;
    switch (type) {
    case MD_BLOCK_DOC: break;
    case MD_BLOCK_QUOTE:
        begin_block(r);
        text_flow_push_prefix(&r->flow, "\xe2\x94\x82 ", STYLE_DIM, false);
        r->is_item_begun = true;
        break;
    case MD_BLOCK_UL: begin_list(r, false, 0); break;
    case MD_BLOCK_OL: begin_list(r, true, ((MD_BLOCK_OL_DETAIL *)detail)->start); break;
    case MD_BLOCK_LI: begin_item(r, detail); break;
    case MD_BLOCK_HR: rule(r); break;
    case MD_BLOCK_H:
        begin_block(r);
        text_flow_push_style(&r->flow, STYLE_HEADING);
        break;
    case MD_BLOCK_CODE: begin_code(r); break;
    case MD_BLOCK_HTML:
    case MD_BLOCK_P: begin_block(r); break;
    case MD_BLOCK_TABLE:
        begin_block(r);
        markdown_table_init(&r->table, ((MD_BLOCK_TABLE_DETAIL *)detail)->col_count);
        break;
    case MD_BLOCK_THEAD:
    case MD_BLOCK_TBODY: break;
    case MD_BLOCK_TR: markdown_table_begin_row(&r->table); break;
    case MD_BLOCK_TH:
    case MD_BLOCK_TD:
        markdown_table_begin_cell(&r->table, (int)((MD_BLOCK_TD_DETAIL *)detail)->align);
        r->in_cell = true;
        break;
    }
    return 0;
}

static int leave_block(MD_BLOCKTYPE type, void *detail, void *context)
{
    (void)detail;
    struct renderer *r = context;
    switch (type) {
    case MD_BLOCK_QUOTE:
        text_flow_flush(&r->flow);
        text_flow_pop_prefix(&r->flow);
        r->is_item_begun = false;
        break;
    case MD_BLOCK_UL:
    case MD_BLOCK_OL:
        r->list_depth--;
        r->is_item_begun = false;
        break;
    case MD_BLOCK_LI:
        text_flow_flush(&r->flow);
        text_flow_pop_prefix(&r->flow);
        r->is_item_begun = false;
        break;
    case MD_BLOCK_H:
        text_flow_flush(&r->flow);
        text_flow_pop_style(&r->flow);
        break;
    case MD_BLOCK_CODE: end_code(r); break;
    case MD_BLOCK_TABLE:
        markdown_table_render(&r->table, &r->flow);
        markdown_table_done(&r->table);
        break;
    case MD_BLOCK_TH:
    case MD_BLOCK_TD: r->in_cell = false; break;
    case MD_BLOCK_P: text_flow_flush(&r->flow); break;
    case MD_BLOCK_DOC:
    case MD_BLOCK_HR:
    case MD_BLOCK_HTML:
    case MD_BLOCK_THEAD:
    case MD_BLOCK_TBODY:
    case MD_BLOCK_TR: break;
    }
    return 0;
}

/* ---------------------------------------------------------------- inline */

static void put_words(struct renderer *r, struct str text)
{
    r->is_item_begun = false;
    if (r->in_cell)
        markdown_table_add(&r->table, text);
    else
        text_flow_words(&r->flow, text);
}

/* What a theme without colour still has to show with signs. */
static void mark_plain(struct renderer *r, MD_SPANTYPE type)
{
    if (type == MD_SPAN_CODE && (!r->theme->has_color || r->in_cell))
        put_words(r, STR("`"));
}

static int enter_span(MD_SPANTYPE type, void *detail, void *context)
{
    (void)detail;
    struct renderer *r = context;
    enum style style = STYLE_NORMAL;
    switch (type) {
    case MD_SPAN_EM: style = STYLE_ITALIC; break;
    case MD_SPAN_STRONG: style = STYLE_BOLD; break;
    case MD_SPAN_DEL: style = STYLE_STRIKE; break;
    case MD_SPAN_CODE: style = STYLE_CODE; break;
    case MD_SPAN_A:
    case MD_SPAN_IMG: style = STYLE_LINK; break;
    case MD_SPAN_LATEXMATH:
    case MD_SPAN_LATEXMATH_DISPLAY:
    case MD_SPAN_WIKILINK:
    case MD_SPAN_U: break;
    }
    mark_plain(r, type);
    if (!r->in_cell)
        text_flow_push_style(&r->flow, style);
    return 0;
}

/* A link shows where it leads, unless its text is the address. */
static void put_address(struct renderer *r, const MD_ATTRIBUTE *address)
{
    if (address->size == 0)
        return;
    put_words(r, STR(" ("));
    put_words(r, (struct str){address->text, address->size});
    put_words(r, STR(")"));
}

static int leave_span(MD_SPANTYPE type, void *detail, void *context)
{
    struct renderer *r = context;
    if (!r->in_cell)
        text_flow_pop_style(&r->flow);
    mark_plain(r, type);
    if (type == MD_SPAN_A)
        put_address(r, &((MD_SPAN_A_DETAIL *)detail)->href);
    if (type == MD_SPAN_IMG)
        put_address(r, &((MD_SPAN_IMG_DETAIL *)detail)->src);
    return 0;
}

static void put_entity(struct renderer *r, struct str entity)
{
    static const struct {
        const char *name;
        const char *text;
    } names[] = {{"&amp;", "&"},   {"&lt;", "<"},   {"&gt;", ">"},
                 {"&quot;", "\""}, {"&apos;", "'"}, {"&nbsp;", "\xc2\xa0"}};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (str_equal_c(entity, names[i].name)) {
            put_words(r, str_from_c(names[i].text));
            return;
        }
    }
    /* Numeric ones could smuggle in what clean_text removed, so they stay as written. */
    put_words(r, entity);
}

static int text(MD_TEXTTYPE type, const MD_CHAR *bytes, MD_SIZE size, void *context)
{
    struct renderer *r = context;
    const struct str piece = {bytes, size};
    switch (type) {
    case MD_TEXT_BR:
        if (r->in_cell)
            put_words(r, STR(" "));
        else
            text_flow_break(&r->flow);
        break;
    case MD_TEXT_SOFTBR: put_words(r, STR(" ")); break;
    case MD_TEXT_ENTITY: put_entity(r, piece); break;
    case MD_TEXT_NULLCHAR: break;
    case MD_TEXT_CODE:
        if (r->in_code_block) {
            text_flow_exact(&r->flow, piece);
            break;
        }
        put_words(r, piece);
        break;
    case MD_TEXT_NORMAL:
    case MD_TEXT_HTML:
    case MD_TEXT_LATEXMATH: put_words(r, piece); break;
    }
    return 0;
}

void markdown_render(struct str source, unsigned width, const struct style_theme *theme,
                     struct strbuf *out)
{
    const MD_PARSER parser = {
        .flags = MD_FLAG_TABLES | MD_FLAG_STRIKETHROUGH | MD_FLAG_TASKLISTS | MD_FLAG_NOHTML |
                 MD_FLAG_NOINDENTEDCODEBLOCKS,
        .enter_block = enter_block,
        .leave_block = leave_block,
        .enter_span = enter_span,
        .leave_span = leave_span,
        .text = text,
    };
    if (source.len == 0 || source.len > UINT32_MAX)
        return;
    CLEANUP(mem_freep) struct renderer *r = mem_zalloc(sizeof(*r));
    r->theme = theme;
    r->is_first = true;
    text_flow_init(&r->flow, out, theme, width);
    md_parse(source.ptr, (MD_SIZE)source.len, &parser, r);
    text_flow_flush(&r->flow);
    markdown_table_done(&r->table);
    text_flow_done(&r->flow);
}
