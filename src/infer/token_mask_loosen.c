#include "infer/token_mask_loosen.h"

#include "base/attr.h"
#include "base/strbuf.h"
#include "infer/grammar.h"
#include "infer/grammar_members_plain.h"
#include "text/json.h"
#include "text/utf8.h"

enum { NAME_SHOWN_MAX = 64 }; /* bytes of a name in a message */

/* Names as messages show them: one line. */
static void add_shown(struct strbuf *out, struct str name)
{
    const struct str shown = str_slice(name, 0, utf8_cut(name, NAME_SHOWN_MAX));
    for (size_t i = 0; i < shown.len; i++) {
        const unsigned char c = (unsigned char)shown.ptr[i];
        strbuf_add_char(out, c < ' ' || c == 0x7f ? '?' : (char)c);
    }
}

void token_mask_loosen_warn(struct strbuf *warnings, struct str tool, struct str text)
{
    CLEANUP(strbuf_done) struct strbuf line = {0};
    strbuf_add_c(&line, "tool '");
    add_shown(&line, tool);
    strbuf_add_c(&line, "': ");
    strbuf_add_str(&line, text);
    strbuf_add_char(&line, '\n');
    if (str_find(strbuf_view(warnings), strbuf_view(&line), 0) == SIZE_MAX &&
        warnings->len + line.len <= GRAMMAR_WARNINGS_LEN_MAX)
        strbuf_add_str(warnings, strbuf_view(&line));
}

static void warn(struct strbuf *warnings, struct str name, const struct error *why,
                 const char *what_stays)
{
    strbuf_add_c(warnings, "#/properties/");
    add_shown(warnings, name);
    strbuf_add_c(warnings, ": ");
    if (why->text[0])
        strbuf_addf(warnings, "%s; ", why->text);
    strbuf_add_c(warnings, what_stays);
    strbuf_add_char(warnings, '\n');
}

/* {"type": ...} as `schema` says it, if it does, else {}. New reference. */
static json_t *type_only(const json_t *schema)
{
    static const char *const known[] = {"string", "integer", "number", "boolean",
                                        "null",   "object",  "array"};
    const struct str type = json_str(json_object_get(schema, "type"));
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (str_equal_c(type, known[i]))
            return json_pack("{s:s}", "type", known[i]);
    }
    return json_object();
}

/* Parameters with this argument and no other. New reference. */
static json_t *alone(const json_t *parameters, const char *name, const json_t *schema)
{
    static const char *const documents[] = {"$defs", "definitions"};
    json_t *own = json_incref((json_t *)(uintptr_t)schema); /* jansson counts in the value itself */
    json_t *one = json_pack("{s:s, s:{s:o}, s:[s]}", "type", "object", "properties", name, own,
                            "required", name);
    for (size_t i = 0; i < ARRAY_LEN(documents); i++) {
        json_t *definitions = json_object_get(parameters, documents[i]);
        if (definitions)
            json_object_set(one, documents[i], definitions);
    }
    return one;
}

/* Adds the argument to `properties`, as much of it as can be enforced; false: it cannot be
 * written. */
static bool add_argument(const json_t *parameters, const char *name, const json_t *schema,
                         token_mask_loosen_fn *fits, void *context, json_t *properties,
                         struct strbuf *warnings)
{
    struct error why = {0};
    struct error still = {0};
    CLEANUP(json_decrefp) json_t *whole = alone(parameters, name, schema);
    if (fits && fits(context, whole, &why)) {
        json_object_set(properties, name, (json_t *)(uintptr_t)schema);
        return true;
    }
    CLEANUP(json_decrefp) json_t *type = type_only(schema);
    CLEANUP(json_decrefp) json_t *bare = alone(parameters, name, type);
    if (fits && !fits(context, bare, &still)) {
        warn(warnings, str_from_c(name), &still, "it is left out");
        return false;
    }
    warn(warnings, str_from_c(name), &why,
         json_object_size(type) ? "only its type is enforced" : "it may be anything");
    json_object_set(properties, name, type);
    return true;
}

json_t *token_mask_loosen(const json_t *parameters, token_mask_loosen_fn *fits, void *context,
                          struct strbuf *warnings)
{
    uint32_t steps = 0;
    CLEANUP(json_decrefp) json_t *plain = NULL;
    /* arguments may stand behind a reference or in allOf */
    if (grammar_members_plain(parameters, parameters, &steps, &plain, NULL) != OK)
        plain = json_incref((json_t *)(uintptr_t)parameters);
    CLEANUP(json_decrefp) json_t *properties = json_object();
    const char *name = NULL;
    json_t *schema = NULL;
    json_object_foreach(json_object_get(plain, "properties"), name, schema)
    {
        (void)add_argument(parameters, name, schema, fits, context, properties, warnings);
    }
    json_t *required = json_array();
    const json_t *names = json_object_get(plain, "required");
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *one = json_string_value(json_array_get(names, i));
        if (one && json_object_get(properties, one))
            json_array_append(required, json_array_get(names, i));
    }
    json_t *loose = json_pack("{s:s, s:O, s:o}", "type", "object", "properties", properties,
                              "required", required);
    const json_t *others = json_object_get(plain, "additionalProperties");
    if (json_is_boolean(others))
        json_object_set(loose, "additionalProperties", (json_t *)(uintptr_t)others);
    static const char *const documents[] = {"$defs", "definitions"};
    for (size_t i = 0; i < ARRAY_LEN(documents); i++) {
        json_t *definitions = json_object_get(parameters, documents[i]);
        if (definitions)
            json_object_set(loose, documents[i], definitions);
    }
    return loose;
}
