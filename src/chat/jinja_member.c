#include "chat/jinja_member.h"

#include "chat/jinja_context.h"
#include "chat/jinja_macro.h"
#include "chat/jinja_methods.h"
#include "chat/jinja_strings.h"
#include "text/utf8.h"

static enum status bind_method(struct jinja_context *context, const struct jinja_function *function,
                               struct jinja_value self, struct jinja_value *out)
{
    struct jinja_method *method = NULL;
    TRY(jinja_context_alloc(context, 1, sizeof(*method), &method));
    *method = (struct jinja_method){function, self};
    *out = (struct jinja_value){.kind = JINJA_METHOD, .method = method};
    return OK;
}

static enum status loop_neighbour(const struct jinja_loop *loop, bool is_next,
                                  struct jinja_value *out)
{
    *out = (struct jinja_value){.kind = JINJA_UNDEFINED};
    if (is_next && loop->index + 1 < loop->items->count)
        *out = loop->items->items[loop->index + 1];
    else if (!is_next && loop->index > 0 && loop->index <= loop->items->count)
        *out = loop->items->items[loop->index - 1];
    return OK;
}

static bool loop_number(const struct jinja_loop *loop, struct str name, size_t *out)
{
    const size_t count = loop->items->count;
    const struct {
        const char *name;
        size_t value;
    } numbers[] = {
        {"index", loop->index + 1},
        {"index0", loop->index},
        {"revindex", count - loop->index},
        {"revindex0", count - loop->index - 1},
        {"length", count},
        {"depth", loop->depth},
        {"depth0", loop->depth - 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        if (str_equal_c(name, numbers[i].name)) {
            *out = numbers[i].value;
            return true;
        }
    }
    return false;
}

/* An attribute of `loop` that is no method; false when it has none of that name. */
static bool loop_attribute(const struct jinja_loop *loop, struct str name, struct jinja_value *out)
{
    size_t number = 0;
    if (loop_number(loop, name, &number))
        *out = jinja_value_int((int64_t)number);
    else if (str_equal_c(name, "first"))
        *out = jinja_value_bool(loop->index == 0);
    else if (str_equal_c(name, "last"))
        *out = jinja_value_bool(loop->index + 1 >= loop->items->count);
    else if (str_equal_c(name, "previtem") || str_equal_c(name, "nextitem"))
        return loop_neighbour(loop, str_equal_c(name, "nextitem"), out) == OK;
    else
        return false;
    return true;
}

/* Character `index` of a string, from the end when it is negative; false when it has none. */
static bool find_character(struct jinja_context *context, const struct jinja_string *string,
                           int64_t index, size_t *out_from, size_t *out_to)
{
    struct str rest = string->bytes;
    context->steps += rest.len / JINJA_STEP_BYTES; /* looked at by the next charge */
    if (index < 0) {
        size_t length = 0;
        jinja_value_length(jinja_value_string(string), &length);
        index += (int64_t)length;
    }
    if (index < 0 || (uint64_t)index >= rest.len)
        return false;
    for (int64_t i = 0; i < index && rest.len; i++)
        utf8_next(&rest);
    if (!rest.len)
        return false;
    *out_from = string->bytes.len - rest.len;
    utf8_next(&rest);
    *out_to = string->bytes.len - rest.len;
    return true;
}

/* An item by number or key; *out_found tells. */
static enum status find_item(struct jinja_context *context, struct jinja_value value,
                             struct jinja_value key, struct jinja_value *out, bool *out_found)
{
    *out_found = false;
    if (value.kind == JINJA_DICT || value.kind == JINJA_NAMESPACE) {
        const struct jinja_value *found = jinja_value_find(context, value.dict, key);
        *out_found = found != NULL;
        if (found)
            *out = *found;
        return OK;
    }
    if (key.kind != JINJA_INT && key.kind != JINJA_BOOL)
        return OK;
    int64_t index = jinja_value_integer(key);
    if (value.kind == JINJA_STRING) {
        size_t from = 0;
        size_t to = 0;
        *out_found = find_character(context, value.string, index, &from, &to);
        return *out_found ? jinja_strings_slice(context, value.string, from, to, out) : OK;
    }
    if (value.kind != JINJA_LIST && value.kind != JINJA_TUPLE)
        return OK;
    index += index < 0 ? (int64_t)value.list->count : 0;
    *out_found = index >= 0 && (uint64_t)index < value.list->count;
    if (*out_found)
        *out = value.list->items[index];
    return OK;
}

static enum status find_method(struct jinja_context *context, struct jinja_value value,
                               struct jinja_value name, struct jinja_value *out, bool *out_found)
{
    const struct jinja_function *function =
        name.kind == JINJA_STRING ? jinja_methods_find(value, name.string->bytes) : NULL;
    *out_found = function != NULL;
    return function ? bind_method(context, function, value, out) : OK;
}

static bool group_attribute(const struct jinja_list *group, struct str name,
                            struct jinja_value *out)
{
    const bool is_list = str_equal_c(name, "list");
    if (!is_list && !str_equal_c(name, "grouper"))
        return false;
    *out = group->items[is_list];
    return true;
}

enum status jinja_member_attribute(struct jinja_context *context, struct jinja_value value,
                                   struct jinja_value name, struct jinja_value *out)
{
    bool found = false;
    if (value.kind == JINJA_UNDEFINED) {
        *out = value;
        return OK;
    }
    TRY(find_method(context, value, name, out, &found));
    if (!found && value.kind == JINJA_LOOP)
        found = loop_attribute(value.loop, name.string->bytes, out);
    if (!found && value.kind == JINJA_MACRO)
        TRY(jinja_macro_attribute(context, value.macro, name.string->bytes, out, &found));
    if (!found && value.kind == JINJA_TUPLE && value.list->is_group)
        found = group_attribute(value.list, name.string->bytes, out);
    if (!found)
        TRY(find_item(context, value, name, out, &found));
    return found ? OK : jinja_value_new_missing(context, value, name, out);
}

enum status jinja_member_item(struct jinja_context *context, struct jinja_value value,
                              struct jinja_value key, struct jinja_value *out)
{
    bool found = false;
    if (value.kind == JINJA_UNDEFINED) {
        *out = value;
        return OK;
    }
    TRY(find_item(context, value, key, out, &found));
    if (!found && value.kind == JINJA_LOOP && key.kind == JINJA_STRING)
        found = loop_attribute(value.loop, key.string->bytes, out);
    if (!found)
        TRY(find_method(context, value, key, out, &found));
    return found ? OK : jinja_value_new_missing(context, value, key, out);
}

/* ---------------------------------------------------------------- slices */

/* A bound of a slice as Python reads it: from the end when negative, cut to [low, high]. */
static enum status read_bound(struct jinja_context *context, struct jinja_value bound,
                              int64_t absent, int64_t length, int64_t low, int64_t high,
                              int64_t *out)
{
    *out = absent;
    if (bound.kind == JINJA_NONE || bound.kind == JINJA_ABSENT)
        return OK;
    TRY(jinja_value_need_defined(context, bound));
    if (bound.kind != JINJA_INT && bound.kind != JINJA_BOOL)
        return jinja_context_fail(
            context, E_FORMAT,
            "slice indices must be integers or None or have an __index__ method");
    *out = jinja_value_integer(bound);
    *out += *out < 0 ? length : 0;
    *out = *out < low ? low : *out > high ? high : *out;
    return OK;
}

struct slice {
    int64_t start;
    int64_t stop;
    int64_t step;
};

static enum status read_slice(struct jinja_context *context, const struct jinja_value bounds[3],
                              int64_t length, struct slice *out)
{
    out->step = 1;
    if (bounds[2].kind != JINJA_NONE && bounds[2].kind != JINJA_ABSENT)
        TRY(read_bound(context, bounds[2], 1, 0, INT32_MIN, INT32_MAX, &out->step));
    if (out->step == 0)
        return jinja_context_fail(context, E_FORMAT, "slice step cannot be zero");
    const bool is_forward = out->step > 0;
    const int64_t low = is_forward ? 0 : -1;
    const int64_t high = is_forward ? length : length - 1;
    TRY(read_bound(context, bounds[0], is_forward ? 0 : length - 1, length, low, high,
                   &out->start));
    return read_bound(context, bounds[1], is_forward ? length : -1, length, low, high, &out->stop);
}

static bool slice_goes_on(const struct slice *slice, int64_t at)
{
    return slice->step > 0 ? at < slice->stop : at > slice->stop;
}

static enum status slice_list(struct jinja_context *context, struct jinja_value value,
                              const struct slice *slice, struct jinja_value *out)
{
    TRY(jinja_value_new_list(context, value.kind, 0, out));
    out->origin = value.origin;
    for (int64_t i = slice->start; slice_goes_on(slice, i); i += slice->step) {
        TRY(jinja_context_charge(context, 1));
        TRY(jinja_value_append(context, out->list, value.list->items[i]));
    }
    return OK;
}

/* Step 1: from character `start` to character `stop`, without looking at each. */
static enum status slice_plain(struct jinja_context *context, const struct jinja_string *string,
                               const struct slice *slice, struct jinja_value *out)
{
    struct str rest = string->bytes;
    size_t from = string->bytes.len;
    size_t to = string->bytes.len;
    for (int64_t i = 0; rest.len; i++) {
        const size_t at = string->bytes.len - rest.len;
        if (i == slice->start)
            from = at;
        if (i == slice->stop) {
            to = at;
            break;
        }
        utf8_next(&rest);
    }
    return jinja_strings_slice(context, string, from < to ? from : to, to, out);
}

static enum status slice_characters(struct jinja_context *context,
                                    const struct jinja_string *string, const struct slice *slice,
                                    struct jinja_value *out)
{
    const struct jinja_list *characters = NULL;
    TRY(jinja_value_items(context, jinja_value_string(string), &characters));
    CLEANUP(jinja_text_done) struct jinja_text text = jinja_context_text(context);
    for (int64_t i = slice->start; slice_goes_on(slice, i); i += slice->step)
        jinja_text_add_string(&text, characters->items[i].string);
    return jinja_context_finish(context, &text, out);
}

enum status jinja_member_slice(struct jinja_context *context, struct jinja_value value,
                               const struct jinja_value bounds[3], struct jinja_value *out)
{
    TRY(jinja_value_need_defined(context, value));
    if (value.kind != JINJA_STRING && value.kind != JINJA_LIST && value.kind != JINJA_TUPLE)
        return jinja_context_fail(context, E_FORMAT, "'%s' object is not subscriptable",
                                  jinja_value_type_name(value));
    size_t length = 0;
    struct slice slice = {0};
    jinja_value_length(value, &length);
    TRY(read_slice(context, bounds, (int64_t)length, &slice));
    if (value.kind != JINJA_STRING)
        return slice_list(context, value, &slice, out);
    TRY(jinja_context_charge_bytes(context, value.string->bytes.len));
    return slice.step == 1 ? slice_plain(context, value.string, &slice, out)
                           : slice_characters(context, value.string, &slice, out);
}
