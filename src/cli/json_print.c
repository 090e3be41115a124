#include "cli/json_print.h"

#include "base/strbuf.h"
#include "text/json.h"

void json_print(const json_t *value)
{
    const struct json_style style = {.indent = 2};
    CLEANUP(strbuf_done) struct strbuf text = {0};
    json_write_style(value, &style, &text);
    strbuf_add_char(&text, '\n');
    fwrite(text.ptr, 1, text.len, stdout);
}
