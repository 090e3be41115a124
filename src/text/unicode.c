#include "text/unicode.h"

#include "text/utf8.h"

#include <utf8proc.h>

static bool is_space(uint32_t c)
{
    if (c < 0x80)
        return c == ' ' || (c >= '\t' && c <= '\r');
    return c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
           c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

uint8_t unicode_class(uint32_t code_point)
{
    if (code_point > UTF8_CODE_POINT_MAX)
        return 0;
    const uint8_t space = is_space(code_point) ? UNICODE_SPACE : 0;
    const utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)code_point);
    if (category == UTF8PROC_CATEGORY_LU || category == UTF8PROC_CATEGORY_LT)
        return UNICODE_LETTER | UNICODE_UPPER;
    if (category == UTF8PROC_CATEGORY_LL)
        return UNICODE_LETTER | UNICODE_LOWER;
    if (category == UTF8PROC_CATEGORY_LM || category == UTF8PROC_CATEGORY_LO)
        return UNICODE_LETTER;
    if (category >= UTF8PROC_CATEGORY_MN && category <= UTF8PROC_CATEGORY_ME)
        return UNICODE_MARK;
    if (category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO)
        return UNICODE_NUMBER;
    if (category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO)
        return UNICODE_PUNCTUATION;
    if (category >= UTF8PROC_CATEGORY_SM && category <= UTF8PROC_CATEGORY_SO)
        return UNICODE_SYMBOL;
    return space;
}

bool unicode_is_decimal(uint32_t code_point)
{
    return code_point <= UTF8_CODE_POINT_MAX &&
           utf8proc_category((utf8proc_int32_t)code_point) == UTF8PROC_CATEGORY_ND;
}

bool unicode_is_word(uint32_t code_point)
{
    if (unicode_class(code_point) & (UNICODE_LETTER | UNICODE_MARK))
        return true;
    return unicode_is_decimal(code_point) ||
           (code_point <= UTF8_CODE_POINT_MAX &&
            utf8proc_category((utf8proc_int32_t)code_point) == UTF8PROC_CATEGORY_PC);
}

bool unicode_is_nonspacing_mark(uint32_t code_point)
{
    return code_point <= UTF8_CODE_POINT_MAX &&
           utf8proc_category((utf8proc_int32_t)code_point) == UTF8PROC_CATEGORY_MN;
}

size_t unicode_decompose(uint32_t code_point, uint32_t out[UNICODE_DECOMPOSED_MAX])
{
    utf8proc_int32_t parts[UNICODE_DECOMPOSED_MAX];
    int boundary_class = 0;
    out[0] = code_point;
    if (code_point < 0x80 || code_point > UTF8_CODE_POINT_MAX)
        return 1;
    const utf8proc_ssize_t count =
        utf8proc_decompose_char((utf8proc_int32_t)code_point, parts, UNICODE_DECOMPOSED_MAX,
                                UTF8PROC_DECOMPOSE, &boundary_class);
    if (count < 1 || count > UNICODE_DECOMPOSED_MAX)
        return 1;
    for (utf8proc_ssize_t i = 0; i < count; i++)
        out[i] = (uint32_t)parts[i];
    return (size_t)count;
}

uint32_t unicode_to_lower(uint32_t code_point)
{
    if (code_point > UTF8_CODE_POINT_MAX)
        return code_point;
    return (uint32_t)utf8proc_tolower((utf8proc_int32_t)code_point);
}

uint32_t unicode_to_upper(uint32_t code_point)
{
    if (code_point > UTF8_CODE_POINT_MAX)
        return code_point;
    return (uint32_t)utf8proc_toupper((utf8proc_int32_t)code_point);
}

int unicode_width(uint32_t code_point)
{
    if (code_point > UTF8_CODE_POINT_MAX)
        return 0;
    return utf8proc_charwidth((utf8proc_int32_t)code_point);
}

void unicode_table_init(struct unicode_table *table)
{
    for (uint32_t i = 0; i < UNICODE_TABLE_LEN; i++)
        table->classes[i] = unicode_class(i);
}
