/*
 * kv_kind - the ways of keeping keys and values, and what --kv calls them.
 *
 * Threads: any; constant data. Depends on: kernel/. Used by: kv_view.h, engine/, cli/.
 */
#pragma once

#include "base/error.h"
#include "kernel/kernel_table.h"

#include <stdbool.h>

/* A cell of a row: IEEE half; float, for tests and measurements; int8 with a scale for each 32.
 * The others are codes (kernel/kv_code.h), of keys and of values. */
enum kv_kind {
    KV_KIND_F16,
    KV_KIND_F32,
    KV_KIND_Q8,
    KV_KIND_T4,
    KV_KIND_T4_T3, /* keys and values apart */
    KV_KIND_T3,
    KV_KIND_TQ4, /* TurboQuant as published, to compare with */
    KV_KIND_TQ3,
    KV_KIND_COUNT,
};

/* As --kv takes them; f16 is the default. */
#define KV_KIND_NAMES "f16, q8, t4, t4/t3, t3, tq4, tq3 or f32"

const char *kv_kind_name(enum kv_kind kind);

/* The kind called `name`; f16 for NULL. E_INVALID, with what there is, for an unknown one. */
MUST_USE enum status kv_kind_find(const char *name, enum kv_kind *out, struct error *err);

/* Whether keys and values are coded a block at a time; what is not coded (yet) is f16. */
bool kv_kind_is_coded(enum kv_kind kind);
enum kv_code kv_kind_key_code(enum kv_kind kind);
enum kv_code kv_kind_value_code(enum kv_kind kind);

/* What the kernels call its rows. */
enum kernel_kv kv_kind_kernel(enum kv_kind kind);
