#include "cli/options.h"

#include "base/str.h"
#include "text/edit_distance.h"

#include <inttypes.h>

struct reader {
    const struct option_set *sets;
    size_t set_count;
    char *const *arguments;
    int argument_count;
    int position;
};

struct found {
    const struct option_spec *spec;
    void *values;
};

static bool find_long(const struct reader *in, struct str name, struct found *out)
{
    for (size_t i = 0; i < in->set_count; i++) {
        const struct option_spec *spec = in->sets[i].specs;
        for (; spec && spec->kind != OPTION_KIND_END; spec++) {
            if (str_equal_c(name, spec->name)) {
                *out = (struct found){spec, in->sets[i].values};
                return true;
            }
        }
    }
    return false;
}

static bool find_short(const struct reader *in, char letter, struct found *out)
{
    for (size_t i = 0; i < in->set_count; i++) {
        const struct option_spec *spec = in->sets[i].specs;
        for (; spec && spec->kind != OPTION_KIND_END; spec++) {
            if (spec->short_name == letter) {
                *out = (struct found){spec, in->sets[i].values};
                return true;
            }
        }
    }
    return false;
}

/* The long name nearest to what was typed, or NULL. */
static const char *nearest(const struct reader *in, struct str typed)
{
    const char *best = NULL;
    size_t best_distance = 3;
    for (size_t i = 0; i < in->set_count; i++) {
        const struct option_spec *spec = in->sets[i].specs;
        for (; spec && spec->kind != OPTION_KIND_END; spec++) {
            const size_t distance = edit_distance(typed, str_from_c(spec->name), 2);
            if (distance < best_distance && distance < typed.len) {
                best = spec->name;
                best_distance = distance;
            }
        }
    }
    return best;
}

static enum status fail_unknown(const struct reader *in, struct str name, struct error *err)
{
    const char *meant = nearest(in, name);
    if (meant)
        return error_set(err, E_INVALID, "there is no option --%.*s; did you mean --%s?",
                         STR_ARG(str_slice(name, 0, 64)), meant);
    return error_set(err, E_INVALID, "there is no option --%.*s", STR_ARG(str_slice(name, 0, 64)));
}

static enum status store_int(const struct option_spec *spec, const char *text, int64_t *out,
                             struct error *err)
{
    int64_t value = 0;
    if (!str_to_int(str_from_c(text), &value))
        return error_set(err, E_INVALID, "--%s takes a whole number, not \"%.64s\"", spec->name,
                         text);
    if (value < spec->int_min || value > spec->int_max)
        return error_set(err, E_INVALID,
                         "--%s takes a number from %" PRId64 " to %" PRId64 ", not %" PRId64,
                         spec->name, spec->int_min, spec->int_max, value);
    *out = value;
    return OK;
}

static enum status store_double(const struct option_spec *spec, const char *text, double *out,
                                struct error *err)
{
    double value = 0;
    if (!str_to_double(str_from_c(text), &value))
        return error_set(err, E_INVALID, "--%s takes a number, not \"%.64s\"", spec->name, text);
    if (value < spec->double_min || value > spec->double_max)
        return error_set(err, E_INVALID, "--%s takes a number from %g to %g, not %g", spec->name,
                         spec->double_min, spec->double_max, value);
    *out = value;
    return OK;
}

static enum status store_item(const struct option_spec *spec, const char *text,
                              struct option_list *out, struct error *err)
{
    if (out->count == OPTION_LIST_MAX)
        return error_set(err, E_INVALID, "--%s can be given %d times at most", spec->name,
                         OPTION_LIST_MAX);
    out->items[out->count++] = text;
    return OK;
}

static enum status store(const struct found *found, const char *text, struct error *err)
{
    const struct option_spec *spec = found->spec;
    char *member = (char *)found->values + spec->offset;
    switch (spec->kind) {
    case OPTION_KIND_FLAG: *(bool *)member = true; return OK;
    case OPTION_KIND_STRING: *(const char **)(void *)member = text; return OK;
    case OPTION_KIND_INT: return store_int(spec, text, (int64_t *)(void *)member, err);
    case OPTION_KIND_DOUBLE: return store_double(spec, text, (double *)(void *)member, err);
    case OPTION_KIND_LIST: return store_item(spec, text, (struct option_list *)(void *)member, err);
    case OPTION_KIND_END: break;
    }
    return error_set(err, E_INVALID, "--%s cannot be given", spec->name);
}

/* The argument behind the current one, or NULL. */
static const char *take_next(struct reader *in)
{
    if (in->position + 1 >= in->argument_count)
        return NULL;
    return in->arguments[++in->position];
}

static enum status fail_no_value(const struct option_spec *spec, struct error *err)
{
    return error_set(err, E_INVALID, "--%s needs a value: --%s %s", spec->name, spec->name,
                     spec->value_name);
}

/* --name, --name=value, --name value */
static enum status read_long(struct reader *in, struct error *err)
{
    const char *text = in->arguments[in->position] + 2;
    const char *equals = strchr(text, '=');
    const struct str name = {text, equals ? (size_t)(equals - text) : strlen(text)};
    const char *value = equals ? equals + 1 : NULL;

    struct found found;
    if (!find_long(in, name, &found))
        return fail_unknown(in, name, err);
    if (found.spec->kind == OPTION_KIND_FLAG) {
        if (value)
            return error_set(err, E_INVALID, "--%s takes no value", found.spec->name);
        return store(&found, NULL, err);
    }
    if (!value)
        value = take_next(in);
    if (!value)
        return fail_no_value(found.spec, err);
    return store(&found, value, err);
}

/* -f, -fg, -mVALUE, -m VALUE */
static enum status read_short(struct reader *in, struct error *err)
{
    for (const char *letter = in->arguments[in->position] + 1; *letter; letter++) {
        struct found found;
        if (!find_short(in, *letter, &found)) {
            if (*letter > ' ' && *letter < 0x7f)
                return error_set(err, E_INVALID, "there is no option -%c", *letter);
            return error_set(err, E_INVALID, "an option has an unreadable name");
        }
        if (found.spec->kind == OPTION_KIND_FLAG) {
            TRY(store(&found, NULL, err));
            continue;
        }
        const char *value = letter[1] ? letter + 1 : take_next(in);
        if (!value)
            return fail_no_value(found.spec, err);
        return store(&found, value, err);
    }
    return OK;
}

enum status options_parse(const struct option_set *sets, size_t set_count, int argument_count,
                          char *const *arguments, const char **operands, int *out_operand_count,
                          struct error *err)
{
    struct reader in = {sets, set_count, arguments, argument_count, 0};
    int operand_count = 0;
    bool options_ended = false;
    for (; in.position < argument_count; in.position++) {
        const char *argument = arguments[in.position];
        const bool is_option = !options_ended && argument[0] == '-' && argument[1];
        if (!is_option)
            operands[operand_count++] = argument;
        else if (strcmp(argument, "--") == 0)
            options_ended = true;
        else if (argument[1] == '-')
            TRY(read_long(&in, err));
        else
            TRY(read_short(&in, err));
    }
    *out_operand_count = operand_count;
    return OK;
}
