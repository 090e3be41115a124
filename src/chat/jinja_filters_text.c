/* Filters that work on text. What is no string is made one by str() first, as Jinja2 does. */
#include "chat/jinja_context.h"
#include "chat/jinja_filters.h"
#include "chat/jinja_format.h"
#include "chat/jinja_strings.h"

static enum status as_string(struct jinja_context *context, struct jinja_value value,
                             const struct jinja_string **out)
{
    struct jinja_value text;
    TRY(jinja_format_as_string(context, value, &text));
    *out = text.string;
    return OK;
}

static enum status string(struct jinja_context *context, struct jinja_value self,
                          const struct jinja_value *args, struct jinja_value *out)
{
    (void)args;
    return jinja_format_as_string(context, self, out);
}

static enum status change_case(struct jinja_context *context, struct jinja_value self,
                               enum jinja_strings_case mode, struct jinja_value *out)
{
    const struct jinja_string *text = NULL;
    TRY(as_string(context, self, &text));
    return jinja_strings_change_case(context, text, mode, out);
}

static enum status lower(struct jinja_context *context, struct jinja_value self,
                         const struct jinja_value *args, struct jinja_value *out)
{
    (void)args;
    return change_case(context, self, JINJA_STRINGS_LOWER, out);
}

static enum status upper(struct jinja_context *context, struct jinja_value self,
                         const struct jinja_value *args, struct jinja_value *out)
{
    (void)args;
    return change_case(context, self, JINJA_STRINGS_UPPER, out);
}

static enum status title(struct jinja_context *context, struct jinja_value self,
                         const struct jinja_value *args, struct jinja_value *out)
{
    (void)args;
    return change_case(context, self, JINJA_STRINGS_WORDS, out);
}

static enum status capitalize(struct jinja_context *context, struct jinja_value self,
                              const struct jinja_value *args, struct jinja_value *out)
{
    (void)args;
    return change_case(context, self, JINJA_STRINGS_CAPITALIZE, out);
}

static enum status trim(struct jinja_context *context, struct jinja_value self,
                        const struct jinja_value *args, struct jinja_value *out)
{
    const struct jinja_string *text = NULL;
    const struct jinja_string *chars = NULL;
    TRY(as_string(context, self, &text));
    TRY(jinja_function_string(context, args[0], NULL, &chars));
    return jinja_strings_strip(context, text, chars, JINJA_STRINGS_BOTH, out);
}

static enum status replace(struct jinja_context *context, struct jinja_value self,
                           const struct jinja_value *args, struct jinja_value *out)
{
    const struct jinja_string *text = NULL;
    const struct jinja_string *old = NULL;
    const struct jinja_string *new_text = NULL;
    int64_t count_max = -1;
    TRY(as_string(context, self, &text));
    TRY(as_string(context, args[0], &old));
    TRY(as_string(context, args[1], &new_text));
    if (args[2].kind != JINJA_NONE)
        TRY(jinja_function_int(context, args[2], -1, &count_max));
    return jinja_strings_replace(context, text, old, new_text, count_max, out);
}

/* The text in front of each line: given as a text or as a number of spaces. */
static enum status read_indent(struct jinja_context *context, struct jinja_value width,
                               struct jinja_string *out)
{
    enum { WIDTH_DEFAULT = 4, WIDTH_MAX = 256 };
    static const char spaces[WIDTH_MAX + 1] =
        "                                                                "
        "                                                                "
        "                                                                "
        "                                                                ";
    if (width.kind == JINJA_STRING) {
        *out = *width.string;
        return OK;
    }
    int64_t count = 0;
    TRY(jinja_function_int(context, width, WIDTH_DEFAULT, &count));
    if (count > WIDTH_MAX)
        return jinja_context_fail(context, E_LIMIT, "an indent of more than %d", WIDTH_MAX);
    *out = jinja_string_of((struct str){spaces, count > 0 ? (size_t)count : 0}, SEGMENT_TEMPLATE);
    return OK;
}

static enum status indent(struct jinja_context *context, struct jinja_value self,
                          const struct jinja_value *args, struct jinja_value *out)
{
    const struct jinja_string *string_self = NULL;
    struct jinja_string space;
    struct jinja_value lines;
    TRY(as_string(context, self, &string_self));
    TRY(read_indent(context, args[0], &space));
    const bool first = jinja_function_flag(args[1], false);
    const bool blank = jinja_function_flag(args[2], false);
    TRY(jinja_strings_lines(context, string_self, false, &lines));

    CLEANUP(jinja_text_done) struct jinja_text text = jinja_context_text(context);
    for (size_t i = 0; i < lines.list->count; i++) {
        const struct jinja_string *line = lines.list->items[i].string;
        TRY(jinja_context_charge(context, 1));
        if (i)
            jinja_text_add_c(&text, "\n", SEGMENT_TEMPLATE);
        if (i ? blank || line->bytes.len : first)
            jinja_text_add_string(&text, &space);
        jinja_text_add_string(&text, line);
    }
    const struct str bytes = string_self->bytes; /* a newline at the end stays */
    if (bytes.len &&
        str_find(STR("\n\r\v\f"), str_slice(bytes, bytes.len - 1, bytes.len), 0) != SIZE_MAX) {
        jinja_text_add_c(&text, "\n", SEGMENT_TEMPLATE);
        if (blank)
            jinja_text_add_string(&text, &space);
    }
    return jinja_context_finish(context, &text, out);
}

static enum status escape(struct jinja_context *context, struct jinja_value self,
                          const struct jinja_value *args, struct jinja_value *out)
{
    (void)args;
    const struct jinja_string *plain = NULL;
    TRY(as_string(context, self, &plain));
    CLEANUP(jinja_text_done) struct jinja_text text = jinja_context_text(context);
    jinja_strings_add_escaped(&text, plain);
    TRY(jinja_context_finish(context, &text, out));
    return jinja_strings_make_markup(context, out);
}

static enum status safe(struct jinja_context *context, struct jinja_value self,
                        const struct jinja_value *args, struct jinja_value *out)
{
    (void)args;
    TRY(jinja_format_as_string(context, self, out));
    return jinja_strings_make_markup(context, out);
}

static const struct jinja_function rows[] = {
    {.name = "string", .call = string},
    {.name = "lower", .call = lower},
    {.name = "upper", .call = upper},
    {.name = "title", .call = title},
    {.name = "capitalize", .call = capitalize},
    {.name = "trim", .call = trim, .parameters = {"chars"}},
    {.name = "replace", .call = replace, .required = 2, .parameters = {"old", "new", "count"}},
    {.name = "indent", .call = indent, .parameters = {"width", "first", "blank"}},
    {.name = "escape", .call = escape},
    {.name = "e", .call = escape},
    {.name = "safe", .call = safe},
};

const struct jinja_function *jinja_filters_text_rows(size_t *out_count)
{
    *out_count = ARRAY_LEN(rows);
    return rows;
}
