#include "chat/jinja_globals.h"

#include "chat/jinja_context.h"
#include "chat/jinja_format.h"

#include <stdio.h>
#include <time.h>

/* ---------------------------------------------------------------- containers */

/* A list of pairs. */
static enum status fill_pairs(struct jinja_context *context, const struct jinja_list *pairs,
                              struct jinja_dict *dict)
{
    for (size_t i = 0; i < pairs->count; i++) {
        const struct jinja_list *pair = NULL;
        TRY(jinja_value_items(context, pairs->items[i], &pair));
        if (pair->count != 2)
            return jinja_context_fail(context, E_FORMAT,
                                      "dictionary update sequence element #%zu has length %zu; "
                                      "2 is required",
                                      i, pair->count);
        TRY(jinja_value_set(context, dict, pair->items[0], pair->items[1]));
    }
    return OK;
}

/* Entries of dicts given by position, then those given by name. */
static enum status fill(struct jinja_context *context, const struct jinja_function_args *args,
                        struct jinja_dict *dict)
{
    for (size_t i = 0; i < args->count; i++) {
        const struct jinja_value value = args->values[i];
        if (args->names && args->names[i].ptr) {
            struct jinja_value key;
            TRY(jinja_value_new_text(context, args->names[i], SEGMENT_TEMPLATE, &key));
            TRY(jinja_value_set(context, dict, key, value));
            continue;
        }
        if (value.kind == JINJA_LIST || value.kind == JINJA_TUPLE) {
            TRY(fill_pairs(context, value.list, dict));
            continue;
        }
        if (value.kind != JINJA_DICT)
            return jinja_context_fail(context, E_FORMAT, "'%s' object is not a dict",
                                      jinja_value_type_name(value));
        for (size_t k = 0; k < value.dict->count; k++)
            TRY(jinja_value_set(context, dict, value.dict->entries[k].key,
                                value.dict->entries[k].value));
    }
    return OK;
}

static enum status new_namespace(struct jinja_context *context, struct jinja_value self,
                                 const struct jinja_function_args *args, struct jinja_value *out)
{
    (void)self;
    TRY(jinja_value_new_dict(context, JINJA_NAMESPACE, args->count, out));
    return fill(context, args, out->dict);
}

static enum status new_dict(struct jinja_context *context, struct jinja_value self,
                            const struct jinja_function_args *args, struct jinja_value *out)
{
    (void)self;
    TRY(jinja_value_new_dict(context, JINJA_DICT, args->count, out));
    return fill(context, args, out->dict);
}

static enum status range(struct jinja_context *context, struct jinja_value self,
                         const struct jinja_value *args, struct jinja_value *out)
{
    (void)self;
    int64_t first = 0;
    int64_t end = 0;
    int64_t step = 0;
    TRY(jinja_function_int(context, args[0], 0, &first));
    TRY(jinja_function_int(context, args[1], 0, &end));
    TRY(jinja_function_int(context, args[2], 1, &step));
    if (args[1].kind == JINJA_ABSENT) {
        end = first;
        first = 0;
    }
    if (step == 0)
        return jinja_context_fail(context, E_FORMAT, "range() arg 3 must not be zero");
    const uint64_t up = end > first ? (uint64_t)end - (uint64_t)first : 0;
    const uint64_t down = first > end ? (uint64_t)first - (uint64_t)end : 0;
    const uint64_t distance = step > 0 ? up : down;
    const uint64_t width = step > 0 ? (uint64_t)step : 0 - (uint64_t)step;
    const uint64_t count = distance ? (distance - 1) / width + 1 : 0;
    if (count > JINJA_RANGE_MAX)
        return jinja_context_fail(context, E_LIMIT, "Range too big (limit %d)", JINJA_RANGE_MAX);
    TRY(jinja_context_charge(context, count));
    TRY(jinja_value_new_list(context, JINJA_LIST, count, out));
    for (int64_t i = 0; i < (int64_t)count; i++) {
        const struct jinja_value item = jinja_value_int(first + i * step);
        TRY(jinja_value_append(context, out->list, item));
    }
    return OK;
}

/* ---------------------------------------------------------------- errors */

/* The template refuses: its own words, whoever spoke them, made fit to be shown. */
static enum status raise_exception(struct jinja_context *context, struct jinja_value self,
                                   const struct jinja_value *args, struct jinja_value *out)
{
    (void)self;
    (void)out;
    CLEANUP(jinja_text_done) struct jinja_text text = jinja_context_text(context);
    TRY(jinja_format_str(context, args[0], &text));
    return jinja_context_fail(context, E_INVALID, "%.*s", STR_ARG(strbuf_view(&text.bytes)));
}

/* ---------------------------------------------------------------- time */

enum { YEAR_MIN = 1, YEAR_MAX = 9999 };

static const char *const week_days[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                        "Thursday", "Friday", "Saturday"};
static const char *const months[] = {"January",   "February", "March",    "April",
                                     "May",       "June",     "July",     "August",
                                     "September", "October",  "November", "December"};

static void add_number(struct strbuf *out, int digits, int value)
{
    strbuf_addf(out, "%0*d", digits, value);
}

static int hour12(int hour)
{
    return hour % 12 == 0 ? 12 : hour % 12;
}

static void add_time(struct strbuf *out, const struct tm *time, char conversion);

/* Conversions, one letter each, with marks between them. */
static void add_times(struct strbuf *out, const struct tm *time, const char *conversions)
{
    for (const char *c = conversions; *c; c++) {
        if (*c == '-' || *c == ':' || *c == '/')
            strbuf_add_char(out, *c);
        else
            add_time(out, time, *c);
    }
}

/* One conversion, as the C locale has it. Unknown ones stay as they are. */
static void add_time(struct strbuf *out, const struct tm *time, char conversion)
{
    switch (conversion) {
    case 'Y': add_number(out, 1, time->tm_year + 1900); break;
    case 'y': add_number(out, 2, time->tm_year % 100); break;
    case 'm': add_number(out, 2, time->tm_mon + 1); break;
    case 'd': add_number(out, 2, time->tm_mday); break;
    case 'e': strbuf_addf(out, "%2d", time->tm_mday); break;
    case 'H': add_number(out, 2, time->tm_hour); break;
    case 'I': add_number(out, 2, hour12(time->tm_hour)); break;
    case 'M': add_number(out, 2, time->tm_min); break;
    case 'S': add_number(out, 2, time->tm_sec); break;
    case 'j': add_number(out, 3, time->tm_yday + 1); break;
    case 'p': strbuf_add_c(out, time->tm_hour < 12 ? "AM" : "PM"); break;
    case 'A': strbuf_add_c(out, week_days[time->tm_wday]); break;
    case 'a': strbuf_add(out, week_days[time->tm_wday], 3); break;
    case 'B': strbuf_add_c(out, months[time->tm_mon]); break;
    case 'b': strbuf_add(out, months[time->tm_mon], 3); break;
    case 'u': add_number(out, 1, time->tm_wday ? time->tm_wday : 7); break;
    case 'w': add_number(out, 1, time->tm_wday); break;
    case 'F': add_times(out, time, "Y-m-d"); break;
    case 'T': add_times(out, time, "H:M:S"); break;
    case 'D': add_times(out, time, "m/d/y"); break;
    case 'R': add_times(out, time, "H:M"); break;
    case '%': strbuf_add_char(out, '%'); break;
    default:
        strbuf_add_char(out, '%');
        strbuf_add_char(out, conversion);
        break;
    }
}

/* Takes the leading zero off what stands behind `from`: "%-d". */
static void drop_zero(struct strbuf *out, size_t from)
{
    if (out->len != from + 2 || out->ptr[from] != '0')
        return;
    out->ptr[from] = out->ptr[from + 1];
    strbuf_truncate(out, from + 1);
}

bool jinja_globals_format_time(int64_t local_seconds, struct str format, struct strbuf *out)
{
    const time_t seconds = (time_t)local_seconds;
    struct tm time = {0};
    const bool is_known = gmtime_r(&seconds, &time) != NULL; /* local seconds: no time zone */
    if (!is_known || time.tm_year < YEAR_MIN - 1900 || time.tm_year > YEAR_MAX - 1900)
        return false;
    for (size_t i = 0; i < format.len; i++) {
        if (format.ptr[i] != '%' || i + 1 == format.len) {
            strbuf_add_char(out, format.ptr[i]);
            continue;
        }
        const bool without_zero = format.ptr[i + 1] == '-' && i + 2 < format.len;
        const size_t before = out->len;
        i += without_zero ? 2 : 1;
        add_time(out, &time, format.ptr[i]);
        if (without_zero)
            drop_zero(out, before);
    }
    return true;
}

static enum status strftime_now(struct jinja_context *context, struct jinja_value self,
                                const struct jinja_value *args, struct jinja_value *out)
{
    (void)self;
    const struct jinja_string *format = NULL;
    static const struct jinja_string empty;
    TRY(jinja_function_string(context, args[0], &empty, &format));
    CLEANUP(jinja_text_done) struct jinja_text text = jinja_context_text(context);
    CLEANUP(strbuf_done) struct strbuf formatted = {.size_max = text.bytes.size_max};
    TRY(jinja_context_charge(context, format->bytes.len));
    if (!jinja_globals_format_time(context->local_seconds, format->bytes, &formatted))
        return jinja_context_fail(context, E_INVALID, "the clock shows no date");
    jinja_text_add(&text, strbuf_view(&formatted), format->origin);
    return jinja_context_finish(context, &text, out);
}

static const struct jinja_function rows[] = {
    {.name = "namespace", .call_any = new_namespace},
    {.name = "dict", .call_any = new_dict},
    {.name = "range", .call = range, .required = 1, .parameters = {"start", "stop", "step"}},
    {.name = "raise_exception", .call = raise_exception, .required = 1, .parameters = {"message"}},
    {.name = "strftime_now", .call = strftime_now, .required = 1, .parameters = {"format"}},
};

const struct jinja_function *jinja_globals_find(struct str name)
{
    return jinja_function_find(rows, ARRAY_LEN(rows), name);
}
