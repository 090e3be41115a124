/*
 * fuzz_modelfile - any bytes as a Modelfile: it is read or refused with one sentence; what was read
 * has settings or is refused; and the Modelfile that is written of settings makes the same again.
 */
#include "api/model_settings.h"
#include "api/modelfile.h"
#include "base/check.h"
#include "text/json.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* No text between three quotes can have three quotes in it, or one at an end. */
static bool can_be_written(const json_t *settings)
{
    CLEANUP(strbuf_done) struct strbuf text = {0};
    json_write_python(settings, &text);
    return str_find(strbuf_view(&text), STR("\\\"\\\"\\\""), 0) == SIZE_MAX &&
           str_find(strbuf_view(&text), STR("\\\"\""), 0) == SIZE_MAX &&
           str_find(strbuf_view(&text), STR("\"\\\""), 0) == SIZE_MAX;
}

static void check_settings(const json_t *settings)
{
    CLEANUP(strbuf_done) struct strbuf text = {0};
    CLEANUP(json_decrefp) json_t *body = NULL;
    CLEANUP(json_decrefp) json_t *again = NULL;
    if (!can_be_written(settings))
        return;
    model_settings_write_modelfile(settings, STR("x"), &text);
    CHECK(modelfile_read(strbuf_view(&text), &body, NULL) == OK);
    CHECK(model_settings_read(body, &again, NULL) == OK);
    if (json_is_true(json_object_get(settings, "ignored_template")))
        json_object_set_new(again, "ignored_template", json_true());
    CHECK(json_equal(settings, again));
    json_t *merged = model_settings_merge(settings, again);
    CHECK(json_is_object(merged));
    json_decref(merged);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct error err = {0};
    CLEANUP(json_decrefp) json_t *body = NULL;
    CLEANUP(json_decrefp) json_t *settings = NULL;
    if (modelfile_read((struct str){(const char *)bytes, size}, &body, &err) != OK) {
        CHECK(err.text[0]);
        return 0;
    }
    if (model_settings_read(body, &settings, &err) == OK)
        check_settings(settings);
    else
        CHECK(err.text[0]);
    return 0;
}
