#include "chat/jinja_context.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

void jinja_context_init(struct jinja_context *context, const struct jinja_limits *limits,
                        struct error *err)
{
    const struct jinja_limits given = limits ? *limits : (struct jinja_limits){0};
    *context = (struct jinja_context){.err = err, .limits = given};
    struct jinja_limits *used = &context->limits;
    used->steps_max = given.steps_max ? given.steps_max : JINJA_STEPS_DEFAULT;
    if (!given.output_bytes_max)
        used->output_bytes_max = JINJA_OUTPUT_BYTES_DEFAULT;
    if (!given.string_bytes_max)
        used->string_bytes_max = JINJA_STRING_BYTES_DEFAULT;
    if (!given.memory_bytes_max)
        used->memory_bytes_max = JINJA_MEMORY_BYTES_DEFAULT;
    if (!given.time_ms_max)
        used->time_ms_max = JINJA_TIME_MS_DEFAULT;
    context->arena.size_max = used->memory_bytes_max;
    context->look_at = UINT64_MAX;
    if (used->now_ns) {
        context->look_at = 0;
        context->end_ns = used->now_ns() + used->time_ms_max * 1000 * 1000;
    }
}

void jinja_context_done(struct jinja_context *context)
{
    arena_done(&context->arena);
}

/* Names and values of the template may be part of a message: one line of visible characters. */
static void clean(char *text)
{
    for (char *c = text; *c; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ' ';
    }
}

enum status jinja_context_fail(struct jinja_context *context, enum status status, const char *fmt,
                               ...)
{
    char reason[ERROR_TEXT_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(reason, sizeof(reason), fmt, args);
    va_end(args);
    clean(reason);
    if (!context->line) /* not in the template yet */
        return error_set(context->err, status, "chat template: %s", reason);
    return error_set(context->err, status, "chat template, line %" PRIu32 ": %s", context->line,
                     reason);
}

enum status jinja_context_charge(struct jinja_context *context, uint64_t steps)
{
    context->steps += steps;
    if (context->steps > context->limits.steps_max)
        return jinja_context_fail(context, E_LIMIT,
                                  "the template takes too long (limit %" PRIu64 " steps)",
                                  context->limits.steps_max);
    if (context->steps < context->look_at)
        return OK;
    context->look_at = context->steps + JINJA_STEPS_BETWEEN_LOOKS;
    if (context->limits.now_ns() >= context->end_ns)
        return jinja_context_fail(context, E_LIMIT,
                                  "the template takes too long (limit %" PRIu64 " ms)",
                                  context->limits.time_ms_max);
    return OK;
}

enum status jinja_context_charge_bytes(struct jinja_context *context, size_t bytes)
{
    return jinja_context_charge(context, bytes / JINJA_STEP_BYTES);
}

enum status jinja_context_alloc(struct jinja_context *context, size_t count, size_t size,
                                void *out_pointer)
{
    void *memory = arena_alloc_array(&context->arena, count, size);
    if (!memory)
        return jinja_context_fail(context, E_LIMIT,
                                  "the template uses too much memory (limit %zu bytes)",
                                  context->limits.memory_bytes_max);
    memcpy(out_pointer, &memory, sizeof(memory));
    return OK;
}

enum status jinja_context_enter(struct jinja_context *context)
{
    if (context->depth >= JINJA_DEPTH_MAX)
        return jinja_context_fail(context, E_LIMIT, "nested too deeply (limit %d)",
                                  JINJA_DEPTH_MAX);
    context->depth++;
    return OK;
}

struct jinja_text jinja_context_text(const struct jinja_context *context)
{
    return (struct jinja_text){.bytes.size_max = context->limits.string_bytes_max};
}

enum status jinja_context_finish(struct jinja_context *context, const struct jinja_text *text,
                                 struct jinja_value *out)
{
    if (text->bytes.overflowed)
        return jinja_context_fail(context, E_LIMIT, "a text grows too long (limit %zu bytes)",
                                  context->limits.string_bytes_max);
    TRY(jinja_context_charge_bytes(context, text->bytes.len));
    struct jinja_string string;
    if (!jinja_text_finish(text, &context->arena, &string))
        return jinja_context_fail(context, E_LIMIT,
                                  "the template uses too much memory (limit %zu bytes)",
                                  context->limits.memory_bytes_max);
    return jinja_value_new_string(context, string, out);
}
