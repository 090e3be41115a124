#define PCRE2_CODE_UNIT_WIDTH 8

#include "cli/doctor_facts.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/agent_setup.h"
#include "cli/command.h"
#include "cli/state.h"
#include "engine/builtin_model.h"
#include "engine/prefix_store.h"
#include "os/cpu.h"
#include "os/memory.h"
#include "os/path.h"
#include "sandbox/sandbox.h"
#include "store/db.h"
#include "store/session_store.h"
#include "text/clean_text.h"

#include <gnu/libc-version.h>
#include <histedit.h>
#include <pcre2.h>
#include <seccomp.h>
#include <sodium.h>
#include <stdarg.h>
#include <sys/utsname.h>
#include <utf8proc.h>
#include <yaml.h>

static json_t *clean_string(const char *text)
{
    CLEANUP(strbuf_done) struct strbuf clean = {0};
    clean_text_line(str_from_c(text), &clean);
    return json_stringn(strbuf_c(&clean), clean.len);
}

/* Sentences for the person, collected on the way. */
struct findings {
    json_t *problems;
    json_t *advice;
};

static void add_sentence(json_t *list, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void add_sentence(json_t *list, const char *fmt, ...)
{
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    json_array_append_new(list, clean_string(text));
}

static json_t *cpu_facts(struct findings *found)
{
    char brand[CPU_BRAND_MAX];
    cpu_brand(brand);
    const struct cpu_level *level = cpu_level_of(cpu_features());
    json_t *levels = json_array();
    for (size_t i = 0; i < CPU_LEVEL_COUNT; i++) {
        if ((cpu_levels[i].features & ~cpu_features()) == 0)
            json_array_append_new(levels, json_string(cpu_levels[i].name));
    }
    if (cpu_features() == 0)
        add_sentence(found->advice,
                     "This processor has no AVX2, so models run several times slower than on one "
                     "that has it.");
    return json_pack("{s:o, s:s, s:o, s:i}", "name", clean_string(brand), "level", level->name,
                     "levels", levels, "cores", (int)cpu_core_count());
}

static json_t *memory_facts(struct findings *found)
{
    const uint64_t total = memory_total_bytes();
    const uint64_t available = memory_available_bytes();
    if (available < UINT64_C(512) << 20)
        add_sentence(found->advice,
                     "Less than 512 MiB of memory are free: only small models will load.");
    return json_pack("{s:I, s:I}", "total_bytes", (json_int_t)total, "available_bytes",
                     (json_int_t)available);
}

static json_t *sandbox_facts(struct findings *found)
{
    struct sandbox_report report = {0};
    const struct sandbox_options options = sandbox_options_from_environment();
    CLEANUP(mem_freep) char *folder = NULL;
    CLEANUP(strbuf_done) struct strbuf line = {0};
    if (path_current(&folder, NULL) != OK)
        folder = mem_copy_str("/");
    sandbox_probe(folder, &options, &report);
    sandbox_report_line(&report, &line);
    if (report.tier == SANDBOX_TIER_D)
        add_sentence(found->problems,
                     "Tools that touch files or run programs are refused, because nothing here can "
                     "confine them: %s",
                     report.missing);
    else if (report.missing[0])
        add_sentence(found->advice, "The sandbox could be stronger: %s", report.missing);
    const char letter[] = {sandbox_tier_letter(report.tier), '\0'};
    return json_pack("{s:s, s:o, s:o, s:o, s:i, s:b, s:b, s:b, s:b}", "tier", letter, "summary",
                     clean_string(strbuf_c(&line)), "weakness", clean_string(report.weakness),
                     "missing", clean_string(report.missing), "landlock_abi",
                     (int)report.landlock_abi, "filter", report.has_filter, "namespaces",
                     report.has_namespaces, "private_proc", report.has_private_proc, "openat2",
                     report.has_openat2);
}

static json_t *database_facts(const struct state *state, struct findings *found)
{
    CLEANUP(db_closep) struct db *db = NULL;
    CLEANUP(session_store_list_done) struct session_store_list list = {0};
    struct error err = {0};
    if (path_kind(state->database) == PATH_MISSING)
        return json_pack("{s:b, s:i}", "exists", 0, "sessions", 0);
    enum status status = db_open(state->database, &db, &err);
    if (status == OK)
        status = db_check(db, &err);
    if (status == OK)
        status = session_store_list_newest(db, SESSION_STORE_LIST_MAX, &list, &err);
    if (status != OK)
        add_sentence(found->problems, "%s.", err.text);
    return json_pack("{s:b, s:b, s:I}", "exists", 1, "is_whole", status == OK, "sessions",
                     (json_int_t)list.count);
}

static json_t *state_facts(const struct command_common *common, struct findings *found)
{
    CLEANUP(state_done) struct state state = {0};
    CLEANUP(mem_freep) char *config = NULL;
    struct error err = {0};
    json_t *object = json_object();
    if (state_config_path(common, &config, NULL) == OK) {
        json_object_set_new(object, "config", clean_string(config));
        json_object_set_new(object, "has_config", json_boolean(path_kind(config) != PATH_MISSING));
    }
    CLEANUP(config_done) struct config settings = {0};
    if (agent_setup_config(common, &settings, &err) != OK)
        add_sentence(found->problems, "%s.", err.text);
    if (state_find_paths(common, &state, &err) != OK) {
        add_sentence(found->problems, "%s.", err.text);
        return object;
    }
    const bool exists = path_kind(state.folder) == PATH_FOLDER;
    json_object_set_new(object, "folder", clean_string(state.folder));
    json_object_set_new(object, "exists", json_boolean(exists));
    json_object_set_new(object, "database", database_facts(&state, found));
    uint64_t prompt_bytes = 0;
    uint32_t prompt_count = 0;
    prefix_store_measure(state.prompts, &prompt_bytes, &prompt_count);
    json_object_set_new(object, "prompts",
                        json_pack("{s:o, s:I, s:I}", "folder", clean_string(state.prompts), "files",
                                  (json_int_t)prompt_count, "bytes", (json_int_t)prompt_bytes));
    if (exists && !path_can_write_folder(state.folder))
        add_sentence(found->problems,
                     "The state folder %s may not be written: sessions cannot be kept.",
                     state.folder);
    return object;
}

static json_t *library_facts(void)
{
    char pcre[64] = "";
    pcre2_config(PCRE2_CONFIG_VERSION, pcre); /* "10.42 2022-12-11" */
    pcre[strcspn(pcre, " ")] = '\0';
    const struct scmp_version *seccomp = seccomp_version();
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o}", "jansson",
                     jansson_version_str(), "sqlite", db_library_version(), "pcre2", pcre,
                     "utf8proc", utf8proc_version(), "libsodium", sodium_version_string(), "yaml",
                     yaml_get_version_string(), "glibc", gnu_get_libc_version(), "libseccomp",
                     json_sprintf("%u.%u.%u", seccomp->major, seccomp->minor, seccomp->micro),
                     "libedit", json_sprintf("%d.%d", LIBEDIT_MAJOR, LIBEDIT_MINOR));
}

static json_t *builtin_facts(void)
{
    size_t size = 0;
    builtin_model_bytes(&size);
    return json_pack("{s:I}", "bytes", (json_int_t)size);
}

json_t *doctor_facts_collect(const struct command_common *common)
{
    struct utsname names = {0};
    struct findings found = {.problems = json_array(), .advice = json_array()};
    uname(&names);
    json_t *object = json_object();
    json_object_set_new(object, "version", json_string(HOLT_VERSION));
    json_object_set_new(object, "kernel", clean_string(names.release));
    json_object_set_new(object, "cpu", cpu_facts(&found));
    json_object_set_new(object, "memory", memory_facts(&found));
    json_object_set_new(object, "sandbox", sandbox_facts(&found));
    json_object_set_new(object, "builtin", builtin_facts());
    json_object_set_new(object, "state", state_facts(common, &found));
    json_object_set_new(object, "libraries", library_facts());
    json_object_set_new(object, "problems", found.problems);
    json_object_set_new(object, "advice", found.advice);
    return object;
}
