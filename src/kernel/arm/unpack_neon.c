/* unpack_neon - the unpack functions of unpack_bytes.h for NEON. Threads: any; no state. */
#include "kernel/arm/bytes_neon.h"

#include "kernel/arm/kernel_arm.h"
#include "kernel/unpack_bytes.h"

#define ROW(type, name, len, shape) [DTYPE_##type] = unpack_bytes_##name,
unpack_fn *const unpack_neon[KERNEL_DTYPES] = {UNPACK_TYPES(ROW)};
