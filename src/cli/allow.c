#include "cli/allow.h"

#include "base/str.h"
#include "sandbox/warden.h"

enum status allow_parse(const char *text, unsigned *out, struct error *err)
{
    struct str rest = str_from_c(text);
    unsigned bits = 0;
    while (rest.ptr && rest.len > 0) {
        const struct str word = str_trim(str_split(&rest, ','));
        if (str_equal_c(word, "write"))
            bits |= WARDEN_ALLOW_WRITE;
        else if (str_equal_c(word, "run"))
            bits |= WARDEN_ALLOW_RUN;
        else if (word.len > 0)
            return error_set(
                err, E_INVALID,
                "\"%.*s\" cannot be allowed; there are write and run (reading is free)",
                STR_ARG(str_slice(word, 0, 64)));
    }
    *out = bits;
    return OK;
}
