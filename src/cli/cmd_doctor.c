/* holt doctor - what this machine offers, what is missing, and how to get it. */
#include "base/strbuf.h"
#include "cli/command_list.h"
#include "cli/doctor_facts.h"
#include "cli/json_print.h"
#include "cli/style.h"
#include "text/json.h"

struct doctor_args {
    bool is_json;
};

static const struct option_spec options[] = {
    OPTION_FLAG(struct doctor_args, is_json, 0, "json", "print JSON"),
    OPTION_END,
};

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "unknown";
}

static double number_of(const json_t *object, const char *name)
{
    return (double)json_integer_value(json_object_get(object, name));
}

static void add_label(struct strbuf *out, const struct style_theme *theme, const char *label)
{
    strbuf_addf(out, "%s%-11s%s ", theme->begin[STYLE_BOLD], label, theme->begin[STYLE_NORMAL]);
}

static void add_machine(struct strbuf *out, const struct style_theme *theme, const json_t *facts)
{
    const double gib = 1024.0 * 1024 * 1024;
    const json_t *cpu = json_object_get(facts, "cpu");
    const json_t *memory = json_object_get(facts, "memory");
    const json_t *sandbox = json_object_get(facts, "sandbox");
    const int cores = (int)number_of(cpu, "cores");
    add_label(out, theme, "processor");
    strbuf_addf(out, "%s, %d core%s, kernels for %s\n", text_of(cpu, "name"), cores,
                cores == 1 ? "" : "s", text_of(cpu, "level"));
    add_label(out, theme, "memory");
    strbuf_addf(out, "%.1f GiB, %.1f GiB free\n", number_of(memory, "total_bytes") / gib,
                number_of(memory, "available_bytes") / gib);
    add_label(out, theme, "system");
    strbuf_addf(out, "Linux %s\n", text_of(facts, "kernel"));
    add_label(out, theme, "sandbox");
    strbuf_addf(out, "%s\n", text_of(sandbox, "summary"));
    const char *weakness = text_of(sandbox, "weakness");
    if (weakness[0])
        strbuf_addf(out, "%12s%s\n", "", weakness);
}

static void add_state(struct strbuf *out, const struct style_theme *theme, const json_t *facts)
{
    const json_t *state = json_object_get(facts, "state");
    const json_t *database = json_object_get(state, "database");
    const double mib = 1024.0 * 1024;
    add_label(out, theme, "model");
    strbuf_addf(out, "builtin, %.1f MiB\n",
                number_of(json_object_get(facts, "builtin"), "bytes") / mib);
    add_label(out, theme, "state");
    const int count = (int)number_of(database, "sessions");
    strbuf_addf(out, "%s", text_of(state, "folder"));
    if (json_is_true(json_object_get(database, "exists")))
        strbuf_addf(out, ", %d session%s\n", count, count == 1 ? "" : "s");
    else
        strbuf_add_c(out, ", nothing kept yet\n");
    const json_t *prompts = json_object_get(state, "prompts");
    add_label(out, theme, "prompts");
    if (number_of(prompts, "files") > 0)
        strbuf_addf(out, "%s, %.0f files, %.1f MiB\n", text_of(prompts, "folder"),
                    number_of(prompts, "files"), number_of(prompts, "bytes") / mib);
    else
        strbuf_add_c(out, "none stored\n");
    add_label(out, theme, "config");
    strbuf_addf(out, "%s%s\n", text_of(state, "config"),
                json_is_true(json_object_get(state, "has_config")) ? "" : " (not there)");
}

static void add_libraries(struct strbuf *out, const struct style_theme *theme, const json_t *facts)
{
    const char *name = NULL;
    json_t *version = NULL;
    size_t column = 0;
    add_label(out, theme, "libraries");
    json_object_foreach(json_object_get(facts, "libraries"), name, version)
    {
        CLEANUP(strbuf_done) struct strbuf entry = {0};
        strbuf_addf(&entry, "%s %.20s", name, json_string_value(version));
        if (column > 0 && column + entry.len + 2 > 66) {
            strbuf_addf(out, ",\n%12s", "");
            column = 0;
        } else if (column > 0) {
            strbuf_add_c(out, ", ");
            column += 2;
        }
        strbuf_add_str(out, strbuf_view(&entry));
        column += entry.len;
    }
    strbuf_add_char(out, '\n');
}

static void add_sentences(struct strbuf *out, const char *begin, const char *mark, const char *end,
                          const json_t *list)
{
    size_t index = 0;
    json_t *sentence = NULL;
    json_array_foreach(list, index, sentence)
    {
        strbuf_addf(out, "%s%s%s %s\n", begin, mark, end, json_string_value(sentence));
    }
}

static int run(const struct command_call *call)
{
    const struct doctor_args *args = call->options;
    CLEANUP(json_decrefp) json_t *facts = doctor_facts_collect(call->common);
    const json_t *problems = json_object_get(facts, "problems");
    const json_t *advice = json_object_get(facts, "advice");
    const int code = json_array_size(problems) > 0 ? EXIT_FAILED : EXIT_OK;
    if (args->is_json) {
        json_print(facts);
        return code;
    }
    const struct style_theme *theme = style_for(STDOUT_FILENO, NULL, call->common->no_color);
    CLEANUP(strbuf_done) struct strbuf out = {0};
    add_label(&out, theme, "holt");
    strbuf_addf(&out, "%s\n", HOLT_VERSION);
    add_machine(&out, theme, facts);
    add_state(&out, theme, facts);
    add_libraries(&out, theme, facts);
    strbuf_add_char(&out, '\n');
    add_sentences(&out, theme->begin[STYLE_BAD], "Problem:", theme->begin[STYLE_NORMAL], problems);
    add_sentences(&out, theme->begin[STYLE_WARNING], "Note:", theme->begin[STYLE_NORMAL], advice);
    if (json_array_size(problems) == 0 && json_array_size(advice) == 0)
        strbuf_add_c(&out, "Everything is fine.\n");
    fwrite(out.ptr, 1, out.len, stdout);
    return code;
}

const struct command cmd_doctor = {
    .name = "doctor",
    .summary = "look at this machine: what is there, what is missing",
    .operands = "",
    .description = "Exits with 1 when something does not work.",
    .group = COMMAND_GROUP_PROGRAM,
    .options = options,
    .args_size = sizeof(struct doctor_args),
    .run = run,
};
