/* holt pull - fetch a model from Hugging Face, Ollama's library or an address. */
#include "base/mem.h"
#include "cli/command_list.h"
#include "cli/progress.h"
#include "cli/pull_run.h"
#include "cli/state.h"
#include "cli/style.h"
#include "os/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { STEP_PERCENT = 10 };

struct pull_args {
    const char *sha256;
    const char *hub;
    const char *registry;
    bool allows_http;
};

static const struct pull_args defaults = {.hub = PULL_SOURCE_HUB, .registry = PULL_SOURCE_REGISTRY};

static const struct option_spec options[] = {
    OPTION_STRING(struct pull_args, sha256, 0, "sha256", "DIGEST",
                  "what the file of an address must be"),
    OPTION_STRING(struct pull_args, hub, 0, "hub", "ADDRESS",
                  "a mirror of Hugging Face (default https://huggingface.co)"),
    OPTION_STRING(struct pull_args, registry, 0, "registry", "ADDRESS",
                  "a mirror of Ollama's registry (default https://registry.ollama.ai)"),
    OPTION_FLAG(struct pull_args, allows_http, 0, "allow-http",
                "let anybody on the way read and change what comes"),
    OPTION_END,
};

struct view {
    struct progress progress;
    const struct pull_file *file; /* the one that is being fetched */
    double began;
    uint64_t began_at;
    unsigned told_percent;
};

static const double MIB = 1024.0 * 1024;

static bool on_progress(void *context, const struct pull_file *file, uint64_t done, uint64_t whole)
{
    struct view *view = context;
    if (view->file != file) {
        view->file = file;
        view->began = clock_seconds();
        view->began_at = done;
        view->told_percent = 0;
    }
    const double seconds = clock_seconds() - view->began;
    const unsigned percent = whole ? (unsigned)(100 * done / whole) : 0;
    const double speed =
        seconds > 0 && done > view->began_at ? (double)(done - view->began_at) / MIB / seconds : 0;
    if (view->progress.is_enabled) {
        progress_set(&view->progress, "%.60s  %.0f of %.0f MiB, %u %%, %.1f MiB/s", file->name,
                     (double)done / MIB, (double)whole / MIB, percent, speed);
        progress_tick(&view->progress);
    } else if (percent >= view->told_percent + STEP_PERCENT) {
        view->told_percent = percent / STEP_PERCENT * STEP_PERCENT;
        fprintf(stderr, "%s: %u %% of %.1f MiB\n", file->name, view->told_percent,
                (double)whole / MIB);
    }
    return true;
}

static void on_note(void *context, const char *text)
{
    progress_hide(&((struct view *)context)->progress);
    printf("%s\n", text);
}

static enum status pull(const struct command_call *call, struct view *view, struct error *err)
{
    const struct pull_args *args = call->options;
    CLEANUP(state_done) struct state state = {0};
    CLEANUP(mem_freep) char *model = NULL;
    const char *token = getenv("HF_TOKEN");
    const struct pull_run_config config = {
        .name = call->operands[0],
        .sha256 = args->sha256,
        .source = {.hub = args->hub,
                   .registry = args->registry,
                   .token = token && token[0] ? token : NULL,
                   .allows_http = args->allows_http},
        .state = &state,
        .progress = on_progress,
        .note = on_note,
        .context = view,
    };
    TRY(state_init(call->common, &state, err));
    TRY(pull_run(&config, &model, err));
    progress_hide(&view->progress);
    printf("%s is at hand: holt run -m %s\n", model, model);
    return OK;
}

static int run(const struct command_call *call)
{
    struct view view = {0};
    struct error err = {0};
    progress_init(&view.progress, STDERR_FILENO,
                  style_for(STDERR_FILENO, NULL, call->common->no_color));
    const enum status status = pull(call, &view, &err);
    progress_clear(&view.progress);
    return status == OK ? EXIT_OK : command_fail(&err);
}

const struct command cmd_pull = {
    .name = "pull",
    .summary = "fetch a model from Hugging Face, Ollama's library or an address",
    .operands = "NAME",
    .description =
        "NAME is ORG/REPO:QUANT (Hugging Face; without QUANT the usual one), MODEL:TAG (Ollama's "
        "library; ollama:USER/MODEL:TAG for others) or an https address of a .gguf file. What was "
        "fetched in part is gone on with. A file appears only when its size and its published "
        "digest are right.\n\n"
        "A process of its own does the fetching; it can read no file of yours and writes only "
        "what it fetches. The processes that run models still cannot connect to anything. "
        "HF_TOKEN in the environment is sent to Hugging Face.",
    .examples = "holt pull Qwen/Qwen3-4B-GGUF:Q4_K_M\n"
                "holt pull qwen3:4b\n"
                "holt pull https://example.org/model.gguf --sha256 DIGEST",
    .group = COMMAND_GROUP_MODEL,
    .options = options,
    .defaults = &defaults,
    .args_size = sizeof(struct pull_args),
    .operand_count_min = 1,
    .operand_count_max = 1,
    .run = run,
};
