#include "sandbox/sandbox.h"

#include "base/attr.h"
#include "base/str.h"
#include "sandbox/confined.h"

#include <stdlib.h>

enum { ABI_MAX = 1000 };

void sandbox_probe(const char *workspace, const struct sandbox_options *options,
                   struct sandbox_report *out)
{
    struct confined_setup setup = {0};
    struct error err = {0};
    if (confined_setup_init(workspace, options, &setup, &err) == OK) {
        *out = setup.report;
    } else {
        *out = (struct sandbox_report){.tier = SANDBOX_TIER_D};
        snprintf(out->missing, sizeof(out->missing), "%.200s", err.text);
    }
    confined_setup_done(&setup);
}

static bool is_set(const char *name)
{
    const char *value = getenv(name);
    return value && value[0] && strcmp(value, "0") != 0;
}

struct sandbox_options sandbox_options_from_environment(void)
{
    const char *abi = getenv("HOLT_LANDLOCK_ABI_MAX");
    int64_t number = 0;
    struct sandbox_options options = {
        .without_landlock = is_set("HOLT_WITHOUT_LANDLOCK"),
        .without_namespaces = is_set("HOLT_WITHOUT_NAMESPACES"),
    };
    if (abi && str_to_int(str_from_c(abi), &number) && number > 0 && number <= ABI_MAX)
        options.landlock_abi_max = (uint32_t)number;
    return options;
}

char sandbox_tier_letter(enum sandbox_tier tier)
{
    return (char)('D' - (int)tier);
}

void sandbox_report_line(const struct sandbox_report *report, struct strbuf *out)
{
    strbuf_addf(out, "%c: ", sandbox_tier_letter(report->tier));
    if (report->tier == SANDBOX_TIER_D) {
        strbuf_add_c(out, "tools cannot be confined");
        return;
    }
    if (report->has_namespaces)
        strbuf_add_c(out, report->landlock_abi ? "namespaces, " : "namespaces");
    if (report->landlock_abi)
        strbuf_addf(out, "Landlock (ABI %u)", report->landlock_abi);
    strbuf_add_c(out, " and a system call filter");
}
