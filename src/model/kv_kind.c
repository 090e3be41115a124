#include "model/kv_kind.h"

#include <string.h>

static const struct {
    const char *name;
    enum kernel_kv kernel;
    bool is_coded;
    enum kv_code key;
    enum kv_code value;
} kinds[KV_KIND_COUNT] = {
    [KV_KIND_F16] = {.name = "f16", .kernel = KERNEL_KV_F16},
    [KV_KIND_F32] = {.name = "f32", .kernel = KERNEL_KV_F32},
    [KV_KIND_Q8] = {.name = "q8", .kernel = KERNEL_KV_Q8},
    [KV_KIND_T4] = {"t4", KERNEL_KV_F16, true, KV_CODE_T4, KV_CODE_T4},
    [KV_KIND_T4_T3] = {"t4/t3", KERNEL_KV_F16, true, KV_CODE_T4, KV_CODE_T3},
    [KV_KIND_T3] = {"t3", KERNEL_KV_F16, true, KV_CODE_T3, KV_CODE_T3},
    [KV_KIND_TQ4] = {"tq4", KERNEL_KV_F16, true, KV_CODE_TQ4, KV_CODE_TQ4},
    [KV_KIND_TQ3] = {"tq3", KERNEL_KV_F16, true, KV_CODE_TQ3, KV_CODE_TQ3},
};

const char *kv_kind_name(enum kv_kind kind)
{
    return kinds[kind].name;
}

enum kernel_kv kv_kind_kernel(enum kv_kind kind)
{
    return kinds[kind].kernel;
}

bool kv_kind_is_coded(enum kv_kind kind)
{
    return kinds[kind].is_coded;
}

enum kv_code kv_kind_key_code(enum kv_kind kind)
{
    return kinds[kind].key;
}

enum kv_code kv_kind_value_code(enum kv_kind kind)
{
    return kinds[kind].value;
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
