/* tiers - the kinds of system the sandbox tests pretend to stand on. */
#pragma once

#include "sandbox/confined.h"
#include "sandbox/sandbox.h"

struct tier {
    const char *name;
    struct sandbox_options options;
    enum sandbox_tier wanted;
};

enum { TIER_COUNT = 5 };

extern const struct tier tiers[TIER_COUNT];

/* False, after printing why, when this system cannot be made to look like it. */
bool tier_setup(const struct tier *tier, const char *workspace, struct confined_setup *setup);
