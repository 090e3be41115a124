#include "chat/jinja_filters.h"

#include "chat/jinja_context.h"
#include "chat/jinja_member.h"

const struct jinja_function *jinja_filters_find(struct str name)
{
    const struct jinja_function *(*const files[])(size_t * out_count) = {
        jinja_filters_text_rows, jinja_filters_list_rows, jinja_filters_value_rows};
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        size_t count = 0;
        const struct jinja_function *rows = files[i](&count);
        const struct jinja_function *found = jinja_function_find(rows, count, name);
        if (found)
            return found;
    }
    return NULL;
}

/* One step of a path: digits are a number. */
static enum status step_key(struct jinja_context *context, struct str name, struct jinja_value *out)
{
    int64_t number = 0;
    bool is_number = name.len > 0;
    for (size_t i = 0; i < name.len; i++)
        is_number = is_number && name.ptr[i] >= '0' && name.ptr[i] <= '9';
    if (is_number && str_to_int(name, &number)) {
        *out = jinja_value_int(number);
        return OK;
    }
    return jinja_value_new_text(context, name, SEGMENT_TEMPLATE, out);
}

enum status jinja_filters_attribute(struct jinja_context *context, struct jinja_value value,
                                    struct jinja_value path, struct jinja_value *out)
{
    *out = value;
    if (path.kind != JINJA_STRING)
        return jinja_member_item(context, value, path, out);
    struct str rest = path.string->bytes;
    do {
        struct jinja_value key;
        TRY(jinja_context_charge(context, 1));
        TRY(step_key(context, str_split(&rest, '.'), &key));
        TRY(jinja_member_item(context, *out, key, out));
    } while (rest.ptr);
    return OK;
}
