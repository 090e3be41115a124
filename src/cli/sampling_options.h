/*
 * sampling_options - how tokens are chosen, as rows for a table of options.
 *
 * Threads: any. Used by: agent_options.h, cmd_run.c.
 */
#pragma once

#include "cli/options.h"
#include "infer/sampler.h"

struct sampling_options {
    double temperature;
    double top_p;
    double min_p;
    double repeat_penalty;
    int64_t top_k;
    int64_t seed; /* -1: a new one each time */
};

#define SAMPLING_OPTIONS_ROWS(type, member)                                             \
    OPTION_DOUBLE(type, member.temperature, 't', "temperature", "T", 0, 100,            \
                  "0 takes the most likely token; higher is more varied"),              \
        OPTION_INT(type, member.top_k, 0, "top-k", "N", 0, 1000000,                     \
                   "choose among the N most likely tokens (0: all)"),                   \
        OPTION_DOUBLE(type, member.top_p, 0, "top-p", "P", 0, 1,                        \
                      "choose among the fewest tokens that together reach P (1: all)"), \
        OPTION_DOUBLE(type, member.min_p, 0, "min-p", "P", 0, 1,                        \
                      "drop tokens less than P times as likely as the best"),           \
        OPTION_DOUBLE(type, member.repeat_penalty, 0, "repeat-penalty", "X", 0.01, 100, \
                      "make recent tokens less likely (1: no)"),                        \
        OPTION_INT(type, member.seed, 0, "seed", "N", -1, INT64_MAX,                    \
                   "number that fixes every choice (-1: a new one)")

/* An agent takes the most likely token: the same task gives the same steps. */
#define SAMPLING_OPTIONS_GREEDY                                                               \
    {                                                                                         \
        .temperature = 0, .top_p = 1, .min_p = 0, .repeat_penalty = 1, .top_k = 0, .seed = -1 \
    }
#define SAMPLING_OPTIONS_VARIED                                                             \
    {                                                                                       \
        .temperature = 0.7, .top_p = 0.95, .min_p = 0.05, .repeat_penalty = 1, .top_k = 40, \
        .seed = -1                                                                          \
    }

/* What the sampler takes; draws a seed when none is fixed. */
struct sampler_options sampling_options_resolve(const struct sampling_options *options);
