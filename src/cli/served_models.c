#include "cli/served_models.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "chat/chat_template.h"
#include "cli/model_catalog.h"
#include "cli/model_file.h"
#include "cli/model_name.h"
#include "engine/memory_plan.h"
#include "engine/prefix_store.h"
#include "gguf/gguf.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/lock.h"
#include "os/memory.h"
#include "text/json.h"
#include "tokenizer/tokenizer.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

/* What the listings tell of a file; read once as long as the file stays the same. */
struct known_file {
    char *path; /* "": the built-in model */
    uint64_t size_bytes;
    int64_t modified_us;
    char architecture[64];
    uint64_t parameter_count;
    uint32_t context_trained;
    struct memory_plan plan; /* with all the memory there could be; all 0: it makes no text */
    bool embeds, calls_tools, thinks;
};

/* What api_model.opened is of a model that is only described. */
struct description {
    struct gguf *file;
    struct tokenizer *tokenizer;
    struct chat_template *chat_template;
};

struct served_models {
    const struct serve_role_config *config;
    uint64_t room_bytes; /* for all models; 0: unknown */
    uint64_t used_bytes; /* of these, by open ones; the pool's thread only */
    struct lock lock;
    struct known_file *known; /* under the lock */
    size_t known_count;
};

static uint64_t free_bytes_now(void)
{
    const uint64_t available = memory_available_bytes();
    const uint64_t reserve = memory_plan_reserve(memory_total_bytes());
    return available > reserve ? available - reserve : 0;
}

struct served_models *served_models_new(const struct serve_role_config *config)
{
    struct served_models *models = mem_zalloc(sizeof(*models));
    models->config = config;
    models->room_bytes = config->memory_bytes ? config->memory_bytes : free_bytes_now();
    lock_init(&models->lock);
    return models;
}

void served_models_free(struct served_models *models)
{
    if (!models)
        return;
    for (size_t i = 0; i < models->known_count; i++)
        mem_free(models->known[i].path);
    mem_free(models->known);
    lock_done(&models->lock);
    mem_free(models);
}

/* ---------------------------------------------------------------- names */

static void read_catalog(const struct served_models *models, struct catalog *out)
{
    model_catalog_read(models->config->state, models->config->model_folders, out);
}

static bool is_first_path(const struct served_models *models, const char *path)
{
    return path && models->config->model_path && strcmp(models->config->model_path, path) == 0;
}

static struct str template_in(const json_t *settings)
{
    return json_str(json_object_get(settings, "template"));
}

/* Whether what is loaded first is the file at `path` (NULL: the built-in model) as it is. */
static bool is_first(const struct served_models *models, const char *path)
{
    if (template_in(models->config->settings).len > 0)
        return false;
    return path ? is_first_path(models, path) : !models->config->model_path;
}

/* The name of what is loaded for the entry. */
static const char *loaded_as(const struct served_models *models, const struct catalog *catalog,
                             const struct catalog_entry *entry)
{
    if (template_in(entry->settings).len > 0)
        return entry->name;
    if (is_first(models, entry->path))
        return models->config->model_name;
    return entry->path ? catalog_loaded_as(catalog, entry)->name : MODEL_NAME_BUILTIN;
}

static enum status find(void *context, struct str name, struct model_pool_found *out,
                        struct error *err)
{
    const struct served_models *models = context;
    CLEANUP(catalog_done) struct catalog catalog = {0};
    const struct catalog_entry *entry = NULL;
    if (str_equal_c(name, models->config->model_name)) {
        out->name = mem_copy_str(models->config->model_name);
        if (models->config->settings)
            out->settings = json_deep_copy(models->config->settings);
        return OK;
    }
    if (str_equal_c(name, MODEL_NAME_BUILTIN)) {
        out->name =
            mem_copy_str(is_first(models, NULL) ? models->config->model_name : MODEL_NAME_BUILTIN);
        return OK;
    }
    read_catalog(models, &catalog);
    const enum status status = catalog_find(&catalog, name, &entry, err);
    if (status == E_NOT_FOUND)
        return error_set(err, E_NOT_FOUND, "model '%.*s' not found; this server has '%s'",
                         (int)(name.len < 60 ? name.len : 60), name.ptr,
                         models->config->model_name);
    if (status == OK) {
        out->name = mem_copy_str(loaded_as(models, &catalog, entry));
        out->settings = json_incref(entry->settings);
    }
    return status;
}

/* What is to be loaded. Zeroed is the built-in model. */
struct weights {
    char *path;       /* NULL: the built-in model */
    json_t *settings; /* NULL: none */
};

static void weights_done(struct weights *weights)
{
    mem_free(weights->path);
    json_decref(weights->settings);
}

/* Of find()'s name. */
static enum status weights_of(const struct served_models *models, const char *name,
                              struct weights *out, struct error *err)
{
    CLEANUP(catalog_done) struct catalog catalog = {0};
    const struct catalog_entry *entry = NULL;
    if (strcmp(name, models->config->model_name) == 0) {
        if (models->config->model_path)
            out->path = mem_copy_str(models->config->model_path);
        if (models->config->settings)
            out->settings = json_deep_copy(models->config->settings);
        return OK;
    }
    if (strcmp(name, MODEL_NAME_BUILTIN) == 0)
        return OK;
    read_catalog(models, &catalog);
    TRY(catalog_find(&catalog, str_from_c(name), &entry, err));
    if (entry->path)
        out->path = mem_copy_str(entry->path);
    out->settings = json_incref(entry->settings);
    return OK;
}

/* ---------------------------------------------------------------- opening */

static enum status open_engine(const struct engine_config *engine, struct api_model *out,
                               struct error *err)
{
    struct prefix_store_facts stored;
    TRY(engine_open(engine, &out->engine, err));
    engine_prefix_facts(out->engine, &stored);
    if (stored.problem[0])
        fprintf(stderr, "stored prompts: %s\n", stored.problem);
    const struct engine_info *info = engine_get_info(out->engine);
    out->file = engine_gguf(out->engine);
    out->tokenizer = engine_tokenizer(out->engine);
    out->caps = engine_template_caps(out->engine);
    out->architecture = info->architecture;
    out->context_tokens = info->context_tokens;
    out->parameter_count = info->parameter_count;
    out->memory_bytes =
        info->weight_bytes + info->kv_bytes + info->state_bytes + info->scratch_bytes;
    return OK;
}

static enum status open_embed(const struct serve_role_config *config,
                              const struct embed_config *embed, struct api_model *out,
                              struct error *err)
{
    TRY(embed_open(embed, &out->embed, err));
    const struct embed_info *info = embed_get_info(out->embed);
    out->is_for_embeddings = true;
    out->file = embed_gguf(out->embed);
    out->tokenizer = embed_tokenizer(out->embed);
    out->architecture = info->architecture;
    out->context_tokens = info->tokens_max;
    out->parameter_count = info->parameter_count;
    out->pooling = config->pooling;
    out->memory_bytes = gguf_byte_count(out->file);
    return OK;
}

static struct engine_config engine_config_of(const struct serve_role_config *config,
                                             uint64_t memory_bytes_max)
{
    return (struct engine_config){
        .context_tokens = config->context_tokens,
        .session_count = config->active_max ? config->active_max : SCHEDULER_ACTIVE_DEFAULT,
        .thread_count = config->thread_count,
        .cpu_features_off = config->cpu_features_off,
        .kv = config->kv,
        .speculate = ENGINE_SPECULATE_AUTO,
        .memory_bytes_max = memory_bytes_max,
        .prefix_folder = config->prompts.folder,
        .prefix_bytes_max = config->prompts.bytes_max,
    };
}

/* `memory_bytes_max` as in engine.h; `is_asked`: it is what the server was started for. */
static enum status open_path(const struct serve_role_config *config, const char *path,
                             const json_t *settings, uint64_t memory_bytes_max, bool is_asked,
                             struct api_model *out, struct error *err)
{
    bool embeds = is_asked && config->embeds;
    struct engine_config engine = engine_config_of(config, memory_bytes_max);
    engine.model_path = path;
    engine.chat_template = template_in(settings);
    if (is_asked) {
        engine.speculate = config->speculate;
        engine.draft_path = config->draft_path;
    }
    const struct embed_config embed = {
        .model_path = path,
        .tokens_max = config->context_tokens,
        .thread_count = config->thread_count,
        .cpu_features_off = config->cpu_features_off,
        .memory_bytes_max = memory_bytes_max,
    };
    *out = (struct api_model){0};
    enum status status = embeds ? OK : embed_is_made_for(path, &embeds, err);
    if (status == OK)
        status = embeds ? open_embed(config, &embed, out, err) : open_engine(&engine, out, err);
    if (status != OK)
        return model_file_blame(path, err);
    out->size_bytes = gguf_byte_count(out->file);
    out->modified_us = clock_unix_us();
    return OK;
}

static const double MIB = 1024.0 * 1024;

/* What is left beside the models that are open, for one with so many bytes of weights. */
static enum status find_room(const struct served_models *models, const char *name,
                             uint64_t weight_bytes, uint64_t *out, struct error *err)
{
    const uint64_t now = models->config->memory_bytes ? UINT64_MAX : free_bytes_now();
    const bool is_alone = models->used_bytes == 0;
    *out = 0;
    if ((is_alone && !models->config->memory_bytes) || !models->room_bytes)
        return OK; /* the engine decides */
    uint64_t room =
        models->room_bytes > models->used_bytes ? models->room_bytes - models->used_bytes : 0;
    room = now < room ? now : room;
    if (room <= weight_bytes)
        return error_set(err, E_LIMIT, "%s takes %.0f MiB; %.0f MiB are free%s", name,
                         (double)weight_bytes / MIB, (double)room / MIB,
                         is_alone ? " for it (--memory)" : " beside other models");
    *out = room - weight_bytes;
    return OK;
}

enum status served_models_open_first(struct served_models *models, struct api_model *out,
                                     struct error *err)
{
    const struct serve_role_config *config = models->config;
    uint64_t size = 0;
    uint64_t room = 0;
    int64_t modified_us = 0;
    if (config->model_path)
        TRY(file_measure(config->model_path, &size, &modified_us, err));
    TRY(find_room(models, config->model_name, size, &room, err));
    TRY(open_path(config, config->model_path, config->settings, room, true, out, err));
    out->name = str_from_c(models->config->model_name);
    models->used_bytes += out->memory_bytes;
    return OK;
}

static enum status open_named(void *context, const char *name, struct api_model *out,
                              struct error *err)
{
    struct served_models *models = context;
    CLEANUP(weights_done) struct weights weights = {0};
    uint64_t room = 0;
    uint64_t size = 0;
    int64_t modified_us = 0;
    TRY(weights_of(models, name, &weights, err));
    if (weights.path)
        TRY(file_measure(weights.path, &size, &modified_us, err));
    TRY(find_room(models, name, size, &room, err));
    TRY(open_path(models->config, weights.path, weights.settings, room,
                  strcmp(name, models->config->model_name) == 0, out, err));
    models->used_bytes += out->memory_bytes;
    fprintf(stderr, "loaded %s, context %u tokens\n", name, out->context_tokens);
    return OK;
}

static void close_model(void *context, struct api_model *model)
{
    struct served_models *models = context;
    struct description *description = model->opened;
    if (description) {
        chat_template_free(description->chat_template);
        tokenizer_free(description->tokenizer);
        gguf_close(description->file);
        mem_free(description);
        return;
    }
    models->used_bytes -= model->memory_bytes;
    engine_close(model->engine);
    embed_close(model->embed);
}

/* ---------------------------------------------------------------- describing */

/* "ARCHITECTURE.context_length", or 0. */
static uint32_t trained_context(const struct gguf *file, struct str architecture)
{
    char key[128];
    uint64_t tokens = 0;
    snprintf(key, sizeof(key), "%.*s.context_length", STR_ARG(architecture));
    if (gguf_get_u64_or(file, key, 0, &tokens, NULL) != OK || tokens > UINT32_MAX)
        return 0;
    return (uint32_t)tokens;
}

static struct str architecture_of(const struct gguf *file)
{
    struct str text = {0};
    (void)!gguf_get_str_or(file, "general.architecture", (struct str){0}, &text, NULL);
    return text.len < 64 ? text : str_slice(text, 0, 63);
}

static uint64_t count_parameters(const struct gguf *file)
{
    uint64_t total = 0;
    for (size_t i = 0; i < gguf_tensor_count(file); i++)
        total += tensor_element_count(gguf_tensor(file, i));
    return total;
}

/* ---------------------------------------------------------------- listing */

/* Without probing the template, which takes longer than a listing may: whether it speaks of
 * tools and of thinking at all. */
static void look_into_template(struct str source, bool *out_calls_tools, bool *out_thinks)
{
    *out_calls_tools = str_find(source, STR("tools"), 0) != SIZE_MAX;
    *out_thinks = str_find(source, STR("think"), 0) != SIZE_MAX ||
                  str_find(source, STR("reasoning"), 0) != SIZE_MAX;
}

/* What context the model would have with all the memory there could be. */
static void look_into_memory(const struct serve_role_config *config, const struct gguf *file,
                             struct memory_plan *out)
{
    static const uint64_t ENOUGH_BYTES = UINT64_C(1) << 52;
    const struct engine_config engine = engine_config_of(config, ENOUGH_BYTES);
    if (engine_plan(file, &engine, out, NULL) != OK)
        *out = (struct memory_plan){0}; /* said when somebody asks for it */
}

/* The context that a request for it would find: of a model that is loaded, the pool tells. */
static uint32_t context_of(const struct served_models *models, const struct known_file *known)
{
    const uint64_t taken = known->size_bytes;
    const uint64_t room = models->room_bytes > taken ? models->room_bytes - taken : 0;
    const uint32_t asked = models->config->context_tokens;
    uint32_t texts = asked ? asked : EMBED_TOKENS_DEFAULT;
    if (!known->embeds && known->plan.context_tokens > 0)
        return memory_plan_within(&known->plan, models->room_bytes ? room : UINT64_MAX);
    if (!known->embeds || known->context_trained < texts)
        return known->context_trained;
    return texts;
}

static void look_into(const struct serve_role_config *config, const struct gguf *file,
                      struct known_file *out)
{
    const struct str architecture = architecture_of(file);
    struct str source = {0};
    char key[128];
    snprintf(out->architecture, sizeof(out->architecture), "%.*s", STR_ARG(architecture));
    snprintf(key, sizeof(key), "%.*s.pooling_type", STR_ARG(architecture));
    (void)!gguf_get_str_or(file, "tokenizer.chat_template", (struct str){0}, &source, NULL);
    out->embeds = gguf_has(file, key);
    look_into_template(source, &out->calls_tools, &out->thinks);
    out->context_trained = trained_context(file, architecture);
    out->parameter_count = count_parameters(file);
    if (!out->embeds)
        look_into_memory(config, file, &out->plan);
}

static enum status describe(void *context, const char *name, struct api_model *out,
                            struct error *err)
{
    struct served_models *models = context;
    CLEANUP(weights_done) struct weights weights = {0};
    TRY(weights_of(models, name, &weights, err));
    const char *path = weights.path;
    struct description *own = mem_zalloc(sizeof(*own));
    *out = (struct api_model){.opened = own};
    enum status status = model_file_open(path, &own->file, err);
    if (status == OK)
        status = tokenizer_new(own->file, &own->tokenizer, err);
    if (status == OK)
        status = engine_open_template(own->file, own->tokenizer, template_in(weights.settings),
                                      &own->chat_template, err);
    if (status == OK)
        status = embed_is_made_for(path, &out->is_for_embeddings, err);
    if (status != OK) {
        close_model(models, out);
        return model_file_blame(path, err);
    }
    struct known_file known = {.size_bytes = gguf_byte_count(own->file)};
    look_into(models->config, own->file, &known);
    out->file = own->file;
    out->tokenizer = own->tokenizer;
    out->caps = own->chat_template ? chat_template_get_caps(own->chat_template) : NULL;
    out->architecture = architecture_of(own->file);
    out->context_tokens = context_of(models, &known);
    out->parameter_count = count_parameters(own->file);
    out->size_bytes = gguf_byte_count(own->file);
    return OK;
}

/* Under the lock. A file that cannot be read is listed with what its folder says of it. */
static const struct known_file *know(struct served_models *models, const char *path,
                                     uint64_t size_bytes, int64_t modified_us)
{
    struct known_file *known = NULL;
    struct gguf *file = NULL;
    for (size_t i = 0; i < models->known_count; i++)
        if (strcmp(models->known[i].path, path ? path : "") == 0)
            known = &models->known[i];
    if (known && known->size_bytes == size_bytes && known->modified_us == modified_us)
        return known;
    if (!known) {
        models->known =
            mem_realloc(models->known, (models->known_count + 1) * sizeof(*models->known));
        known = &models->known[models->known_count++];
        *known = (struct known_file){.path = mem_copy_str(path ? path : "")};
    }
    known->size_bytes = size_bytes;
    known->modified_us = modified_us;
    if (model_file_open(path, &file, NULL) == OK) {
        look_into(models->config, file, known);
        if (!known->size_bytes)
            known->size_bytes = gguf_byte_count(file);
    }
    gguf_close(file);
    return known;
}

/* One of the model's name and all that makes it what it is: it tells models apart. */
static void write_own_digest(const char *name, const struct known_file *known,
                             const json_t *settings, char out[MODEL_LIST_DIGEST_LEN + 1])
{
    unsigned char digest[crypto_generichash_BYTES];
    CLEANUP(strbuf_done) struct strbuf text = {0};
    strbuf_addf(&text, "%.300s %" PRIu64 " %" PRId64, name, known->size_bytes, known->modified_us);
    if (settings)
        json_write_python(settings, &text);
    crypto_generichash(digest, sizeof(digest), (const unsigned char *)text.ptr, text.len, NULL, 0);
    sodium_bin2hex(out, MODEL_LIST_DIGEST_LEN + 1, digest, sizeof(digest));
}

/* That which Ollama gave the file, where it did. */
static void write_digest(const char *name, const struct known_file *known, const json_t *settings,
                         char out[MODEL_LIST_DIGEST_LEN + 1])
{
    const char *blob = settings ? NULL : strstr(known->path, "/blobs/sha256-");
    if (blob && strlen(blob) == strlen("/blobs/sha256-") + MODEL_LIST_DIGEST_LEN)
        memcpy(out, blob + strlen("/blobs/sha256-"), MODEL_LIST_DIGEST_LEN + 1);
    else
        write_own_digest(name, known, settings, out);
}

/* One model as the catalog has it; `loaded_as` NULL: as itself. */
static void list_one(struct served_models *models, const struct catalog_entry *entry,
                     const char *loaded_as, struct model_list *out)
{
    char quantization[64];
    const struct known_file *known =
        know(models, entry->path, entry->size_bytes, entry->modified_us);
    const struct str stem = str_from_c(entry->name);
    const struct str part = catalog_quantization(stem);
    snprintf(quantization, sizeof(quantization), "%.*s",
             part.len == stem.len ? 0 : (int)(part.len < 63 ? part.len : 63), part.ptr);
    struct model_list_row row = {
        .name = entry->name, /* copied, as the others */
        .architecture = (char *)(uintptr_t)known->architecture,
        .quantization = quantization,
        .loaded_as = (char *)(uintptr_t)loaded_as,
        .parameter_count = known->parameter_count,
        .size_bytes = known->size_bytes,
        .modified_us = entry->modified_us,
        .context_tokens = context_of(models, known),
        .embeds = known->embeds,
        .calls_tools = known->calls_tools,
        .thinks = known->thinks,
    };
    const struct str source = template_in(entry->settings);
    if (source.len > 0)
        look_into_template(source, &row.calls_tools, &row.thinks);
    write_digest(entry->name, known, entry->settings, row.digest);
    model_list_add(out, &row);
}

static void list_first(struct served_models *models, struct model_list *out)
{
    const struct serve_role_config *config = models->config;
    struct catalog_entry first = {
        .name = (char *)(uintptr_t)config->model_name,
        .path = (char *)(uintptr_t)config->model_path,
        .settings = config->settings,
    };
    if (config->model_path)
        (void)!file_measure(config->model_path, &first.size_bytes, &first.modified_us, NULL);
    list_one(models, &first, NULL, out);
}

static void list(void *context, struct model_list *out)
{
    struct served_models *models = context;
    const struct serve_role_config *config = models->config;
    CLEANUP(catalog_done) struct catalog catalog = {0};
    read_catalog(models, &catalog);
    lock_take(&models->lock);
    list_first(models, out);
    for (size_t i = 0; i < catalog.count; i++) {
        const struct catalog_entry *entry = &catalog.entries[i];
        const bool is_listed =
            model_list_find(out, str_from_c(entry->name)) ||
            (!entry->manifest && !config->settings && is_first_path(models, entry->path));
        if (!is_listed)
            list_one(models, entry, loaded_as(models, &catalog, entry), out);
    }
    if (!model_list_find(out, STR(MODEL_NAME_BUILTIN))) {
        const struct catalog_entry builtin = {.name = (char *)(uintptr_t)MODEL_NAME_BUILTIN};
        list_one(models, &builtin, is_first(models, NULL) ? config->model_name : NULL, out);
    }
    lock_give(&models->lock);
}

void served_models_provide(struct served_models *models, struct model_provider *out)
{
    *out = (struct model_provider){
        .context = models,
        .find = find,
        .open = open_named,
        .close = close_model,
        .describe = describe,
        .list = list,
    };
}
