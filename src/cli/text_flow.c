#include "cli/text_flow.h"

#include "text/unicode.h"
#include "text/utf8.h"

void text_flow_init(struct text_flow *flow, struct strbuf *out, const struct style_theme *theme,
                    unsigned width)
{
    *flow = (struct text_flow){.out = out, .theme = theme, .width = width};
    if (width && width < TEXT_FLOW_WIDTH_MIN)
        flow->width = TEXT_FLOW_WIDTH_MIN;
}

void text_flow_done(struct text_flow *flow)
{
    strbuf_done(&flow->word);
}

unsigned text_flow_columns(struct str text)
{
    unsigned columns = 0;
    while (text.len > 0) {
        const uint32_t point = utf8_next(&text);
        columns += point == UTF8_INVALID ? 1 : (unsigned)unicode_width(point);
    }
    return columns;
}

static uint32_t styles_now(const struct text_flow *flow)
{
    uint32_t set = 0;
    for (unsigned i = 0; i < flow->style_count && i < TEXT_FLOW_DEPTH_MAX; i++)
        set |= UINT32_C(1) << flow->styles[i];
    return set & ~(UINT32_C(1) << STYLE_NORMAL);
}

/* Escape sequences that lead from one set of styles to another. */
static void add_change(const struct text_flow *flow, struct strbuf *out, uint32_t from, uint32_t to)
{
    if (from == to)
        return;
    if (from & ~to) {
        strbuf_add_c(out, flow->theme->begin[STYLE_NORMAL]);
        from = 0;
    }
    for (unsigned i = 0; i < STYLE_COUNT; i++) {
        if ((to & ~from) >> i & 1)
            strbuf_add_c(out, flow->theme->begin[i]);
    }
}

static void set_line_styles(struct text_flow *flow, uint32_t styles)
{
    add_change(flow, flow->out, flow->line_styles, styles);
    flow->line_styles = styles;
}

static void begin_line(struct text_flow *flow)
{
    for (unsigned i = 0; i < flow->prefix_count && i < TEXT_FLOW_DEPTH_MAX; i++) {
        struct text_flow_prefix *prefix = &flow->prefixes[i];
        if (prefix->is_once && prefix->was_shown) {
            set_line_styles(flow, 0);
            strbuf_addf(flow->out, "%*s", (int)prefix->width, "");
        } else {
            set_line_styles(flow, UINT32_C(1) << prefix->style & ~UINT32_C(1));
            strbuf_add_c(flow->out, prefix->text);
            prefix->was_shown = true;
        }
        flow->column += prefix->width;
    }
    flow->is_line_begun = true;
}

/* An empty line keeps the marks that stand on every line (quotes), without the space behind. */
static void empty_line(struct text_flow *flow)
{
    unsigned last = 0;
    for (unsigned i = 0; i < flow->prefix_count && i < TEXT_FLOW_DEPTH_MAX; i++) {
        if (!flow->prefixes[i].is_once && flow->prefixes[i].text[0] != ' ')
            last = i + 1;
    }
    for (unsigned i = 0; i < last; i++) {
        const struct text_flow_prefix *prefix = &flow->prefixes[i];
        set_line_styles(flow, UINT32_C(1) << prefix->style & ~UINT32_C(1));
        if (prefix->is_once)
            strbuf_addf(flow->out, "%*s", (int)prefix->width, "");
        else
            strbuf_add_c(flow->out, prefix->text);
    }
}

static void write_breaks(struct text_flow *flow)
{
    for (; flow->breaks > 0; flow->breaks--) {
        if (!flow->has_output)
            continue;
        set_line_styles(flow, 0);
        strbuf_add_char(flow->out, '\n');
        if (flow->breaks > 1)
            empty_line(flow);
        flow->column = 0;
        flow->is_line_begun = false;
    }
}

static unsigned prefix_width(const struct text_flow *flow)
{
    unsigned width = 0;
    for (unsigned i = 0; i < flow->prefix_count && i < TEXT_FLOW_DEPTH_MAX; i++)
        width += flow->prefixes[i].width;
    return width;
}

void text_flow_flush(struct text_flow *flow)
{
    if (flow->word.len == 0)
        return;
    const unsigned space = flow->needs_space && flow->is_line_begun && flow->breaks == 0;
    const bool has_text = flow->column > prefix_width(flow);
    if (flow->width && has_text && flow->column + space + flow->word_width > flow->width &&
        flow->breaks == 0)
        flow->breaks = 1;
    const bool breaks = flow->breaks > 0;
    write_breaks(flow);
    if (!flow->is_line_begun)
        begin_line(flow);
    if (space && !breaks) {
        set_line_styles(flow, flow->line_styles & flow->word_begin_styles);
        strbuf_add_char(flow->out, ' ');
        flow->column++;
    }
    set_line_styles(flow, flow->word_begin_styles);
    strbuf_add_str(flow->out, strbuf_view(&flow->word));
    flow->line_styles = flow->word_end_styles;
    flow->column += flow->word_width;
    flow->has_output = true;
    flow->needs_space = false;
    strbuf_clear(&flow->word);
    flow->word_width = 0;
}

static void add_to_word(struct text_flow *flow, struct str piece)
{
    const uint32_t styles = styles_now(flow);
    if (flow->word.len == 0)
        flow->word_begin_styles = styles;
    else
        add_change(flow, &flow->word, flow->word_end_styles, styles);
    flow->word_end_styles = styles;
    strbuf_add_str(&flow->word, piece);
    flow->word_width += text_flow_columns(piece);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t';
}

void text_flow_words(struct text_flow *flow, struct str text)
{
    size_t begin = 0;
    for (size_t i = 0; i <= text.len; i++) {
        if (i < text.len && !is_space(text.ptr[i]))
            continue;
        if (i > begin)
            add_to_word(flow, str_slice(text, begin, i));
        if (i < text.len) {
            text_flow_flush(flow);
            flow->needs_space = true;
        }
        begin = i + 1;
    }
}

/* One line, its spaces kept. Leading spaces wait for something visible, as everything does. */
static void exact_line(struct text_flow *flow, struct str line)
{
    if (line.len == 0)
        return;
    add_to_word(flow, line);
    const unsigned width = flow->width;
    flow->width = 0;
    text_flow_flush(flow);
    flow->width = width;
}

void text_flow_exact(struct text_flow *flow, struct str text)
{
    while (text.ptr) {
        exact_line(flow, str_split(&text, '\n'));
        if (text.ptr)
            flow->breaks++;
    }
}

void text_flow_break(struct text_flow *flow)
{
    text_flow_flush(flow);
    if (flow->breaks < 1)
        flow->breaks = 1;
    flow->needs_space = false;
}

void text_flow_gap(struct text_flow *flow)
{
    text_flow_flush(flow);
    if (flow->breaks < 2)
        flow->breaks = 2;
    flow->needs_space = false;
}

void text_flow_push_style(struct text_flow *flow, enum style style)
{
    if (flow->style_count < TEXT_FLOW_DEPTH_MAX)
        flow->styles[flow->style_count] = style;
    flow->style_count++;
}

void text_flow_pop_style(struct text_flow *flow)
{
    if (flow->style_count > 0)
        flow->style_count--;
}

void text_flow_push_prefix(struct text_flow *flow, const char *text, enum style style, bool is_once)
{
    if (flow->prefix_count < TEXT_FLOW_DEPTH_MAX) {
        struct text_flow_prefix *prefix = &flow->prefixes[flow->prefix_count];
        *prefix = (struct text_flow_prefix){.style = style, .is_once = is_once};
        snprintf(prefix->text, sizeof(prefix->text), "%s", text);
        prefix->width = text_flow_columns(str_from_c(prefix->text));
    }
    flow->prefix_count++;
}

void text_flow_pop_prefix(struct text_flow *flow)
{
    if (flow->prefix_count > 0)
        flow->prefix_count--;
}
