/* The methods of str. Parameters and results are Python's. */
#include "chat/jinja_context.h"
#include "chat/jinja_format.h"
#include "chat/jinja_methods.h"
#include "chat/jinja_strings.h"
#include "text/unicode.h"
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

/* ---------------------------------------------------------------- search */

/* One string, or a tuple of them of which any will do. */
static enum status has_affix(struct jinja_context *context, struct jinja_value self,
                             struct jinja_value affix, bool at_end, struct jinja_value *out)
{
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
    return has_affix(context, self, args[0], false, out);
}

static enum status endswith(struct jinja_context *context, struct jinja_value self,
                            const struct jinja_value *args, struct jinja_value *out)
{
    return has_affix(context, self, args[0], true, out);
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
                              struct jinja_value needle, bool last, bool must_exist,
                              struct jinja_value *out)
{
    size_t hit = 0;
    TRY(search(context, self, needle, last, &hit));
    if (hit == SIZE_MAX && must_exist)
        return jinja_context_fail(context, E_FORMAT, "substring not found");
    *out = jinja_value_int(hit == SIZE_MAX ? -1 : characters_before(self.string->bytes, hit));
    return OK;
}

static enum status find(struct jinja_context *context, struct jinja_value self,
                        const struct jinja_value *args, struct jinja_value *out)
{
    return find_index(context, self, args[0], false, false, out);
}

static enum status rfind(struct jinja_context *context, struct jinja_value self,
                         const struct jinja_value *args, struct jinja_value *out)
{
    return find_index(context, self, args[0], true, false, out);
}

static enum status index_of(struct jinja_context *context, struct jinja_value self,
                            const struct jinja_value *args, struct jinja_value *out)
{
    return find_index(context, self, args[0], false, true, out);
}

static enum status count(struct jinja_context *context, struct jinja_value self,
                         const struct jinja_value *args, struct jinja_value *out)
{
    const struct jinja_string *needle = NULL;
    const struct str text = self.string->bytes;
    TRY(need_string(context, args[0], &needle));
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

/* ---------------------------------------------------------------- kinds of characters */

typedef bool(character_fn)(uint32_t code_point);

static bool is_letter(uint32_t code_point)
{
    return (unicode_class(code_point) & UNICODE_LETTER) != 0;
}

static bool is_digit(uint32_t code_point)
{
    return code_point >= '0' && code_point <= '9';
}

static bool is_letter_or_number(uint32_t code_point)
{
    return (unicode_class(code_point) & (unsigned)(UNICODE_LETTER | UNICODE_NUMBER)) != 0;
}

/* True when there is a character and all are of the kind. */
static enum status all_are(struct jinja_context *context, struct jinja_value self,
                           character_fn *is_kind, struct jinja_value *out)
{
    struct str rest = self.string->bytes;
    bool result = rest.len > 0;
    while (result && rest.len)
        result = is_kind(utf8_next(&rest));
    *out = jinja_value_bool(result);
    return jinja_context_charge_bytes(context, self.string->bytes.len);
}

static enum status isalpha_method(struct jinja_context *context, struct jinja_value self,
                                  const struct jinja_value *args, struct jinja_value *out)
{
    (void)args;
    return all_are(context, self, is_letter, out);
}

static enum status isdigit_method(struct jinja_context *context, struct jinja_value self,
                                  const struct jinja_value *args, struct jinja_value *out)
{
    (void)args;
    return all_are(context, self, is_digit, out);
}

static enum status isalnum_method(struct jinja_context *context, struct jinja_value self,
                                  const struct jinja_value *args, struct jinja_value *out)
{
    (void)args;
    return all_are(context, self, is_letter_or_number, out);
}

/* There is a cased letter, and none has the other case. */
static enum status is_case(struct jinja_context *context, struct jinja_value self, bool upper_case,
                           struct jinja_value *out)
{
    struct str rest = self.string->bytes;
    bool found = false;
    bool other = false;
    while (rest.len) {
        const uint32_t c = utf8_next(&rest);
        const bool is_upper = unicode_to_lower(c) != c;
        const bool is_lower = unicode_to_upper(c) != c && !is_upper;
        found |= upper_case ? is_upper : is_lower;
        other |= upper_case ? is_lower : is_upper;
    }
    *out = jinja_value_bool(found && !other);
    return jinja_context_charge_bytes(context, self.string->bytes.len);
}

static enum status islower_method(struct jinja_context *context, struct jinja_value self,
                                  const struct jinja_value *args, struct jinja_value *out)
{
    (void)args;
    return is_case(context, self, false, out);
}

static enum status isupper_method(struct jinja_context *context, struct jinja_value self,
                                  const struct jinja_value *args, struct jinja_value *out)
{
    (void)args;
    return is_case(context, self, true, out);
}

/* ---------------------------------------------------------------- format */

/* The value of a field: "" is the next by position, digits a position, else a name. */
static enum status field_value(struct jinja_context *context, struct str field,
                               const struct jinja_function_args *args, size_t *next,
                               struct jinja_value *out)
{
    int64_t position = 0;
    if (!field.len)
        position = (int64_t)(*next)++;
    else if (!str_to_int(field, &position))
        position = -1;
    if (position >= 0 && (uint64_t)position < jinja_function_positional(args)) {
        *out = args->values[position];
        return OK;
    }
    for (size_t i = 0; position < 0 && args->names && i < args->count; i++) {
        if (args->names[i].ptr && str_equal(args->names[i], field)) {
            *out = args->values[i];
            return OK;
        }
    }
    return jinja_context_fail(context, E_FORMAT, "format() has no value for '{%.*s}'",
                              STR_ARG(field));
}

/* "{}", "{0}", "{name}", "{{" and "}}"; no format specifications. */
static enum status format(struct jinja_context *context, struct jinja_value self,
                          const struct jinja_function_args *args, struct jinja_value *out)
{
    CLEANUP(jinja_text_done) struct jinja_text text = jinja_context_text(context);
    const struct str bytes = self.string->bytes;
    size_t next = 0;
    for (size_t at = 0; at < bytes.len;) {
        const char c = bytes.ptr[at];
        TRY(jinja_context_charge(context, 1));
        if (c != '{' && c != '}') {
            size_t end = at;
            while (end < bytes.len && bytes.ptr[end] != '{' && bytes.ptr[end] != '}')
                end++;
            jinja_text_add_slice(&text, self.string, at, end);
            at = end;
        } else if (at + 1 < bytes.len && bytes.ptr[at + 1] == c) {
            jinja_text_add_slice(&text, self.string, at, at + 1);
            at += 2;
        } else {
            const size_t end = c == '{' ? str_find_char(bytes, '}', at) : SIZE_MAX;
            if (end == SIZE_MAX)
                return jinja_context_fail(context, E_FORMAT, "a '%c' in format() has no partner",
                                          c);
            struct jinja_value value;
            TRY(field_value(context, str_slice(bytes, at + 1, end), args, &next, &value));
            TRY(jinja_format_str(context, value, &text));
            at = end + 1;
        }
    }
    return jinja_context_finish(context, &text, out);
}

static const struct jinja_function rows[] = {
    {.name = "strip", .call = strip, .parameters = {"chars"}},
    {.name = "lstrip", .call = lstrip, .parameters = {"chars"}},
    {.name = "rstrip", .call = rstrip, .parameters = {"chars"}},
    {.name = "lower", .call = lower},
    {.name = "upper", .call = upper},
    {.name = "title", .call = title},
    {.name = "capitalize", .call = capitalize},
    {.name = "startswith", .call = startswith, .required = 1, .parameters = {"prefix"}},
    {.name = "endswith", .call = endswith, .required = 1, .parameters = {"suffix"}},
    {.name = "find", .call = find, .required = 1, .parameters = {"sub"}},
    {.name = "rfind", .call = rfind, .required = 1, .parameters = {"sub"}},
    {.name = "index", .call = index_of, .required = 1, .parameters = {"sub"}},
    {.name = "count", .call = count, .required = 1, .parameters = {"sub"}},
    {.name = "split", .call = split, .parameters = {"sep", "maxsplit"}},
    {.name = "rsplit", .call = rsplit, .parameters = {"sep", "maxsplit"}},
    {.name = "splitlines", .call = splitlines, .parameters = {"keepends"}},
    {.name = "partition", .call = partition, .required = 1, .parameters = {"sep"}},
    {.name = "rpartition", .call = rpartition, .required = 1, .parameters = {"sep"}},
    {.name = "replace", .call = replace, .required = 2, .parameters = {"old", "new", "count"}},
    {.name = "removeprefix", .call = removeprefix, .required = 1, .parameters = {"prefix"}},
    {.name = "removesuffix", .call = removesuffix, .required = 1, .parameters = {"suffix"}},
    {.name = "join", .call = join, .required = 1, .parameters = {"iterable"}},
    {.name = "isalpha", .call = isalpha_method},
    {.name = "isdigit", .call = isdigit_method},
    {.name = "isalnum", .call = isalnum_method},
    {.name = "islower", .call = islower_method},
    {.name = "isupper", .call = isupper_method},
    {.name = "format", .call_any = format},
};

const struct jinja_function *jinja_methods_text_rows(size_t *out_count)
{
    *out_count = ARRAY_LEN(rows);
    return rows;
}
