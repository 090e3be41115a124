#include "cli/bench_chart.h"

#include "cli/bench_rows.h"

#include <inttypes.h>
#include <math.h>

enum {
    WIDTH = 760,
    HEIGHT = 420,
    LEFT = 64,
    RIGHT = 150, /* room for the names of the lines */
    TOP = 88,
    BOTTOM = 52,
    LINES_MAX = 12,
    DEPTHS_MAX = 32,
    LABEL_STEP = 15, /* between names, or they would cover each other */
    TICK_STEP = 40,  /* the same for depths */
    TICKS_WANTED = 5,
};

struct line {
    const char *program;
    const char *kv;
    double last_x, last_y; /* where it ends */
    double label_y;        /* where its name stands */
};

struct chart {
    const struct bench_rows *rows;
    struct strbuf *out;
    struct line lines[LINES_MAX];
    uint32_t line_count;
    uint32_t depths[DEPTHS_MAX]; /* ascending */
    uint32_t depth_count;
    double top; /* of the y axis, in tokens a second */
};

enum { COLOURS = 6 };

/* Colours that can be told apart by most people with weak colour vision, on light and on dark. */
static const char *const light[COLOURS] = {"#0b62d6", "#c2410c", "#0f7b52",
                                           "#8b3fc4", "#a16207", "#be185d"};
static const char *const dark[COLOURS] = {"#6aa9ff", "#ff9a62", "#4fd09a",
                                          "#c79bff", "#e5be4f", "#ff8fbf"};

static const char style[] =
    "text{font:13px system-ui,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;fill:#1d2330}\n"
    "text.title{font-size:16px;font-weight:600}text.soft{fill:#5d6778;font-size:12px}\n"
    ".paper{fill:#fff}.grid{stroke:#e3e6ec}\n"
    ".line{fill:none;stroke-width:2.2;stroke-linejoin:round;stroke-linecap:round}\n";
static const char dark_style[] = "text{fill:#e6e9ef}text.soft{fill:#9aa4b5}"
                                 ".paper{fill:#14171d}.grid{stroke:#2c3340}\n";

static void add_colours(const char *const *colours, struct strbuf *out)
{
    for (int i = 0; i < COLOURS; i++)
        strbuf_addf(out, ".line.c%d{stroke:%s}circle.c%d,text.c%d{fill:%s}\n", i, colours[i], i, i,
                    colours[i]);
}

static void add_style(struct strbuf *out)
{
    strbuf_addf(out, "<style>\n%s", style);
    add_colours(light, out);
    strbuf_addf(out, "@media(prefers-color-scheme:dark){\n%s", dark_style);
    add_colours(dark, out);
    strbuf_add_c(out, "}\n</style>\n");
}

static void add_text(struct str text, struct strbuf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.ptr[i];
        if (c == '<')
            strbuf_add_c(out, "&lt;");
        else if (c == '&')
            strbuf_add_c(out, "&amp;");
        else if ((unsigned char)c >= ' ')
            strbuf_add_char(out, c);
    }
}

/* ---------------------------------------------------------------- what is drawn */

static void add_line(struct chart *chart, const struct bench_row *row)
{
    for (uint32_t i = 0; i < chart->line_count; i++)
        if (strcmp(chart->lines[i].program, row->program) == 0 &&
            strcmp(chart->lines[i].kv, row->kv) == 0)
            return;
    if (chart->line_count < LINES_MAX)
        chart->lines[chart->line_count++] = (struct line){.program = row->program, .kv = row->kv};
}

static void add_depth(struct chart *chart, uint32_t depth)
{
    uint32_t at = 0;
    while (at < chart->depth_count && chart->depths[at] < depth)
        at++;
    if ((at < chart->depth_count && chart->depths[at] == depth) || chart->depth_count == DEPTHS_MAX)
        return;
    memmove(&chart->depths[at + 1], &chart->depths[at],
            (chart->depth_count - at) * sizeof(chart->depths[0]));
    chart->depths[at] = depth;
    chart->depth_count++;
}

/* 1, 2 or 5 times a power of ten, so that about TICKS_WANTED of them reach `most`. */
static double tick_of(double most)
{
    const double rough = most / TICKS_WANTED;
    const double unit = pow(10, floor(log10(rough)));
    const double times = rough / unit;
    return unit * (times <= 1 ? 1 : times <= 2 ? 2 : times <= 5 ? 5 : 10);
}

static void collect(struct chart *chart)
{
    double most = 0;
    for (size_t i = 0; i < chart->rows->count; i++) {
        const struct bench_row *row = &chart->rows->rows[i];
        const double value = bench_rows_median(row);
        if (row->test != BENCH_DECODE || value <= 0)
            continue;
        add_line(chart, row);
        add_depth(chart, row->depth);
        most = value > most ? value : most;
    }
    if (most > 0)
        chart->top = ceil(most / tick_of(most)) * tick_of(most);
}

/* ---------------------------------------------------------------- places */

static double x_of(const struct chart *chart, uint32_t depth)
{
    const double width = WIDTH - LEFT - RIGHT;
    const uint32_t first = chart->depths[0];
    const uint32_t last = chart->depths[chart->depth_count - 1];
    return first == last ? LEFT + width / 2 : LEFT + width * (depth - first) / (last - first);
}

static double y_of(const struct chart *chart, double value)
{
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / chart->top);
}

static void add_depth_name(uint32_t depth, struct strbuf *out)
{
    if (depth >= 1024 && depth % 1024 == 0)
        strbuf_addf(out, "%" PRIu32 "K", depth / 1024);
    else
        strbuf_addf(out, "%" PRIu32, depth);
}

/* ---------------------------------------------------------------- drawing */

static void draw_axes(const struct chart *chart)
{
    struct strbuf *out = chart->out;
    const double tick = tick_of(chart->top);
    for (int i = 0; i * tick <= chart->top * 1.001; i++) {
        const double y = y_of(chart, i * tick);
        strbuf_addf(out, "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>\n",
                    LEFT, WIDTH - RIGHT, y, y);
        strbuf_addf(out,
                    "<text class=\"soft\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.6g</text>\n",
                    LEFT - 8, y + 4, i * tick);
    }
    double next = 0;
    for (uint32_t i = 0; i < chart->depth_count; i++) {
        const double x = x_of(chart, chart->depths[i]);
        if (x < next)
            continue;
        next = x + TICK_STEP;
        strbuf_addf(out, "<text class=\"soft\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">", x,
                    HEIGHT - BOTTOM + 20);
        add_depth_name(chart->depths[i], out);
        strbuf_add_c(out, "</text>\n");
    }
    strbuf_addf(out,
                "<text class=\"soft\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">tokens before "
                "(depth)</text>\n",
                (WIDTH - RIGHT + LEFT) / 2, HEIGHT - 12);
    strbuf_addf(out, "<text class=\"soft\" x=\"%d\" y=\"%d\">tokens/s</text>\n", LEFT - 38,
                TOP - 14);
}

static void draw_line(const struct chart *chart, uint32_t index)
{
    struct line line = chart->lines[index];
    struct strbuf *out = chart->out;
    CLEANUP(strbuf_done) struct strbuf dots = {0};
    strbuf_addf(out, "<path class=\"line c%" PRIu32 "\"%s d=\"", index % COLOURS,
                strcmp(line.program, "holt") ? " stroke-dasharray=\"6 4\"" : "");
    char command = 'M';
    for (uint32_t i = 0; i < chart->depth_count; i++) {
        const struct bench_row place = {.test = BENCH_DECODE, .depth = chart->depths[i]};
        const struct bench_row *row = bench_rows_like(chart->rows, &place, line.program, line.kv);
        if (!row)
            continue;
        const double x = x_of(chart, row->depth);
        const double y = y_of(chart, bench_rows_median(row));
        strbuf_addf(out, "%c%.1f %.1f", command, x, y);
        strbuf_addf(&dots,
                    "<circle class=\"c%" PRIu32 "\" cx=\"%.1f\" cy=\"%.1f\" r=\"3.2\"><title>"
                    "%.1f tokens/s</title></circle>\n",
                    index % COLOURS, x, y, bench_rows_median(row));
        command = 'L';
    }
    strbuf_add_c(out, "\"/>\n");
    strbuf_add_str(out, strbuf_view(&dots));
}

/* Ends before the deepest depth: its name stands there, alone. */
static bool ends_early(const struct line *line)
{
    return line->last_x < WIDTH - RIGHT - 1;
}

/* Names beside the ends of the lines, moved apart downwards and then back up. */
static void place_labels(struct chart *chart)
{
    uint32_t order[LINES_MAX];
    for (uint32_t i = 0; i < chart->line_count; i++) {
        struct line *line = &chart->lines[i];
        for (uint32_t d = 0; d < chart->depth_count; d++) {
            const struct bench_row place = {.test = BENCH_DECODE, .depth = chart->depths[d]};
            const struct bench_row *row =
                bench_rows_like(chart->rows, &place, line->program, line->kv);
            line->last_y = row ? y_of(chart, bench_rows_median(row)) : line->last_y;
            line->last_x = row ? x_of(chart, chart->depths[d]) : line->last_x;
        }
        uint32_t at = i;
        for (; at > 0 && chart->lines[order[at - 1]].last_y > line->last_y; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    double least = TOP;
    for (uint32_t i = 0; i < chart->line_count; i++) {
        struct line *line = &chart->lines[order[i]];
        line->label_y = line->last_y;
        if (ends_early(line))
            continue;
        line->label_y = line->last_y > least ? line->last_y : least;
        least = line->label_y + LABEL_STEP;
    }
    double most = HEIGHT - BOTTOM;
    for (uint32_t i = chart->line_count; i-- > 0;) {
        struct line *line = &chart->lines[order[i]];
        if (ends_early(line))
            continue;
        line->label_y = line->label_y < most ? line->label_y : most;
        most = line->label_y - LABEL_STEP;
    }
}

static void draw_label(const struct chart *chart, uint32_t index)
{
    const struct line *line = &chart->lines[index];
    strbuf_addf(chart->out, "<text class=\"c%" PRIu32 "\" x=\"%.1f\" y=\"%.1f\">", index % COLOURS,
                line->last_x + 12, line->label_y + 4);
    add_text(str_from_c(line->program), chart->out);
    strbuf_add_char(chart->out, ' ');
    add_text(str_from_c(line->kv), chart->out);
    strbuf_add_c(chart->out, "</text>\n");
}

bool bench_chart_write(const struct bench_rows *rows, struct str title, struct str subtitle,
                       struct strbuf *out)
{
    struct chart chart = {.rows = rows, .out = out};
    collect(&chart);
    if (chart.line_count == 0)
        return false;
    strbuf_addf(out,
                "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
                "viewBox=\"0 0 %d %d\" role=\"img\">\n",
                WIDTH, HEIGHT, WIDTH, HEIGHT);
    add_style(out);
    strbuf_addf(out,
                "<rect class=\"paper\" width=\"%d\" height=\"%d\" rx=\"8\"/>\n"
                "<text class=\"title\" x=\"26\" y=\"28\">",
                WIDTH, HEIGHT);
    add_text(title, out);
    strbuf_add_c(out, "</text>\n<text class=\"soft\" x=\"26\" y=\"46\">");
    add_text(subtitle, out);
    strbuf_add_c(out, "</text>\n");
    draw_axes(&chart);
    place_labels(&chart);
    for (uint32_t i = 0; i < chart.line_count; i++)
        draw_line(&chart, i);
    for (uint32_t i = 0; i < chart.line_count; i++)
        draw_label(&chart, i);
    strbuf_add_c(out, "</svg>\n");
    return true;
}
