/*
 * Which experts a token gets is a decision: ties, groups and numbers that are none must come out
 * the same everywhere, and never name an expert that does not exist.
 */
#include "base/attr.h"
#include "model/expert_routing.h"
#include "tests/holt_test.h"

#include <math.h>

enum { COUNT = 6, USED_MAX = 4 };

struct routing_case {
    const char *name;
    struct experts_shape shape;
    float products[COUNT];
    float bias[COUNT];
    uint32_t experts[USED_MAX];
    double weights[USED_MAX];
};

/* A shape with the numbers that a case leaves out. */
static struct experts_shape complete(struct experts_shape shape)
{
    shape.count = COUNT;
    shape.used_count = shape.used_count ? shape.used_count : 2;
    shape.group_count = shape.group_count ? shape.group_count : 1;
    shape.group_used_count = shape.group_used_count ? shape.group_used_count : 1;
    shape.scale = shape.scale != 0 ? shape.scale : 1.0f;
    return shape;
}

static const struct routing_case cases[] = {
    {"softmax over all",
     {.scoring = EXPERT_SCORING_SOFTMAX},
     {0, 1, 2, 0, 0, 0},
     {0},
     {1, 2},
     {0.1926855, 0.5237735}},
    {"softmax, weights add up to 1",
     {.scoring = EXPERT_SCORING_SOFTMAX, .normalizes = true},
     {0, 1, 2, 0, 0, 0},
     {0},
     {1, 2},
     {0.2689414, 0.7310586}},
    {"softmax over the chosen",
     {.scoring = EXPERT_SCORING_SOFTMAX_OF_SELECTED},
     {-3, 1, 2, -1, 0, 0},
     {0},
     {1, 2},
     {0.2689414, 0.7310586}},
    {"sigmoid, scaled",
     {.scoring = EXPERT_SCORING_SIGMOID, .scale = 2.5f},
     {0, 1, 2, 0, 0, 0},
     {0},
     {1, 2},
     {2.5 * 0.7310586, 2.5 * 0.8807971}},
    {"the bias chooses but does not weigh",
     {.scoring = EXPERT_SCORING_SIGMOID},
     {0, 1, 2, 0, 0, 0},
     {0.9f, 0, 0, 0, 0, 0},
     {0, 2},
     {0.5, 0.8807971}},
    {"ties go to the lower number",
     {.scoring = EXPERT_SCORING_SOFTMAX},
     {1, 1, 1, 1, 1, 1},
     {0},
     {0, 1},
     {1.0 / 6, 1.0 / 6}},
    {"a tie behind the best",
     {.scoring = EXPERT_SCORING_SIGMOID},
     {0, 0, 0, 0, 3, 0},
     {0},
     {0, 4},
     {0.5, 0.9525741}},
    {"the best group, not the best expert",
     {.scoring = EXPERT_SCORING_SIGMOID, .group_count = 3},
     {4, -4, 2, 2, 0, 0}, /* groups of two */
     {0},
     {2, 3},
     {0.8807971, 0.8807971}},
    {"equal groups: the lower",
     {.scoring = EXPERT_SCORING_SIGMOID, .group_count = 3, .group_used_count = 2, .used_count = 3},
     {0, 0, 0, 0, 0, 0},
     {0},
     {0, 1, 2},
     {0.5, 0.5, 0.5}},
    {"weights near 0 are not blown up",
     {.scoring = EXPERT_SCORING_SIGMOID, .normalizes = true},
     {-100, -100, -100, -100, -100, -100},
     {0},
     {0, 1},
     {0, 0}},
};

static void experts_and_weights_are_as_defined(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct routing_case *c = &cases[i];
        uint32_t experts[USED_MAX] = {0};
        float weights[USED_MAX] = {0};
        test_case(c->name);
        const struct experts_shape shape = complete(c->shape);
        expert_routing_choose(&shape, c->products, c->bias, experts, weights);
        for (uint32_t k = 0; k < shape.used_count; k++) {
            assert_int_equal(experts[k], c->experts[k]);
            if (fabs((double)weights[k] - c->weights[k]) > 1e-6)
                fail_msg("%s: weight %u is %g", c->name, k, (double)weights[k]);
        }
    }
}

static void numbers_that_are_none_choose_experts_that_exist(void **state)
{
    (void)state;
    static const float odd[] = {NAN, INFINITY, -INFINITY, 3e38f, -3e38f, 0};
    static const enum expert_scoring scorings[] = {EXPERT_SCORING_SOFTMAX, EXPERT_SCORING_SIGMOID,
                                                   EXPERT_SCORING_SOFTMAX_OF_SELECTED};
    for (size_t i = 0; i < 6 * 6 * 6 * 3; i++) {
        const struct experts_shape shape =
            complete((struct experts_shape){.scoring = scorings[i % 3],
                                            .normalizes = true,
                                            .group_count = i % 2 ? 3 : 1,
                                            .group_used_count = i % 2 ? 2 : 1,
                                            .used_count = 3});
        float products[COUNT];
        uint32_t experts[USED_MAX] = {0};
        float weights[USED_MAX] = {0};
        for (size_t k = 0; k < COUNT; k++)
            products[k] = odd[(k % 3 == 0 ? i : k % 3 == 1 ? i / 6 : i / 36) % 6];
        expert_routing_choose(&shape, products, NULL, experts, weights);
        for (uint32_t k = 0; k < shape.used_count; k++) {
            assert_true(experts[k] < COUNT);
            assert_true(k == 0 || experts[k - 1] < experts[k]);
        }
    }
}

int test_expert_routing(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(experts_and_weights_are_as_defined),
        cmocka_unit_test(numbers_that_are_none_choose_experts_that_exist),
    };
    return cmocka_run_group_tests_name("expert_routing", tests, NULL, NULL);
}
