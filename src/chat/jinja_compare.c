#include "chat/jinja_compare.h"

#include "chat/jinja_context.h"

static int sign(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* -1, 0, 1, or 2 when a NaN is involved. */
static int compare_numbers(struct jinja_value a, struct jinja_value b)
{
    if (a.kind != JINJA_FLOAT && b.kind != JINJA_FLOAT)
        return sign(jinja_value_integer(a), jinja_value_integer(b));
    const double x = jinja_value_real(a);
    const double y = jinja_value_real(b);
    if (x != x || y != y)
        return 2;
    return (x > y) - (x < y);
}

static enum status lists_equal(struct jinja_context *context, const struct jinja_list *a,
                               const struct jinja_list *b, bool *out)
{
    *out = a->count == b->count;
    for (size_t i = 0; *out && i < a->count; i++)
        TRY(jinja_compare_equal(context, a->items[i], b->items[i], out));
    return OK;
}

static enum status dicts_equal(struct jinja_context *context, const struct jinja_dict *a,
                               const struct jinja_dict *b, bool *out)
{
    *out = a->count == b->count;
    for (size_t i = 0; *out && i < a->count; i++) {
        const struct jinja_value *other = jinja_value_find(context, b, a->entries[i].key);
        *out = other != NULL;
        if (other)
            TRY(jinja_compare_equal(context, a->entries[i].value, *other, out));
    }
    return OK;
}

static enum status same_kind_equal(struct jinja_context *context, struct jinja_value a,
                                   struct jinja_value b, bool *out)
{
    switch ((enum jinja_kind)a.kind) {
    case JINJA_UNDEFINED:
    case JINJA_NONE:
    case JINJA_ABSENT: *out = true; return OK;
    case JINJA_STRING:
        *out = str_equal(a.string->bytes, b.string->bytes);
        return jinja_context_charge_bytes(context, a.string->bytes.len);
    case JINJA_LIST:
    case JINJA_TUPLE: return lists_equal(context, a.list, b.list, out);
    case JINJA_DICT: return dicts_equal(context, a.dict, b.dict, out);
    case JINJA_NAMESPACE: *out = a.dict == b.dict; return OK;
    case JINJA_LOOP: *out = a.loop == b.loop; return OK;
    case JINJA_MACRO: *out = a.macro == b.macro; return OK;
    case JINJA_FUNCTION: *out = a.function == b.function; return OK;
    case JINJA_METHOD: *out = a.method == b.method; return OK;
    case JINJA_BOOL:
    case JINJA_INT:
    case JINJA_FLOAT: *out = compare_numbers(a, b) == 0; return OK;
    }
    *out = false;
    return OK;
}

enum status jinja_compare_equal(struct jinja_context *context, struct jinja_value a,
                                struct jinja_value b, bool *out)
{
    TRY(jinja_context_charge(context, 1));
    if (jinja_value_is_number(a) && jinja_value_is_number(b)) {
        *out = compare_numbers(a, b) == 0;
        return OK;
    }
    if (a.kind != b.kind) {
        *out = false;
        return OK;
    }
    TRY(jinja_context_enter(context));
    TRY(same_kind_equal(context, a, b, out));
    jinja_context_leave(context);
    return OK;
}

static enum status order_lists(struct jinja_context *context, const struct jinja_list *a,
                               const struct jinja_list *b, const char *operation, int *out)
{
    for (size_t i = 0; i < a->count && i < b->count; i++) {
        bool equal = false;
        TRY(jinja_compare_equal(context, a->items[i], b->items[i], &equal));
        if (!equal)
            return jinja_compare_order(context, a->items[i], b->items[i], operation, out);
    }
    *out = (a->count > b->count) - (a->count < b->count);
    return OK;
}

enum status jinja_compare_order(struct jinja_context *context, struct jinja_value a,
                                struct jinja_value b, const char *operation, int *out)
{
    TRY(jinja_value_need_defined(context, a));
    TRY(jinja_value_need_defined(context, b));
    TRY(jinja_context_charge(context, 1));
    if (jinja_value_is_number(a) && jinja_value_is_number(b)) {
        *out = compare_numbers(a, b);
        return OK;
    }
    if (a.kind == JINJA_STRING && b.kind == JINJA_STRING) {
        *out = str_compare(a.string->bytes, b.string->bytes); /* UTF-8 keeps code point order */
        return jinja_context_charge_bytes(context, a.string->bytes.len);
    }
    if (a.kind == b.kind && (a.kind == JINJA_LIST || a.kind == JINJA_TUPLE)) {
        TRY(jinja_context_enter(context));
        TRY(order_lists(context, a.list, b.list, operation, out));
        jinja_context_leave(context);
        return OK;
    }
    return jinja_context_fail(context, E_FORMAT,
                              "'%s' not supported between instances of '%s' and '%s'", operation,
                              jinja_value_type_name(a), jinja_value_type_name(b));
}

static enum status string_contains(struct jinja_context *context, struct str text,
                                   struct jinja_value item, bool *out)
{
    TRY(jinja_value_need_defined(context, item));
    if (item.kind != JINJA_STRING)
        return jinja_context_fail(context, E_FORMAT,
                                  "'in <string>' requires string as left operand, not %s",
                                  jinja_value_type_name(item));
    TRY(jinja_context_charge_bytes(context, text.len));
    *out = str_find(text, item.string->bytes, 0) != SIZE_MAX;
    return OK;
}

enum status jinja_compare_contains(struct jinja_context *context, struct jinja_value container,
                                   struct jinja_value item, bool *out)
{
    *out = false;
    if (container.kind == JINJA_UNDEFINED)
        return OK;
    if (container.kind == JINJA_STRING)
        return string_contains(context, container.string->bytes, item, out);
    if (container.kind == JINJA_DICT) {
        *out = jinja_value_find(context, container.dict, item) != NULL;
        return OK;
    }
    if (container.kind != JINJA_LIST && container.kind != JINJA_TUPLE)
        return jinja_context_fail(context, E_FORMAT, "argument of type '%s' is not iterable",
                                  jinja_value_type_name(container));
    for (size_t i = 0; !*out && i < container.list->count; i++)
        TRY(jinja_compare_equal(context, container.list->items[i], item, out));
    return OK;
}

/* Merges the sorted from[begin, middle) and from[middle, end) into to[begin, end). */
static enum status merge(struct jinja_context *context, const struct jinja_entry *from,
                         size_t begin, size_t middle, size_t end, bool reverse,
                         struct jinja_entry *to)
{
    size_t left = begin;
    size_t right = middle;
    for (size_t i = begin; i < end; i++) {
        bool takes_right = left == middle;
        if (left < middle && right < end) {
            int order = 0;
            TRY(jinja_compare_order(context, from[right].key, from[left].key, "<", &order));
            takes_right = order == (reverse ? 1 : -1);
        }
        to[i] = takes_right ? from[right++] : from[left++];
    }
    return OK;
}

enum status jinja_compare_sort(struct jinja_context *context, struct jinja_entry *entries,
                               size_t count, bool reverse)
{
    if (count < 2)
        return OK;
    struct jinja_entry *other = NULL;
    TRY(jinja_context_alloc(context, count, sizeof(*other), &other));
    struct jinja_entry *from = entries;
    struct jinja_entry *to = other;
    for (size_t width = 1; width < count; width *= 2) {
        TRY(jinja_context_charge(context, count));
        for (size_t begin = 0; begin < count; begin += 2 * width) {
            const size_t middle = begin + width < count ? begin + width : count;
            const size_t end = middle + width < count ? middle + width : count;
            TRY(merge(context, from, begin, middle, end, reverse, to));
        }
        struct jinja_entry *swap = from;
        from = to;
        to = swap;
    }
    if (from != entries)
        memcpy(entries, from, count * sizeof(*entries));
    return OK;
}
