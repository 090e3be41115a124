#include "cli/speculation_options.h"

#include "cli/model_command.h"

static const struct {
    const char *name;
    enum engine_speculate value;
} sources[] = {
    {"auto", ENGINE_SPECULATE_AUTO},     {"off", ENGINE_SPECULATE_OFF},
    {"lookup", ENGINE_SPECULATE_LOOKUP}, {"mtp", ENGINE_SPECULATE_MTP},
    {"draft", ENGINE_SPECULATE_DRAFT},
};

static enum status find_source(const char *name, enum engine_speculate *out, struct error *err)
{
    for (size_t i = 0; i < ARRAY_LEN(sources); i++)
        if (strcmp(name, sources[i].name) == 0) {
            *out = sources[i].value;
            return OK;
        }
    return error_set(err, E_INVALID,
                     "--speculate is auto, off, lookup, mtp or draft, not \"%.32s\"", name);
}

enum status speculation_options_resolve(const struct speculation_options *options,
                                        const struct command_common *common,
                                        enum engine_speculate *out, char **out_draft_path,
                                        struct error *err)
{
    *out = ENGINE_SPECULATE_AUTO;
    *out_draft_path = NULL;
    if (options->source)
        TRY(find_source(options->source, out, err));
    if (*out == ENGINE_SPECULATE_DRAFT && !options->draft)
        return error_set(err, E_INVALID, "--speculate draft needs a model: --draft MODEL");
    if (!options->draft)
        return OK;
    if (*out != ENGINE_SPECULATE_AUTO && *out != ENGINE_SPECULATE_DRAFT)
        return error_set(err, E_INVALID, "--draft goes with --speculate auto or draft");
    TRY(model_command_find(common, options->draft, out_draft_path, err));
    if (!*out_draft_path)
        return error_set(err, E_INVALID, "--draft needs a model file; the built-in model is none");
    return OK;
}
