#include "model/kv_kind.h"

#include <string.h>

static const struct {
    const char *name;
    enum kernel_kv kernel;
} kinds[KV_KIND_COUNT] = {
    [KV_KIND_F16] = {"f16", KERNEL_KV_F16},
    [KV_KIND_F32] = {"f32", KERNEL_KV_F32},
    [KV_KIND_Q8] = {"q8", KERNEL_KV_Q8},
};

const char *kv_kind_name(enum kv_kind kind)
{
    return kinds[kind].name;
}

enum kernel_kv kv_kind_kernel(enum kv_kind kind)
{
    return kinds[kind].kernel;
}

enum status kv_kind_find(const char *name, enum kv_kind *out, struct error *err)
{
    *out = KV_KIND_F16;
    if (!name)
        return OK;
    for (int i = 0; i < KV_KIND_COUNT; i++)
        if (strcmp(kinds[i].name, name) == 0) {
            *out = (enum kv_kind)i;
            return OK;
        }
    return error_set(err, E_INVALID, "--kv is " KV_KIND_NAMES ", not \"%.32s\"", name);
}
