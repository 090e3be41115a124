#include "cli/byte_size.h"

#include <string.h>

bool byte_size_parse(struct str text, uint64_t min, uint64_t max, uint64_t *out)
{
    static const char units[] = "KMGT";
    const char last = text.len > 1 ? text.ptr[text.len - 1] : '\0';
    const char *unit = last ? strchr(units, last) : NULL;
    int64_t number = 0;
    if (!unit || !str_to_int(str_slice(text, 0, text.len - 1), &number) || number < 1)
        return false;
    const unsigned shift = 10 * (unsigned)(unit - units + 1);
    if ((uint64_t)number > max >> shift)
        return false;
    *out = (uint64_t)number << shift;
    return *out >= min;
}
