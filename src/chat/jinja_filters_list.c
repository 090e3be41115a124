/* Filters that work on what can be visited: lists, dicts, the characters of a text. */
#include "chat/jinja_compare.h"
#include "chat/jinja_context.h"
#include "chat/jinja_filters.h"
#include "chat/jinja_format.h"
#include "chat/jinja_member.h"
#include "chat/jinja_methods.h"
#include "chat/jinja_operate.h"
#include "chat/jinja_strings.h"
#include "chat/jinja_tests.h"

/* ---------------------------------------------------------------- one of them, all of them */

static enum status to_list(struct jinja_context *context, struct jinja_value self,
                           const struct jinja_value *args, struct jinja_value *out)
{
    (void)args;
    const struct jinja_list *items = NULL;
    TRY(jinja_value_items(context, self, &items));
    TRY(jinja_context_charge(context, items->count));
    TRY(jinja_value_new_list(context, JINJA_LIST, items->count, out));
    for (size_t i = 0; i < items->count; i++)
        TRY(jinja_value_append(context, out->list, items->items[i]));
    out->origin = self.origin;
    return OK;
}

static enum status end_item(struct jinja_context *context, struct jinja_value self, bool is_last,
                            struct jinja_value *out)
{
    const struct jinja_list *items = NULL;
    TRY(jinja_value_items(context, self, &items));
    *out = (struct jinja_value){.kind = JINJA_UNDEFINED};
    if (items->count)
        *out = items->items[is_last ? items->count - 1 : 0];
    return OK;
}

static enum status first(struct jinja_context *context, struct jinja_value self,
                         const struct jinja_value *args, struct jinja_value *out)
{
    (void)args;
    return end_item(context, self, false, out);
}

static enum status last(struct jinja_context *context, struct jinja_value self,
                        const struct jinja_value *args, struct jinja_value *out)
{
    (void)args;
    return end_item(context, self, true, out);
}

static enum status reverse(struct jinja_context *context, struct jinja_value self,
                           const struct jinja_value *args, struct jinja_value *out)
{
    (void)args;
    const struct jinja_value bounds[3] = {
        {.kind = JINJA_ABSENT}, {.kind = JINJA_ABSENT}, jinja_value_int(-1)};
    if (self.kind == JINJA_DICT)
        TRY(to_list(context, self, args, &self));
    return jinja_member_slice(context, self, bounds, out);
}

static enum status items(struct jinja_context *context, struct jinja_value self,
                         const struct jinja_value *args, struct jinja_value *out)
{
    (void)args;
    static const struct jinja_function_args none;
    if (self.kind == JINJA_UNDEFINED)
        return jinja_value_new_list(context, JINJA_LIST, 0, out);
    if (self.kind != JINJA_DICT)
        return jinja_context_fail(context, E_FORMAT, "Can only get item pairs from a mapping.");
    const struct jinja_function *method = jinja_methods_find(self, STR("items"));
    return jinja_function_call(context, method, self, &none, out);
}

/* ---------------------------------------------------------------- order */

/* What a value is compared by: letters of either case are alike unless `is_exact`. */
static enum status sort_key(struct jinja_context *context, struct jinja_value value, bool is_exact,
                            struct jinja_value *out)
{
    *out = value;
    if (is_exact || value.kind != JINJA_STRING)
        return OK;
    return jinja_strings_change_case(context, value.string, JINJA_STRINGS_LOWER, out);
}

/* The key of an item by several attributes, "a,b": the list of them. */
static enum status several_keys(struct jinja_context *context, struct jinja_value item,
                                struct str names, bool is_exact, struct jinja_value *out)
{
    TRY(jinja_value_new_list(context, JINJA_LIST, 2, out));
    while (names.ptr) {
        struct jinja_value path;
        struct jinja_value key;
        TRY(jinja_value_new_text(context, str_split(&names, ','), SEGMENT_TEMPLATE, &path));
        TRY(jinja_filters_attribute(context, item, path, &key));
        TRY(sort_key(context, key, is_exact, &key));
        TRY(jinja_value_append(context, out->list, key));
    }
    return OK;
}

/* An entry for each item: the attribute (or the item) to compare by, and the item. */
static enum status keyed_items(struct jinja_context *context, struct jinja_value self,
                               struct jinja_value attribute, bool is_exact,
                               struct jinja_entry **out, size_t *out_count)
{
    const struct jinja_list *list = NULL;
    TRY(jinja_value_items(context, self, &list));
    TRY(jinja_context_alloc(context, list->count + 1, sizeof(**out), out));
    for (size_t i = 0; i < list->count; i++) {
        struct jinja_value key = list->items[i];
        TRY(jinja_context_charge(context, 1));
        (*out)[i].value = key;
        if (attribute.kind == JINJA_STRING &&
            str_find_char(attribute.string->bytes, ',', 0) != SIZE_MAX) {
            TRY(several_keys(context, key, attribute.string->bytes, is_exact, &(*out)[i].key));
            continue;
        }
        if (attribute.kind != JINJA_ABSENT && attribute.kind != JINJA_NONE)
            TRY(jinja_filters_attribute(context, key, attribute, &key));
        TRY(sort_key(context, key, is_exact, &(*out)[i].key));
    }
    *out_count = list->count;
    return OK;
}

static enum status sort(struct jinja_context *context, struct jinja_value self,
                        const struct jinja_value *args, struct jinja_value *out)
{
    struct jinja_entry *entries = NULL;
    size_t count = 0;
    TRY(keyed_items(context, self, args[2], jinja_function_flag(args[1], false), &entries, &count));
    TRY(jinja_compare_sort(context, entries, count, jinja_function_flag(args[0], false)));
    TRY(jinja_value_new_list(context, JINJA_LIST, count, out));
    for (size_t i = 0; i < count; i++)
        TRY(jinja_value_append(context, out->list, entries[i].value));
    out->origin = self.origin;
    return OK;
}

static enum status dictsort(struct jinja_context *context, struct jinja_value self,
                            const struct jinja_value *args, struct jinja_value *out)
{
    const bool is_exact = jinja_function_flag(args[0], false);
    const bool by_value =
        args[1].kind == JINJA_STRING && str_equal_c(args[1].string->bytes, "value");
    struct jinja_value pairs;
    struct jinja_entry *entries = NULL;
    if (self.kind != JINJA_DICT) {
        TRY(jinja_value_need_defined(context, self));
        return jinja_context_fail(context, E_FORMAT, "'%s' object has no attribute 'items'",
                                  jinja_value_type_name(self));
    }
    TRY(items(context, self, args, &pairs));
    const size_t count = pairs.list->count;
    TRY(jinja_context_alloc(context, count + 1, sizeof(*entries), &entries));
    for (size_t i = 0; i < count; i++) {
        const struct jinja_value pair = pairs.list->items[i];
        TRY(sort_key(context, pair.list->items[by_value], is_exact, &entries[i].key));
        entries[i].value = pair;
    }
    TRY(jinja_compare_sort(context, entries, count, jinja_function_flag(args[2], false)));
    TRY(jinja_value_new_list(context, JINJA_LIST, count, out));
    for (size_t i = 0; i < count; i++)
        TRY(jinja_value_append(context, out->list, entries[i].value));
    out->origin = self.origin;
    return OK;
}

static enum status unique(struct jinja_context *context, struct jinja_value self,
                          const struct jinja_value *args, struct jinja_value *out)
{
    struct jinja_entry *entries = NULL;
    size_t count = 0;
    TRY(keyed_items(context, self, args[1], jinja_function_flag(args[0], false), &entries, &count));
    TRY(jinja_value_new_list(context, JINJA_LIST, 0, out));
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        bool seen = false;
        for (size_t k = 0; !seen && k < kept; k++)
            TRY(jinja_compare_equal(context, entries[k].key, entries[i].key, &seen));
        if (seen)
            continue;
        entries[kept++] = entries[i];
        TRY(jinja_value_append(context, out->list, entries[i].value));
    }
    out->origin = self.origin;
    return OK;
}

static enum status extreme(struct jinja_context *context, struct jinja_value self,
                           const struct jinja_value *args, int wanted, struct jinja_value *out)
{
    struct jinja_entry *entries = NULL;
    size_t count = 0;
    TRY(keyed_items(context, self, args[1], jinja_function_flag(args[0], false), &entries, &count));
    *out = (struct jinja_value){.kind = JINJA_UNDEFINED};
    size_t best = 0;
    for (size_t i = 1; i < count; i++) {
        int order = 0;
        TRY(jinja_compare_order(context, entries[i].key, entries[best].key, "<", &order));
        best = order == wanted ? i : best;
    }
    if (count)
        *out = entries[best].value;
    return OK;
}

static enum status min(struct jinja_context *context, struct jinja_value self,
                       const struct jinja_value *args, struct jinja_value *out)
{
    return extreme(context, self, args, -1, out);
}

static enum status max(struct jinja_context *context, struct jinja_value self,
                       const struct jinja_value *args, struct jinja_value *out)
{
    return extreme(context, self, args, 1, out);
}

/* ---------------------------------------------------------------- lists of lists */

/* Items [from, to) as a list, then `fill` until it has `length`. */
static enum status add_part(struct jinja_context *context, const struct jinja_list *list,
                            size_t from, size_t to, size_t length, struct jinja_value fill,
                            struct jinja_list *out)
{
    struct jinja_value part;
    TRY(jinja_context_charge(context, 1 + length));
    TRY(jinja_value_new_list(context, JINJA_LIST, to - from, &part));
    for (size_t i = from; i < to; i++)
        TRY(jinja_value_append(context, part.list, list->items[i]));
    const bool fills = fill.kind != JINJA_ABSENT && fill.kind != JINJA_NONE;
    for (size_t i = to - from; fills && i < length; i++)
        TRY(jinja_value_append(context, part.list, fill));
    return jinja_value_append(context, out, part);
}

static enum status need_count(struct jinja_context *context, struct jinja_value arg, size_t *out)
{
    int64_t count = 0;
    TRY(jinja_function_int(context, arg, 0, &count));
    if (count < 1 || count > JINJA_RANGE_MAX)
        return jinja_context_fail(context, E_FORMAT, "a number from 1 to %d is needed",
                                  JINJA_RANGE_MAX);
    *out = (size_t)count;
    return OK;
}

static enum status batch(struct jinja_context *context, struct jinja_value self,
                         const struct jinja_value *args, struct jinja_value *out)
{
    const struct jinja_list *list = NULL;
    size_t width = 0;
    TRY(jinja_value_items(context, self, &list));
    TRY(need_count(context, args[0], &width));
    TRY(jinja_value_new_list(context, JINJA_LIST, 0, out));
    out->origin = self.origin;
    for (size_t from = 0; from < list->count; from += width) {
        const size_t to = list->count - from < width ? list->count : from + width;
        TRY(add_part(context, list, from, to, width, args[1], out->list));
    }
    return OK;
}

static enum status slice(struct jinja_context *context, struct jinja_value self,
                         const struct jinja_value *args, struct jinja_value *out)
{
    const struct jinja_list *list = NULL;
    size_t parts = 0;
    TRY(jinja_value_items(context, self, &list));
    TRY(need_count(context, args[0], &parts));
    TRY(jinja_value_new_list(context, JINJA_LIST, 0, out));
    out->origin = self.origin;
    const size_t width = list->count / parts;
    const size_t longer = list->count % parts; /* the first ones have an item more */
    size_t from = 0;
    for (size_t i = 0; i < parts; i++) {
        const size_t to = from + width + (i < longer);
        TRY(add_part(context, list, from, to, width + 1, args[1], out->list));
        from = to;
    }
    return OK;
}

/* Tuples of the attribute and the items that have it, ordered by the attribute. */
static enum status groupby(struct jinja_context *context, struct jinja_value self,
                           const struct jinja_value *args, struct jinja_value *out)
{
    struct jinja_entry *entries = NULL;
    size_t count = 0;
    const bool is_exact = jinja_function_flag(args[2], false);
    TRY(keyed_items(context, self, args[0], is_exact, &entries, &count));
    for (size_t i = 0; i < count; i++) {
        if (entries[i].key.kind == JINJA_UNDEFINED && args[1].kind != JINJA_ABSENT)
            TRY(sort_key(context, args[1], is_exact, &entries[i].key));
    }
    TRY(jinja_compare_sort(context, entries, count, false));
    TRY(jinja_value_new_list(context, JINJA_LIST, 0, out));
    out->origin = self.origin;
    struct jinja_value group = {0};
    for (size_t i = 0; i < count; i++) {
        bool is_same = false;
        if (i)
            TRY(jinja_compare_equal(context, entries[i - 1].key, entries[i].key, &is_same));
        if (!is_same) {
            struct jinja_value key;
            struct jinja_value members;
            TRY(jinja_filters_attribute(context, entries[i].value, args[0], &key));
            if (key.kind == JINJA_UNDEFINED && args[1].kind != JINJA_ABSENT)
                key = args[1];
            TRY(jinja_value_new_list(context, JINJA_TUPLE, 2, &group));
            TRY(jinja_value_new_list(context, JINJA_LIST, 0, &members));
            TRY(jinja_value_append(context, group.list, key));
            TRY(jinja_value_append(context, group.list, members));
            group.list->is_group = true;
            TRY(jinja_value_append(context, out->list, group));
        }
        TRY(jinja_value_append(context, group.list->items[1].list, entries[i].value));
    }
    return OK;
}

/* ---------------------------------------------------------------- put together */

static enum status sum(struct jinja_context *context, struct jinja_value self,
                       const struct jinja_value *args, struct jinja_value *out)
{
    const struct jinja_list *list = NULL;
    TRY(jinja_value_items(context, self, &list));
    *out = args[1].kind == JINJA_ABSENT ? jinja_value_int(0) : args[1];
    for (size_t i = 0; i < list->count; i++) {
        struct jinja_value item = list->items[i];
        TRY(jinja_context_charge(context, 1));
        if (args[0].kind != JINJA_ABSENT && args[0].kind != JINJA_NONE)
            TRY(jinja_filters_attribute(context, item, args[0], &item));
        TRY(jinja_operate(context, JINJA_OP_ADD, *out, item, out));
    }
    return OK;
}

static enum status join(struct jinja_context *context, struct jinja_value self,
                        const struct jinja_value *args, struct jinja_value *out)
{
    static const struct jinja_string empty;
    const struct jinja_list *list = NULL;
    struct jinja_value separator = jinja_value_string(&empty);
    TRY(jinja_value_items(context, self, &list));
    if (args[0].kind != JINJA_ABSENT)
        TRY(jinja_format_as_string(context, args[0], &separator));
    if (args[1].kind != JINJA_ABSENT && args[1].kind != JINJA_NONE) {
        struct jinja_value members;
        TRY(jinja_value_new_list(context, JINJA_LIST, list->count, &members));
        for (size_t i = 0; i < list->count; i++) {
            struct jinja_value member;
            TRY(jinja_filters_attribute(context, list->items[i], args[1], &member));
            TRY(jinja_value_append(context, members.list, member));
        }
        list = members.list;
    }
    return jinja_strings_join(context, separator.string, list, true, out);
}

/* ---------------------------------------------------------------- map and select */

/* What map and select visit: nothing when there is nothing, not even a list. */
static enum status visited(struct jinja_context *context, struct jinja_value self,
                           const struct jinja_list **out)
{
    static const struct jinja_list empty;
    *out = &empty;
    return jinja_value_is_true(self) ? jinja_value_items(context, self, out) : OK;
}

/* map('filter', arguments...) or map(attribute=path, default=value) */
static enum status map(struct jinja_context *context, struct jinja_value self,
                       const struct jinja_function_args *args, struct jinja_value *out)
{
    const struct jinja_list *list = NULL;
    const struct jinja_value *attribute = jinja_function_named(args, "attribute");
    const struct jinja_value *absent = jinja_function_named(args, "default");
    const struct jinja_function *filter = NULL;
    if (!attribute) {
        if (!jinja_function_positional(args) || args->values[0].kind != JINJA_STRING)
            return jinja_context_fail(context, E_FORMAT, "map requires a filter argument");
        filter = jinja_filters_find(args->values[0].string->bytes);
        if (!filter)
            return jinja_context_fail(context, E_UNSUPPORTED, "No filter named '%.*s'.",
                                      STR_ARG(args->values[0].string->bytes));
    }
    const struct jinja_function_args rest = {.values = args->values + 1,
                                             .names = args->names ? args->names + 1 : NULL,
                                             .count = args->count ? args->count - 1 : 0};
    TRY(visited(context, self, &list));
    TRY(jinja_value_new_list(context, JINJA_LIST, list->count, out));
    out->origin = self.origin;
    for (size_t i = 0; i < list->count; i++) {
        struct jinja_value item;
        TRY(jinja_context_enter(context)); /* map('map', ...) nests */
        if (attribute)
            TRY(jinja_filters_attribute(context, list->items[i], *attribute, &item));
        else
            TRY(jinja_function_call(context, filter, list->items[i], &rest, &item));
        jinja_context_leave(context);
        if (attribute && absent && item.kind == JINJA_UNDEFINED)
            item = *absent;
        TRY(jinja_value_append(context, out->list, item));
    }
    return OK;
}

struct selection {
    const struct jinja_test *test; /* NULL: the truth of the value */
    const struct jinja_value *attribute;
    const struct jinja_value *arguments;
    size_t argument_count;
    bool wanted;
};

/* The arguments: [attribute,] [test name, [arguments]]. */
static enum status read_selection(struct jinja_context *context,
                                  const struct jinja_function_args *args, bool has_attribute,
                                  struct selection *out)
{
    const size_t count = jinja_function_positional(args);
    const size_t at = has_attribute ? 1 : 0;
    if (count < at)
        return jinja_context_fail(context, E_FORMAT, "Missing parameter for attribute name");
    out->attribute = has_attribute ? &args->values[0] : NULL;
    if (count == at)
        return OK;
    const struct jinja_value name = args->values[at];
    out->test = name.kind == JINJA_STRING ? jinja_tests_find(name.string->bytes) : NULL;
    if (!out->test)
        return jinja_context_fail(context, E_UNSUPPORTED, "select() knows no such test");
    out->arguments = args->values + at + 1;
    out->argument_count = count - at - 1;
    return OK;
}

static enum status is_selected(struct jinja_context *context, const struct selection *selection,
                               struct jinja_value item, bool *out)
{
    if (selection->attribute)
        TRY(jinja_filters_attribute(context, item, *selection->attribute, &item));
    *out = jinja_value_is_true(item);
    if (selection->test)
        TRY(jinja_tests_call(context, selection->test, item, selection->arguments,
                             selection->argument_count, out));
    *out = *out == selection->wanted;
    return OK;
}

static enum status select_items(struct jinja_context *context, struct jinja_value self,
                                const struct jinja_function_args *args, bool has_attribute,
                                bool wanted, struct jinja_value *out)
{
    const struct jinja_list *list = NULL;
    struct selection selection = {.wanted = wanted};
    TRY(read_selection(context, args, has_attribute, &selection));
    TRY(visited(context, self, &list));
    TRY(jinja_value_new_list(context, JINJA_LIST, 0, out));
    out->origin = self.origin;
    for (size_t i = 0; i < list->count; i++) {
        bool keeps = false;
        TRY(jinja_context_charge(context, 1));
        TRY(is_selected(context, &selection, list->items[i], &keeps));
        if (keeps)
            TRY(jinja_value_append(context, out->list, list->items[i]));
    }
    return OK;
}

static enum status select_by(struct jinja_context *context, struct jinja_value self,
                             const struct jinja_function_args *args, struct jinja_value *out)
{
    return select_items(context, self, args, false, true, out);
}

static enum status reject(struct jinja_context *context, struct jinja_value self,
                          const struct jinja_function_args *args, struct jinja_value *out)
{
    return select_items(context, self, args, false, false, out);
}

static enum status selectattr(struct jinja_context *context, struct jinja_value self,
                              const struct jinja_function_args *args, struct jinja_value *out)
{
    return select_items(context, self, args, true, true, out);
}

static enum status rejectattr(struct jinja_context *context, struct jinja_value self,
                              const struct jinja_function_args *args, struct jinja_value *out)
{
    return select_items(context, self, args, true, false, out);
}

static const struct jinja_function rows[] = {
    {.name = "list", .call = to_list},
    {.name = "first", .call = first},
    {.name = "last", .call = last},
    {.name = "reverse", .call = reverse},
    {.name = "items", .call = items},
    {.name = "sort", .call = sort, .parameters = {"reverse", "case_sensitive", "attribute"}},
    {.name = "dictsort", .call = dictsort, .parameters = {"case_sensitive", "by", "reverse"}},
    {.name = "unique", .call = unique, .parameters = {"case_sensitive", "attribute"}},
    {.name = "min", .call = min, .parameters = {"case_sensitive", "attribute"}},
    {.name = "max", .call = max, .parameters = {"case_sensitive", "attribute"}},
    {.name = "batch", .call = batch, .required = 1, .parameters = {"linecount", "fill_with"}},
    {.name = "slice", .call = slice, .required = 1, .parameters = {"slices", "fill_with"}},
    {.name = "groupby",
     .call = groupby,
     .required = 1,
     .parameters = {"attribute", "default", "case_sensitive"}},
    {.name = "sum", .call = sum, .parameters = {"attribute", "start"}},
    {.name = "join", .call = join, .parameters = {"d", "attribute"}},
    {.name = "map", .call_any = map},
    {.name = "select", .call_any = select_by},
    {.name = "reject", .call_any = reject},
    {.name = "selectattr", .call_any = selectattr},
    {.name = "rejectattr", .call_any = rejectattr},
};

const struct jinja_function *jinja_filters_list_rows(size_t *out_count)
{
    *out_count = ARRAY_LEN(rows);
    return rows;
}
