/* The tiers of the sandbox, from strongest to weakest, by switching features off. */
#include "tests/unit/sandbox/tiers.h"

#include "tests/holt_test.h"

#include <stdio.h>

const struct tier tiers[TIER_COUNT] = {
    {"A: all", {0}, SANDBOX_TIER_A},
    {"A: Landlock ABI 2", {.landlock_abi_max = 2}, SANDBOX_TIER_A},
    {"B: no namespaces", {.without_namespaces = true, .without_openat2 = true}, SANDBOX_TIER_B},
    {"B: no namespaces, Landlock ABI 2",
     {.without_namespaces = true, .landlock_abi_max = 2},
     SANDBOX_TIER_B},
    {"C: no Landlock", {.without_landlock = true}, SANDBOX_TIER_C},
};

bool tier_setup(const struct tier *tier, const char *workspace, struct confined_setup *setup)
{
    struct error err = {0};
    if (confined_setup_init(workspace, &tier->options, setup, &err) != OK)
        fail_msg("%s: %s", tier->name, err.text);
    if (setup->report.tier == tier->wanted)
        return true;
    printf("not run: %s (%s)\n", tier->name, setup->report.missing);
    confined_setup_done(setup);
    return false;
}
