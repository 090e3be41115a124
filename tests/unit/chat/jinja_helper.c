#include "tests/unit/chat/jinja_helper.h"

#include "chat/jinja_exec.h"
#include "chat/jinja_parse.h"
#include "tests/holt_test.h"
#include "text/json.h"

#include <glob.h>
#include <stdio.h>
#include <string.h>

enum status jinja_helper_render(struct str source, const json_t *variables,
                                enum segment_origin origin, const struct jinja_limits *limits,
                                struct jinja_text *out, struct error *err)
{
    CLEANUP(jinja_parse_freep) struct jinja_template *parsed = NULL;
    CLEANUP(jinja_context_done) struct jinja_context context;
    struct jinja_value values;
    jinja_context_init(&context, limits, err);
    context.local_seconds = JINJA_HELPER_SECONDS;
    TRY(jinja_parse_template(source, &parsed, err));
    TRY(jinja_value_new_dict(&context, JINJA_DICT, 0, &values));
    if (variables)
        TRY(jinja_value_from_json(&context, variables, origin, &values));
    return jinja_exec_template(&context, parsed, values.dict, out);
}

json_t *jinja_helper_json(struct str text)
{
    json_t *json = NULL;
    assert_ok(json_parse(text, NULL, &json, err));
    return json;
}

size_t jinja_helper_list(char (*names)[JINJA_HELPER_NAME_MAX], size_t count_max)
{
    const char *folder = test_fixture("templates/jinja");
    char pattern[1024];
    glob_t found = {0};
    if (!folder)
        return 0;
    snprintf(pattern, sizeof(pattern), "%s/*.jinja", folder);
    if (glob(pattern, 0, NULL, &found) != 0)
        return 0;
    const size_t count = found.gl_pathc < count_max ? found.gl_pathc : count_max;
    for (size_t i = 0; i < count; i++) {
        const char *name = strrchr(found.gl_pathv[i], '/') + 1;
        snprintf(names[i], sizeof(names[i]), "%.*s", (int)(strlen(name) - strlen(".jinja")), name);
    }
    globfree(&found);
    return count;
}

struct str jinja_helper_source(const char *name)
{
    char path[256];
    snprintf(path, sizeof(path), "templates/jinja/%s.jinja", name);
    return test_read_file(test_fixture(path));
}
