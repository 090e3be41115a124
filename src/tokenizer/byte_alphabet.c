#include "tokenizer/byte_alphabet.h"

#include "text/utf8.h"

static bool stands_for_itself(int byte)
{
    return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

void byte_alphabet_init(struct byte_alphabet *alphabet)
{
    for (int i = 0; i < BYTE_ALPHABET_CODE_POINTS; i++)
        alphabet->byte_of[i] = -1;
    int substitute = 256;
    for (int byte = 0; byte < 256; byte++)
        alphabet->byte_of[stands_for_itself(byte) ? byte : substitute++] = (int16_t)byte;
}

size_t byte_alphabet_decode(const struct byte_alphabet *alphabet, struct str text, char *out,
                            bool *out_is_pure)
{
    size_t len = 0;
    *out_is_pure = true;
    while (text.len > 0) {
        const struct str before = text;
        const uint32_t code_point = utf8_next(&text);
        const int byte =
            code_point < BYTE_ALPHABET_CODE_POINTS ? alphabet->byte_of[code_point] : -1;
        if (byte >= 0) {
            out[len++] = (char)byte;
            continue;
        }
        *out_is_pure = false;
        memcpy(out + len, before.ptr, before.len - text.len);
        len += before.len - text.len;
    }
    return len;
}
