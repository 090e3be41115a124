#include "infer/grammar_number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum phase {
    START,
    MINUS,     /* "-" */
    ZERO,      /* "0" or "-0" */
    WHOLE,     /* digits, the first is not 0 */
    POINT,     /* the point */
    FRACTION,  /* digits behind the point */
    EXPONENT,  /* "e" */
    PLUS,      /* "e+": 16 to 99 */
    PLUS_ONE,  /* "e+1": 6 to 9 */
    LESS,      /* "e-": 05 to 99 */
    LESS_ZERO, /* "e-0": 5 to 9 */
    ANY_DIGIT, /* one more digit */
    DONE,
};

enum {
    FREE_WHOLE_MAX = 18,       /* digits of an integer: within 64 bits */
    FREE_POINT_WHOLE_MAX = 16, /* digits before a point */
    FREE_DIGITS_MAX = 17,      /* before and behind a point */
    FREE_ZEROS_MAX = 3,        /* behind "0.": smaller numbers have an exponent */
    HAS_VALUE = 1,             /* of at.digits, free: a digit is not 0 */
    LAST_COUNTS = 2,           /* the last digit is not 0 */
    WHOLE_COUNTS = 4,          /* the digits before the point are not 0 */
};

static const uint64_t ENDLESS_DECIMAL = 9000000000000000000u; /* scaled; stands for no bound */

static const uint64_t tens[20] = {1u,
                                  10u,
                                  100u,
                                  1000u,
                                  10000u,
                                  100000u,
                                  1000000u,
                                  10000000u,
                                  100000000u,
                                  1000000000u,
                                  10000000000u,
                                  100000000000u,
                                  1000000000000u,
                                  10000000000000u,
                                  100000000000000u,
                                  1000000000000000u,
                                  10000000000000000u,
                                  100000000000000000u,
                                  1000000000000000000u,
                                  10000000000000000000u};

/* ---------------------------------------------------------------- making */

struct grammar_number grammar_number_integers(int64_t low, int64_t high)
{
    struct grammar_number number = {
        .allows_zero = low <= 0 && high >= 0, .low = {1, 1}, .high = {0, 0}};
    if (low > high)
        return number;
    if (high > 0) {
        number.low[0] = low > 0 ? (uint64_t)low : 1;
        number.high[0] = (uint64_t)high;
    }
    if (low < 0) {
        number.low[1] = high < 0 ? 0 - (uint64_t)high : 1;
        number.high[1] = 0 - (uint64_t)low;
    }
    return number;
}

/* What scaled / 10^digits reads as. */
static double read_scaled(int64_t scaled, unsigned digits)
{
    char text[GRAMMAR_NUMBER_LEN_MAX];
    snprintf(text, sizeof(text), "%llde-%u", (long long)scaled, digits);
    return strtod(text, NULL);
}

/* The smallest n for which n / 10^digits reads as at least `bound` (more than it, if it is open).
 * |bound| * 10^digits is below 2^53, or digits is 0: the estimate is off by less than 2. */
static int64_t first_from(double bound, bool is_open, unsigned digits)
{
    int64_t n = (int64_t)floor(bound * (double)tens[digits]) - 2;
    for (;; n++) {
        const double value = read_scaled(n, digits);
        if (value > bound || (!is_open && value == bound))
            return n;
    }
}

/* Numbers with `digits` behind the point; bounds beyond `endless` (scaled) are drawn in to it. */
static enum status set_range(double low, bool low_is_open, double high, bool high_is_open,
                             unsigned digits, int64_t endless, struct grammar_number *out,
                             struct error *err)
{
    const double limit = (double)endless / (double)tens[digits];
    if ((!isinf(low) && low > limit) || (!isinf(high) && high < -limit))
        return error_set(err, E_UNSUPPORTED, "numbers beyond %g cannot be bounded exactly", limit);
    const int64_t from = low < -limit ? -endless : first_from(low, low_is_open, digits);
    /* from the other side: the largest n is minus the smallest of the mirrored bound */
    const int64_t to = high > limit ? endless : -first_from(-high, high_is_open, digits);
    *out = grammar_number_integers(from, to);
    out->fraction_max = (uint8_t)digits;
    return OK;
}

enum status grammar_number_multiples(double low, bool low_is_open, double high, bool high_is_open,
                                     uint64_t multiple, unsigned bits, struct grammar_number *out,
                                     struct error *err)
{
    for (; bits > 0 && multiple % 2 == 0; bits--)
        multiple /= 2;
    for (unsigned i = 0; i < bits; i++)
        multiple *= 5; /* 1 / 2^bits = 5^bits / 10^bits */
    if (bits > GRAMMAR_NUMBER_FRACTION_MAX || multiple > (uint64_t)1 << 40)
        return error_set(err, E_UNSUPPORTED, "multiples of so long a number cannot be counted");
    TRY(set_range(low, low_is_open, high, high_is_open, bits, (int64_t)1 << 53, out, err));
    out->multiple = multiple;
    return OK;
}

enum status grammar_number_decimals(double low, bool low_is_open, double high, bool high_is_open,
                                    struct grammar_number *out, struct error *err)
{
    const double exact_max = 0x1p53;
    if (isinf(low) && isinf(high) && low < high) {
        *out = (struct grammar_number){.is_free = true};
        return OK;
    }
    unsigned digits = GRAMMAR_NUMBER_FRACTION_MAX;
    const double low_size = isinf(low) ? 0.0 : fabs(low);
    const double high_size = isinf(high) ? 0.0 : fabs(high);
    const double size = low_size > high_size ? low_size : high_size;
    while (digits > 0 && size * (double)tens[digits] >= exact_max)
        digits--;
    TRY(set_range(low, low_is_open, high, high_is_open, digits, (int64_t)ENDLESS_DECIMAL, out,
                  err));
    for (int sign = 0; sign < 2 && digits > 0; sign++) {
        const uint64_t smallest = digits > 4 ? tens[digits - 4] : 1; /* 0.0001 */
        if (out->low[sign] < smallest && out->low[sign] <= out->high[sign])
            out->low[sign] = smallest;
    }
    return OK;
}

/* ---------------------------------------------------------------- bounded numbers */

/* Both are so small that it fits: at most 2^40 and 10^6. */
static uint64_t least_common(uint64_t a, uint64_t b)
{
    uint64_t divisor = a;
    for (uint64_t rest = b; rest;) {
        const uint64_t next = divisor % rest;
        divisor = rest;
        rest = next;
    }
    return a / divisor * b;
}

/* Is there an allowed magnitude in [from, to] that is a multiple of `step`? With `counts`, one
 * whose last digit in units of `step` is not 0. Zero is asked for by from == 0. */
static bool holds(const struct grammar_number *number, int sign, uint64_t from, uint64_t to,
                  uint64_t step, bool counts)
{
    if (from == 0 && sign == 0 && number->allows_zero && !counts)
        return true;
    const uint64_t low = from > number->low[sign] ? from : number->low[sign];
    const uint64_t high = to < number->high[sign] ? to : number->high[sign];
    if (low > high || low == 0)
        return false;
    const uint64_t unit = number->multiple > 1 ? least_common(number->multiple, step) : step;
    const uint64_t first = (low - 1) / unit + 1;
    const uint64_t last = high / unit;
    const uint64_t ratio = unit / step % 10; /* how the last digit in units of `step` goes on */
    if (!counts || first > last)
        return first <= last;
    for (uint64_t i = first; i <= last && i < first + 10; i++) {
        if (i % 10 * ratio % 10 != 0)
            return true;
    }
    return false;
}

/* Fewest digits behind the point for a number whose scaled magnitude lies in [from, to]; at least
 * `least`. UINT32_MAX: none. */
static uint32_t fraction_digits(const struct grammar_number *number, int sign, uint64_t from,
                                uint64_t to, uint32_t least)
{
    for (uint32_t digits = least; digits <= number->fraction_max; digits++) {
        if (holds(number, sign, from, to, tens[number->fraction_max - digits], false))
            return digits;
    }
    return UINT32_MAX;
}

/* Rest behind whole digits without a point. */
static uint32_t whole_rest(const struct grammar_number *number, int sign, uint64_t digits)
{
    uint32_t best = UINT32_MAX;
    const unsigned scale = number->fraction_max;
    for (uint32_t more = 0; more + scale < ARRAY_LEN(tens) && more < best; more++) {
        const uint64_t unit = tens[more + scale];
        uint64_t from = 0;
        uint64_t to = 0;
        if (__builtin_mul_overflow(digits, unit, &from) || from > number->high[sign])
            break;
        if (__builtin_add_overflow(from, unit - 1, &to))
            to = UINT64_MAX;
        const uint32_t behind = fraction_digits(number, sign, from, to, 0);
        if (behind == UINT32_MAX)
            continue;
        const uint32_t rest = more + behind + (behind > 0);
        best = rest < best ? rest : best;
    }
    return best;
}

/* Rest behind the point and `at->fraction` digits. */
static uint32_t fraction_rest(const struct grammar_number *number,
                              const struct grammar_number_at *at)
{
    const int sign = at->is_negative;
    const uint32_t left = (uint32_t)(number->fraction_max - at->fraction);
    const uint64_t unit = tens[left];
    uint64_t from = 0;
    if (__builtin_mul_overflow(at->digits, unit, &from) || from > UINT64_MAX - unit)
        return UINT32_MAX;
    if (at->fraction == 0)
        return fraction_digits(number, sign, from, from + unit - 1, 1);
    if ((at->fraction == 1 || at->digits % 10 != 0) && holds(number, sign, from, from, 1, false))
        return 0;
    for (uint32_t more = 1; more <= left; more++) {
        if (holds(number, sign, from, from + unit - 1, tens[left - more], true))
            return more;
    }
    return UINT32_MAX;
}

static uint32_t bounded_rest(const struct grammar_number *number,
                             const struct grammar_number_at *at)
{
    switch (at->phase) {
    case ZERO: {
        const int sign = at->is_negative;
        const uint32_t digits =
            fraction_digits(number, sign, 0, tens[number->fraction_max] - 1, sign ? 1 : 0);
        return digits == UINT32_MAX ? digits : digits + (digits > 0);
    }
    case WHOLE: return whole_rest(number, at->is_negative, at->digits);
    case POINT:
    case FRACTION: return fraction_rest(number, at);
    default: return UINT32_MAX;
    }
}

/* ---------------------------------------------------------------- free numbers */

static uint32_t free_rest(const struct grammar_number_at *at)
{
    switch ((enum phase)at->phase) {
    case ZERO: return at->is_negative ? 2 : 0; /* "-0.1" */
    case WHOLE:
    case DONE: return 0;
    case FRACTION:
        if (at->digits & LAST_COUNTS)
            return 0;
        return at->fraction == 1 && (!at->is_negative || (at->digits & HAS_VALUE)) ? 0 : 1;
    case POINT:
    case PLUS_ONE:
    case LESS_ZERO:
    case ANY_DIGIT: return 1;
    case PLUS:
    case LESS: return 2;
    case EXPONENT: return 3;
    case START:
    case MINUS: return 1;
    }
    return UINT32_MAX;
}

static bool free_digit_fits(const struct grammar_number_at *at, unsigned digit)
{
    if (at->phase == WHOLE)
        return at->whole < FREE_WHOLE_MAX;
    const unsigned room = (unsigned)(FREE_DIGITS_MAX - at->whole);
    if (digit != 0)
        return at->fraction < room;
    if (!(at->digits & HAS_VALUE) && at->fraction >= FREE_ZEROS_MAX)
        return false;
    if (at->fraction == 0)
        return room > 0;             /* ".0" may end a number */
    return at->fraction + 1u < room; /* other fractions do not end with 0: leave room for more */
}

/* ---------------------------------------------------------------- moving */

/* The exponent's two digits. */
static bool move_exponent(struct grammar_number_at *at, unsigned char byte)
{
    const unsigned digit = (unsigned)byte - '0';
    if (at->phase == EXPONENT) {
        at->phase = byte == '+' ? PLUS : LESS;
        return byte == '+' || byte == '-';
    }
    if (digit > 9)
        return false;
    const enum phase before = (enum phase)at->phase;
    at->phase = DONE;
    if (before == PLUS) {
        at->phase = digit == 1 ? PLUS_ONE : ANY_DIGIT;
        return digit != 0;
    }
    if (before == LESS) {
        at->phase = digit == 0 ? LESS_ZERO : ANY_DIGIT;
        return true;
    }
    if (before == PLUS_ONE)
        return digit >= 6;
    return before == ANY_DIGIT || (before == LESS_ZERO && digit >= 5);
}

static bool move_digit(const struct grammar_number *number, struct grammar_number_at *at,
                       unsigned digit)
{
    if (at->phase == START || at->phase == MINUS) {
        at->phase = digit == 0 ? ZERO : WHOLE;
    } else if (at->phase == POINT) {
        at->phase = FRACTION;
    } else if (at->phase != WHOLE && at->phase != FRACTION) {
        return false;
    }
    const bool is_fraction = at->phase == FRACTION;
    if (number->is_free) {
        if ((at->phase == FRACTION || at->whole > 0) && !free_digit_fits(at, digit))
            return false;
        at->digits &= HAS_VALUE | WHOLE_COUNTS;
        at->digits |= digit ? HAS_VALUE | LAST_COUNTS : 0;
        at->digits |= at->phase == WHOLE ? WHOLE_COUNTS : 0;
    } else {
        if (is_fraction && at->fraction >= number->fraction_max)
            return false;
        uint64_t digits = 0;
        if (__builtin_mul_overflow(at->digits, 10u, &digits) ||
            __builtin_add_overflow(digits, digit, &at->digits))
            return false;
    }
    at->whole = (uint8_t)(at->whole + !is_fraction);
    at->fraction = (uint8_t)(at->fraction + is_fraction);
    return true;
}

/* Moves on by the form alone; the bounds are looked at by the caller. */
static bool move(const struct grammar_number *number, struct grammar_number_at *at,
                 unsigned char byte)
{
    if (at->phase >= EXPONENT)
        return move_exponent(at, byte);
    if (byte >= '0' && byte <= '9')
        return move_digit(number, at, (unsigned)byte - '0');
    if (byte == '-' && at->phase == START) {
        at->phase = MINUS;
        at->is_negative = 1;
        return true;
    }
    if (byte == '.' && (at->phase == ZERO || at->phase == WHOLE)) {
        at->phase = POINT;
        return number->is_free ? at->whole <= FREE_POINT_WHOLE_MAX : number->fraction_max > 0;
    }
    if (byte == 'e' && number->is_free && at->whole == 1 && (at->digits & WHOLE_COUNTS)) {
        const bool fits = at->phase == WHOLE || (at->phase == FRACTION && at->digits & LAST_COUNTS);
        at->phase = EXPONENT;
        return fits;
    }
    return false;
}

uint32_t grammar_number_rest(const struct grammar_number *number,
                             const struct grammar_number_at *at)
{
    if (number->is_free)
        return free_rest(at);
    if (at->phase != START && at->phase != MINUS)
        return bounded_rest(number, at);
    uint32_t best = UINT32_MAX;
    for (unsigned char byte = '0'; byte <= '9'; byte++) {
        struct grammar_number_at next = *at;
        if (!move(number, &next, byte))
            continue;
        const uint32_t rest = bounded_rest(number, &next);
        best = rest < best ? rest : best;
    }
    best = best == UINT32_MAX ? best : best + 1;
    if (at->phase == START) {
        const struct grammar_number_at minus = {.phase = MINUS, .is_negative = 1};
        const uint32_t negative = grammar_number_rest(number, &minus);
        best = negative < best ? negative + 1 : best;
    }
    return best;
}

bool grammar_number_step(const struct grammar_number *number, struct grammar_number_at *at,
                         unsigned char byte)
{
    struct grammar_number_at next = *at;
    if (!move(number, &next, byte))
        return false;
    if (!number->is_free && grammar_number_rest(number, &next) == UINT32_MAX)
        return false;
    *at = next;
    return true;
}

uint32_t grammar_number_shortest(const struct grammar_number *number,
                                 const struct grammar_number_at *at, char *out)
{
    static const char bytes[] = "+-.0123456789e"; /* in byte order */
    struct grammar_number_at now = *at;
    uint32_t count = 0;
    uint32_t rest = grammar_number_rest(number, &now);
    while (rest > 0 && rest != UINT32_MAX && count < GRAMMAR_NUMBER_LEN_MAX) {
        for (const char *byte = bytes; *byte; byte++) {
            struct grammar_number_at next = now;
            if (grammar_number_step(number, &next, (unsigned char)*byte) &&
                grammar_number_rest(number, &next) == rest - 1) {
                now = next;
                out[count++] = *byte;
                break;
            }
        }
        rest--;
    }
    return count;
}
