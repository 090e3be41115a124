#include "cli/agent_setup.h"

#include "base/mem.h"
#include "cli/allow.h"
#include "cli/command.h"
#include "cli/made_model.h"
#include "cli/model_name.h"
#include "cli/workspace.h"
#include "os/cpu.h"
#include "os/path.h"
#include "store/db.h"
#include "store/session_store.h"
#include "text/json.h"

static void warn(void *context, const char *text)
{
    (void)context;
    command_warn("%s", text);
}

enum status agent_setup_config(const struct command_common *common, struct config *out,
                               struct error *err)
{
    CLEANUP(mem_freep) char *path = NULL;
    *out = (struct config){0};
    if (state_config_path(common, &path, NULL) != OK)
        return OK; /* no home folder, no configuration */
    if (common->config_path && path_kind(path) == PATH_MISSING)
        return error_set(err, E_NOT_FOUND, "there is no configuration file %.300s", path);
    return config_load(path, warn, NULL, out, err);
}

enum status agent_setup_cpu(const char *cpu_mask, unsigned *out_features_off, struct error *err)
{
    unsigned features = 0;
    *out_features_off = 0;
    if (!cpu_mask)
        return OK;
    TRY(cpu_features_masked(cpu_mask, &features, err));
    *out_features_off = cpu_features() & ~features;
    return OK;
}

/* Reads where the session was and with which model. */
static enum status find_session(struct agent_setup *setup, const char *id,
                                struct session_store_info *out, struct error *err)
{
    CLEANUP(db_closep) struct db *db = NULL;
    TRY(db_open(setup->state.database, &db, err));
    if (id[0])
        return session_store_find(db, id, out, err);
    CLEANUP(mem_freep) char *folder = NULL;
    if (path_current(&folder, NULL) == OK && session_store_latest(db, folder, out, NULL) == OK)
        return OK;
    return session_store_latest(db, NULL, out, err);
}

static enum status choose_workspace(struct agent_setup *setup, const char *given,
                                    const struct session_store_info *session, struct error *err)
{
    if (given || !session->workspace)
        return workspace_find(given, &setup->workspace, err);
    if (path_kind(session->workspace) != PATH_FOLDER)
        return error_set(err, E_NOT_FOUND,
                         "the workspace %.300s of session %s is gone: name another with -w DIR",
                         session->workspace, session->id);
    return workspace_find(session->workspace, &setup->workspace, err);
}

static enum status choose_model(struct agent_setup *setup, const char *given,
                                const struct session_store_info *session, struct error *err)
{
    const char *name = given;
    if (!name)
        name = session->model ? session->model : setup->config.model;
    CLEANUP(mem_freep) char *made = NULL;
    TRY(model_name_resolve(name, &setup->state, setup->config.model_folders, &setup->model_path,
                           err));
    (void)model_name_made(name, &setup->state, setup->config.model_folders, &made,
                          &setup->settings);
    if (!setup->model_path)
        setup->model_label = mem_copy_str(MODEL_NAME_BUILTIN);
    else if (strchr(name, '/') || str_ends_with(str_from_c(name), STR(".gguf")))
        setup->model_label = mem_copy_str(setup->model_path); /* still right from another folder */
    else
        setup->model_label = mem_copy_str(name);
    return OK;
}

static enum status fill_core(struct agent_setup *setup, const struct agent_options *options,
                             struct error *err)
{
    static const struct sampling_options usual = SAMPLING_OPTIONS_GREEDY;
    const int64_t threads = options->thread_count ? options->thread_count : setup->config.threads;
    struct sampling_options sampling = options->sampling;
    int64_t context = options->context_tokens;
    int64_t answer = 0;
    made_model_take(setup->settings, &usual, &sampling, &context, &answer);
    setup->core = (struct core_role_config){
        .state = &setup->state,
        .model_path = setup->model_path,
        .model_label = setup->model_label,
        .workspace = setup->workspace,
        .resume_id = setup->resume_id,
        .thread_count = (uint32_t)threads,
        .context_tokens = (uint32_t)context,
        .answer_tokens_max = (uint32_t)answer,
        .steps_max = (uint32_t)options->steps_max,
        .sampler = sampling_options_resolve(&sampling),
        .system_text = json_str(json_object_get(setup->settings, "system")),
        .chat_template = json_str(json_object_get(setup->settings, "template")),
    };
    TRY(sampler_options_check(&setup->core.sampler, err));
    TRY(kv_kind_find(options->kv, &setup->core.kv, err));
    return agent_setup_cpu(options->cpu_mask, &setup->core.cpu_features_off, err);
}

enum status agent_setup_init(struct agent_setup *setup, const struct command_common *common,
                             const struct agent_options *options, const char *resume_id,
                             struct error *err)
{
    CLEANUP(session_store_info_done) struct session_store_info session = {0};
    *setup = (struct agent_setup){0};
    TRY(agent_setup_config(common, &setup->config, err));
    TRY(allow_parse(options->allow ? options->allow : setup->config.allow, &setup->allowed, err));
    TRY(state_init(common, &setup->state, err));
    if (resume_id) {
        TRY(find_session(setup, resume_id, &session, err));
        setup->resume_id = mem_copy_str(session.id);
    }
    TRY(choose_workspace(setup, options->workspace, &session, err));
    TRY(choose_model(setup, options->model, &session, err));
    TRY(fill_core(setup, options, err));
    TRY(prompt_store_resolve(options->prompt_store, setup->config.prompt_store, &setup->state,
                             &setup->prompts, err));
    setup->core.prompts = &setup->prompts;
    TRY(speculation_options_resolve(&options->speculation, common, &setup->core.speculate,
                                    &setup->draft_path, err));
    setup->core.draft_path = setup->draft_path;
    return OK;
}

void agent_setup_done(struct agent_setup *setup)
{
    state_done(&setup->state);
    config_done(&setup->config);
    mem_free(setup->workspace);
    mem_free(setup->model_path);
    mem_free(setup->model_label);
    mem_free(setup->resume_id);
    mem_free(setup->draft_path);
    json_decref(setup->settings);
    prompt_store_done(&setup->prompts);
    *setup = (struct agent_setup){0};
}
