/*
 * kv_kind - the ways of keeping keys and values, and what --kv calls them.
 *
 * Threads: any; constant data. Depends on: kernel/. Used by: kv_view.h, engine/, cli/.
 */
#pragma once

#include "base/error.h"
#include "kernel/kernel_table.h"

/* A cell of a row: IEEE half; float, for tests and measurements; int8 with a scale for each 32. */
enum kv_kind { KV_KIND_F16, KV_KIND_F32, KV_KIND_Q8, KV_KIND_COUNT };

#define KV_KIND_NAMES "f16, q8 or f32" /* as --kv takes them; f16 is the default */

const char *kv_kind_name(enum kv_kind kind);

/* The kind called `name`; f16 for NULL. E_INVALID, with what there is, for an unknown one. */
MUST_USE enum status kv_kind_find(const char *name, enum kv_kind *out, struct error *err);

/* What the kernels call it. */
enum kernel_kv kv_kind_kernel(enum kv_kind kind);
