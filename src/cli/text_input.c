#include "cli/text_input.h"

#include "os/tty.h"
#include "text/utf8.h"

static enum status read_stream(size_t size_max, struct strbuf *out, struct error *err)
{
    char piece[16384];
    size_t got = 0;
    while ((got = fread(piece, 1, sizeof(piece), stdin)) > 0) {
        if (got > size_max - out->len)
            return error_set(err, E_LIMIT, "standard input holds more than %zu bytes", size_max);
        strbuf_add(out, piece, got);
    }
    if (ferror(stdin))
        return error_errno(err, "cannot read standard input");
    return OK;
}

enum status text_input_read_bytes(const char *operand, size_t size_max, struct strbuf *out,
                                  struct error *err)
{
    if (operand && strcmp(operand, "-") != 0) {
        if (strlen(operand) > size_max)
            return error_set(err, E_LIMIT, "the text is longer than %zu bytes", size_max);
        strbuf_add_c(out, operand);
        return OK;
    }
    if (!operand && tty_is_terminal(STDIN_FILENO))
        return error_set(err, E_NOT_FOUND, "there is no text");
    return read_stream(size_max, out, err);
}

enum status text_input_read(const char *operand, size_t size_max, struct strbuf *out,
                            struct error *err)
{
    TRY(text_input_read_bytes(operand, size_max, out, err));
    const bool is_stream = !operand || strcmp(operand, "-") == 0;
    if (is_stream && out->len > 0 && out->ptr[out->len - 1] == '\n')
        strbuf_truncate(out, out->len - 1);
    if (str_trim(strbuf_view(out)).len == 0)
        return error_set(err, E_INVALID,
                         "the text is empty: give it behind the command or on standard input");
    if (!utf8_is_valid(strbuf_view(out)))
        return error_set(err, E_INVALID, "the text is not valid UTF-8");
    return OK;
}
