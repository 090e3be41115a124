#include "tokenizer/charsmap.h"

#include "base/mem.h"
#include "gguf/gguf.h"

static const char *const key = "tokenizer.ggml.precompiled_charsmap";

enum status charsmap_load(const struct gguf *file, struct charsmap *map, struct error *err)
{
    struct gguf_array bytes = {0};
    TRY(gguf_get_array_or(file, key, GGUF_ARRAY_INT, &bytes, err));
    if (bytes.count == 0)
        return OK;
    if (bytes.count > CHARSMAP_BYTES_MAX)
        return error_set(err, E_LIMIT, "%s has %zu bytes (limit %d)", key, bytes.count,
                         CHARSMAP_BYTES_MAX);
    CLEANUP(mem_freep) unsigned char *all = mem_try_alloc(bytes.count);
    if (!all)
        return error_set(err, E_NO_MEMORY, "no memory for %s", key);
    for (size_t i = 0; i < bytes.count; i++)
        all[i] = (unsigned char)gguf_array_i64(&bytes, i);
    uint32_t nodes_len = 0;
    if (bytes.count >= sizeof(nodes_len))
        memcpy(&nodes_len, all, sizeof(nodes_len));
    if (nodes_len == 0 || nodes_len % sizeof(uint32_t) != 0 ||
        nodes_len > bytes.count - sizeof(nodes_len))
        return error_set(err, E_FORMAT, "%s of %zu bytes cannot hold a tree of %u", key,
                         bytes.count, (unsigned)nodes_len);
    map->node_count = nodes_len / sizeof(uint32_t);
    map->texts_len = bytes.count - sizeof(nodes_len) - nodes_len;
    map->nodes = mem_try_alloc(nodes_len);
    map->texts = mem_try_alloc(map->texts_len + 1);
    if (!map->nodes || !map->texts)
        return error_set(err, E_NO_MEMORY, "no memory for %s", key);
    memcpy(map->nodes, all + sizeof(nodes_len), nodes_len);
    memcpy(map->texts, all + sizeof(nodes_len) + nodes_len, map->texts_len);
    map->texts[map->texts_len] = 0;
    return OK;
}

void charsmap_done(struct charsmap *map)
{
    mem_free(map->nodes);
    mem_free(map->texts);
    *map = (struct charsmap){0};
}

/* Where the children of an entry begin, relative to it. */
static uint32_t offset_of(uint32_t node)
{
    return (node >> 10) << ((node & (1u << 9)) >> 6);
}

/* The text at `place`; false if there is none. */
static bool find_text(const struct charsmap *map, uint32_t place, struct str *out)
{
    if (place >= map->texts_len)
        return false;
    const size_t len = strlen(map->texts + place); /* a zero byte stands behind them all */
    if (len > CHARSMAP_TEXT_LEN_MAX)
        return false;
    *out = (struct str){map->texts + place, len};
    return true;
}

size_t charsmap_match(const struct charsmap *map, struct str text, struct str *out_new)
{
    size_t longest = 0;
    if (map->node_count == 0)
        return 0;
    uint32_t at = offset_of(map->nodes[0]);
    for (size_t i = 0; i < text.len && text.ptr[i] != 0; i++) {
        const unsigned char byte = (unsigned char)text.ptr[i];
        at ^= byte;
        if (at >= map->node_count)
            break;
        const uint32_t node = map->nodes[at];
        if ((node & (1u << 31 | 0xffu)) != byte)
            break;
        at ^= offset_of(node);
        if (!(node & 1u << 8))
            continue;
        if (at < map->node_count && find_text(map, map->nodes[at] & ~(1u << 31), out_new))
            longest = i + 1;
    }
    return longest;
}
