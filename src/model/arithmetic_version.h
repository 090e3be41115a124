/*
 * arithmetic_version - the number that stands for "the same tokens give the same bits".
 *
 * It is raised when any bit of any logit changes on purpose: another order of additions, another
 * activation format, another exp. Stored states of an older version are then computed again. The
 * digests of tests/unit/infer/test_infer_logits.c fail when bits change and this did not.
 */
#pragma once

enum { ARITHMETIC_VERSION = 1 };
