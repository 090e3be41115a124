#include "infer/grammar_schema_part.h"

#include "base/attr.h"
#include "base/strbuf.h"
#include "infer/grammar_schema_formats.h"
#include "infer/grammar_schema_not.h"
#include "text/json.h"

#include <ctype.h>
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
    if (json_is_true(json_object_get(in->atom->json, "nullable"))) /* OpenAPI 3.0 */
        types |= GRAMMAR_SCHEMA_NULL;
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
        {"minimum", false, false}, {"exclusiveMinimum", false, true},
        {"maximum", true, false},  {"exclusiveMaximum", true, true},
        {"", false, true}, /* stands behind the last */
    };
    for (size_t i = 0; i + 1 < ARRAY_LEN(rows); i++) {
        const json_t *bound = json_object_get(schema, rows[i].keyword);
        if (!bound || (rows[i].is_open && json_is_boolean(bound)))
            continue;
        if (!json_is_number(bound))
            return bad_value(in, rows[i].keyword, "a number");
        in->spoken_of |= GRAMMAR_SCHEMA_NUMBER;
        /* in draft 4 the exclusive keywords were a word about the other ones */
        const bool is_open =
            rows[i].is_open || json_is_true(json_object_get(schema, rows[i + 1].keyword));
        if (rows[i].is_upper)
            at_most(in->part, bound, is_open);
        else
            at_least(in->part, bound, is_open);
    }
    return OK;
}

static uint64_t greatest_divisor(uint64_t a, uint64_t b)
{
    while (b) {
        const uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* Writes `value` as *out / 2^*out_bits, if that is short; false otherwise. */
static bool as_fraction(double value, uint64_t *out, unsigned *out_bits)
{
    const double multiple_max = 1e9;
    for (*out_bits = 0; *out_bits <= GRAMMAR_SCHEMA_FRACTION_BITS_MAX; ++*out_bits) {
        const double scaled = value * (double)(1u << *out_bits);
        if (scaled > multiple_max)
            return false;
        *out = (uint64_t)scaled;
        if ((double)*out == scaled)
            return true;
    }
    return false;
}

static enum status read_multiple(struct reader *in, const json_t *schema)
{
    struct grammar_schema_part *part = in->part;
    const json_t *value = json_object_get(schema, "multipleOf");
    if (!value)
        return OK;
    if (!json_is_number(value) || !(json_number_value(value) > 0))
        return bad_value(in, "multipleOf", "a number above 0");
    in->spoken_of |= GRAMMAR_SCHEMA_NUMBER;
    uint64_t multiple = 0;
    unsigned bits = 0;
    bool is_exact = as_fraction(json_number_value(value), &multiple, &bits);
    if (is_exact && part->multiple) { /* the least that is a multiple of both */
        const unsigned common = bits > part->multiple_bits ? bits : part->multiple_bits;
        const uint64_t own = multiple << (common - bits);
        const uint64_t other = part->multiple << (common - part->multiple_bits);
        multiple = own / greatest_divisor(own, other);
        is_exact = !__builtin_mul_overflow(multiple, other, &multiple);
        is_exact = is_exact && multiple < (uint64_t)1 << 40;
        bits = common;
    }
    if (!is_exact) {
        part->multiple_path = in->atom->path;
        return OK;
    }
    part->multiple = multiple;
    part->multiple_bits = bits;
    return OK;
}

/* ---------------------------------------------------------------- patterns */

static enum status add_pattern(struct reader *in, struct str text, bool is_format, bool is_not)
{
    struct grammar_schema_part *part = in->part;
    for (size_t i = 0; i < part->pattern_count; i++) {
        if (part->patterns[i].is_not == is_not && str_equal(part->patterns[i].text, text))
            return OK;
    }
    if (part->pattern_count == GRAMMAR_SCHEMA_PATTERNS_MAX)
        return error_set(in->err, E_LIMIT, "more than %d patterns for the text at %s",
                         GRAMMAR_SCHEMA_PATTERNS_MAX, in->atom->path);
    part->patterns[part->pattern_count++] = (struct grammar_schema_pattern){
        .text = text, .path = in->atom->path, .is_format = is_format, .is_not = is_not};
    return OK;
}

static enum status read_patterns(struct reader *in, const json_t *schema)
{
    const json_t *pattern = json_object_get(schema, "pattern");
    if (pattern && !json_is_string(pattern))
        return bad_value(in, "pattern", "a regular expression");
    if (pattern) {
        in->spoken_of |= GRAMMAR_SCHEMA_STRING;
        TRY(add_pattern(in, json_str(pattern), false, false));
    }
    const struct str format =
        grammar_schema_formats_pattern(json_str(json_object_get(schema, "format")));
    return format.len ? add_pattern(in, format, true, false) : OK;
}

/* ---------------------------------------------------------------- not */

static unsigned types_of(const json_t *type)
{
    unsigned types = json_is_string(type) ? type_by_name(type) : 0;
    for (size_t i = 0; i < json_array_size(type); i++)
        types |= type_by_name(json_array_get(type, i));
    return types;
}

/* A text as an expression that nothing else matches. */
static void add_literally(struct strbuf *out, struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        const unsigned char c = (unsigned char)text.ptr[i];
        if (c < ' ' || c == 0x7f)
            strbuf_addf(out, "\\x%02x", c);
        else if (c < 0x80 && !isalnum(c) && c != ' ')
            strbuf_addf(out, "\\x%02x", c);
        else
            strbuf_add_char(out, (char)c);
    }
}

/* Values that are not allowed; their texts become one pattern. */
static enum status exclude(struct reader *in, const json_t *list, unsigned types)
{
    struct grammar_schema_part *part = in->part;
    CLEANUP(strbuf_done) struct strbuf pattern = {.size_max = 64 * 1024};
    part->excluded_path = in->atom->path;
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *value = json_array_get(list, i);
        if (!(types & type_of(value)))
            continue;
        if (!part->excluded)
            part->excluded = json_array();
        (void)json_array_append(part->excluded, value);
        if (!json_is_string(value))
            continue;
        strbuf_add_c(&pattern, pattern.len ? "|" : "^(");
        add_literally(&pattern, json_str(value));
    }
    if (!pattern.len)
        return OK;
    strbuf_add_c(&pattern, ")$");
    if (pattern.overflowed)
        return error_set(in->err, E_LIMIT, "\"not\" at %s lists too much text", in->atom->path);
    json_t *text = json_stringn(pattern.ptr, pattern.len);
    if (!part->texts)
        part->texts = json_array();
    (void)json_array_append_new(part->texts, text);
    return add_pattern(in, json_str(text), false, true);
}

static enum status read_not(struct reader *in, const json_t *schema)
{
    const json_t *not = json_object_get(schema, "not");
    const json_t *type = json_object_get(not, "type");
    const unsigned types = type ? types_of(type) : GRAMMAR_SCHEMA_ALL;
    if (!not )
        return OK;
    if (!types)
        return bad_value(in, "not", "a schema whose type is one of JSON");
    switch (grammar_schema_not_kind(not )) {
    case GRAMMAR_SCHEMA_NOT_OTHER: return OK; /* a lenient caller was told */
    case GRAMMAR_SCHEMA_NOT_TYPE: in->part->types_said &= ~types; return OK;
    case GRAMMAR_SCHEMA_NOT_PATTERN:
        if (!type)
            in->part->types_said &= GRAMMAR_SCHEMA_STRING;
        return add_pattern(in, json_str(json_object_get(not, "pattern")), false, true);
    case GRAMMAR_SCHEMA_NOT_REQUIRED:
        if (!type)
            in->part->types_said &= GRAMMAR_SCHEMA_OBJECT;
        in->part->has_members = true;
        return OK;
    case GRAMMAR_SCHEMA_NOT_VALUES: break;
    }
    json_t *constant = json_object_get(not, "const");
    CLEANUP(json_decrefp) json_t *list = NULL;
    if (constant)
        list = json_pack("[O]", constant);
    return exclude(in, list ? list : json_object_get(not, "enum"), types);
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
    TRY(read_multiple(in, schema));
    TRY(read_patterns(in, schema));
    TRY(read_counts(in, schema));
    TRY(read_not(in, schema));
    note_members(in, schema);
    return OK;
}

static void drop_excluded(struct grammar_schema_part *part)
{
    json_t *kept = NULL;
    if (!part->values || !part->excluded)
        return;
    kept = json_array();
    for (size_t i = 0; i < json_array_size(part->values); i++) {
        json_t *value = json_array_get(part->values, i);
        if (!grammar_schema_part_is_excluded(part, value))
            (void)json_array_append(kept, value);
    }
    json_decref(part->values);
    part->values = kept;
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
    drop_excluded(&part);
    const bool is_narrowed = !in.has_type && !part.values && in.spoken_of;
    part.types = part.types_said & (is_narrowed ? in.spoken_of : GRAMMAR_SCHEMA_ALL);
    *out = part;
    part.values = part.excluded = part.texts = NULL; /* ownership moves to *out */
    return OK;
}

void grammar_schema_part_done(struct grammar_schema_part *part)
{
    json_decref(part->values);
    json_decref(part->excluded);
    json_decref(part->texts);
    *part = (struct grammar_schema_part){0};
}

/* ---------------------------------------------------------------- asking */

uint64_t grammar_schema_part_characters(struct str text)
{
    uint64_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    return count;
}

/* Unsigned, so that the lowest integer has a size, too. */
static uint64_t size_of(int64_t integer)
{
    return integer < 0 ? 0 - (uint64_t)integer : (uint64_t)integer;
}

uint64_t grammar_schema_part_integer_multiple(const struct grammar_schema_part *part)
{
    if (!part->multiple)
        return 1;
    return part->multiple / greatest_divisor(part->multiple, (uint64_t)1 << part->multiple_bits);
}

static bool is_multiple(const struct grammar_schema_part *part, double value)
{
    if (!part->multiple)
        return true;
    const double scaled = fabs(value) * (double)(1u << part->multiple_bits);
    return scaled < 0x1p53 && (double)(uint64_t)scaled == scaled &&
           (uint64_t)scaled % part->multiple == 0;
}

static bool is_in_bounds(const struct grammar_schema_part *part, const json_t *value)
{
    if (json_is_integer(value)) {
        const int64_t integer = json_integer_value(value);
        return integer >= part->integer_min && integer <= part->integer_max &&
               size_of(integer) % grammar_schema_part_integer_multiple(part) == 0;
    }
    const double real = json_real_value(value);
    if (!is_multiple(part, real))
        return false;
    const bool low_fits = real > part->low || (real == part->low && !part->low_is_open);
    const bool high_fits = real < part->high || (real == part->high && !part->high_is_open);
    return low_fits && high_fits;
}

bool grammar_schema_part_is_excluded(const struct grammar_schema_part *part, const json_t *value)
{
    return part->excluded && holds_value(part->excluded, value);
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
