/*
 * agent_options - the options that every command with an agent has, as rows for its table.
 *
 * Threads: constant data. Used by: cmd_agent.c, cmd_chat.c, cmd_resume.c, cmd_eval.c.
 */
#pragma once

#include "agent/agent.h"
#include "cli/options.h"
#include "cli/prompt_store.h"
#include "cli/sampling_options.h"
#include "cli/speculation_options.h"
#include "model/kv_kind.h"

enum { AGENT_OPTIONS_CONTEXT_MAX = 1 << 24, AGENT_OPTIONS_THREADS_MAX = 256 };

struct agent_options {
    const char *workspace;
    const char *model;
    const char *allow;
    const char *prompt_store;
    const char *kv;
    const char *cpu_mask;
    int64_t steps_max;
    int64_t context_tokens;
    int64_t thread_count;
    struct sampling_options sampling;
    struct speculation_options speculation;
};

#define AGENT_OPTIONS_MODEL_ROWS(type, member)                                                 \
    OPTION_PATH(type, member.model, 'm', "model", "MODEL", OPTION_VALUE_MODEL,                 \
                "a GGUF file, a name in the models folder, or builtin"),                       \
        OPTION_INT(type, member.context_tokens, 'c', "context", "N", 256,                      \
                   AGENT_OPTIONS_CONTEXT_MAX, "tokens of context (default: what fits)"),       \
        OPTION_INT(type, member.thread_count, 0, "threads", "N", 1, AGENT_OPTIONS_THREADS_MAX, \
                   "compute threads (default: all cores)"),                                    \
        OPTION_STRING(type, member.kv, 0, "kv", "KIND",                                        \
                      "how keys and values are kept: " KV_KIND_NAMES " (default f16)"),        \
        OPTION_STRING(type, member.cpu_mask, 0, "cpu-mask", "LEVEL",                           \
                      "use kernels of baseline, avx2, avx512 or avx512vbmi at most"),          \
        SPECULATION_OPTIONS_ROWS(type, member.speculation)

#define AGENT_OPTIONS_WORK_ROWS(type, member)                                         \
    OPTION_PATH(type, member.workspace, 'w', "workspace", "DIR", OPTION_VALUE_FOLDER, \
                "folder to work in (default: the current one)"),                      \
        OPTION_STRING(type, member.allow, 0, "allow", "LIST",                         \
                      "do without asking: write, run or both (write,run)"),           \
        OPTION_INT(type, member.steps_max, 0, "max-steps", "N", 1, AGENT_STEPS_MAX,   \
                   "model turns before it stops without an answer (default 12)"),     \
        PROMPT_STORE_OPTION_ROW(type, member.prompt_store)
