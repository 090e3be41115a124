#include "tools/tool_text.h"

#include "text/utf8.h"

#include <inttypes.h>

static const char *plural_of(const char *noun)
{
    if (!strcmp(noun, "match"))
        return "matches";
    return strcmp(noun, "entry") ? NULL : "entries";
}

static void add_noun(struct strbuf *out, uint64_t count, const char *noun)
{
    const char *plural = plural_of(noun);
    strbuf_add_c(out, count != 1 && plural ? plural : noun);
    if (count != 1 && !plural)
        strbuf_add_char(out, 's');
}

void tool_text_count(struct strbuf *out, uint64_t count, const char *noun)
{
    strbuf_addf(out, "%" PRIu64 " ", count);
    add_noun(out, count, noun);
}

void tool_text_cut(struct strbuf *out, uint64_t count, const char *noun)
{
    strbuf_addf(out, "[cut: %" PRIu64 " more ", count);
    add_noun(out, count, noun);
    strbuf_add_char(out, ']');
}

bool tool_text_is_text(struct str bytes)
{
    return str_find_char(bytes, '\0', 0) == SIZE_MAX && utf8_is_valid(bytes);
}
