/*
 * Levels name what kernels may use: a wrong one crashes with an illegal instruction, a missing one
 * costs speed. Quotas decide how many threads a container gets.
 */
#include "tests/holt_test.h"

#include "os/cpu.h"

#include <sched.h>

static const struct {
    const char *name;
    const char *text;
    unsigned cores;
} quotas[] = {
    {"no limit", "max 100000\n", 0},
    {"two cores", "200000 100000\n", 2},
    {"a fraction counts as one", "1000 100000", 1},
    {"one and a half is two", "150000 100000", 2},
    {"no period", "100000", 0},
    {"zero period", "100000 0", 0},
    {"zero quota", "0 100000", 0},
    {"negative", "-1 100000", 0},
    {"empty", "", 0},
    {"words", "many cores", 0},
    {"absurdly many is no limit", "9000000000000000000 1", 0},
};

static void a_quota_line_gives_whole_cores(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(quotas); i++) {
        test_case(quotas[i].name);
        assert_int_equal(cpu_quota_cores(str_from_c(quotas[i].text)), quotas[i].cores);
    }
}

static void every_level_contains_the_one_before(void **state)
{
    (void)state;
    assert_int_equal(cpu_levels[0].features, 0);
    for (size_t i = 1; i < CPU_LEVEL_COUNT; i++) {
        const unsigned below = cpu_levels[i - 1].features;
        assert_int_equal(cpu_levels[i].features & below, below);
        assert_int_not_equal(cpu_levels[i].features, below);
    }
}

static void levels_are_found_by_name_and_by_features(void **state)
{
    (void)state;
    for (size_t i = 0; i < CPU_LEVEL_COUNT; i++) {
        assert_ptr_equal(cpu_level_find(cpu_levels[i].name), &cpu_levels[i]);
        assert_ptr_equal(cpu_level_of(cpu_levels[i].features), &cpu_levels[i]);
    }
    assert_null(cpu_level_find("avx"));
    /* AVX-512 without AVX2 is no level of its own. */
    assert_ptr_equal(cpu_level_of(CPU_FEATURE_AVX512), &cpu_levels[0]);
}

static void a_mask_only_takes_away(void **state)
{
    (void)state;
    const unsigned features = cpu_features();
    for (size_t i = 0; i < CPU_LEVEL_COUNT; i++) {
        unsigned masked = 0;
        struct error err = {0};
        const enum status status = cpu_features_masked(cpu_levels[i].name, &masked, &err);
        if ((features & cpu_levels[i].features) == cpu_levels[i].features) {
            assert_int_equal(status, OK);
            assert_int_equal(masked, cpu_levels[i].features);
        } else {
            assert_int_equal(status, E_UNSUPPORTED);
        }
    }
    unsigned masked = 77;
    struct error err = {0};
    assert_int_equal(cpu_features_masked("sse9", &masked, &err), E_INVALID);
    assert_int_equal(masked, 77);
    assert_non_null(strstr(err.text, "sse9"));
}

static void cores_follow_the_affinity_mask(void **state)
{
    (void)state;
    cpu_set_t before;
    assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
    const unsigned cores = cpu_core_count();
    assert_in_range(cores, 1, CPU_COUNT(&before));

    size_t first = 0;
    while (!CPU_ISSET(first, &before))
        first++;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
    assert_int_equal(cpu_core_count(), 1);
    assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
}

static void the_brand_is_printable(void **state)
{
    (void)state;
    char brand[CPU_BRAND_MAX];
    cpu_brand(brand);
    assert_in_range(strlen(brand), 1, CPU_BRAND_MAX - 1);
    for (const char *c = brand; *c; c++)
        assert_in_range(*c, ' ', '~');
}

int test_cpu(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quota_line_gives_whole_cores),
        cmocka_unit_test(every_level_contains_the_one_before),
        cmocka_unit_test(levels_are_found_by_name_and_by_features),
        cmocka_unit_test(a_mask_only_takes_away),
        cmocka_unit_test(cores_follow_the_affinity_mask),
        cmocka_unit_test(the_brand_is_printable),
    };
    return cmocka_run_group_tests_name("cpu", tests, NULL, NULL);
}
