#include "chat/jinja_value.h"

#include "chat/jinja_compare.h"
#include "chat/jinja_context.h"
#include "chat/jinja_format.h"
#include "text/utf8.h"

enum { CAPACITY_MIN = 4, ENTRIES_PER_STEP = 8 };

/* ---------------------------------------------------------------- making values */

enum status jinja_value_new_string(struct jinja_context *context, struct jinja_string string,
                                   struct jinja_value *out)
{
    struct jinja_string *kept = NULL;
    TRY(jinja_context_alloc(context, 1, sizeof(*kept), &kept));
    *kept = string;
    *out = jinja_value_string(kept);
    return OK;
}

enum status jinja_value_new_text(struct jinja_context *context, struct str bytes,
                                 enum segment_origin origin, struct jinja_value *out)
{
    return jinja_value_new_string(context, jinja_string_of(bytes, origin), out);
}

enum status jinja_value_new_list(struct jinja_context *context, enum jinja_kind kind,
                                 size_t capacity, struct jinja_value *out)
{
    struct jinja_list *list = NULL;
    TRY(jinja_context_alloc(context, 1, sizeof(*list), &list));
    if (capacity)
        TRY(jinja_context_alloc(context, capacity, sizeof(*list->items), &list->items));
    list->capacity = capacity;
    *out = (struct jinja_value){.kind = (uint8_t)kind, .list = list};
    return OK;
}

enum status jinja_value_new_dict(struct jinja_context *context, enum jinja_kind kind,
                                 size_t capacity, struct jinja_value *out)
{
    struct jinja_dict *dict = NULL;
    TRY(jinja_context_alloc(context, 1, sizeof(*dict), &dict));
    if (capacity)
        TRY(jinja_context_alloc(context, capacity, sizeof(*dict->entries), &dict->entries));
    dict->capacity = capacity;
    *out = (struct jinja_value){.kind = (uint8_t)kind, .dict = dict};
    return OK;
}

/* As Jinja's messages name the owner of a member. */
static const char *owner_name(struct jinja_value owner)
{
    switch ((enum jinja_kind)owner.kind) {
    case JINJA_NONE: return "None";
    case JINJA_BOOL: return "bool object";
    case JINJA_INT: return "int object";
    case JINJA_FLOAT: return "float object";
    case JINJA_STRING: return "str object";
    case JINJA_LIST: return "list object";
    case JINJA_TUPLE: return "tuple object";
    case JINJA_DICT: return "dict object";
    case JINJA_NAMESPACE: return "jinja2.utils.Namespace object";
    case JINJA_LOOP: return "jinja2.runtime.LoopContext object";
    case JINJA_MACRO: return "jinja2.runtime.Macro object";
    case JINJA_FUNCTION:
    case JINJA_METHOD: return "function object";
    case JINJA_UNDEFINED: return "undefined object";
    case JINJA_ABSENT: return NULL;
    }
    return NULL;
}

enum status jinja_value_new_missing(struct jinja_context *context, struct jinja_value owner,
                                    struct jinja_value key, struct jinja_value *out)
{
    struct jinja_missing *missing = NULL;
    TRY(jinja_context_alloc(context, 1, sizeof(*missing), &missing));
    *missing = (struct jinja_missing){.owner = owner_name(owner), .key = key};
    *out = (struct jinja_value){.kind = JINJA_UNDEFINED, .missing = missing};
    return OK;
}

static enum status object_from_json(struct jinja_context *context, json_t *json,
                                    enum segment_origin origin, struct jinja_value *out)
{
    TRY(jinja_value_new_dict(context, JINJA_DICT, json_object_size(json), out));
    struct jinja_dict *dict = out->dict;
    for (void *at = json_object_iter(json); at; at = json_object_iter_next(json, at)) {
        const struct str key = {json_object_iter_key(at), json_object_iter_key_len(at)};
        struct jinja_entry *entry = &dict->entries[dict->count]; /* keys are unique already */
        TRY(jinja_value_new_text(context, key, origin, &entry->key));
        TRY(jinja_value_from_json(context, json_object_iter_value(at), origin, &entry->value));
        dict->count++;
    }
    return OK;
}

static enum status array_from_json(struct jinja_context *context, const json_t *json,
                                   enum segment_origin origin, struct jinja_value *out)
{
    TRY(jinja_value_new_list(context, JINJA_LIST, json_array_size(json), out));
    struct jinja_list *list = out->list;
    for (size_t i = 0; i < json_array_size(json); i++) {
        TRY(jinja_value_from_json(context, json_array_get(json, i), origin, &list->items[i]));
        list->count++;
    }
    return OK;
}

static enum status convert(struct jinja_context *context, const json_t *json,
                           enum segment_origin origin, struct jinja_value *out)
{
    switch (json_typeof(json)) {
    case JSON_OBJECT: {
        union {
            const json_t *borrowed;
            json_t *iterated; /* jansson iterates over a mutable object, and changes nothing */
        } object = {json};
        return object_from_json(context, object.iterated, origin, out);
    }
    case JSON_ARRAY: return array_from_json(context, json, origin, out);
    case JSON_STRING: {
        const struct str text = {json_string_value(json), json_string_length(json)};
        return jinja_value_new_text(context, text, origin, out);
    }
    case JSON_INTEGER: *out = jinja_value_int(json_integer_value(json)); return OK;
    case JSON_REAL: *out = jinja_value_float(json_real_value(json)); return OK;
    case JSON_TRUE: *out = jinja_value_bool(true); return OK;
    case JSON_FALSE: *out = jinja_value_bool(false); return OK;
    case JSON_NULL: *out = jinja_value_none(); return OK;
    }
    return jinja_context_fail(context, E_INVALID, "a JSON value of an unknown kind");
}

enum status jinja_value_from_json(struct jinja_context *context, const json_t *json,
                                  enum segment_origin origin, struct jinja_value *out)
{
    if (!json) {
        *out = jinja_value_none();
        return OK;
    }
    TRY(jinja_context_enter(context));
    TRY(jinja_context_charge(context, 1));
    TRY(convert(context, json, origin, out));
    out->origin = (uint8_t)origin;
    jinja_context_leave(context);
    return OK;
}

/* ---------------------------------------------------------------- containers */

/* Room for one more element of `size` bytes. The old array stays in the arena: loops that are
 * visiting it are not disturbed. */
static enum status grow(struct jinja_context *context, void *array_pointer, size_t count,
                        size_t *capacity, size_t size)
{
    if (count < *capacity)
        return OK;
    void *old = NULL;
    void *grown = NULL;
    memcpy(&old, array_pointer, sizeof(old));
    const size_t wanted = *capacity ? *capacity * 2 : CAPACITY_MIN;
    TRY(jinja_context_alloc(context, wanted, size, &grown));
    if (count)
        memcpy(grown, old, count * size);
    memcpy(array_pointer, &grown, sizeof(grown));
    *capacity = wanted;
    return OK;
}

enum status jinja_value_append(struct jinja_context *context, struct jinja_list *list,
                               struct jinja_value item)
{
    TRY(grow(context, &list->items, list->count, &list->capacity, sizeof(item)));
    list->items[list->count++] = item;
    return OK;
}

/* Keys are strings almost always; numbers compare by value; other kinds have no keys here. */
static bool same_key(struct jinja_value a, struct jinja_value b)
{
    if (a.kind == JINJA_STRING && b.kind == JINJA_STRING)
        return str_equal(a.string->bytes, b.string->bytes);
    if (jinja_value_is_number(a) && jinja_value_is_number(b))
        return jinja_value_real(a) == jinja_value_real(b);
    return a.kind == JINJA_NONE && b.kind == JINJA_NONE;
}

static struct jinja_value *find(const struct jinja_dict *dict, struct jinja_value key)
{
    for (size_t i = 0; i < dict->count; i++) {
        if (same_key(dict->entries[i].key, key))
            return &dict->entries[i].value;
    }
    return NULL;
}

const struct jinja_value *jinja_value_find(struct jinja_context *context,
                                           const struct jinja_dict *dict, struct jinja_value key)
{
    context->steps += dict->count / ENTRIES_PER_STEP; /* looked at by the next charge */
    return find(dict, key);
}

const struct jinja_value *jinja_value_find_c(const struct jinja_dict *dict, const char *key)
{
    const struct jinja_string text = jinja_string_of(str_from_c(key), SEGMENT_TEMPLATE);
    return find(dict, jinja_value_string(&text));
}

enum status jinja_value_set(struct jinja_context *context, struct jinja_dict *dict,
                            struct jinja_value key, struct jinja_value value)
{
    if (key.kind != JINJA_STRING && key.kind != JINJA_NONE && !jinja_value_is_number(key))
        return jinja_context_fail(context, E_FORMAT, "unhashable type: '%s'",
                                  jinja_value_type_name(key));
    TRY(jinja_context_charge(context, dict->count / ENTRIES_PER_STEP));
    struct jinja_value *place = find(dict, key);
    if (place) {
        *place = value;
        return OK;
    }
    TRY(grow(context, &dict->entries, dict->count, &dict->capacity, sizeof(*dict->entries)));
    dict->entries[dict->count++] = (struct jinja_entry){key, value};
    return OK;
}

enum status jinja_value_set_c(struct jinja_context *context, struct jinja_dict *dict,
                              const char *key, struct jinja_value value)
{
    struct jinja_value name;
    TRY(jinja_value_new_text(context, str_from_c(key), SEGMENT_TEMPLATE, &name));
    return jinja_value_set(context, dict, name, value);
}

static enum status characters(struct jinja_context *context, const struct jinja_string *string,
                              struct jinja_list *list)
{
    struct str rest = string->bytes;
    while (rest.len) {
        const size_t from = string->bytes.len - rest.len;
        utf8_next(&rest);
        const size_t to = string->bytes.len - rest.len;
        size_t end = 0;
        const enum segment_origin origin = jinja_string_origin_at(string, from, &end);
        struct jinja_value item;
        TRY(jinja_context_charge(context, 1));
        TRY(jinja_value_new_text(context, str_slice(string->bytes, from, to), origin, &item));
        TRY(jinja_value_append(context, list, item));
    }
    return OK;
}

enum status jinja_value_items(struct jinja_context *context, struct jinja_value value,
                              const struct jinja_list **out)
{
    if (value.kind == JINJA_LIST || value.kind == JINJA_TUPLE) {
        *out = value.list;
        return OK;
    }
    struct jinja_value made;
    TRY(jinja_value_new_list(context, JINJA_LIST, 0, &made));
    *out = made.list;
    if (value.kind == JINJA_UNDEFINED)
        return OK;
    if (value.kind == JINJA_STRING)
        return characters(context, value.string, made.list);
    if (value.kind != JINJA_DICT)
        return jinja_context_fail(context, E_FORMAT, "'%s' object is not iterable",
                                  jinja_value_type_name(value));
    for (size_t i = 0; i < value.dict->count; i++) {
        TRY(jinja_context_charge(context, 1));
        TRY(jinja_value_append(context, made.list, value.dict->entries[i].key));
    }
    return OK;
}

/* ---------------------------------------------------------------- facts */

bool jinja_value_is_number(struct jinja_value value)
{
    return value.kind == JINJA_BOOL || value.kind == JINJA_INT || value.kind == JINJA_FLOAT;
}

double jinja_value_real(struct jinja_value value)
{
    return value.kind == JINJA_FLOAT ? value.real : (double)jinja_value_integer(value);
}

bool jinja_value_is_true(struct jinja_value value)
{
    switch ((enum jinja_kind)value.kind) {
    case JINJA_UNDEFINED:
    case JINJA_NONE:
    case JINJA_ABSENT: return false;
    case JINJA_BOOL: return value.boolean;
    case JINJA_INT: return value.integer != 0;
    case JINJA_FLOAT: return value.real != 0;
    case JINJA_STRING: return value.string->bytes.len > 0;
    case JINJA_LIST:
    case JINJA_TUPLE: return value.list->count > 0;
    case JINJA_DICT: return value.dict->count > 0;
    case JINJA_NAMESPACE:
    case JINJA_LOOP:
    case JINJA_MACRO:
    case JINJA_FUNCTION:
    case JINJA_METHOD: return true;
    }
    return false;
}

const char *jinja_value_type_name(struct jinja_value value)
{
    switch ((enum jinja_kind)value.kind) {
    case JINJA_ABSENT:
    case JINJA_UNDEFINED: return "Undefined";
    case JINJA_NONE: return "NoneType";
    case JINJA_BOOL: return "bool";
    case JINJA_INT: return "int";
    case JINJA_FLOAT: return "float";
    case JINJA_STRING: return "str";
    case JINJA_LIST: return "list";
    case JINJA_TUPLE: return "tuple";
    case JINJA_DICT: return "dict";
    case JINJA_NAMESPACE: return "Namespace";
    case JINJA_LOOP: return "LoopContext";
    case JINJA_MACRO: return "Macro";
    case JINJA_FUNCTION: return "function";
    case JINJA_METHOD: return "builtin_function_or_method";
    }
    return "object";
}

bool jinja_value_length(struct jinja_value value, size_t *out)
{
    switch ((enum jinja_kind)value.kind) {
    case JINJA_UNDEFINED: *out = 0; return true;
    case JINJA_LIST:
    case JINJA_TUPLE: *out = value.list->count; return true;
    case JINJA_DICT: *out = value.dict->count; return true;
    case JINJA_LOOP: *out = value.loop->items->count; return true;
    case JINJA_STRING: {
        struct str rest = value.string->bytes;
        *out = 0;
        for (; rest.len; ++*out)
            utf8_next(&rest);
        return true;
    }
    case JINJA_NONE:
    case JINJA_BOOL:
    case JINJA_INT:
    case JINJA_FLOAT:
    case JINJA_NAMESPACE:
    case JINJA_MACRO:
    case JINJA_FUNCTION:
    case JINJA_METHOD:
    case JINJA_ABSENT: return false;
    }
    return false;
}

enum status jinja_value_need_defined(struct jinja_context *context, struct jinja_value value)
{
    if (value.kind != JINJA_UNDEFINED)
        return OK;
    if (!value.missing)
        return jinja_context_fail(context, E_FORMAT, "a value is undefined");

    CLEANUP(jinja_text_done) struct jinja_text key = jinja_context_text(context);
    const struct jinja_missing *missing = value.missing;
    TRY(jinja_format_repr(context, missing->key, &key));
    const struct str name = strbuf_view(&key.bytes);
    if (!missing->owner)
        return jinja_context_fail(context, E_FORMAT, "%.*s is undefined", STR_ARG(name));
    if (missing->key.kind == JINJA_STRING)
        return jinja_context_fail(context, E_FORMAT, "'%s' has no attribute %.*s", missing->owner,
                                  STR_ARG(name));
    return jinja_context_fail(context, E_FORMAT, "%s has no element %.*s", missing->owner,
                              STR_ARG(name));
}
