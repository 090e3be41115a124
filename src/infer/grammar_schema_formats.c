#include "infer/grammar_schema_formats.h"

#include "base/attr.h"

/* Years divisible by 4, not by 100 unless by 400; then all other days. */
#define LEAP_DAY "([1-9][0-9](0[48]|[2468][048]|[13579][26])|([2468][048]|[13579][26])00)-02-29"
#define MONTH_AND_DAY                                                               \
    "((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|" \
    "02-(0[1-9]|1[0-9]|2[0-8]))"
#define DATE "(" LEAP_DAY "|[1-9][0-9]{3}-" MONTH_AND_DAY ")"
#define HOUR "([01][0-9]|2[0-3])"
#define TIME HOUR ":[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,6})?(Z|[+-]" HOUR ":[0-5][0-9])"

#define DURATION_TIME \
    "T([0-9]{1,9}H([0-9]{1,9}M([0-9]{1,9}S)?)?|[0-9]{1,9}M([0-9]{1,9}S)?|[0-9]{1,9}S)"
#define DURATION_DATE \
    "([0-9]{1,9}Y([0-9]{1,9}M([0-9]{1,9}D)?)?|[0-9]{1,9}M([0-9]{1,9}D)?|[0-9]{1,9}D)"

#define BYTE  "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
#define GROUP "[0-9a-fA-F]{1,4}"
#define LABEL "[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?"
#define ATOM  "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]"

static const struct {
    const char *format;
    const char *pattern;
} rows[] = {
    {"date", "^" DATE "$"},
    {"time", "^" TIME "$"},
    {"date-time", "^" DATE "T" TIME "$"},
    {"duration", "^P([0-9]{1,9}W|" DURATION_DATE "(" DURATION_TIME ")?|" DURATION_TIME ")$"},
    {"uuid", "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"},
    {"ipv4", "^" BYTE "(\\." BYTE "){3}$"},
    {"ipv6", "^((" GROUP ":){7}" GROUP "|(" GROUP ":){1,6}:" GROUP "|(" GROUP ":){1,5}(:" GROUP
             "){2}|(" GROUP ":){1,4}(:" GROUP "){1,3}|(" GROUP ":){1,3}(:" GROUP "){1,4}|(" GROUP
             ":){1,2}(:" GROUP "){1,5}|" GROUP ":(:" GROUP "){1,6}|:(:" GROUP "){1,7}|(" GROUP
             ":){1,7}:|::)$"},
    {"hostname", "^" LABEL "(\\." LABEL "){0,4}$"},
    {"email", "^" ATOM "{1,19}(\\." ATOM "{1,14}){0,3}@" LABEL "(\\." LABEL "){1,3}$"},
};

struct str grammar_schema_formats_pattern(struct str format)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (str_equal_c(format, rows[i].format))
            return str_from_c(rows[i].pattern);
    }
    return (struct str){0};
}
