#include "infer/grammar_schema_part.h"

#include "base/attr.h"
#include "text/json.h"

#include <math.h>

struct reader {
    struct grammar_schema_part *part;
    const struct grammar_schema_atom *atom;
    struct error *err;
    bool has_type;
    unsigned spoken_of; /* types that other keywords speak of */
};

static enum status bad_value(const struct reader *in, const char *keyword, const char *should)
{
    return error_set(in->err, E_INVALID, "\"%s\" at %s/%s must be %s", keyword, in->atom->path,
                     keyword, should);
}

/* ---------------------------------------------------------------- type */

static const struct {
    const char *name;
    unsigned types;
} type_names[] = {
    {"null", GRAMMAR_SCHEMA_NULL},     {"boolean", GRAMMAR_SCHEMA_BOOLEAN},
    {"object", GRAMMAR_SCHEMA_OBJECT}, {"array", GRAMMAR_SCHEMA_ARRAY},
    {"string", GRAMMAR_SCHEMA_STRING}, {"integer", GRAMMAR_SCHEMA_INTEGER},
    {"number", GRAMMAR_SCHEMA_NUMBER},
};

static unsigned type_by_name(const json_t *name)
{
    for (size_t i = 0; i < ARRAY_LEN(type_names); i++) {
        if (json_is_string(name) && str_equal_c(json_str(name), type_names[i].name))
            return type_names[i].types;
    }
    return 0;
}

static enum status read_type(struct reader *in, const json_t *value)
{
    const bool is_list = json_is_array(value);
    const size_t count = is_list ? json_array_size(value) : 1;
    unsigned types = 0;
    for (size_t i = 0; i < count; i++) {
        const unsigned type = type_by_name(is_list ? json_array_get(value, i) : value);
        if (!type)
            return bad_value(in, "type", "the name of a JSON type or a list of them");
        types |= type;
    }
    in->part->types_said &= types;
    in->has_type = true;
    return OK;
}

/* ---------------------------------------------------------------- enum and const */

static bool is_same(const json_t *a, const json_t *b)
{
    if (json_is_number(a) && json_is_number(b) && !(json_is_integer(a) && json_is_integer(b)))
        return json_number_value(a) == json_number_value(b);
    return json_equal(a, b);
}

static bool holds_value(const json_t *values, const json_t *value)
{
    for (size_t i = 0; i < json_array_size(values); i++) {
        if (is_same(json_array_get(values, i), value))
            return true;
    }
    return false;
}

/* Narrows the list of allowed values to those in `list`. jansson counts the uses of a value in the
 * value itself, so it wants one it may change. */
static void keep_values(struct grammar_schema_part *part, const json_t *list)
{
    json_t *kept = json_array();
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *value = json_array_get(list, i);
        if (!part->values || holds_value(part->values, value))
            (void)json_array_append(kept, value);
    }
    json_decref(part->values);
    part->values = kept;
}

static enum status read_values(struct reader *in, const json_t *schema)
{
    enum { COMPARISONS_MAX = 4 * 1024 * 1024 };
    json_t *fixed = json_object_get(schema, "const");
    if (fixed) {
        json_t *list = json_array();
        (void)json_array_append(list, fixed);
        keep_values(in->part, list);
        json_decref(list);
    }
    const json_t *list = json_object_get(schema, "enum");
    if (!list)
        return OK;
    if (!json_is_array(list) || json_array_size(list) == 0)
        return bad_value(in, "enum", "a list of values");
    const size_t known = json_array_size(in->part->values);
    if (known && json_array_size(list) > COMPARISONS_MAX / known)
        return error_set(in->err, E_LIMIT, "the lists of values at %s are too long to be combined",
                         in->atom->path);
    keep_values(in->part, list);
    return OK;
}

/* ---------------------------------------------------------------- numbers */

static void set_none(struct grammar_schema_part *part)
{
    part->integer_min = INT64_MAX;
    part->integer_max = INT64_MIN;
}

static void at_least(struct grammar_schema_part *part, const json_t *bound, bool is_open)
{
    const double value = json_number_value(bound);
    if (value > part->low || (value == part->low && is_open)) {
        part->low = value;
        part->low_is_open = is_open;
    }
    int64_t first = INT64_MIN;
    if (json_is_integer(bound)) {
        first = json_integer_value(bound);
        part->is_inexact |= fabs(value) > 0x1p53;
        if (is_open && first == INT64_MAX)
            set_none(part);
        else
            first += is_open;
    } else if (value >= 0x1p63) {
        set_none(part);
    } else if (value >= -0x1p63) {
        const double up = ceil(value);
        first = (int64_t)up + (is_open && up == value);
    }
    part->integer_min = first > part->integer_min ? first : part->integer_min;
}

static void at_most(struct grammar_schema_part *part, const json_t *bound, bool is_open)
{
    const double value = json_number_value(bound);
    if (value < part->high || (value == part->high && is_open)) {
        part->high = value;
        part->high_is_open = is_open;
    }
    int64_t last = INT64_MAX;
    if (json_is_integer(bound)) {
        last = json_integer_value(bound);
        part->is_inexact |= fabs(value) > 0x1p53;
        if (is_open && last == INT64_MIN)
            set_none(part);
        else
            last -= is_open;
    } else if (value < -0x1p63) {
        set_none(part);
    } else if (value < 0x1p63) {
        const double down = floor(value);
        last = (int64_t)down;
        if (is_open && down == value) {
            if (last == INT64_MIN)
                set_none(part);
            else
                last--;
        }
    }
    part->integer_max = last < part->integer_max ? last : part->integer_max;
}

static enum status read_bounds(struct reader *in, const json_t *schema)
{
    const struct {
        const char *keyword;
        bool is_upper;
        bool is_open;
    } rows[] = {
        {"minimum", false, false},
        {"exclusiveMinimum", false, true},
        {"maximum", true, false},
        {"exclusiveMaximum", true, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const json_t *bound = json_object_get(schema, rows[i].keyword);
        if (!bound)
            continue;
        if (!json_is_number(bound))
            return bad_value(in, rows[i].keyword, "a number");
        in->spoken_of |= GRAMMAR_SCHEMA_NUMBER;
        if (rows[i].is_upper)
            at_most(in->part, bound, rows[i].is_open);
        else
            at_least(in->part, bound, rows[i].is_open);
    }
    return OK;
}

/* ---------------------------------------------------------------- counts */

static enum status read_counts(struct reader *in, const json_t *schema)
{
    struct grammar_schema_part *part = in->part;
    const struct {
        const char *keyword;
        uint64_t *limit;
        bool is_max;
        unsigned type;
    } rows[] = {
        {"minLength", &part->string_min, false, GRAMMAR_SCHEMA_STRING},
        {"maxLength", &part->string_max, true, GRAMMAR_SCHEMA_STRING},
        {"minItems", &part->items_min, false, GRAMMAR_SCHEMA_ARRAY},
        {"maxItems", &part->items_max, true, GRAMMAR_SCHEMA_ARRAY},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const json_t *value = json_object_get(schema, rows[i].keyword);
        if (!value)
            continue;
        if (!json_is_integer(value) || json_integer_value(value) < 0)
            return bad_value(in, rows[i].keyword, "a whole number from 0");
        const uint64_t count = (uint64_t)json_integer_value(value);
        if (rows[i].is_max ? count < *rows[i].limit : count > *rows[i].limit)
            *rows[i].limit = count;
        in->spoken_of |= rows[i].type;
    }
    return OK;
}

static void note_members(struct reader *in, const json_t *schema)
{
    const struct {
        const char *keyword;
        unsigned type;
    } rows[] = {
        {"properties", GRAMMAR_SCHEMA_OBJECT},           {"required", GRAMMAR_SCHEMA_OBJECT},
        {"additionalProperties", GRAMMAR_SCHEMA_OBJECT}, {"items", GRAMMAR_SCHEMA_ARRAY},
        {"prefixItems", GRAMMAR_SCHEMA_ARRAY},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (!json_object_get(schema, rows[i].keyword))
            continue;
        in->spoken_of |= rows[i].type;
        in->part->has_members = true;
    }
}

/* ---------------------------------------------------------------- reading */

static enum status read_atom(struct reader *in)
{
    const json_t *schema = in->atom->json;
    const json_t *type = json_object_get(schema, "type");
    if (type)
        TRY(read_type(in, type));
    TRY(read_values(in, schema));
    TRY(read_bounds(in, schema));
    TRY(read_counts(in, schema));
    note_members(in, schema);
    return OK;
}

enum status grammar_schema_part_read(const struct grammar_schema_set *set,
                                     struct grammar_schema_part *out, struct error *err)
{
    CLEANUP(grammar_schema_part_done)
    struct grammar_schema_part part = {
        .types_said = GRAMMAR_SCHEMA_ALL,
        .integer_min = INT64_MIN,
        .integer_max = INT64_MAX,
        .low = -HUGE_VAL,
        .high = HUGE_VAL,
        .string_max = UINT64_MAX,
        .items_max = UINT64_MAX,
    };
    struct reader in = {.part = &part, .err = err};
    for (size_t i = 0; i < set->count; i++) {
        in.atom = &set->atoms[i];
        if (in.atom->kind == GRAMMAR_SCHEMA_PLAIN)
            TRY(read_atom(&in));
        else if (in.atom->kind == GRAMMAR_SCHEMA_FALSE)
            part.types_said = 0;
    }
    const bool is_narrowed = !in.has_type && !part.values && in.spoken_of;
    part.types = part.types_said & (is_narrowed ? in.spoken_of : GRAMMAR_SCHEMA_ALL);
    *out = part;
    part.values = NULL; /* ownership moves to *out */
    return OK;
}

void grammar_schema_part_done(struct grammar_schema_part *part)
{
    json_decref(part->values);
    *part = (struct grammar_schema_part){0};
}

/* ---------------------------------------------------------------- asking */

static unsigned type_of(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_NULL: return GRAMMAR_SCHEMA_NULL;
    case JSON_TRUE:
    case JSON_FALSE: return GRAMMAR_SCHEMA_BOOLEAN;
    case JSON_OBJECT: return GRAMMAR_SCHEMA_OBJECT;
    case JSON_ARRAY: return GRAMMAR_SCHEMA_ARRAY;
    case JSON_STRING: return GRAMMAR_SCHEMA_STRING;
    case JSON_INTEGER: return GRAMMAR_SCHEMA_INTEGER;
    case JSON_REAL: break;
    }
    return GRAMMAR_SCHEMA_FRACTION;
}

uint64_t grammar_schema_part_characters(struct str text)
{
    uint64_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    return count;
}

static bool is_in_bounds(const struct grammar_schema_part *part, const json_t *value)
{
    if (json_is_integer(value)) {
        const int64_t integer = json_integer_value(value);
        return integer >= part->integer_min && integer <= part->integer_max;
    }
    const double real = json_real_value(value);
    const bool low_fits = real > part->low || (real == part->low && !part->low_is_open);
    const bool high_fits = real < part->high || (real == part->high && !part->high_is_open);
    return low_fits && high_fits;
}

bool grammar_schema_part_allows(const struct grammar_schema_part *part, const json_t *value)
{
    return grammar_schema_part_fits(part, value) &&
           (!part->values || holds_value(part->values, value));
}

bool grammar_schema_part_fits(const struct grammar_schema_part *part, const json_t *value)
{
    if (!(part->types_said & type_of(value)))
        return false;
    if (json_is_number(value))
        return is_in_bounds(part, value);
    if (json_is_string(value)) {
        const uint64_t length = grammar_schema_part_characters(json_str(value));
        return length >= part->string_min && length <= part->string_max;
    }
    if (json_is_array(value)) {
        const uint64_t length = json_array_size(value);
        return length >= part->items_min && length <= part->items_max;
    }
    return true;
}

/* `listed` has a list: does `other` refuse all of it? */
static bool excludes_list(const struct grammar_schema_part *listed,
                          const struct grammar_schema_part *other)
{
    for (size_t i = 0; i < json_array_size(listed->values); i++) {
        const json_t *value = json_array_get(listed->values, i);
        if (grammar_schema_part_fits(listed, value) && grammar_schema_part_allows(other, value))
            return false;
    }
    return true;
}

bool grammar_schema_part_excludes_type(const struct grammar_schema_part *a,
                                       const struct grammar_schema_part *b, unsigned type)
{
    switch (type) {
    case GRAMMAR_SCHEMA_STRING:
        return a->string_max < b->string_min || b->string_max < a->string_min;
    case GRAMMAR_SCHEMA_ARRAY: return a->items_max < b->items_min || b->items_max < a->items_min;
    case GRAMMAR_SCHEMA_INTEGER:
        return a->integer_max < b->integer_min || b->integer_max < a->integer_min;
    case GRAMMAR_SCHEMA_FRACTION:
        return a->high < b->low || b->high < a->low ||
               (a->high == b->low && (a->high_is_open || b->low_is_open)) ||
               (b->high == a->low && (b->high_is_open || a->low_is_open));
    default: return false;
    }
}

bool grammar_schema_part_excludes(const struct grammar_schema_part *a,
                                  const struct grammar_schema_part *b)
{
    if (a->values)
        return excludes_list(a, b);
    if (b->values)
        return excludes_list(b, a);
    const unsigned common = a->types & b->types_said;
    for (unsigned type = 1; type < GRAMMAR_SCHEMA_ALL; type <<= 1) {
        if ((common & type) && !grammar_schema_part_excludes_type(a, b, type))
            return false;
    }
    return true;
}
