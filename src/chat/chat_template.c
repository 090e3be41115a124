#include "chat/chat_template.h"

#include "base/mem.h"
#include "chat/chat_template_internal.h"
#include "chat/chat_template_probe.h"
#include "chat/jinja_context.h"
#include "chat/jinja_exec.h"
#include "chat/jinja_parse.h"

/* ---------------------------------------------------------------- rendering */

enum status chat_template_render_as(const struct chat_template *chat_template,
                                    const struct chat_template_caps *caps,
                                    const struct jinja_limits *limits,
                                    const struct chat_request *request, struct chat_spans *out,
                                    struct error *err)
{
    CLEANUP(jinja_context_done) struct jinja_context context;
    CLEANUP(jinja_text_done) struct jinja_text text = {0};
    const struct jinja_dict *variables = NULL;
    jinja_context_init(&context, limits, err);
    context.local_seconds = request->local_seconds;
    TRY(chat_template_values(&context, &chat_template->texts, caps, &chat_template->found, request,
                             &variables));
    TRY(jinja_exec_template(&context, chat_template->parsed, variables, &text));
    if (request->add_generation_prompt && !caps->generation_prompt)
        jinja_text_add(&text, chat_template->found.generation_prompt, SEGMENT_TEMPLATE);

    text.bytes.size_max = 0;
    *out = (struct chat_spans){.text = text.bytes,
                               .runs = text.runs,
                               .run_count = text.run_count,
                               .run_capacity = text.run_capacity};
    const struct str bos = chat_template->texts.bos;
    out->starts_with_bos = bos.len && str_starts_with(strbuf_view(&out->text), bos);
    text = (struct jinja_text){0};
    return OK;
}

enum status chat_template_render(const struct chat_template *chat_template,
                                 const struct chat_request *request, struct chat_spans *out,
                                 struct error *err)
{
    const struct jinja_limits limits = {.now_ns = chat_template->now_ns};
    chat_spans_done(out);
    return chat_template_render_as(chat_template, &chat_template->caps, &limits, request, out, err);
}

/* ---------------------------------------------------------------- the template */

enum status chat_template_new(struct str source, struct str bos_text, struct str eos_text,
                              struct chat_template **out, struct error *err)
{
    CLEANUP(chat_template_freep) struct chat_template *made = mem_zalloc(sizeof(*made));
    TRY(jinja_parse_template(source, &made->parsed, err));
    made->source = mem_copy(source.ptr, source.len);
    made->source_len = source.len;
    made->texts.bos = arena_copy_str(&made->parsed->arena, bos_text);
    made->texts.eos = arena_copy_str(&made->parsed->arena, eos_text);
    chat_template_probe(made);
    *out = made;
    made = NULL;
    return OK;
}

void chat_template_set_clock(struct chat_template *chat_template, uint64_t (*now_ns)(void))
{
    chat_template->now_ns = now_ns;
}

void chat_template_free(struct chat_template *chat_template)
{
    if (!chat_template)
        return;
    jinja_parse_free(chat_template->parsed);
    mem_free(chat_template->source);
    mem_free(chat_template);
}

const struct chat_template_caps *chat_template_get_caps(const struct chat_template *chat_template)
{
    return &chat_template->caps;
}

struct str chat_template_source(const struct chat_template *chat_template)
{
    return (struct str){chat_template->source, chat_template->source_len};
}
