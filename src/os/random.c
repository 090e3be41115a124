#include "os/random.h"

#include "base/check.h"

#include <errno.h>
#include <sys/random.h>

void random_bytes(void *bytes, size_t size)
{
    char *at = bytes;
    while (size) {
        const ssize_t got = getrandom(at, size, 0);
        CHECK(got > 0 || errno == EINTR);
        if (got > 0) {
            at += got;
            size -= (size_t)got;
        }
    }
}

void random_name(char *out, size_t len)
{
    static const char letters[32] = "abcdefghijkmnopqrstuvwxyz2345678"; /* 5 bits each */
    random_bytes(out, len);
    for (size_t i = 0; i < len; i++)
        out[i] = letters[(unsigned char)out[i] % sizeof(letters)];
    out[len] = '\0';
}
