#include "cli/embed_setup.h"

#include "base/mem.h"
#include "cli/agent_setup.h"
#include "cli/text_input.h"
#include "text/utf8.h"

#include <stdlib.h>

enum { INPUT_MAX = 64 * 1024 * 1024 };

enum status embed_setup_config(const struct embed_setup_args *args, struct embed_config *out,
                               struct error *err)
{
    unsigned features_off = 0;
    TRY(agent_setup_cpu(args->cpu_mask, &features_off, err));
    enum kv_kind kv = KV_KIND_F16;
    TRY(kv_kind_find(args->kv, &kv, err));
    *out = (struct embed_config){
        .tokens_max = (uint32_t)args->tokens_max,
        .thread_count = (uint32_t)args->thread_count,
        .cpu_features_off = features_off,
        .kv = kv,
    };
    return OK;
}

void embed_setup_texts_done(struct embed_setup_texts *texts)
{
    strbuf_done(&texts->input);
    mem_free(texts->texts);
    *texts = (struct embed_setup_texts){0};
}

static enum status add(struct embed_setup_texts *texts, struct str text, struct error *err)
{
    if (!utf8_is_valid(text))
        return error_set(err, E_INVALID, "text %zu is not valid UTF-8", texts->count + 1);
    texts->texts[texts->count++] = text;
    return OK;
}

static enum status add_lines(struct embed_setup_texts *out, struct error *err)
{
    TRY(text_input_read_bytes(NULL, INPUT_MAX, &out->input, err));
    struct str rest = strbuf_view(&out->input);
    size_t count = 1;
    for (size_t i = 0; i < rest.len; i++)
        count += rest.ptr[i] == '\n';
    if (count > EMBED_TEXTS_MAX)
        return error_set(err, E_LIMIT, "%zu lines (limit %d)", count, EMBED_TEXTS_MAX);
    out->texts = mem_zalloc(count * sizeof(*out->texts));
    while (rest.len > 0) {
        const struct str line = str_split(&rest, '\n');
        if (str_trim(line).len > 0)
            TRY(add(out, line, err));
    }
    return out->count > 0 ? OK : error_set(err, E_NOT_FOUND, "there is no text");
}

enum status embed_setup_read(int operand_count, const char *const *operands,
                             struct embed_setup_texts *out, struct error *err)
{
    if (operand_count == 0)
        return add_lines(out, err);
    out->texts = mem_zalloc((size_t)operand_count * sizeof(*out->texts));
    for (int i = 0; i < operand_count; i++)
        TRY(add(out, str_from_c(operands[i]), err));
    return OK;
}

enum status embed_setup_pooling(const char *name, enum embed_pooling *out, struct error *err)
{
    static const struct {
        const char *name;
        enum embed_pooling pooling;
    } kinds[] = {
        {"mean", EMBED_POOLING_MEAN}, {"cls", EMBED_POOLING_FIRST}, {"last", EMBED_POOLING_LAST}};
    if (!name)
        return OK;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (strcmp(name, kinds[i].name) != 0)
            continue;
        *out = kinds[i].pooling;
        return OK;
    }
    return error_set(err, E_INVALID, "--pooling is mean, cls or last, not \"%.32s\"", name);
}

json_t *embed_setup_number(float value)
{
    char text[32];
    snprintf(text, sizeof(text), "%.9g", (double)value);
    return json_real(strtod(text, NULL));
}
