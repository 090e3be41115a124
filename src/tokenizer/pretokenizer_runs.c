#include "tokenizer/pretokenizer_runs.h"

#include "base/check.h"

static bool in_set(const struct step *step, const struct character *c)
{
    const bool is_member =
        (c->class & step->classes) ||
        (step->ranges && code_range_has(step->ranges, *step->range_count, c->code_point));
    return is_member != step->is_inverted;
}

/* The longest run of the set from `at`, at most count_max characters; *out_count how many. */
static size_t set_end(const struct scan *scan, const struct step *step, size_t at,
                      uint32_t *out_count)
{
    uint32_t count = 0;
    while (at < scan->end && (step->count_max == 0 || count < step->count_max)) {
        const struct character c = scan_at(scan, at);
        if (!in_set(step, &c))
            break;
        at = c.next;
        count++;
    }
    *out_count = count;
    return at;
}

/* Whether `c` may stand before the run and belong to it. */
static bool may_lead(const struct step *step, const struct character *c)
{
    return (step->takes_space && (c->class & UNICODE_SPACE)) ||
           (step->takes_blank && c->code_point == ' ');
}

static struct match find_run(const struct scan *scan, const struct step *step, size_t at)
{
    while (at < scan->end) {
        const struct character c = scan_at(scan, at);
        size_t from = scan->end;
        if (in_set(step, &c)) {
            from = at;
        } else if (may_lead(step, &c) && c.next < scan->end) {
            const struct character following = scan_at(scan, c.next);
            if (in_set(step, &following))
                from = c.next;
        }
        if (from < scan->end) {
            uint32_t count = 0;
            const size_t to = set_end(scan, step, from, &count);
            if (count >= step->count_min)
                return (struct match){at, to};
            at = to; /* too short a run: no part of it is longer */
        } else {
            at = c.next;
        }
    }
    return (struct match){scan->end, scan->end};
}

static struct match find_space_at_end(const struct scan *scan, size_t at)
{
    size_t from = scan->end; /* begin of the run of spaces that lasts until now */
    while (at < scan->end) {
        const struct character c = scan_at(scan, at);
        if (!(c.class & UNICODE_SPACE))
            from = scan->end;
        else if (from == scan->end)
            from = at;
        at = c.next;
    }
    return (struct match){from, scan->end};
}

static bool is_digit(const struct step *step, const struct character *c)
{
    if (!(c->class & UNICODE_NUMBER))
        return false;
    return !step->needs_boundary || c->code_point < 0x80 || unicode_is_decimal(c->code_point);
}

/* The run of digits at `at`: its end, and the end of its first group. A run without a boundary
 * behind it has no groups. */
static size_t digit_run_end(const struct scan *scan, const struct step *step, size_t at,
                            size_t *out_group_end)
{
    size_t ends[3] = {at, at, at}; /* behind 1, 2, and 3 digits */
    size_t count = 0;
    struct character c = scan_at(scan, at);
    while (at < scan->end && is_digit(step, &c)) {
        at = c.next;
        if (count < 3)
            ends[count] = at;
        count++;
        c = scan_at(scan, at);
    }
    *out_group_end = ends[(count + 2) % 3];
    if (step->needs_boundary && at < scan->end && unicode_is_word(c.code_point))
        *out_group_end = 0;
    return at;
}

/* *known_end is the end of a run whose first group was cut off: what is left of it are whole
 * groups. */
static struct match find_digit_group(const struct scan *scan, const struct step *step, size_t at,
                                     size_t *known_end)
{
    if (at < *known_end) {
        size_t to = at;
        for (int i = 0; i < 3; i++)
            to = scan_at(scan, to).next;
        return (struct match){at, to};
    }
    while (at < scan->end) {
        const struct character c = scan_at(scan, at);
        if (!is_digit(step, &c)) {
            at = c.next;
            continue;
        }
        size_t group_end = 0;
        const size_t run_end = digit_run_end(scan, step, at, &group_end);
        if (group_end > 0) {
            *known_end = run_end;
            return (struct match){at, group_end};
        }
        at = run_end;
    }
    return (struct match){scan->end, scan->end};
}

struct match pretokenizer_runs_find(const struct scan *scan, const struct step *step, size_t at,
                                    size_t *known_end)
{
    switch (step->kind) {
    case STEP_RUN: return find_run(scan, step, at);
    case STEP_SPACE_AT_END: return find_space_at_end(scan, at);
    case STEP_DIGIT_GROUPS: return find_digit_group(scan, step, at, known_end);
    case STEP_WORDS_GPT2:
    case STEP_WORDS_LLAMA:
    case STEP_WORDS_CASED:
    case STEP_WORDS_SIGNS: break;
    }
    CHECK(false);
    return (struct match){0};
}
