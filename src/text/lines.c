#include "text/lines.h"

bool lines_next(struct lines *lines)
{
    if (lines->rest.len == 0)
        return false;
    lines->line = str_split(&lines->rest, '\n');
    lines->number++;
    return true;
}

static uint64_t count_newlines(struct str text)
{
    uint64_t count = 0;
    for (size_t at = str_find_char(text, '\n', 0); at != SIZE_MAX;
         at = str_find_char(text, '\n', at + 1))
        count++;
    return count;
}

uint64_t lines_count(struct str text)
{
    const bool is_open = text.len && text.ptr[text.len - 1] != '\n';
    return count_newlines(text) + (is_open ? 1 : 0);
}

uint64_t lines_number_at(struct str text, size_t at)
{
    return count_newlines(str_slice(text, 0, at)) + 1;
}
