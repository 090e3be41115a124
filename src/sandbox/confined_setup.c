/* confined_setup - finds out what can be enforced here, by confining children and looking at what
 * they can still do; builds what all children of one workspace share. */
#include "base/mem.h"
#include "sandbox/confined.h"
#include "sandbox/landlock.h"
#include "sandbox/program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PROBE_MS = 5000, PROBE_RESULT_MAX = 1024 };

static bool has_openat2(void)
{
    const struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_BENEATH};
    const long fd = syscall(SYS_openat2, AT_FDCWD, ".", &how, sizeof(how));
    if (fd >= 0)
        close((int)fd);
    return fd >= 0;
}

/* ---- in the child: is it really confined? ---- */

static enum status check_network(struct error *err)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return OK;
    close(fd);
    return error_set(err, E_DENIED, "a confined process could open a socket");
}

static enum status check_files(void *context, const struct confined *confined, struct strbuf *out,
                               struct error *err)
{
    (void)context;
    (void)out;
    TRY(check_network(err));
    const int own = openat(confined->workspace_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (own < 0)
        return error_errno(err, "a confined process could not read the workspace");
    close(own);
    const int other = open("/sys", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (other < 0)
        return OK;
    close(other);
    return error_set(err, E_DENIED, "a confined process could read outside the workspace");
}

static enum status check_program(void *context, const struct confined *confined, struct strbuf *out,
                                 struct error *err)
{
    static const char *const arguments[] = {"/bin/sh", "-c", ":", NULL};
    struct program_result result;
    struct strbuf output = {0};
    TRY(check_files(context, confined, out, err));
    TRY(program_run(confined, arguments, &output, &result, err));
    if (result.exit_code != 0)
        return error_set(err, E_IO, "a confined process could not start /bin/sh");
    strbuf_add_c(out, confined->has_proc ? "proc" : "no proc");
    return OK;
}

static bool probe(const struct confined_setup *setup, enum confined_kind kind, struct strbuf *out,
                  struct error *err)
{
    const struct confined_job job = {
        .kind = kind,
        .result_max = PROBE_RESULT_MAX,
        .run = kind == CONFINED_FILES ? check_files : check_program,
    };
    enum confined_end end = CONFINED_CRASHED;
    if (confined_run(setup, &job, PROBE_MS, out, &end, err) != OK)
        return false;
    if (end != CONFINED_DONE)
        (void)!error_set(err, E_UNSUPPORTED, "%s",
                         out->len ? strbuf_c(out) : "a confined process crashed");
    return end == CONFINED_DONE;
}

/* ---- in the parent ---- */

static enum status build_filters(struct confined_setup *setup, struct error *err)
{
    const struct sandbox_report *report = &setup->report;
    unsigned flags = report->has_namespaces ? 0 : SYSCALL_FILTER_BARE;
    if (!report->has_namespaces && report->landlock_abi < LANDLOCK_ABI_TRUNCATE)
        flags |= SYSCALL_FILTER_NO_TRUNCATE;
    if (!report->has_namespaces && report->landlock_abi < LANDLOCK_ABI_SCOPE)
        flags |= SYSCALL_FILTER_NO_SIGNALS;
    syscall_filter_done(&setup->program);
    TRY(syscall_filter_build(SYSCALL_FILTER_PROGRAM, flags, &setup->program, err));
    if (!setup->files.count)
        TRY(syscall_filter_build(SYSCALL_FILTER_FILES, 0, &setup->files, err));
    syscall_filter_done(&setup->one_group);
    TRY(syscall_filter_build(SYSCALL_FILTER_ONE_GROUP, flags, &setup->one_group, err));
    return OK;
}

static enum sandbox_tier tier_of(const struct sandbox_report *report)
{
    if (!report->has_filter)
        return SANDBOX_TIER_D;
    if (report->landlock_abi)
        return report->has_namespaces ? SANDBOX_TIER_A : SANDBOX_TIER_B;
    return report->has_namespaces ? SANDBOX_TIER_C : SANDBOX_TIER_D;
}

/* Assumes the best, tries it, and takes away what did not work. */
static enum status find_tier(struct confined_setup *setup, struct error *err)
{
    struct sandbox_report *report = &setup->report;
    CLEANUP(strbuf_done) struct strbuf text = {0};
    struct error why = {0};
    report->has_filter = !setup->options.without_filter;
    report->has_namespaces = !setup->options.without_namespaces;
    report->landlock_abi =
        setup->options.without_landlock ? 0 : landlock_abi(setup->options.landlock_abi_max);
    if (report->has_namespaces) {
        report->tier = tier_of(report);
        TRY(build_filters(setup, err));
        report->has_namespaces = probe(setup, CONFINED_PROGRAM, &text, &why);
        report->has_private_proc =
            report->has_namespaces && str_equal_c(strbuf_view(&text), "proc");
    } else {
        (void)!error_set(&why, E_UNSUPPORTED, "namespaces are switched off");
    }
    report->tier = tier_of(report);
    if (report->tier == SANDBOX_TIER_A)
        return OK;
    TRY(build_filters(setup, err));
    struct error lock = {0};
    strbuf_clear(&text);
    if (report->tier == SANDBOX_TIER_B && !probe(setup, CONFINED_PROGRAM, &text, &lock)) {
        report->landlock_abi = 0;
        report->tier = tier_of(report);
    }
    const char *reason = lock.text[0] ? lock.text : why.text;
    if (!report->landlock_abi)
        snprintf(report->missing, sizeof(report->missing),
                 "the kernel offers no Landlock (Linux 5.13 or newer with \"landlock\" in its lsm= "
                 "list)%s%.120s",
                 reason[0] ? "; " : "", reason);
    else
        snprintf(
            report->missing, sizeof(report->missing),
            "%.120s (user namespaces: sysctl kernel.apparmor_restrict_unprivileged_userns=0 or "
            "user.max_user_namespaces)",
            reason);
    return OK;
}

static void describe_weakness(struct sandbox_report *report)
{
    static const char bare[] =
        "Programs see names and dates, not contents, of files outside the workspace; they cannot "
        "change modes or owners or start a session of their own; beside .git they make no new "
        "names, and where it is missing they can make one.";
    static const char no_signals[] = " They can signal only their own process group.";
    static const char mounts_only[] = "What programs see rests on mounts alone.";
    static const char refused[] = "Tools that need a child are refused.";
    struct strbuf text = {.size_max = sizeof(report->weakness) - 1};
    switch (report->tier) {
    case SANDBOX_TIER_A: break;
    case SANDBOX_TIER_B:
        strbuf_add_c(&text, bare);
        if (report->landlock_abi < LANDLOCK_ABI_SCOPE)
            strbuf_add_c(&text, no_signals);
        break;
    case SANDBOX_TIER_C: strbuf_add_c(&text, mounts_only); break;
    case SANDBOX_TIER_D: strbuf_add_c(&text, refused); break;
    }
    memcpy(report->weakness, strbuf_c(&text), text.len + 1);
    strbuf_done(&text);
}

static enum status open_workspace(const char *workspace, struct confined_setup *setup,
                                  struct error *err)
{
    char whole[PATH_MAX];
    struct stat info;
    if (!realpath(workspace, whole))
        return error_set(err, E_INVALID,
                         "the workspace %s does not exist or cannot be entered (%s)", workspace,
                         strerror(errno));
    setup->workspace_fd = open(whole, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (setup->workspace_fd < 0)
        return error_set(err, E_INVALID, "the workspace %s is not a folder", workspace);
    setup->workspace = mem_copy_str(whole);
    if (fstat(setup->workspace_fd, &info) != 0)
        return error_errno(err, "cannot look at the workspace %s", workspace);
    setup->owner_uid = geteuid() == 0 ? info.st_uid : geteuid();
    setup->owner_gid = geteuid() == 0 ? info.st_gid : getegid();
    return OK;
}

enum status confined_setup_init(const char *workspace, const struct sandbox_options *options,
                                struct confined_setup *setup, struct error *err)
{
    *setup = (struct confined_setup){.options = options ? *options : (struct sandbox_options){0}};
    TRY(open_workspace(workspace, setup, err));
    setup->report.is_root = setup->owner_uid == 0;
    setup->report.has_openat2 = !setup->options.without_openat2 && has_openat2();
    struct error why = {0};
    if (find_tier(setup, &why) != OK) {
        setup->report.tier = SANDBOX_TIER_D;
        setup->report.has_filter = false;
        snprintf(setup->report.missing, sizeof(setup->report.missing), "%.200s", why.text);
    }
    describe_weakness(&setup->report);
    return OK;
}

void confined_setup_done(struct confined_setup *setup)
{
    if (setup->workspace)
        close(setup->workspace_fd);
    mem_free(setup->workspace);
    syscall_filter_done(&setup->files);
    syscall_filter_done(&setup->program);
    syscall_filter_done(&setup->one_group);
    *setup = (struct confined_setup){0};
}
