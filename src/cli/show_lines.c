#include "cli/show_lines.h"

#include "text/clean_text.h"
#include "text/json.h"

#include <inttypes.h>

enum { VALUE_BYTES_MAX = 200, LABEL_WIDTH = 14, LINE_WIDTH = 80 };

/* ---------------------------------------------------------------- numbers and words */

static void add_count(struct strbuf *out, double value)
{
    static const char *const units[] = {"", " thousand", " million", " billion"};
    unsigned unit = 0;
    while (value >= 999.5 && unit + 1 < ARRAY_LEN(units)) {
        value /= 1000;
        unit++;
    }
    strbuf_addf(out, unit ? "%.3g%s" : "%.0f%s", value, units[unit]);
}

static void add_bytes(struct strbuf *out, double value)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    unsigned unit = 0;
    while (value >= (unit ? 999.5 : 1024) && unit + 1 < ARRAY_LEN(units)) { /* three digits */
        value /= 1024;
        unit++;
    }
    strbuf_addf(out, unit ? "%.3g %s" : "%.0f %s", value, units[unit]);
}

/* 131072 as "131,072". */
static void add_tokens(struct strbuf *out, json_int_t count)
{
    CLEANUP(strbuf_done) struct strbuf digits = {0};
    strbuf_addf(&digits, "%" JSON_INTEGER_FORMAT, count);
    for (size_t i = 0; i < digits.len; i++) {
        if (i && (digits.len - i) % 3 == 0)
            strbuf_add_char(out, ',');
        strbuf_add_char(out, digits.ptr[i]);
    }
}

static json_int_t number(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

static bool flag(const json_t *object, const char *name)
{
    return json_is_true(json_object_get(object, name));
}

/* One value on one line, cut to a length people read. */
static void add_value(struct strbuf *out, const json_t *value)
{
    CLEANUP(strbuf_done) struct strbuf line = {0};
    if (json_is_string(value)) {
        clean_text_line(json_str(value), &line);
    } else if (json_is_null(value)) {
        strbuf_add_c(&line, "-");
    } else {
        json_write_python(value, &line);
    }
    const struct str shown = str_slice(strbuf_view(&line), 0, VALUE_BYTES_MAX);
    clean_text_line(shown, out);
    strbuf_add_c(out, shown.len < line.len ? "..." : "");
}

static void add_label(struct strbuf *out, const char *label)
{
    strbuf_addf(out, "%-*s ", LABEL_WIDTH, label);
}

/* A line that is left out when there is nothing to say. */
static void add_line(struct strbuf *out, const char *label, const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    if (!value || json_is_null(value))
        return;
    add_label(out, label);
    add_value(out, value);
    strbuf_add_char(out, '\n');
}

/* Words, broken between them to the width of a terminal, under a label. */
static void add_text(struct strbuf *out, const char *label, struct str text)
{
    const size_t start = LABEL_WIDTH + 1;
    size_t column = start;
    add_label(out, label);
    while (text.ptr) {
        const struct str word = str_split(&text, ' ');
        if (column > start && column + 1 + word.len > LINE_WIDTH) {
            strbuf_addf(out, "\n%*s", (int)start, "");
            column = start;
        } else if (column > start) {
            strbuf_add_char(out, ' ');
            column++;
        }
        strbuf_add_str(out, word);
        column += word.len;
    }
    strbuf_add_char(out, '\n');
}

static void add_problem(struct strbuf *out, const char *label, const json_t *object)
{
    add_text(out, label, json_str(json_object_get(object, "problem")));
}

/* ---------------------------------------------------------------- parts */

static void add_size(struct strbuf *out, const json_t *facts)
{
    add_label(out, "size");
    add_bytes(out, (double)number(facts, "bytes"));
    strbuf_add_c(out, ", ");
    add_count(out, (double)number(facts, "parameters"));
    strbuf_add_c(out, " parameters\n");
}

/* Of a number for each layer what there is, and in how many; layers without it have 0. */
static void add_layer_values(struct strbuf *out, const json_t *values, const char *name)
{
    json_int_t least = 0;
    json_int_t most = 0;
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(values); i++) {
        const json_int_t value = json_integer_value(json_array_get(values, i));
        if (value <= 0)
            continue;
        least = count == 0 || value < least ? value : least;
        most = value > most ? value : most;
        count++;
    }
    strbuf_addf(out, "%" JSON_INTEGER_FORMAT, least);
    if (most > least)
        strbuf_addf(out, " to %" JSON_INTEGER_FORMAT, most);
    strbuf_addf(out, " %s", name);
    if (count < json_array_size(values))
        strbuf_addf(out, " in %zu of the layers", count);
}

static void add_shape(struct strbuf *out, const json_t *facts)
{
    CLEANUP(strbuf_done) struct strbuf text = {0};
    static const char *const names[][2] = {
        {"layers", "layers"},   {"width", "wide"},
        {"heads", "heads"},     {"kv_heads", "of keys and values"},
        {"experts", "experts"}, {"experts_used", "used per token"}};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const json_t *value = json_object_get(facts, names[i][0]);
        if (!value || json_is_null(value))
            continue;
        strbuf_add_c(&text, text.len ? ", " : "");
        if (json_is_array(value)) {
            add_layer_values(&text, value, names[i][1]);
            continue;
        }
        add_value(&text, value);
        strbuf_addf(&text, " %s", names[i][1]);
    }
    if (text.len)
        add_text(out, "shape", strbuf_view(&text));
}

static void add_types_text(struct strbuf *out, const json_t *types)
{
    const char *name = NULL;
    json_t *row = NULL;
    bool is_first = true;
    json_object_foreach((json_t *)(uintptr_t)types, name, row)
    {
        strbuf_addf(out, "%s%s x%" JSON_INTEGER_FORMAT " (", is_first ? "" : ", ", name,
                    number(row, "tensors"));
        add_bytes(out, (double)number(row, "bytes"));
        strbuf_add_char(out, ')');
        is_first = false;
    }
}

static void add_groups(struct strbuf *out, const json_t *groups)
{
    const char *name = NULL;
    json_t *types = NULL;
    json_object_foreach((json_t *)(uintptr_t)groups, name, types)
    {
        CLEANUP(strbuf_done) struct strbuf text = {0};
        CLEANUP(strbuf_done) struct strbuf label = {0};
        strbuf_addf(&label, "  %s", name);
        add_types_text(&text, types);
        add_text(out, strbuf_c(&label), strbuf_view(&text));
    }
}

static void add_token(struct strbuf *out, const char *what, const json_t *token)
{
    if (!json_is_object(token))
        return;
    strbuf_addf(out, ", %s ", what);
    add_value(out, json_object_get(token, "text"));
    strbuf_addf(out, " (%" JSON_INTEGER_FORMAT ")", number(token, "id"));
}

static void add_tokenizer(struct strbuf *out, const json_t *tokenizer)
{
    CLEANUP(strbuf_done) struct strbuf text = {0};
    if (json_object_get(tokenizer, "problem")) {
        add_problem(out, "tokenizer", tokenizer);
        return;
    }
    add_value(&text, json_object_get(tokenizer, "model"));
    if (json_is_string(json_object_get(tokenizer, "pre"))) {
        strbuf_add_c(&text, "/");
        add_value(&text, json_object_get(tokenizer, "pre"));
    }
    strbuf_add_c(&text, ", ");
    add_tokens(&text, number(tokenizer, "tokens"));
    strbuf_add_c(&text, " tokens");
    add_token(&text, flag(tokenizer, "adds_bos") ? "begins with" : "BOS",
              json_object_get(tokenizer, "bos"));
    add_token(&text, flag(tokenizer, "adds_eos") ? "ends with" : "EOS",
              json_object_get(tokenizer, "eos"));
    add_text(out, "tokenizer", strbuf_view(&text));
}

static void add_template(struct strbuf *out, const json_t *caps)
{
    static const char *const names[][2] = {
        {"system", "system message"}, {"tools", "tools"},
        {"tool_calls", "calls"},      {"parallel_calls", "parallel calls"},
        {"tool_results", "results"},  {"content_parts", "content parts"}};
    CLEANUP(strbuf_done) struct strbuf text = {0};
    if (json_object_get(caps, "problem")) {
        add_problem(out, "chat template", caps);
        return;
    }
    if (!json_is_object(caps)) {
        add_text(out, "chat template", STR("none; the model goes on with text (holt run --raw)"));
        return;
    }
    strbuf_add_c(&text, "knows ");
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (flag(caps, names[i][0]))
            strbuf_addf(&text, "%s, ", names[i][1]);
    }
    if (json_is_string(json_object_get(caps, "reasoning")))
        strbuf_add_c(&text, "reasoning, ");
    strbuf_add_c(&text, "turns");
    add_text(out, "chat template", strbuf_view(&text));

    strbuf_truncate(&text, 0);
    strbuf_add_c(&text, json_string_value(json_object_get(caps, "tool_format")));
    if (!flag(caps, "tool_format_found"))
        strbuf_add_c(&text, ", because the template has no form of its own");
    if (!flag(caps, "tools"))
        strbuf_add_c(&text, "; holt describes tools in the system message");
    add_text(out, "tool calls", strbuf_view(&text));
}

/* ---------------------------------------------------------------- memory */

static void add_kv(struct strbuf *out, const json_t *kinds)
{
    const char *name = NULL;
    json_t *kind = NULL;
    json_object_foreach((json_t *)(uintptr_t)kinds, name, kind)
    {
        CLEANUP(strbuf_done) struct strbuf text = {0};
        CLEANUP(strbuf_done) struct strbuf label = {0};
        strbuf_addf(&label, "  %s", name);
        if (json_object_get(kind, "problem")) {
            add_problem(out, strbuf_c(&label), kind);
            continue;
        }
        add_bytes(&text, (double)number(kind, "token_bytes"));
        strbuf_add_c(&text, " per token; up to ");
        add_tokens(&text, number(kind, "context_fits"));
        strbuf_add_c(&text, " tokens fit here");
        add_text(out, strbuf_c(&label), strbuf_view(&text));
    }
}

static void add_memory(struct strbuf *out, const json_t *memory)
{
    CLEANUP(strbuf_done) struct strbuf text = {0};
    const json_t *kinds = json_object_get(memory, "kv");
    const json_t *used = json_object_get(memory, "used_with_512_tokens");
    add_bytes(&text, (double)number(memory, "weights"));
    strbuf_add_c(&text, " weights, ");
    add_bytes(&text, (double)number(memory, "working"));
    strbuf_add_c(&text, " working memory, ");
    if (number(memory, "states")) {
        add_bytes(&text, (double)number(memory, "states"));
        strbuf_add_c(&text, " states (");
        add_bytes(&text, (double)number(memory, "state"));
        strbuf_add_c(&text, " each), ");
    }
    add_bytes(&text, (double)number(memory, "program"));
    strbuf_add_c(&text, " program and vocabulary");
    if (used) {
        strbuf_add_c(&text, "; ");
        add_bytes(&text, (double)json_integer_value(used));
        strbuf_add_c(&text, " in use after a prompt of 512 tokens");
    }
    add_text(out, "memory", strbuf_view(&text));
    add_label(out, "this machine");
    add_bytes(out, (double)number(memory, "available"));
    strbuf_add_c(out, " free, of which ");
    add_bytes(out, (double)number(memory, "reserve"));
    strbuf_add_c(out, " are left to others\n");
    strbuf_add_c(out, "context by kind of KV\n");
    add_kv(out, kinds);
}

static void add_lists(struct strbuf *out, const json_t *object)
{
    const char *name = NULL;
    json_t *value = NULL;
    size_t index = 0;
    strbuf_add_c(out, "\nmetadata\n");
    json_object_foreach(json_object_get(object, "metadata"), name, value)
    {
        strbuf_addf(out, "  %s = ", name);
        add_value(out, value);
        strbuf_add_char(out, '\n');
    }
    strbuf_add_c(out, "\ntensors\n");
    json_array_foreach(json_object_get(object, "tensors"), index, value)
    {
        CLEANUP(strbuf_done) struct strbuf dims = {0};
        json_write_python(json_object_get(value, "dims"), &dims);
        strbuf_addf(out, "  %-40s %-6s %s\n", json_string_value(json_object_get(value, "name")),
                    json_string_value(json_object_get(value, "type")), strbuf_c(&dims));
    }
}

void show_lines_add(struct strbuf *out, const json_t *facts)
{
    const json_t *memory = json_object_get(facts, "memory");
    const json_t *f16 = json_object_get(json_object_get(memory, "kv"), "f16");
    add_line(out, "name", facts, "name");
    add_line(out, "architecture", facts, "architecture");
    add_line(out, "license", facts, "license");
    add_size(out, facts);
    add_shape(out, facts);
    if (json_object_size(json_object_get(facts, "groups")))
        strbuf_add_c(out, "types of tensors\n");
    add_groups(out, json_object_get(facts, "groups"));
    add_tokenizer(out, json_object_get(facts, "tokenizer"));
    add_template(out, json_object_get(facts, "template"));
    if (json_object_get(f16, "why"))
        add_text(out, "context", json_str(json_object_get(f16, "why")));
    else
        add_line(out, "context", facts, "context_trained");
    if (json_is_object(memory))
        add_memory(out, memory);
    if (json_object_get(facts, "problem"))
        add_problem(out, "cannot be run", facts);
    if (json_object_get(facts, "metadata"))
        add_lists(out, facts);
}
