#include "cli/pull_source.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "catalog/catalog.h"
#include "cli/fetch_role.h"
#include "text/json.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { LISTING_BYTES_MAX = 8 << 20, NAME_MAX_BYTES = 200 };

static const char OLLAMA_MODEL_LAYER[] = "application/vnd.ollama.image.model";
static const char OLLAMA_MANIFEST[] = "application/vnd.docker.distribution.manifest.v2+json";

void pull_source_done(struct pull_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        mem_free(plan->files[i].url);
        mem_free(plan->files[i].name);
    }
    mem_free(plan->model);
    *plan = (struct pull_plan){0};
}

static bool is_plain_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

/* Letters, digits and . _ - only, and no dot in front: harmless in an address and as a file. */
static bool is_plain(struct str text)
{
    if (text.len == 0 || text.len > NAME_MAX_BYTES || text.ptr[0] == '.')
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (!is_plain_byte(text.ptr[i]))
            return false;
    return true;
}

static char *copy_of(struct str text)
{
    struct strbuf copy = {0};
    strbuf_add_str(&copy, text);
    strbuf_add(&copy, "", 0);
    return strbuf_take(&copy);
}

static bool read_digest(struct str text, char out[PULL_SOURCE_DIGEST_LEN + 1])
{
    if (text.len != PULL_SOURCE_DIGEST_LEN)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (!isxdigit((unsigned char)text.ptr[i]))
            return false;
    for (size_t i = 0; i < text.len; i++)
        out[i] = (char)tolower((unsigned char)text.ptr[i]);
    out[text.len] = '\0';
    return true;
}

static struct pull_file *add_file(struct pull_plan *plan, struct str url, struct str name)
{
    if (plan->count == PULL_SOURCE_FILES_MAX)
        return NULL;
    struct pull_file *file = &plan->files[plan->count++];
    *file = (struct pull_file){.url = copy_of(url), .name = copy_of(name)};
    return file;
}

static enum status fetch_json(const struct pull_source_config *config, struct str url,
                              const char *token, const char *accept, json_t **out,
                              struct error *err)
{
    CLEANUP(strbuf_done) struct strbuf text = {0};
    CLEANUP(mem_freep) char *address = copy_of(url);
    const struct fetch_request request = {
        .url = address,
        .accept = accept,
        .token = token,
        .allows_http = config->allows_http,
    };
    TRY(fetch_role_text(&request, LISTING_BYTES_MAX, &text, err));
    struct error why = {0};
    if (json_parse(strbuf_view(&text), NULL, out, &why) != OK)
        return error_set(err, E_FORMAT, "%.200s answered with something else: %.200s", address,
                         why.text);
    return OK;
}

/* ---------------------------------------------------------------- an address */

static enum status resolve_address(const char *address, struct pull_plan *out, struct error *err)
{
    struct str path = str_from_c(address);
    const size_t query = str_find(path, STR("?"), 0);
    path = query == SIZE_MAX ? path : str_slice(path, 0, query);
    size_t begin = path.len;
    while (begin > 0 && path.ptr[begin - 1] != '/')
        begin--;
    const struct str name = str_slice(path, begin, path.len);
    if (!is_plain(name) || !str_ends_with(name, STR(".gguf")))
        return error_set(err, E_INVALID, "%.200s does not end with the name of a .gguf file",
                         address);
    (void)add_file(out, str_from_c(address), name);
    out->model = copy_of(str_slice(name, 0, name.len - strlen(".gguf")));
    return OK;
}

/* ---------------------------------------------------------------- Hugging Face */

/* A file of a repository that may be wanted. */
struct offer {
    struct str path;
    struct str stem; /* of its name; of a split model without the numbers */
    struct str tag;
    const json_t *entry;
};

struct offers {
    struct offer of[256];
    size_t count;
};

static struct str base_name(struct str path)
{
    size_t begin = path.len;
    while (begin > 0 && path.ptr[begin - 1] != '/')
        begin--;
    return str_slice(path, begin, path.len);
}

static bool is_plain_path(struct str path)
{
    while (path.len > 0) {
        const struct str part = str_split(&path, '/');
        if (!is_plain(part))
            return false;
    }
    return true;
}

static void find_offers(const json_t *tree, struct offers *out)
{
    size_t index = 0;
    const json_t *entry = NULL;
    json_array_foreach(tree, index, entry)
    {
        struct str path = {0};
        if (out->count == ARRAY_LEN(out->of) || !json_member_str(entry, "path", &path) ||
            !is_plain_path(path))
            continue;
        const struct str name = base_name(path);
        struct str stem = {0};
        if (catalog_model_stem(name, &stem))
            out->of[out->count++] = (struct offer){path, stem, catalog_quantization(stem), entry};
    }
}

static bool equal_but_for_case(struct str a, struct str b)
{
    return a.len == b.len && strncasecmp(a.ptr, b.ptr, a.len) == 0;
}

/* The tag that is meant; without one the usual quantization, or the only one. */
static enum status choose_tag(const struct offers *offers, struct str repository, struct str wanted,
                              struct str *out, struct error *err)
{
    static const char *const usual[] = {"Q4_K_M", "UD-Q4_K_XL", "Q4_K_S", "Q4_0", "MXFP4"};
    CLEANUP(strbuf_done) struct strbuf list = {0};
    for (size_t i = 0; i < offers->count; i++) {
        if (wanted.len > 0 && equal_but_for_case(offers->of[i].tag, wanted)) {
            *out = offers->of[i].tag;
            return OK;
        }
        if (str_find(strbuf_view(&list), offers->of[i].tag, 0) == SIZE_MAX && list.len < 300)
            strbuf_addf(&list, "%s%.*s", list.len ? ", " : "", STR_ARG(offers->of[i].tag));
    }
    for (size_t u = 0; wanted.len == 0 && u < ARRAY_LEN(usual); u++)
        for (size_t i = 0; i < offers->count; i++)
            if (equal_but_for_case(offers->of[i].tag, str_from_c(usual[u]))) {
                *out = offers->of[i].tag;
                return OK;
            }
    if (offers->count == 0)
        return error_set(err, E_NOT_FOUND, "%.*s has no .gguf file", STR_ARG(repository));
    if (wanted.len == 0 && str_find(strbuf_view(&list), STR(","), 0) == SIZE_MAX) {
        *out = offers->of[0].tag;
        return OK;
    }
    return error_set(err, wanted.len ? E_NOT_FOUND : E_INVALID, "%.*s has %s: say which (:QUANT)",
                     STR_ARG(repository), strbuf_c(&list));
}

static enum status add_offer(const struct pull_source_config *config, struct str repository,
                             const struct offer *offer, struct pull_plan *out, struct error *err)
{
    CLEANUP(strbuf_done) struct strbuf url = {0};
    struct str digest = {0};
    const json_t *lfs = json_object_get(offer->entry, "lfs");
    strbuf_addf(&url, "%s/%.*s/resolve/main/%.*s", config->hub, STR_ARG(repository),
                STR_ARG(offer->path));
    struct pull_file *file = add_file(out, strbuf_view(&url), base_name(offer->path));
    if (!file)
        return error_set(err, E_LIMIT, "the model has more than %d files", PULL_SOURCE_FILES_MAX);
    const json_int_t size = json_integer_value(json_object_get(offer->entry, "size"));
    file->is_from_hub = true;
    file->size = size > 0 ? (uint64_t)size : 0;
    if (!json_member_str(lfs, "oid", &digest) || !read_digest(digest, file->sha256))
        return error_set(err, E_FORMAT, "%.*s publishes no digest of %s", STR_ARG(repository),
                         file->name);
    return OK;
}

/* ORG/REPO[:QUANT]. */
static enum status split_hub_name(struct str name, struct str *repository, struct str *tag,
                                  struct error *err)
{
    *tag = name;
    *repository = str_split(tag, ':');
    struct str repo = *repository;
    const struct str org = str_split(&repo, '/');
    if (!is_plain(org) || !is_plain(repo))
        return error_set(err, E_INVALID,
                         "\"%.*s\" is not ORG/REPO; 'holt help pull' shows what names a model",
                         STR_ARG(*repository));
    return OK;
}

static bool has_file(const struct pull_plan *plan, struct str name)
{
    for (size_t i = 0; i < plan->count; i++)
        if (str_equal_c(name, plan->files[i].name))
            return true;
    return false;
}

enum status pull_source_read_tree(const struct pull_source_config *config, struct str name,
                                  const json_t *tree, struct pull_plan *out, struct error *err)
{
    struct offers offers = {0};
    struct str repository = {0};
    struct str wanted = {0};
    struct str tag = {0};
    TRY(split_hub_name(name, &repository, &wanted, err));
    find_offers(tree, &offers);
    TRY(choose_tag(&offers, repository, wanted, &tag, err));
    for (size_t i = 0; i < offers.count; i++) {
        const struct offer *offer = &offers.of[i];
        if (!str_equal(offer->tag, tag) || (out->model && !str_equal_c(offer->stem, out->model)) ||
            has_file(out, base_name(offer->path))) /* in another folder, too */
            continue;
        if (!out->model)
            out->model = copy_of(offer->stem);
        TRY(add_offer(config, repository, offer, out, err));
    }
    return OK;
}

static enum status resolve_hub(const struct pull_source_config *config, struct str name,
                               struct pull_plan *out, struct error *err)
{
    CLEANUP(strbuf_done) struct strbuf url = {0};
    CLEANUP(json_decrefp) json_t *tree = NULL;
    struct str repository = {0};
    struct str tag = {0};
    TRY(split_hub_name(name, &repository, &tag, err));
    strbuf_addf(&url, "%s/api/models/%.*s/tree/main?recursive=true", config->hub,
                STR_ARG(repository));
    TRY(fetch_json(config, strbuf_view(&url), config->token, NULL, &tree, err));
    return pull_source_read_tree(config, name, tree, out, err);
}

/* ---------------------------------------------------------------- Ollama */

struct library_name {
    struct str space, model, tag;
};

/* [SPACE/]MODEL[:TAG]. */
static enum status split_library_name(struct str name, struct library_name *out, struct error *err)
{
    out->tag = name;
    out->model = str_split(&out->tag, ':');
    out->space = STR("library");
    if (str_find_char(out->model, '/', 0) != SIZE_MAX)
        out->space = str_split(&out->model, '/');
    if (out->tag.len == 0)
        out->tag = STR("latest");
    if (!is_plain(out->space) || !is_plain(out->model) || !is_plain(out->tag))
        return error_set(err, E_INVALID, "\"%.*s\" is not MODEL:TAG", STR_ARG(name));
    return OK;
}

/* The layer with the model, if it has a digest. */
static bool add_layer(const struct pull_source_config *config, const struct library_name *name,
                      const json_t *layer, struct pull_plan *out)
{
    CLEANUP(strbuf_done) struct strbuf url = {0};
    CLEANUP(strbuf_done) struct strbuf file_name = {0};
    const struct str prefix = STR("sha256:");
    struct str digest = {0};
    char hex[PULL_SOURCE_DIGEST_LEN + 1];
    if (!json_member_str(layer, "digest", &digest) || !str_starts_with(digest, prefix) ||
        !read_digest(str_slice(digest, prefix.len, digest.len), hex))
        return false;
    strbuf_addf(&file_name, "%.*s:%.*s", STR_ARG(name->model), STR_ARG(name->tag));
    out->model = copy_of(strbuf_view(&file_name));
    strbuf_add_c(&file_name, ".gguf");
    strbuf_addf(&url, "%s/v2/%.*s/%.*s/blobs/sha256:%s", config->registry, STR_ARG(name->space),
                STR_ARG(name->model), hex);
    struct pull_file *file = add_file(out, strbuf_view(&url), strbuf_view(&file_name));
    const json_int_t size = json_integer_value(json_object_get(layer, "size"));
    file->size = size > 0 ? (uint64_t)size : 0;
    memcpy(file->sha256, hex, sizeof(hex));
    return true;
}

enum status pull_source_read_manifest(const struct pull_source_config *config, struct str name,
                                      const json_t *manifest, struct pull_plan *out,
                                      struct error *err)
{
    struct library_name parts = {0};
    size_t index = 0;
    const json_t *layer = NULL;
    TRY(split_library_name(name, &parts, err));
    json_array_foreach(json_object_get(manifest, "layers"), index, layer)
    {
        struct str type = {0};
        if (json_member_str(layer, "mediaType", &type) && str_equal_c(type, OLLAMA_MODEL_LAYER) &&
            add_layer(config, &parts, layer, out))
            return OK;
    }
    return error_set(err, E_FORMAT, "the manifest of %.*s names no model with a digest",
                     STR_ARG(name));
}

static enum status resolve_ollama(const struct pull_source_config *config, struct str name,
                                  struct pull_plan *out, struct error *err)
{
    CLEANUP(strbuf_done) struct strbuf url = {0};
    CLEANUP(json_decrefp) json_t *manifest = NULL;
    struct library_name parts = {0};
    TRY(split_library_name(name, &parts, err));
    strbuf_addf(&url, "%s/v2/%.*s/%.*s/manifests/%.*s", config->registry, STR_ARG(parts.space),
                STR_ARG(parts.model), STR_ARG(parts.tag));
    TRY(fetch_json(config, strbuf_view(&url), NULL, OLLAMA_MANIFEST, &manifest, err));
    return pull_source_read_manifest(config, name, manifest, out, err);
}

/* ---------------------------------------------------------------- all of them */

enum status pull_source_resolve(const struct pull_source_config *config, const char *name,
                                struct pull_plan *out, struct error *err)
{
    static const char *const hubs[] = {"hf.co/", "huggingface.co/", "hf:"};
    struct str text = str_from_c(name);
    const struct str ollama = STR("ollama:");
    *out = (struct pull_plan){0};
    if (str_starts_with(text, STR("https://")) || str_starts_with(text, STR("http://")))
        return resolve_address(name, out, err);
    if (str_starts_with(text, ollama))
        return resolve_ollama(config, str_slice(text, ollama.len, text.len), out, err);
    for (size_t i = 0; i < ARRAY_LEN(hubs); i++)
        if (str_starts_with(text, str_from_c(hubs[i])))
            text = str_slice(text, strlen(hubs[i]), text.len);
    if (str_find_char(text, '/', 0) != SIZE_MAX)
        return resolve_hub(config, text, out, err);
    return resolve_ollama(config, text, out, err);
}
