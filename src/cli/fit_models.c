#include "cli/fit_models.h"

#include "base/strbuf.h"

#include <ctype.h>

/* Bits of a parameter in a file of one type, scales included. */
static const struct {
    const char *type;
    double bits;
} wide[] = {{"Q8_0", 8.5}, {"F16", 16}};

size_t fit_models_sizes(const struct fit_model *model, struct fit_models_size out[FIT_MODELS_TYPES])
{
    size_t count = 0;
    out[count++] = (struct fit_models_size){model->type, model->file_bytes, model->read_bytes};
    for (size_t i = 0; i < ARRAY_LEN(wide) && !model->has_one_type; i++)
        out[count++] = (struct fit_models_size){
            wide[i].type, (uint64_t)((double)model->parameter_count * wide[i].bits / 8),
            (uint64_t)((double)model->active_count * wide[i].bits / 8)};
    return count;
}

static struct str lower(struct str text, char out[FIT_MODELS_NAME_LEN_MAX])
{
    const size_t len = text.len < FIT_MODELS_NAME_LEN_MAX ? text.len : FIT_MODELS_NAME_LEN_MAX;
    for (size_t i = 0; i < len; i++)
        out[i] = (char)tolower((unsigned char)text.ptr[i]);
    return (struct str){out, len};
}

enum status fit_models_find(struct str name, const struct fit_model **out, struct error *err)
{
    CLEANUP(strbuf_done) struct strbuf choices = {.size_max = ERROR_TEXT_MAX / 2};
    char wanted_bytes[FIT_MODELS_NAME_LEN_MAX];
    const struct fit_model *found = NULL;
    size_t count = 0;
    if (name.len == 0 || name.len > FIT_MODELS_NAME_LEN_MAX)
        return error_set(err, E_NOT_FOUND, "a model's name has 1 to %d bytes",
                         FIT_MODELS_NAME_LEN_MAX);
    const struct str wanted = lower(name, wanted_bytes);
    for (size_t i = 0; i < fit_models_count; i++) {
        char own_bytes[FIT_MODELS_NAME_LEN_MAX];
        const struct str own = lower(str_from_c(fit_models[i].name), own_bytes);
        if (str_equal(own, wanted)) {
            *out = &fit_models[i];
            return OK;
        }
        if (str_find(own, wanted, 0) == SIZE_MAX)
            continue;
        found = &fit_models[i];
        strbuf_addf(&choices, "%s%s", count++ ? ", " : "", found->name);
    }
    if (count == 0)
        return error_set(err, E_NOT_FOUND,
                         "nothing is known of a model \"%.*s\": holt fit lists the models; or give "
                         "a file",
                         STR_ARG(name));
    if (count > 1)
        return error_set(err, E_INVALID, "\"%.*s\" may be %s", STR_ARG(name), strbuf_c(&choices));
    *out = found;
    return OK;
}
