/* unpack_avx2 - the unpack functions of unpack_bytes.h for AVX2. Threads: any; no state. */
#include "kernel/x86/bytes_avx2.h"

#include "kernel/unpack_bytes.h"
#include "kernel/x86/kernel_x86.h"

#define ROW(type, name, len, shape) [DTYPE_##type] = unpack_bytes_##name,
unpack_fn *const unpack_avx2[KERNEL_DTYPES] = {UNPACK_TYPES(ROW)};
