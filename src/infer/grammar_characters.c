#include "infer/grammar_characters.h"

#include "base/attr.h"
#include "base/mem.h"
#include "text/json.h"
#include "text/utf8.h"

#include <stdlib.h>

enum { SURROGATE_FIRST = 0xd800, SURROGATE_LAST = 0xdfff, CONTROL_LAST = 0x1f };

void grammar_characters_done(struct grammar_characters *set)
{
    mem_free(set->ranges);
    *set = (struct grammar_characters){0};
}

void grammar_characters_add(struct grammar_characters *set, uint32_t low, uint32_t high)
{
    if (low > high)
        return;
    if (set->count == set->capacity) {
        set->capacity = set->capacity ? 2 * set->capacity : 8;
        set->ranges = mem_realloc(set->ranges, set->capacity * sizeof(*set->ranges));
    }
    set->ranges[set->count++] = (struct grammar_characters_range){low, high};
}

void grammar_characters_add_cases(struct grammar_characters *set)
{
    enum { CASE_BIT = 0x20 };
    const size_t count = set->count;
    for (size_t i = 0; i < count; i++) {
        const struct grammar_characters_range range = set->ranges[i];
        for (uint32_t c = range.low; c <= range.high && c <= 'z'; c++) {
            const uint32_t lower = c | CASE_BIT;
            if (lower >= 'a' && lower <= 'z' && c >= 'A')
                grammar_characters_add(set, c ^ CASE_BIT, c ^ CASE_BIT);
        }
    }
}

static int by_low(const void *a, const void *b)
{
    const struct grammar_characters_range *left = a;
    const struct grammar_characters_range *right = b;
    return (left->low > right->low) - (left->low < right->low);
}

void grammar_characters_tidy(struct grammar_characters *set)
{
    if (set->count == 0)
        return;
    qsort(set->ranges, set->count, sizeof(*set->ranges), by_low);
    size_t kept = 0;
    for (size_t i = 1; i < set->count; i++) {
        struct grammar_characters_range *last = &set->ranges[kept];
        if (set->ranges[i].low <= last->high + 1)
            last->high = set->ranges[i].high > last->high ? set->ranges[i].high : last->high;
        else
            set->ranges[++kept] = set->ranges[i];
    }
    set->count = kept + 1;
}

void grammar_characters_negate(struct grammar_characters *set)
{
    struct grammar_characters out = {0};
    uint32_t next = 0;
    for (size_t i = 0; i < set->count; i++) {
        if (set->ranges[i].low > next)
            grammar_characters_add(&out, next, set->ranges[i].low - 1);
        next = set->ranges[i].high + 1;
    }
    if (next <= UTF8_CODE_POINT_MAX)
        grammar_characters_add(&out, next, UTF8_CODE_POINT_MAX);
    grammar_characters_done(set);
    *set = out;
}

bool grammar_characters_has(const struct grammar_characters *set, uint32_t code_point)
{
    for (size_t i = 0; i < set->count; i++) {
        if (code_point >= set->ranges[i].low && code_point <= set->ranges[i].high)
            return true;
    }
    return false;
}

void grammar_characters_add_class(struct grammar_characters *set, char name)
{
    static const struct grammar_characters_range digits[] = {{'0', '9'}};
    static const struct grammar_characters_range words[] = {
        {'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
    static const struct grammar_characters_range spaces[] = {
        {9, 13},          {' ', ' '},       {0xa0, 0xa0},     {0x1680, 0x1680}, {0x2000, 0x200a},
        {0x2028, 0x2029}, {0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000}, {0xfeff, 0xfeff}};
    static const struct {
        char name;
        const struct grammar_characters_range *ranges;
        size_t count;
    } rows[] = {{'d', digits, ARRAY_LEN(digits)},
                {'w', words, ARRAY_LEN(words)},
                {'s', spaces, ARRAY_LEN(spaces)}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const bool is_negated = name == rows[i].name - 'a' + 'A';
        if (name != rows[i].name && !is_negated)
            continue;
        struct grammar_characters own = {0};
        for (size_t k = 0; k < rows[i].count; k++)
            grammar_characters_add(&own, rows[i].ranges[k].low, rows[i].ranges[k].high);
        if (is_negated)
            grammar_characters_negate(&own);
        for (size_t k = 0; k < own.count; k++)
            grammar_characters_add(set, own.ranges[k].low, own.ranges[k].high);
        grammar_characters_done(&own);
    }
}

/* ---------------------------------------------------------------- bytes */

/* Characters whose forms have equally many bytes: cut where the ranges of the last bytes would not
 * be independent of those before. */
static void emit_range(uint32_t low, uint32_t high, grammar_characters_fn *fn, void *context)
{
    char first[UTF8_BYTES_MAX];
    char last[UTF8_BYTES_MAX];
    while (low <= high) {
        uint32_t end = high;
        for (unsigned shift = 6; shift <= 18; shift += 6) { /* bits of the bytes behind */
            const uint32_t block = ((uint32_t)1 << shift) - 1;
            if ((low & ~block) == (end & ~block) || low < 0x80)
                break;
            if (low & block) {
                end = low | block;
                break;
            }
            if ((end & block) != block)
                end = (end & ~block) - 1;
        }
        const size_t len = utf8_write(low, first);
        (void)utf8_write(end, last);
        struct grammar_characters_bytes bytes = {.len = (unsigned)len};
        for (size_t i = 0; i < len; i++) {
            bytes.low[i] = (uint8_t)first[i];
            bytes.high[i] = (uint8_t)last[i];
        }
        fn(context, &bytes);
        low = end + 1;
    }
}

static void emit_utf8(uint32_t low, uint32_t high, grammar_characters_fn *fn, void *context)
{
    static const struct grammar_characters_range lengths[] = {
        {0, 0x7f},
        {0x80, 0x7ff},
        {0x800, SURROGATE_FIRST - 1},
        {SURROGATE_LAST + 1, 0xffff},
        {0x10000, UTF8_CODE_POINT_MAX},
    };
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        const uint32_t from = low > lengths[i].low ? low : lengths[i].low;
        const uint32_t to = high < lengths[i].high ? high : lengths[i].high;
        if (from <= to)
            emit_range(from, to, fn, context);
    }
}

void grammar_characters_utf8(const struct grammar_characters *set, grammar_characters_fn *fn,
                             void *context)
{
    for (size_t i = 0; i < set->count; i++)
        emit_utf8(set->ranges[i].low, set->ranges[i].high, fn, context);
}

static void emit_escaped(char character, grammar_characters_fn *fn, void *context)
{
    CLEANUP(strbuf_done) struct strbuf text = {0};
    json_write_string((struct str){&character, 1}, &text);
    struct grammar_characters_bytes bytes = {.len = (unsigned)text.len - 2}; /* no quotes */
    memcpy(bytes.low, text.ptr + 1, bytes.len);
    memcpy(bytes.high, text.ptr + 1, bytes.len);
    fn(context, &bytes);
}

void grammar_characters_json(const struct grammar_characters *set, grammar_characters_fn *fn,
                             void *context)
{
    for (uint32_t c = 1; c <= '\\'; c++) {
        if ((c <= CONTROL_LAST || c == '"' || c == '\\') && grammar_characters_has(set, c))
            emit_escaped((char)c, fn, context);
    }
    static const struct grammar_characters_range plain[] = {
        {' ', '"' - 1}, {'"' + 1, '\\' - 1}, {'\\' + 1, UTF8_CODE_POINT_MAX}};
    for (size_t i = 0; i < set->count; i++) {
        for (size_t k = 0; k < ARRAY_LEN(plain); k++) {
            const struct grammar_characters_range range = set->ranges[i];
            const uint32_t low = range.low > plain[k].low ? range.low : plain[k].low;
            const uint32_t high = range.high < plain[k].high ? range.high : plain[k].high;
            if (low <= high)
                emit_utf8(low, high, fn, context);
        }
    }
}
