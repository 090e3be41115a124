#include "cli/key_file.h"

#include "os/file.h"
#include "os/random.h"

enum status key_file_read(const char *path, struct strbuf *out, struct error *err)
{
    CLEANUP(strbuf_done) struct strbuf text = {0};
    if (!path)
        return OK;
    TRY(file_read(path, KEY_FILE_BYTES_MAX, &text, err));
    const struct str key = str_trim(strbuf_view(&text));
    if (key.len < KEY_FILE_BYTES_MIN)
        return error_set(
            err, E_INVALID,
            "%s: the key has %zu characters; at least %d are needed: write a longer one "
            "into it",
            path, key.len, KEY_FILE_BYTES_MIN);
    strbuf_add_str(out, key);
    return OK;
}

enum status key_file_make(const char *path, bool *out_is_new, struct error *err)
{
    enum { KEY_CHARACTERS = 48 }; /* of 36 letters and digits: more than 128 bits */
    char key[KEY_CHARACTERS + 2];
    random_name(key, KEY_CHARACTERS);
    key[KEY_CHARACTERS] = '\n';
    return file_write_new(path, (struct str){key, KEY_CHARACTERS + 1}, out_is_new, err);
}
