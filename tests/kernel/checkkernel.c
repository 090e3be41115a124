/*
 * checkkernel - compares the kernels of every CPU level this machine has with the reference, bit
 * for
 * bit, and measures them.
 *
 *   checkkernel [--level NAME] [--seed N] [--family NAME] [--part N] [--bench]
 *
 * Exit status 0: all equal; 1: a difference; 2: used wrongly.
 */
#include "base/str.h"
#include "os/clock.h"
#include "os/cpu.h"
#include "tests/kernel/check.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    void (*check)(struct check *c);
    void (*bench)(struct check *c);
} families[] = {
    {"quantize", check_quantize, NULL},
    {"dequantize", check_dequantize, NULL},
    {"vector", check_vector, check_vector_bench},
    {"attend", check_attend, check_attend_bench},
    {"matmul", check_matmul, check_matmul_bench},
    {"code", check_code, check_code_bench},
    {"attend_code", check_attend_code, check_attend_code_bench},
    {"recurrent", check_recurrent, check_recurrent_bench},
};

struct options {
    const char *level;
    const char *family;
    uint64_t seed;
    unsigned part; /* one case of so many, for emulators */
    bool is_bench;
};

/* A kernel that reads or writes too far, or uses an instruction the CPU lacks. */
static void on_crash(int number)
{
    const char *name = check_case_name();
    const char text[] = "\nFAIL: crash in: ";
    (void)!write(STDOUT_FILENO, text, sizeof(text) - 1);
    (void)!write(STDOUT_FILENO, name, strlen(name));
    (void)!write(STDOUT_FILENO, "\n", 1);
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

static bool parse(int argc, char **argv, struct options *options)
{
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        int64_t seed = 0;
        if (strcmp(argv[i], "--bench") == 0) {
            options->is_bench = true;
            continue;
        }
        if (!value)
            return false;
        if (strcmp(argv[i], "--level") == 0 && cpu_level_find(value))
            options->level = value;
        else if (strcmp(argv[i], "--family") == 0)
            options->family = value;
        else if (strcmp(argv[i], "--seed") == 0 && str_to_int(str_from_c(value), &seed))
            options->seed = (uint64_t)seed;
        else if (strcmp(argv[i], "--part") == 0 && str_to_int(str_from_c(value), &seed) &&
                 seed >= 1 && seed <= 1000)
            options->part = (unsigned)seed;
        else
            return false;
        i++;
    }
    return true;
}

/* Families of kernels, over all levels. */
struct totals {
    unsigned passed;
    unsigned failed;
};

static unsigned run_level(const struct options *options, const struct cpu_level *level,
                          struct totals *totals)
{
    struct kernel_table reference;
    struct kernel_table candidate;
    kernel_table_init(&reference, 0);
    kernel_table_init(&candidate, level->features);
    struct check c = {&reference, &candidate, level->name, options->part, options->seed, 0, 0, 0};
    for (size_t i = 0; i < ARRAY_LEN(families); i++) {
        if (options->family && strcmp(options->family, families[i].name) != 0)
            continue;
        c.random = options->seed;
        c.digest = 0;
        if (options->is_bench) {
            if (families[i].bench)
                families[i].bench(&c);
            continue;
        }
        const uint64_t begin = clock_monotonic_ns();
        const uint64_t before = c.comparison_count;
        const unsigned failures_before = c.failure_count;
        families[i].check(&c);
        totals->passed += c.failure_count == failures_before;
        totals->failed += c.failure_count != failures_before;
        printf("%-9s %-10s %8" PRIu64 " values, reference digest %016" PRIx64 ", %.1f s\n",
               level->name, families[i].name, c.comparison_count - before, c.digest,
               (double)(clock_monotonic_ns() - begin) * 1e-9);
    }
    return c.failure_count;
}

int main(int argc, char **argv)
{
    struct options options = {.part = 1, .seed = clock_monotonic_ns() % 1000000007};
    if (!parse(argc, argv, &options)) {
        fprintf(stderr, "usage: checkkernel [--level NAME] [--seed N] "
                        "[--family NAME] [--part N] [--bench]\n");
        return 2;
    }
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    (void)signal(SIGSEGV, on_crash);
    (void)signal(SIGBUS, on_crash);
    (void)signal(SIGILL, on_crash);
    printf("seed %" PRIu64 "\n", options.seed);

    const unsigned features = cpu_features();
    unsigned failures = 0;
    struct totals totals = {0};
    for (size_t i = 0; i < CPU_LEVEL_COUNT; i++) {
        const struct cpu_level *level = &cpu_levels[i];
        if (options.level && strcmp(options.level, level->name) != 0)
            continue;
        if ((features & level->features) != level->features)
            printf("%-9s skipped: this processor does not have it\n", level->name);
        else if (options.is_bench || level->features != 0) /* level 0 is the reference itself */
            failures += run_level(&options, level, &totals);
    }
    if (failures > 0)
        printf("FAILED: %u differences (repeat with SEED=%" PRIu64 ")\n", failures, options.seed);
    if (!options.is_bench)
        printf("%u passed, %u failed\n", totals.passed, totals.failed);
    return failures > 0;
}
