#include "cli/command_list.h"

#include "base/str.h"
#include "text/edit_distance.h"

const struct command *const command_list[] = {
    &cmd_chat,   &cmd_agent,  &cmd_resume,      &cmd_sessions, &cmd_tools,    &cmd_run,
    &cmd_serve,  &cmd_launch, &cmd_ps,          &cmd_models,   &cmd_pull,     &cmd_import,
    &cmd_create, &cmd_rm,     &cmd_fit,         &cmd_tokenize, &cmd_template, &cmd_show,
    &cmd_embed,  &cmd_rerank, &cmd_perplexity,  &cmd_logits,   &cmd_bench,    &cmd_eval,
    &cmd_doctor, &cmd_help,   &cmd_completions, &cmd_man,      &cmd_version,  NULL,
};

const struct command *command_list_find(const char *name)
{
    for (size_t i = 0; command_list[i]; i++) {
        if (command_list[i]->name[0] && strcmp(command_list[i]->name, name) == 0)
            return command_list[i];
    }
    return NULL;
}

const char *command_list_nearest(const char *name)
{
    const struct str typed = str_from_c(name);
    const char *best = NULL;
    size_t best_distance = 3;
    for (size_t i = 0; command_list[i]; i++) {
        const char *known = command_list[i]->name;
        const size_t distance = edit_distance(typed, str_from_c(known), 2);
        if (known[0] && distance < best_distance && distance < typed.len) {
            best = known;
            best_distance = distance;
        }
    }
    return best;
}
