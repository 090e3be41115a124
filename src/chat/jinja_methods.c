/* The methods of dict, list, tuple and loop; those of str are in jinja_methods_text.c. */
#include "chat/jinja_methods.h"

#include "chat/jinja_compare.h"
#include "chat/jinja_context.h"

/* ---------------------------------------------------------------- dict */

static enum status get(struct jinja_context *context, struct jinja_value self,
                       const struct jinja_value *args, struct jinja_value *out)
{
    const struct jinja_value *found = jinja_value_find(context, self.dict, args[0]);
    if (found)
        *out = *found;
    else
        *out = args[1].kind == JINJA_ABSENT ? jinja_value_none() : args[1];
    return OK;
}

static enum status items(struct jinja_context *context, struct jinja_value self,
                         const struct jinja_value *args, struct jinja_value *out)
{
    (void)args;
    TRY(jinja_value_new_list(context, JINJA_LIST, self.dict->count, out));
    out->origin = self.origin;
    for (size_t i = 0; i < self.dict->count; i++) {
        struct jinja_value pair;
        TRY(jinja_context_charge(context, 1));
        TRY(jinja_value_new_list(context, JINJA_TUPLE, 2, &pair));
        TRY(jinja_value_append(context, pair.list, self.dict->entries[i].key));
        TRY(jinja_value_append(context, pair.list, self.dict->entries[i].value));
        TRY(jinja_value_append(context, out->list, pair));
    }
    return OK;
}

static enum status keys(struct jinja_context *context, struct jinja_value self,
                        const struct jinja_value *args, struct jinja_value *out)
{
    (void)args;
    TRY(jinja_value_new_list(context, JINJA_LIST, self.dict->count, out));
    out->origin = self.origin;
    for (size_t i = 0; i < self.dict->count; i++)
        TRY(jinja_value_append(context, out->list, self.dict->entries[i].key));
    return jinja_context_charge(context, self.dict->count);
}

static enum status values(struct jinja_context *context, struct jinja_value self,
                          const struct jinja_value *args, struct jinja_value *out)
{
    (void)args;
    TRY(jinja_value_new_list(context, JINJA_LIST, self.dict->count, out));
    out->origin = self.origin;
    for (size_t i = 0; i < self.dict->count; i++)
        TRY(jinja_value_append(context, out->list, self.dict->entries[i].value));
    return jinja_context_charge(context, self.dict->count);
}

static enum status dict_pop(struct jinja_context *context, struct jinja_value self,
                            const struct jinja_value *args, struct jinja_value *out)
{
    const struct jinja_value *found = jinja_value_find(context, self.dict, args[0]);
    if (!found) {
        *out = args[1];
        return args[1].kind == JINJA_ABSENT
                   ? jinja_context_fail(context, E_FORMAT, "pop() finds no such key")
                   : OK;
    }
    *out = *found;
    size_t at = 0;
    while (&self.dict->entries[at].value != found)
        at++;
    self.dict->count--;
    memmove(&self.dict->entries[at], &self.dict->entries[at + 1],
            (self.dict->count - at) * sizeof(*self.dict->entries));
    return jinja_context_charge(context, self.dict->count);
}

static enum status update(struct jinja_context *context, struct jinja_value self,
                          const struct jinja_function_args *args, struct jinja_value *out)
{
    *out = jinja_value_none();
    for (size_t i = 0; i < args->count; i++) {
        const struct jinja_value value = args->values[i];
        if (args->names && args->names[i].ptr) {
            struct jinja_value key;
            TRY(jinja_value_new_text(context, args->names[i], SEGMENT_TEMPLATE, &key));
            TRY(jinja_value_set(context, self.dict, key, value));
        } else if (value.kind == JINJA_DICT) {
            for (size_t k = 0; k < value.dict->count; k++)
                TRY(jinja_value_set(context, self.dict, value.dict->entries[k].key,
                                    value.dict->entries[k].value));
        } else {
            return jinja_context_fail(context, E_FORMAT, "update() needs a dict, not %s",
                                      jinja_value_type_name(value));
        }
    }
    return OK;
}

static enum status setdefault(struct jinja_context *context, struct jinja_value self,
                              const struct jinja_value *args, struct jinja_value *out)
{
    const struct jinja_value *found = jinja_value_find(context, self.dict, args[0]);
    *out = found ? *found : args[1].kind == JINJA_ABSENT ? jinja_value_none() : args[1];
    return found ? OK : jinja_value_set(context, self.dict, args[0], *out);
}

static enum status dict_copy(struct jinja_context *context, struct jinja_value self,
                             const struct jinja_value *args, struct jinja_value *out)
{
    (void)args;
    TRY(jinja_context_charge(context, self.dict->count));
    TRY(jinja_value_new_dict(context, JINJA_DICT, self.dict->count, out));
    out->origin = self.origin;
    if (self.dict->count)
        memcpy(out->dict->entries, self.dict->entries,
               self.dict->count * sizeof(*self.dict->entries));
    out->dict->count = self.dict->count;
    return OK;
}

static enum status dict_popitem(struct jinja_context *context, struct jinja_value self,
                                const struct jinja_value *args, struct jinja_value *out)
{
    (void)args;
    if (!self.dict->count)
        return jinja_context_fail(context, E_FORMAT, "popitem(): dictionary is empty");
    const struct jinja_entry *entry = &self.dict->entries[--self.dict->count];
    TRY(jinja_value_new_list(context, JINJA_TUPLE, 2, out));
    TRY(jinja_value_append(context, out->list, entry->key));
    return jinja_value_append(context, out->list, entry->value);
}

static enum status dict_clear(struct jinja_context *context, struct jinja_value self,
                              const struct jinja_value *args, struct jinja_value *out)
{
    (void)context;
    (void)args;
    self.dict->count = 0;
    *out = jinja_value_none();
    return OK;
}

/* ---------------------------------------------------------------- list */

static enum status append(struct jinja_context *context, struct jinja_value self,
                          const struct jinja_value *args, struct jinja_value *out)
{
    *out = jinja_value_none();
    return jinja_value_append(context, self.list, args[0]);
}

static enum status extend(struct jinja_context *context, struct jinja_value self,
                          const struct jinja_value *args, struct jinja_value *out)
{
    const struct jinja_list *more = NULL;
    *out = jinja_value_none();
    TRY(jinja_value_items(context, args[0], &more));
    const size_t count = more->count; /* a list may be extended by itself */
    for (size_t i = 0; i < count; i++) {
        TRY(jinja_context_charge(context, 1));
        TRY(jinja_value_append(context, self.list, more->items[i]));
    }
    return OK;
}

static enum status insert(struct jinja_context *context, struct jinja_value self,
                          const struct jinja_value *args, struct jinja_value *out)
{
    int64_t at = 0;
    *out = jinja_value_none();
    TRY(jinja_function_int(context, args[0], 0, &at));
    const int64_t count = (int64_t)self.list->count;
    at += at < 0 ? count : 0;
    at = at < 0 ? 0 : at > count ? count : at;
    TRY(jinja_context_charge(context, self.list->count));
    TRY(jinja_value_append(context, self.list, args[1]));
    memmove(&self.list->items[at + 1], &self.list->items[at],
            (size_t)(count - at) * sizeof(*self.list->items));
    self.list->items[at] = args[1];
    return OK;
}

static enum status list_pop(struct jinja_context *context, struct jinja_value self,
                            const struct jinja_value *args, struct jinja_value *out)
{
    int64_t at = 0;
    TRY(jinja_function_int(context, args[0], -1, &at));
    at += at < 0 ? (int64_t)self.list->count : 0;
    if (at < 0 || (uint64_t)at >= self.list->count)
        return jinja_context_fail(context, E_FORMAT, "pop index out of range");
    *out = self.list->items[at];
    self.list->count--;
    memmove(&self.list->items[at], &self.list->items[at + 1],
            (self.list->count - (size_t)at) * sizeof(*self.list->items));
    return jinja_context_charge(context, self.list->count);
}

static enum status list_search(struct jinja_context *context, struct jinja_value self,
                               struct jinja_value item, size_t *out_index, size_t *out_count)
{
    *out_index = SIZE_MAX;
    *out_count = 0;
    for (size_t i = 0; i < self.list->count; i++) {
        bool equal = false;
        TRY(jinja_compare_equal(context, self.list->items[i], item, &equal));
        if (equal && (*out_count)++ == 0)
            *out_index = i;
    }
    return OK;
}

static enum status list_index(struct jinja_context *context, struct jinja_value self,
                              const struct jinja_value *args, struct jinja_value *out)
{
    size_t at = 0;
    size_t count = 0;
    TRY(list_search(context, self, args[0], &at, &count));
    if (!count)
        return jinja_context_fail(context, E_FORMAT, "index() finds no such item");
    *out = jinja_value_int((int64_t)at);
    return OK;
}

static enum status list_count(struct jinja_context *context, struct jinja_value self,
                              const struct jinja_value *args, struct jinja_value *out)
{
    size_t at = 0;
    size_t count = 0;
    TRY(list_search(context, self, args[0], &at, &count));
    *out = jinja_value_int((int64_t)count);
    return OK;
}

static enum status list_reverse(struct jinja_context *context, struct jinja_value self,
                                const struct jinja_value *args, struct jinja_value *out)
{
    (void)args;
    struct jinja_value *array = self.list->items;
    for (size_t i = 0; i < self.list->count / 2; i++) {
        const struct jinja_value item = array[i];
        array[i] = array[self.list->count - 1 - i];
        array[self.list->count - 1 - i] = item;
    }
    *out = jinja_value_none();
    return jinja_context_charge(context, self.list->count);
}

static enum status list_remove(struct jinja_context *context, struct jinja_value self,
                               const struct jinja_value *args, struct jinja_value *out)
{
    size_t at = 0;
    size_t count = 0;
    TRY(list_search(context, self, args[0], &at, &count));
    if (!count)
        return jinja_context_fail(context, E_FORMAT, "remove() finds no such item");
    const struct jinja_value place = jinja_value_int((int64_t)at);
    TRY(list_pop(context, self, &place, out));
    *out = jinja_value_none();
    return OK;
}

static enum status list_copy(struct jinja_context *context, struct jinja_value self,
                             const struct jinja_value *args, struct jinja_value *out)
{
    (void)args;
    TRY(jinja_context_charge(context, self.list->count));
    TRY(jinja_value_new_list(context, JINJA_LIST, self.list->count, out));
    for (size_t i = 0; i < self.list->count; i++)
        TRY(jinja_value_append(context, out->list, self.list->items[i]));
    out->origin = self.origin;
    return OK;
}

static enum status list_clear(struct jinja_context *context, struct jinja_value self,
                              const struct jinja_value *args, struct jinja_value *out)
{
    (void)context;
    (void)args;
    self.list->count = 0;
    *out = jinja_value_none();
    return OK;
}

static enum status list_sort(struct jinja_context *context, struct jinja_value self,
                             const struct jinja_value *args, struct jinja_value *out)
{
    struct jinja_entry *entries = NULL;
    const size_t count = self.list->count;
    *out = jinja_value_none();
    TRY(jinja_context_alloc(context, count + 1, sizeof(*entries), &entries));
    for (size_t i = 0; i < count; i++)
        entries[i].key = self.list->items[i];
    TRY(jinja_compare_sort(context, entries, count, jinja_function_flag(args[0], false)));
    for (size_t i = 0; i < count; i++)
        self.list->items[i] = entries[i].key;
    return OK;
}

/* ---------------------------------------------------------------- loop */

static enum status cycle(struct jinja_context *context, struct jinja_value self,
                         const struct jinja_function_args *args, struct jinja_value *out)
{
    if (!args->count)
        return jinja_context_fail(context, E_FORMAT, "no items for cycling given");
    *out = args->values[self.loop->index % args->count];
    return OK;
}

/* True when the arguments are not those of the last time. */
static enum status changed(struct jinja_context *context, struct jinja_value self,
                           const struct jinja_function_args *args, struct jinja_value *out)
{
    struct jinja_value seen;
    bool is_same = false;
    TRY(jinja_value_new_list(context, JINJA_TUPLE, args->count, &seen));
    for (size_t i = 0; i < args->count; i++)
        TRY(jinja_value_append(context, seen.list, args->values[i]));
    if (self.loop->changed.kind == JINJA_TUPLE)
        TRY(jinja_compare_equal(context, self.loop->changed, seen, &is_same));
    self.loop->changed = seen;
    *out = jinja_value_bool(!is_same);
    return OK;
}

static const struct jinja_function dict_rows[] = {
    {.name = "get", .call = get, .required = 1, .parameters = {"key", "default"}},
    {.name = "items", .call = items},
    {.name = "keys", .call = keys},
    {.name = "values", .call = values},
    {.name = "pop", .call = dict_pop, .required = 1, .parameters = {"key", "default"}},
    {.name = "update", .call_any = update},
    {.name = "setdefault", .call = setdefault, .required = 1, .parameters = {"key", "default"}},
    {.name = "copy", .call = dict_copy},
    {.name = "popitem", .call = dict_popitem},
    {.name = "clear", .call = dict_clear},
};

static const struct jinja_function list_rows[] = {
    {.name = "append", .call = append, .required = 1, .parameters = {"object"}},
    {.name = "extend", .call = extend, .required = 1, .parameters = {"iterable"}},
    {.name = "insert", .call = insert, .required = 2, .parameters = {"index", "object"}},
    {.name = "pop", .call = list_pop, .parameters = {"index"}},
    {.name = "reverse", .call = list_reverse},
    {.name = "index", .call = list_index, .required = 1, .parameters = {"value"}},
    {.name = "count", .call = list_count, .required = 1, .parameters = {"value"}},
    {.name = "remove", .call = list_remove, .required = 1, .parameters = {"value"}},
    {.name = "copy", .call = list_copy},
    {.name = "clear", .call = list_clear},
    {.name = "sort", .call = list_sort, .parameters = {"reverse"}},
};

static const struct jinja_function tuple_rows[] = {
    {.name = "index", .call = list_index, .required = 1, .parameters = {"value"}},
    {.name = "count", .call = list_count, .required = 1, .parameters = {"value"}},
};

static const struct jinja_function loop_rows[] = {
    {.name = "cycle", .call_any = cycle},
    {.name = "changed", .call_any = changed},
};

static const struct jinja_function *find_of_text(struct str name)
{
    size_t count = 0;
    const struct jinja_function *rows = jinja_methods_text_rows(&count);
    const struct jinja_function *found = jinja_function_find(rows, count, name);
    if (found)
        return found;
    rows = jinja_methods_kind_rows(&count);
    return jinja_function_find(rows, count, name);
}

const struct jinja_function *jinja_methods_find(struct jinja_value value, struct str name)
{
    size_t count = 0;
    const struct jinja_function *rows = NULL;
    switch ((enum jinja_kind)value.kind) {
    case JINJA_STRING: return find_of_text(name);
    case JINJA_DICT:
        rows = dict_rows;
        count = ARRAY_LEN(dict_rows);
        break;
    case JINJA_LIST:
        rows = list_rows;
        count = ARRAY_LEN(list_rows);
        break;
    case JINJA_TUPLE:
        rows = tuple_rows;
        count = ARRAY_LEN(tuple_rows);
        break;
    case JINJA_LOOP:
        rows = loop_rows;
        count = ARRAY_LEN(loop_rows);
        break;
    case JINJA_UNDEFINED:
    case JINJA_NONE:
    case JINJA_BOOL:
    case JINJA_INT:
    case JINJA_FLOAT:
    case JINJA_NAMESPACE:
    case JINJA_MACRO:
    case JINJA_FUNCTION:
    case JINJA_METHOD:
    case JINJA_ABSENT: return NULL;
    }
    return jinja_function_find(rows, count, name);
}
