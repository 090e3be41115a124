#include "api/sealed_text.h"

#include "base/mem.h"

#include <pthread.h>
#include <sodium.h>
#include <string.h>

enum {
    NONCE_BYTES = crypto_secretbox_NONCEBYTES,
    EXTRA_BYTES = NONCE_BYTES + crypto_secretbox_MACBYTES,
    SEALED_BYTES_MAX = 32 << 20,
    BASE64 = sodium_base64_VARIANT_URLSAFE_NO_PADDING,
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static unsigned char key[crypto_secretbox_KEYBYTES];

static void draw_key(void)
{
    crypto_secretbox_keygen(key);
}

void sealed_text_add(struct strbuf *out, struct str text)
{
    const size_t size = text.len + EXTRA_BYTES;
    const size_t room = sodium_base64_encoded_len(size, BASE64);
    CLEANUP(mem_freep) unsigned char *box = mem_alloc(size);
    CLEANUP(mem_freep) char *letters = mem_alloc(room);
    pthread_once(&once, draw_key);
    randombytes_buf(box, NONCE_BYTES);
    crypto_secretbox_easy(box + NONCE_BYTES, (const unsigned char *)text.ptr, text.len, box, key);
    sodium_bin2base64(letters, room, box, size, BASE64);
    strbuf_add_c(out, letters);
}

bool sealed_text_open(struct strbuf *out, struct str sealed)
{
    size_t size = 0;
    if (sealed.len == 0 || sealed.len > SEALED_BYTES_MAX)
        return false;
    CLEANUP(mem_freep) unsigned char *box = mem_alloc(sealed.len);
    CLEANUP(mem_freep) unsigned char *text = mem_alloc(sealed.len);
    pthread_once(&once, draw_key);
    if (sodium_base642bin(box, sealed.len, sealed.ptr, sealed.len, NULL, &size, NULL, BASE64) !=
            0 ||
        size < EXTRA_BYTES ||
        crypto_secretbox_open_easy(text, box + NONCE_BYTES, size - NONCE_BYTES, box, key) != 0)
        return false;
    strbuf_add(out, (const char *)text, size - EXTRA_BYTES);
    return true;
}
