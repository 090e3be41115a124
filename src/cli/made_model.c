#include "cli/made_model.h"

static void take(double *value, double usual, const json_t *parameters, const char *name)
{
    const json_t *own = json_object_get(parameters, name);
    if (*value == usual && json_is_number(own))
        *value = json_number_value(own);
}

static void take_whole(int64_t *value, int64_t usual, const json_t *parameters, const char *name)
{
    const json_t *own = json_object_get(parameters, name);
    if (*value == usual && json_is_integer(own) && json_integer_value(own) >= 0)
        *value = json_integer_value(own);
}

void made_model_take(const json_t *settings, const struct sampling_options *usual,
                     struct sampling_options *sampling, int64_t *context_tokens,
                     int64_t *token_count_max)
{
    const json_t *own = json_object_get(settings, "parameters");
    take(&sampling->temperature, usual->temperature, own, "temperature");
    take(&sampling->top_p, usual->top_p, own, "top_p");
    take(&sampling->min_p, usual->min_p, own, "min_p");
    take(&sampling->repeat_penalty, usual->repeat_penalty, own, "repeat_penalty");
    take_whole(&sampling->top_k, usual->top_k, own, "top_k");
    take_whole(&sampling->seed, usual->seed, own, "seed");
    take_whole(context_tokens, 0, own, "num_ctx");
    take_whole(token_count_max, 0, own, "num_predict");
}
