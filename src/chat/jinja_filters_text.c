/* Filters that work on text. What is no string is made one by str() first, as Jinja2 does. */
#include "chat/jinja_context.h"
#include "chat/jinja_filters.h"
#include "chat/jinja_format.h"
#include "chat/jinja_printf.h"
#include "chat/jinja_strings.h"
#include "text/unicode.h"
#include "text/utf8.h"

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

static enum status force_escape(struct jinja_context *context, struct jinja_value self,
                                const struct jinja_value *args, struct jinja_value *out)
{
    const struct jinja_string *text = NULL;
    TRY(as_string(context, self, &text));
    struct jinja_string plain = *text;
    plain.is_markup = false;
    TRY(jinja_value_new_string(context, plain, &self));
    return escape(context, self, args, out);
}

static enum status center(struct jinja_context *context, struct jinja_value self,
                          const struct jinja_value *args, struct jinja_value *out)
{
    enum { WIDTH_DEFAULT = 80 };
    const struct jinja_string *text = NULL;
    int64_t width = 0;
    TRY(as_string(context, self, &text));
    TRY(jinja_function_int(context, args[0], WIDTH_DEFAULT, &width));
    return jinja_strings_pad(context, text, JINJA_STRINGS_BOTH, width, NULL, out);
}

/* The byte behind the first `count` characters. */
static size_t bytes_of(struct str text, int64_t count)
{
    struct str rest = text;
    for (int64_t i = 0; i < count && rest.len; i++)
        utf8_next(&rest);
    return text.len - rest.len;
}

static enum status shorten(struct jinja_context *context, struct jinja_value self,
                           const struct jinja_value *args, struct jinja_value *out)
{
    enum { LENGTH_DEFAULT = 255, LEEWAY_DEFAULT = 5 };
    static const struct jinja_string dots = {.bytes = {"...", 3}};
    const struct jinja_string *text = NULL;
    const struct jinja_string *end = NULL;
    int64_t length = 0;
    int64_t leeway = 0;
    size_t text_length = 0;
    size_t end_length = 0;
    TRY(as_string(context, self, &text));
    TRY(jinja_function_int(context, args[0], LENGTH_DEFAULT, &length));
    TRY(jinja_function_string(context, args[2], &dots, &end));
    if (args[3].kind != JINJA_NONE)
        TRY(jinja_function_int(context, args[3], LEEWAY_DEFAULT, &leeway));
    TRY(jinja_context_charge_bytes(context, text->bytes.len));
    jinja_value_length(jinja_value_string(text), &text_length);
    jinja_value_length(jinja_value_string(end), &end_length);
    if (length < (int64_t)end_length || leeway < 0)
        return jinja_context_fail(context, E_FORMAT, "expected length >= %zu, got %lld", end_length,
                                  (long long)length);
    if (length >= (int64_t)text_length || (int64_t)text_length - length <= leeway)
        return jinja_value_new_string(context, *text, out);
    size_t cut = bytes_of(text->bytes, length - (int64_t)end_length);
    if (!jinja_function_flag(args[1], false)) { /* not inside a word */
        size_t space = cut;
        while (space > 0 && text->bytes.ptr[space - 1] != ' ')
            space--;
        cut = space ? space - 1 : cut;
    }
    CLEANUP(jinja_text_done) struct jinja_text shorter = jinja_context_text(context);
    jinja_text_add_slice(&shorter, text, 0, cut);
    jinja_text_add_string(&shorter, end);
    return jinja_context_finish(context, &shorter, out);
}

static enum status word_count(struct jinja_context *context, struct jinja_value self,
                              const struct jinja_value *args, struct jinja_value *out)
{
    (void)args;
    const struct jinja_string *text = NULL;
    TRY(as_string(context, self, &text));
    int64_t count = 0;
    bool in_word = false;
    for (struct str rest = text->bytes; rest.len;) {
        const uint32_t c = utf8_next(&rest);
        const unsigned word_classes = UNICODE_LETTER | UNICODE_NUMBER;
        const bool is_word = c == '_' || (unicode_class(c) & word_classes) != 0;
        count += is_word && !in_word;
        in_word = is_word;
    }
    *out = jinja_value_int(count);
    return jinja_context_charge_bytes(context, text->bytes.len);
}

/* "%s %s" | format(a, b), or with names. */
static enum status format(struct jinja_context *context, struct jinja_value self,
                          const struct jinja_function_args *args, struct jinja_value *out)
{
    const struct jinja_string *text = NULL;
    const size_t positions = jinja_function_positional(args);
    struct jinja_value values;
    TRY(as_string(context, self, &text));
    if (positions && positions < args->count)
        return jinja_context_fail(context, E_FORMAT,
                                  "can't handle positional and keyword arguments at the same time");
    TRY(jinja_value_new_list(context, JINJA_TUPLE, positions, &values));
    for (size_t i = 0; i < positions; i++)
        TRY(jinja_value_append(context, values.list, args->values[i]));
    if (positions < args->count) {
        TRY(jinja_value_new_dict(context, JINJA_DICT, args->count, &values));
        for (size_t i = 0; i < args->count; i++) {
            struct jinja_value key;
            TRY(jinja_value_new_text(context, args->names[i], SEGMENT_TEMPLATE, &key));
            TRY(jinja_value_set(context, values.dict, key, args->values[i]));
        }
    }
    return jinja_printf_percent(context, text, values, out);
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
    {.name = "forceescape", .call = force_escape},
    {.name = "center", .call = center, .parameters = {"width"}},
    {.name = "truncate", .call = shorten, .parameters = {"length", "killwords", "end", "leeway"}},
    {.name = "wordcount", .call = word_count},
    {.name = "format", .call_any = format},
};

const struct jinja_function *jinja_filters_text_rows(size_t *out_count)
{
    *out_count = ARRAY_LEN(rows);
    return rows;
}
