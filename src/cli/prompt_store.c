#include "cli/prompt_store.h"

#include "base/mem.h"
#include "base/str.h"
#include "cli/byte_size.h"
#include "cli/state.h"
#include "engine/prefix_store.h"
#include "os/file.h"

#include <string.h>

static const uint64_t bytes_min = UINT64_C(1) << 20;
static const uint64_t bytes_max = UINT64_C(1) << 50;

enum status prompt_store_parse(const char *text, uint64_t *out_bytes, struct error *err)
{
    const struct str all = str_from_c(text);
    *out_bytes = 0;
    if (strcmp(text, "off") == 0)
        return OK;
    if (byte_size_parse(all, bytes_min, bytes_max, out_bytes))
        return OK;
    return error_set(err, E_INVALID,
                     "\"%.32s\" is no size for stored prompts: off, or from 1M to 1024T", text);
}

enum status prompt_store_resolve(const char *option, const char *setting, const struct state *state,
                                 struct prompt_store *out, struct error *err)
{
    const char *text = option ? option : setting;
    uint64_t bytes = PREFIX_STORE_BYTES_DEFAULT;
    if (text)
        TRY(prompt_store_parse(text, &bytes, err));
    if (bytes > 0)
        TRY(file_make_folder(state->prompts, err));
    *out = (struct prompt_store){.folder = bytes ? mem_copy_str(state->prompts) : NULL,
                                 .bytes_max = bytes};
    return OK;
}

void prompt_store_done(struct prompt_store *store)
{
    mem_free(store->folder);
    *store = (struct prompt_store){0};
}
