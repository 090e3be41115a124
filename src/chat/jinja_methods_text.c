/* The methods of str. Parameters and results are Python's. */
#include "chat/jinja_context.h"
#include "chat/jinja_member.h"
#include "chat/jinja_methods.h"
#include "chat/jinja_printf.h"
#include "chat/jinja_strings.h"
#include "text/utf8.h"

/* ---------------------------------------------------------------- strip and case */

static enum status strip_sides(struct jinja_context *context, struct jinja_value self,
                               struct jinja_value chars, enum jinja_strings_sides sides,
                               struct jinja_value *out)
{
    const struct jinja_string *set = NULL;
    TRY(jinja_function_string(context, chars, NULL, &set));
    return jinja_strings_strip(context, self.string, set, sides, out);
}

static enum status strip(struct jinja_context *context, struct jinja_value self,
                         const struct jinja_value *args, struct jinja_value *out)
{
    return strip_sides(context, self, args[0], JINJA_STRINGS_BOTH, out);
}

static enum status lstrip(struct jinja_context *context, struct jinja_value self,
                          const struct jinja_value *args, struct jinja_value *out)
{
    return strip_sides(context, self, args[0], JINJA_STRINGS_FRONT, out);
}

static enum status rstrip(struct jinja_context *context, struct jinja_value self,
                          const struct jinja_value *args, struct jinja_value *out)
{
    return strip_sides(context, self, args[0], JINJA_STRINGS_END, out);
}

static enum status lower(struct jinja_context *context, struct jinja_value self,
                         const struct jinja_value *args, struct jinja_value *out)
{
    (void)args;
    return jinja_strings_change_case(context, self.string, JINJA_STRINGS_LOWER, out);
}

static enum status upper(struct jinja_context *context, struct jinja_value self,
                         const struct jinja_value *args, struct jinja_value *out)
{
    (void)args;
    return jinja_strings_change_case(context, self.string, JINJA_STRINGS_UPPER, out);
}

static enum status title(struct jinja_context *context, struct jinja_value self,
                         const struct jinja_value *args, struct jinja_value *out)
{
    (void)args;
    return jinja_strings_change_case(context, self.string, JINJA_STRINGS_TITLE, out);
}

static enum status capitalize(struct jinja_context *context, struct jinja_value self,
                              const struct jinja_value *args, struct jinja_value *out)
{
    (void)args;
    return jinja_strings_change_case(context, self.string, JINJA_STRINGS_CAPITALIZE, out);
}

static enum status swapcase(struct jinja_context *context, struct jinja_value self,
                            const struct jinja_value *args, struct jinja_value *out)
{
    (void)args;
    return jinja_strings_change_case(context, self.string, JINJA_STRINGS_SWAP, out);
}

/* ---------------------------------------------------------------- padding */

static enum status pad(struct jinja_context *context, struct jinja_value self,
                       const struct jinja_value *args, enum jinja_strings_sides sides,
                       struct jinja_value *out)
{
    int64_t width = 0;
    const struct jinja_string *fill = NULL;
    TRY(jinja_function_int(context, args[0], 0, &width));
    TRY(jinja_function_string(context, args[1], NULL, &fill));
    return jinja_strings_pad(context, self.string, sides, width, fill, out);
}

static enum status ljust(struct jinja_context *context, struct jinja_value self,
                         const struct jinja_value *args, struct jinja_value *out)
{
    return pad(context, self, args, JINJA_STRINGS_END, out);
}

static enum status rjust(struct jinja_context *context, struct jinja_value self,
                         const struct jinja_value *args, struct jinja_value *out)
{
    return pad(context, self, args, JINJA_STRINGS_FRONT, out);
}

static enum status center(struct jinja_context *context, struct jinja_value self,
                          const struct jinja_value *args, struct jinja_value *out)
{
    return pad(context, self, args, JINJA_STRINGS_BOTH, out);
}

static enum status zfill(struct jinja_context *context, struct jinja_value self,
                         const struct jinja_value *args, struct jinja_value *out)
{
    static const struct jinja_string zero = {.bytes = {"0", 1}};
    const struct str bytes = self.string->bytes;
    const size_t sign = bytes.len && (bytes.ptr[0] == '-' || bytes.ptr[0] == '+');
    int64_t width = 0;
    struct jinja_value digits;
    TRY(jinja_function_int(context, args[0], 0, &width));
    TRY(jinja_strings_slice(context, self.string, sign, bytes.len, &digits));
    TRY(jinja_strings_pad(context, digits.string, JINJA_STRINGS_FRONT,
                          width > 0 ? width - (int64_t)sign : 0, &zero, &digits));
    CLEANUP(jinja_text_done) struct jinja_text text = jinja_context_text(context);
    jinja_text_add_slice(&text, self.string, 0, sign);
    jinja_text_add_string(&text, digits.string);
    return jinja_context_finish(context, &text, out);
}

static enum status expandtabs(struct jinja_context *context, struct jinja_value self,
                              const struct jinja_value *args, struct jinja_value *out)
{
    enum { TAB_DEFAULT = 8, TAB_MAX = 256 };
    int64_t width = 0;
    TRY(jinja_function_int(context, args[0], TAB_DEFAULT, &width));
    if (width > TAB_MAX)
        return jinja_context_fail(context, E_LIMIT, "a tab of more than %d", TAB_MAX);
    CLEANUP(jinja_text_done) struct jinja_text text = jinja_context_text(context);
    const struct str bytes = self.string->bytes;
    int64_t column = 0;
    for (struct str rest = bytes; rest.len;) {
        const size_t from = bytes.len - rest.len;
        const uint32_t c = utf8_next(&rest);
        if (c != '\t') {
            jinja_text_add_slice(&text, self.string, from, bytes.len - rest.len);
            column = c == '\n' || c == '\r' ? 0 : column + 1;
            continue;
        }
        size_t end = 0;
        const enum segment_origin origin = jinja_string_origin_at(self.string, from, &end);
        const int64_t spaces = width > 0 ? width - column % width : 0;
        for (int64_t i = 0; i < spaces; i++)
            jinja_text_add_c(&text, " ", origin);
        column += spaces;
    }
    TRY(jinja_context_charge(context, bytes.len));
    return jinja_context_finish(context, &text, out);
}

/* ---------------------------------------------------------------- search */

/* self[start:end], and how many characters stand in front of it. */
static enum status cut_range(struct jinja_context *context, struct jinja_value *self,
                             const struct jinja_value *range, int64_t *out_before)
{
    *out_before = 0;
    if (range[0].kind == JINJA_ABSENT)
        return OK;
    const struct jinja_value bounds[3] = {range[0], range[1], {.kind = JINJA_ABSENT}};
    const struct jinja_value front[3] = {{.kind = JINJA_ABSENT}, range[0], {.kind = JINJA_ABSENT}};
    struct jinja_value before;
    size_t length = 0;
    if (range[0].kind != JINJA_NONE) {
        TRY(jinja_member_slice(context, *self, front, &before));
        jinja_value_length(before, &length);
    }
    *out_before = (int64_t)length;
    return jinja_member_slice(context, *self, bounds, self);
}

/* One string, or a tuple of them of which any will do. */
static enum status has_affix(struct jinja_context *context, struct jinja_value self,
                             const struct jinja_value *args, bool at_end, struct jinja_value *out)
{
    struct jinja_value affix = args[0];
    int64_t before = 0;
    TRY(cut_range(context, &self, args + 1, &before));
    const struct jinja_list one = {.items = &affix, .count = 1};
    const struct jinja_list *affixes = affix.kind == JINJA_TUPLE ? affix.list : &one;
    bool found = false;
    for (size_t i = 0; !found && i < affixes->count; i++) {
        const struct jinja_string *text = NULL;
        TRY(jinja_function_string(context, affixes->items[i], NULL, &text));
        TRY(jinja_context_charge(context, 1));
        if (!text)
            return jinja_context_fail(context, E_FORMAT, "expected str instance, NoneType found");
        found = at_end ? str_ends_with(self.string->bytes, text->bytes)
                       : str_starts_with(self.string->bytes, text->bytes);
    }
    *out = jinja_value_bool(found);
    return OK;
}

static enum status startswith(struct jinja_context *context, struct jinja_value self,
                              const struct jinja_value *args, struct jinja_value *out)
{
    return has_affix(context, self, args, false, out);
}

static enum status endswith(struct jinja_context *context, struct jinja_value self,
                            const struct jinja_value *args, struct jinja_value *out)
{
    return has_affix(context, self, args, true, out);
}

/* A parameter that must be a string, none not allowed. */
static enum status need_string(struct jinja_context *context, struct jinja_value arg,
                               const struct jinja_string **out)
{
    static const struct jinja_string empty;
    return jinja_function_string(context, arg, &empty, out);
}

static int64_t characters_before(struct str text, size_t end)
{
    struct str rest = str_slice(text, 0, end);
    int64_t count = 0;
    for (; rest.len; count++)
        utf8_next(&rest);
    return count;
}

/* The byte where `needle` is found first or last, or SIZE_MAX. */
static enum status search(struct jinja_context *context, struct jinja_value self,
                          struct jinja_value needle_value, bool last, size_t *out)
{
    const struct jinja_string *needle = NULL;
    const struct str text = self.string->bytes;
    TRY(need_string(context, needle_value, &needle));
    *out = str_find(text, needle->bytes, 0);
    for (size_t hit = *out; last && hit != SIZE_MAX;) {
        *out = hit;
        TRY(jinja_context_charge(context, 1));
        hit = hit < text.len ? str_find(text, needle->bytes, hit + 1) : SIZE_MAX;
    }
    return jinja_context_charge_bytes(context, text.len);
}

static enum status find_index(struct jinja_context *context, struct jinja_value self,
                              const struct jinja_value *args, bool last, bool must_exist,
                              struct jinja_value *out)
{
    size_t hit = 0;
    int64_t before = 0;
    TRY(cut_range(context, &self, args + 1, &before));
    TRY(search(context, self, args[0], last, &hit));
    if (hit == SIZE_MAX && must_exist)
        return jinja_context_fail(context, E_FORMAT, "substring not found");
    *out =
        jinja_value_int(hit == SIZE_MAX ? -1 : before + characters_before(self.string->bytes, hit));
    return OK;
}

static enum status find(struct jinja_context *context, struct jinja_value self,
                        const struct jinja_value *args, struct jinja_value *out)
{
    return find_index(context, self, args, false, false, out);
}

static enum status rfind(struct jinja_context *context, struct jinja_value self,
                         const struct jinja_value *args, struct jinja_value *out)
{
    return find_index(context, self, args, true, false, out);
}

static enum status index_of(struct jinja_context *context, struct jinja_value self,
                            const struct jinja_value *args, struct jinja_value *out)
{
    return find_index(context, self, args, false, true, out);
}

static enum status rindex_of(struct jinja_context *context, struct jinja_value self,
                             const struct jinja_value *args, struct jinja_value *out)
{
    return find_index(context, self, args, true, true, out);
}

static enum status count(struct jinja_context *context, struct jinja_value self,
                         const struct jinja_value *args, struct jinja_value *out)
{
    const struct jinja_string *needle = NULL;
    int64_t before = 0;
    TRY(need_string(context, args[0], &needle));
    TRY(cut_range(context, &self, args + 1, &before));
    const struct str text = self.string->bytes;
    TRY(jinja_context_charge_bytes(context, text.len));
    int64_t hits = needle->bytes.len ? 0 : characters_before(text, text.len) + 1;
    for (size_t at = 0; needle->bytes.len; hits++) {
        at = str_find(text, needle->bytes, at);
        if (at == SIZE_MAX)
            break;
        TRY(jinja_context_charge(context, 1));
        at += needle->bytes.len;
    }
    *out = jinja_value_int(hits);
    return OK;
}

/* ---------------------------------------------------------------- pieces */

static enum status split_from(struct jinja_context *context, struct jinja_value self,
                              const struct jinja_value *args, bool from_end,
                              struct jinja_value *out)
{
    const struct jinja_string *separator = NULL;
    int64_t count_max = 0;
    TRY(jinja_function_string(context, args[0], NULL, &separator));
    TRY(jinja_function_int(context, args[1], -1, &count_max));
    return jinja_strings_split(context, self.string, separator, count_max, from_end, out);
}

static enum status split(struct jinja_context *context, struct jinja_value self,
                         const struct jinja_value *args, struct jinja_value *out)
{
    return split_from(context, self, args, false, out);
}

static enum status rsplit(struct jinja_context *context, struct jinja_value self,
                          const struct jinja_value *args, struct jinja_value *out)
{
    return split_from(context, self, args, true, out);
}

static enum status splitlines(struct jinja_context *context, struct jinja_value self,
                              const struct jinja_value *args, struct jinja_value *out)
{
    return jinja_strings_lines(context, self.string, jinja_function_flag(args[0], false), out);
}

/* The text before, the separator, the text after: a tuple of three. */
static enum status partition_at(struct jinja_context *context, struct jinja_value self,
                                struct jinja_value separator, bool last, struct jinja_value *out)
{
    size_t hit = 0;
    TRY(search(context, self, separator, last, &hit));
    const size_t len = self.string->bytes.len;
    size_t cut = hit;
    size_t next = hit == SIZE_MAX ? 0 : hit + separator.string->bytes.len;
    if (hit == SIZE_MAX) {
        cut = last ? 0 : len;
        next = cut;
    }
    TRY(jinja_value_new_list(context, JINJA_TUPLE, 3, out));
    struct jinja_value *items = out->list->items;
    TRY(jinja_strings_slice(context, self.string, 0, cut, &items[0]));
    TRY(jinja_strings_slice(context, self.string, cut, next, &items[1]));
    TRY(jinja_strings_slice(context, self.string, next, len, &items[2]));
    out->list->count = 3;
    return OK;
}

static enum status partition(struct jinja_context *context, struct jinja_value self,
                             const struct jinja_value *args, struct jinja_value *out)
{
    return partition_at(context, self, args[0], false, out);
}

static enum status rpartition(struct jinja_context *context, struct jinja_value self,
                              const struct jinja_value *args, struct jinja_value *out)
{
    return partition_at(context, self, args[0], true, out);
}

static enum status replace(struct jinja_context *context, struct jinja_value self,
                           const struct jinja_value *args, struct jinja_value *out)
{
    const struct jinja_string *old = NULL;
    const struct jinja_string *new_text = NULL;
    int64_t count_max = 0;
    TRY(need_string(context, args[0], &old));
    TRY(need_string(context, args[1], &new_text));
    TRY(jinja_function_int(context, args[2], -1, &count_max));
    return jinja_strings_replace(context, self.string, old, new_text, count_max, out);
}

static enum status removeprefix(struct jinja_context *context, struct jinja_value self,
                                const struct jinja_value *args, struct jinja_value *out)
{
    const struct jinja_string *prefix = NULL;
    TRY(need_string(context, args[0], &prefix));
    const struct str text = self.string->bytes;
    const size_t from = str_starts_with(text, prefix->bytes) ? prefix->bytes.len : 0;
    return jinja_strings_slice(context, self.string, from, text.len, out);
}

static enum status removesuffix(struct jinja_context *context, struct jinja_value self,
                                const struct jinja_value *args, struct jinja_value *out)
{
    const struct jinja_string *suffix = NULL;
    TRY(need_string(context, args[0], &suffix));
    const struct str text = self.string->bytes;
    const size_t cut = str_ends_with(text, suffix->bytes) ? suffix->bytes.len : 0;
    return jinja_strings_slice(context, self.string, 0, text.len - cut, out);
}

static enum status join(struct jinja_context *context, struct jinja_value self,
                        const struct jinja_value *args, struct jinja_value *out)
{
    const struct jinja_list *items = NULL;
    TRY(jinja_value_items(context, args[0], &items));
    return jinja_strings_join(context, self.string, items, false, out);
}

/* ---------------------------------------------------------------- format */

static enum status format(struct jinja_context *context, struct jinja_value self,
                          const struct jinja_function_args *args, struct jinja_value *out)
{
    return jinja_printf_braces(context, self.string, args, out);
}

static const struct jinja_function rows[] = {
    {.name = "strip", .call = strip, .parameters = {"chars"}},
    {.name = "lstrip", .call = lstrip, .parameters = {"chars"}},
    {.name = "rstrip", .call = rstrip, .parameters = {"chars"}},
    {.name = "lower", .call = lower},
    {.name = "upper", .call = upper},
    {.name = "title", .call = title},
    {.name = "capitalize", .call = capitalize},
    {.name = "swapcase", .call = swapcase},
    {.name = "casefold", .call = lower},
    {.name = "ljust", .call = ljust, .required = 1, .parameters = {"width", "fillchar"}},
    {.name = "rjust", .call = rjust, .required = 1, .parameters = {"width", "fillchar"}},
    {.name = "center", .call = center, .required = 1, .parameters = {"width", "fillchar"}},
    {.name = "zfill", .call = zfill, .required = 1, .parameters = {"width"}},
    {.name = "expandtabs", .call = expandtabs, .parameters = {"tabsize"}},
    {.name = "startswith",
     .call = startswith,
     .required = 1,
     .parameters = {"prefix", "start", "end"}},
    {.name = "endswith", .call = endswith, .required = 1, .parameters = {"suffix", "start", "end"}},
    {.name = "find", .call = find, .required = 1, .parameters = {"sub", "start", "end"}},
    {.name = "rfind", .call = rfind, .required = 1, .parameters = {"sub", "start", "end"}},
    {.name = "index", .call = index_of, .required = 1, .parameters = {"sub", "start", "end"}},
    {.name = "rindex", .call = rindex_of, .required = 1, .parameters = {"sub", "start", "end"}},
    {.name = "count", .call = count, .required = 1, .parameters = {"sub", "start", "end"}},
    {.name = "split", .call = split, .parameters = {"sep", "maxsplit"}},
    {.name = "rsplit", .call = rsplit, .parameters = {"sep", "maxsplit"}},
    {.name = "splitlines", .call = splitlines, .parameters = {"keepends"}},
    {.name = "partition", .call = partition, .required = 1, .parameters = {"sep"}},
    {.name = "rpartition", .call = rpartition, .required = 1, .parameters = {"sep"}},
    {.name = "replace", .call = replace, .required = 2, .parameters = {"old", "new", "count"}},
    {.name = "removeprefix", .call = removeprefix, .required = 1, .parameters = {"prefix"}},
    {.name = "removesuffix", .call = removesuffix, .required = 1, .parameters = {"suffix"}},
    {.name = "join", .call = join, .required = 1, .parameters = {"iterable"}},
    {.name = "format", .call_any = format},
};

const struct jinja_function *jinja_methods_text_rows(size_t *out_count)
{
    *out_count = ARRAY_LEN(rows);
    return rows;
}
