/* cpu - see cpu.h. Asks the processor itself (cpuid) and the kernel (affinity, control groups). */
#include "os/cpu.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>
#if defined(__x86_64__)
#    include <cpuid.h>
#elif defined(__aarch64__)
#    include <asm/hwcap.h>
#    include <sys/auxv.h>
#endif

enum { TEXT_MAX = 4096, GROUP_DEPTH_MAX = 64 };

#ifdef __aarch64__
#    define LEVEL_NAMES "baseline or neon"
const struct cpu_level cpu_levels[CPU_LEVEL_COUNT] = {
    {"baseline", 0},
    {"neon", CPU_FEATURE_NEON},
};
#else
#    define LEVEL_NAMES "baseline, avx2, avx512 or avx512vbmi"
const struct cpu_level cpu_levels[CPU_LEVEL_COUNT] = {
    {"baseline", 0},
    {"avx2", CPU_FEATURE_AVX2},
    {"avx512", CPU_FEATURE_AVX2 | CPU_FEATURE_AVX512},
    {"avx512vbmi", CPU_FEATURE_AVX2 | CPU_FEATURE_AVX512 | CPU_FEATURE_AVX512_VBMI},
};
#endif

/* ---------------------------------------------------------------- features */

#ifdef __x86_64__

/* Bits of cpuid and of the register XCR0, which says what the operating system saves. */
enum {
    LEAF1_ECX = 1 << 12 | 1 << 27 | 1 << 28 | 1 << 29, /* FMA, OSXSAVE, AVX, F16C */
    LEAF7_EBX_AVX2 = 1 << 5,
    LEAF7_EBX_AVX512 = 1 << 16 | 1 << 17 | 1 << 30, /* F, DQ, BW */
    LEAF7_ECX_AVX512 = 1 << 11,                     /* VNNI */
    LEAF7_ECX_VBMI = 1 << 1,
    XCR0_AVX = 1 << 1 | 1 << 2,
    XCR0_AVX512 = 1 << 5 | 1 << 6 | 1 << 7,
};
#    define LEAF7_EBX_VL (1u << 31)

static unsigned read_xcr0(void)
{
    unsigned low = 0;
    unsigned high = 0;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static bool has_all(unsigned value, unsigned bits)
{
    return (value & bits) == bits;
}

unsigned cpu_features(void)
{
    unsigned a = 0;
    unsigned b = 0;
    unsigned c = 0;
    unsigned d = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !has_all(c, LEAF1_ECX))
        return 0;
    const unsigned xcr0 = read_xcr0();
    if (!has_all(xcr0, XCR0_AVX) || !__get_cpuid_count(7, 0, &a, &b, &c, &d) ||
        !has_all(b, LEAF7_EBX_AVX2))
        return 0;
    if (!has_all(xcr0, XCR0_AVX512) || !has_all(b, LEAF7_EBX_AVX512 | LEAF7_EBX_VL) ||
        !has_all(c, LEAF7_ECX_AVX512))
        return CPU_FEATURE_AVX2;
    return CPU_FEATURE_AVX2 | CPU_FEATURE_AVX512 |
           (has_all(c, LEAF7_ECX_VBMI) ? CPU_FEATURE_AVX512_VBMI : 0);
}

static bool read_brand(char *out)
{
    unsigned words[12];
    for (unsigned i = 0; i < 3; i++) {
        unsigned *part = &words[4 * (size_t)i];
        if (!__get_cpuid(0x80000002u + i, &part[0], &part[1], &part[2], &part[3]))
            return false;
    }
    memcpy(out, words, sizeof(words));
    out[sizeof(words)] = '\0';
    return true;
}

#else

unsigned cpu_features(void)
{
#    ifdef __aarch64__
    const unsigned long needed = HWCAP_ASIMD | HWCAP_ASIMDDP;
    if ((getauxval(AT_HWCAP) & needed) == needed)
        return CPU_FEATURE_NEON;
#    endif
    return 0;
}

static bool read_brand(char *out)
{
    (void)out;
    return false;
}

#endif

void cpu_brand(char out[CPU_BRAND_MAX])
{
    char raw[CPU_BRAND_MAX] = {0};
    size_t len = 0;
    if (read_brand(raw)) {
        for (const char *c = raw; *c; c++) {
            const bool is_printable = *c > ' ' && *c < 0x7f;
            const bool is_space = *c == ' ' && len > 0 && out[len - 1] != ' ';
            if (is_printable || is_space)
                out[len++] = *c;
        }
        while (len > 0 && out[len - 1] == ' ')
            len--;
    }
    out[len] = '\0';
    if (len == 0)
        (void)snprintf(out, CPU_BRAND_MAX, "unknown");
}

/* ---------------------------------------------------------------- levels */

const struct cpu_level *cpu_level_find(const char *name)
{
    for (size_t i = 0; i < CPU_LEVEL_COUNT; i++)
        if (strcmp(cpu_levels[i].name, name) == 0)
            return &cpu_levels[i];
    return NULL;
}

const struct cpu_level *cpu_level_of(unsigned features)
{
    const struct cpu_level *best = &cpu_levels[0];
    for (size_t i = 0; i < CPU_LEVEL_COUNT; i++)
        if ((features & cpu_levels[i].features) == cpu_levels[i].features)
            best = &cpu_levels[i];
    return best;
}

enum status cpu_features_masked(const char *name, unsigned *out, struct error *err)
{
    const struct cpu_level *level = cpu_level_find(name);
    if (!level)
        return error_set(err, E_INVALID, "unknown CPU level '%.32s': use " LEVEL_NAMES, name);
    const unsigned features = cpu_features();
    if ((features & level->features) != level->features)
        return error_set(err, E_UNSUPPORTED,
                         "this processor does not reach the level '%s', only '%s'", level->name,
                         cpu_level_of(features)->name);
    *out = level->features;
    return OK;
}

/* ---------------------------------------------------------------- cores */

/* The beginning of a small file of the kernel; empty when it cannot be read. */
static struct str read_text(const char *path, char buffer[TEXT_MAX])
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return (struct str){0};
    const ssize_t got = read(fd, buffer, TEXT_MAX);
    (void)close(fd);
    return (struct str){buffer, got > 0 ? (size_t)got : 0};
}

unsigned cpu_quota_cores(struct str cpu_max)
{
    struct str rest = str_trim(cpu_max);
    const struct str quota_text = str_split(&rest, ' ');
    int64_t quota = 0;
    int64_t period = 0;
    if (!str_to_int(quota_text, &quota) || !str_to_int(rest, &period) || quota <= 0 || period <= 0)
        return 0;
    const int64_t cores = quota / period + (quota % period != 0);
    return cores < UINT16_MAX ? (unsigned)cores : 0;
}

/* The smallest quota of this process's control group (version 2) and all above it; 0: none. */
static unsigned group_cores(void)
{
    char groups[TEXT_MAX];
    struct str rest = read_text("/proc/self/cgroup", groups);
    struct str group = {0};
    while (rest.len > 0 && group.len == 0) {
        const struct str line = str_split(&rest, '\n');
        if (str_starts_with(line, STR("0::/")))
            group = str_slice(line, 3, line.len);
    }

    unsigned least = 0;
    for (int depth = 0; depth < GROUP_DEPTH_MAX; depth++) {
        char path[TEXT_MAX + 64];
        char text[TEXT_MAX];
        (void)snprintf(path, sizeof(path), "/sys/fs/cgroup%.*s/cpu.max", STR_ARG(group));
        const unsigned cores = cpu_quota_cores(read_text(path, text));
        if (cores > 0 && (least == 0 || cores < least))
            least = cores;
        if (group.len == 0)
            break;
        while (group.len > 0 && group.ptr[group.len - 1] != '/')
            group.len--;
        group.len -= group.len > 0; /* the slash */
    }
    return least;
}

unsigned cpu_core_count(void)
{
    cpu_set_t set;
    unsigned cores = 0;
    if (sched_getaffinity(0, sizeof(set), &set) == 0) {
        cores = (unsigned)CPU_COUNT(&set);
    } else { /* more processors than cpu_set_t holds */
        const long online = sysconf(_SC_NPROCESSORS_ONLN);
        cores = online > 0 ? (unsigned)online : 1;
    }
    const unsigned quota = group_cores();
    if (quota > 0 && quota < cores)
        cores = quota;
    return cores > 0 ? cores : 1;
}
