/*
 * cpu - what this machine's processor can do, and how many of its cores are ours.
 *
 * A level is a set of features that kernels are written for; each level contains the ones before
 * it. `--cpu-mask` names one ("baseline", "avx2", "avx512", "avx512vbmi"; on ARM "baseline",
 * "neon") and can only take features away.
 *
 * Nothing is cached here: callers ask once and keep the answer. Threads: any.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"

/* Bits. The kernels of a level may use everything its bit names. */
enum cpu_feature {
    CPU_FEATURE_AVX2 = 1 << 0,        /* AVX2, FMA, F16C */
    CPU_FEATURE_AVX512 = 1 << 1,      /* F, BW, VL, DQ, VNNI; implies AVX2 */
    CPU_FEATURE_AVX512_VBMI = 1 << 3, /* implies AVX-512 */
    CPU_FEATURE_NEON = 1 << 2,        /* of 64-bit ARM, with the dot product of bytes */
};

enum { CPU_BRAND_MAX = 64 };
#ifdef __aarch64__
enum { CPU_LEVEL_COUNT = 2 };
#else
enum { CPU_LEVEL_COUNT = 4 };
#endif

struct cpu_level {
    const char *name;  /* as --cpu-mask takes it */
    unsigned features; /* everything the level may use */
};

/* The levels, weakest first. */
extern const struct cpu_level cpu_levels[CPU_LEVEL_COUNT];

/* Features of this processor that the operating system lets programs use. */
unsigned cpu_features(void);

/* The level called `name`; NULL when there is none. */
const struct cpu_level *cpu_level_find(const char *name);

/* The strongest level within `features`: never NULL. */
const struct cpu_level *cpu_level_of(unsigned features);

/* cpu_features() without what is above the level `name`. E_INVALID for an unknown name, and
 * E_UNSUPPORTED when this processor does not reach it. */
MUST_USE enum status cpu_features_masked(const char *name, unsigned *out, struct error *err);

/* Cores this process may use, at least 1: the affinity mask, and the CPU quota of its control
 * groups rounded up, whichever is smaller. Reads /proc and /sys where it may. */
unsigned cpu_core_count(void);

/* Cores that a control group's "cpu.max" line ("QUOTA PERIOD", "max PERIOD") grants, rounded up;
 * 0 when it sets no limit or is not such a line. */
unsigned cpu_quota_cores(struct str cpu_max);

/* The processor's own name, or "unknown". NUL-terminated, printable ASCII. */
void cpu_brand(char out[CPU_BRAND_MAX]);
