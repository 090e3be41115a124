#include "cli/launch_client.h"

#include "base/check.h"
#include "base/mem.h"
#include "cli/launch_edit.h"
#include "os/path.h"
#include "text/json.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* ---------------------------------------------------------------- texts */

static void add(struct launch_client_texts *texts, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void add(struct launch_client_texts *texts, const char *fmt, ...)
{
    va_list args;
    CHECK(texts->count < LAUNCH_CLIENT_ITEMS_MAX);
    va_start(args, fmt);
    const int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    CHECK(len >= 0);
    char *text = mem_alloc((size_t)len + 1);
    va_start(args, fmt);
    vsnprintf(text, (size_t)len + 1, fmt, args);
    va_end(args);
    texts->of[texts->count++] = text;
}

void launch_client_texts_done(struct launch_client_texts *texts)
{
    for (size_t i = 0; i < texts->count; i++)
        mem_free(texts->of[i]);
    *texts = (struct launch_client_texts){0};
}

/* Quoted as JSON; TOML and YAML read it the same. The caller releases it. */
static struct strbuf quoted(const char *text)
{
    struct strbuf out = {0};
    json_write_string(str_from_c(text), &out);
    return out;
}

void launch_client_add_word(struct strbuf *out, const char *text)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=:,./@%";
    if (text[0] && text[strspn(text, plain)] == '\0') {
        strbuf_add_c(out, text);
        return;
    }
    strbuf_add_char(out, '\'');
    for (const char *at = text; *at; at++) {
        if (*at == '\'')
            strbuf_add_c(out, "'\\''");
        else
            strbuf_add_char(out, *at);
    }
    strbuf_add_char(out, '\'');
}

static void add_exports(const struct launch_client_texts *variables, struct strbuf *out)
{
    for (size_t i = 0; i < variables->count; i++) {
        const char *text = variables->of[i];
        strbuf_add_c(out, strchr(text, '=') ? "export " : "unset ");
        launch_client_add_word(out, text);
        strbuf_add_char(out, '\n');
    }
}

static void add_json(const json_t *value, struct strbuf *out)
{
    const struct json_style style = {.indent = 2};
    json_write_style(value, &style, out);
    strbuf_add_char(out, '\n');
}

/* ---------------------------------------------------------------- Claude Code */

/* The header and the reminder change with every request, and with them everything behind them
 * would have to be computed again. */
static void claude_variables(const struct launch_target *target, struct launch_client_texts *out)
{
    static const char *const models[] = {
        "ANTHROPIC_MODEL", "ANTHROPIC_DEFAULT_OPUS_MODEL", "ANTHROPIC_DEFAULT_SONNET_MODEL",
        "ANTHROPIC_DEFAULT_HAIKU_MODEL", "CLAUDE_CODE_SUBAGENT_MODEL"};
    add(out, "ANTHROPIC_API_KEY");
    add(out, "CLAUDE_CODE_USE_BEDROCK");
    add(out, "CLAUDE_CODE_USE_VERTEX");
    add(out, "ANTHROPIC_BASE_URL=%s", target->base);
    add(out, "ANTHROPIC_AUTH_TOKEN=%s", target->key);
    for (size_t i = 0; i < ARRAY_LEN(models); i++)
        add(out, "%s=%s", models[i], target->model);
    add(out, "CLAUDE_CODE_AUTO_COMPACT_WINDOW=%" PRIu64, target->context_tokens);
    add(out, "CLAUDE_CODE_MAX_OUTPUT_TOKENS=%" PRIu64, target->output_tokens);
    add(out, "CLAUDE_CODE_ATTRIBUTION_HEADER=0");
    add(out, "CLAUDE_CODE_TOTAL_TOKENS_REMINDER=off");
    add(out, "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1");
    add(out, "CLAUDE_STREAM_IDLE_TIMEOUT_MS=900000");
    add(out, "API_TIMEOUT_MS=3600000");
}

static void model_argument(const struct launch_target *target, struct launch_client_texts *out)
{
    add(out, "--model");
    add(out, "%s", target->model);
}

static const struct launch_client claude = {
    .name = "claude",
    .title = "Claude Code",
    .program = "claude",
    .install = "npm install -g @anthropic-ai/claude-code",
    .context_least = 49152,
    .add_variables = claude_variables,
    .add_arguments = model_argument,
};

/* ---------------------------------------------------------------- Codex */

static void codex_variables(const struct launch_target *target, struct launch_client_texts *out)
{
    add(out, "HOLT_API_KEY=%s", target->key);
}

/* On the command line: the user's config.toml stays as it is. */
static void codex_arguments(const struct launch_target *target, struct launch_client_texts *out)
{
    CLEANUP(strbuf_done) struct strbuf model = quoted(target->model);
    add(out, "-c");
    add(out, "model_provider=\"holt\"");
    add(out, "-c");
    add(out,
        "model_providers.holt={name=\"holt\", base_url=\"%s/v1\", wire_api=\"responses\", "
        "env_key=\"HOLT_API_KEY\", stream_idle_timeout_ms=900000}",
        target->base);
    add(out, "-c");
    add(out, "model=%s", strbuf_c(&model));
    add(out, "-c");
    add(out, "model_context_window=%" PRIu64, target->context_tokens);
}

static void codex_settings(const struct launch_target *target, struct strbuf *out)
{
    CLEANUP(strbuf_done) struct strbuf model = quoted(target->model);
    strbuf_addf(out,
                "# ~/.codex/config.toml\n"
                "model = %s\n"
                "model_provider = \"holt\"\n"
                "model_context_window = %" PRIu64 "\n\n"
                "[model_providers.holt]\n"
                "name = \"holt\"\n"
                "base_url = \"%s/v1\"\n"
                "wire_api = \"responses\"\n"
                "stream_idle_timeout_ms = 900000\n",
                strbuf_c(&model), target->context_tokens, target->base);
    if (strcmp(target->key, "holt") != 0)
        strbuf_add_c(out, "env_key = \"HOLT_API_KEY\"\n");
}

static const struct launch_client codex = {
    .name = "codex",
    .title = "Codex",
    .program = "codex",
    .install = "npm install -g @openai/codex",
    .context_least = 16384,
    .add_variables = codex_variables,
    .add_arguments = codex_arguments,
    .add_settings = codex_settings,
};

/* ---------------------------------------------------------------- OpenCode */

static json_t *opencode_json(const struct launch_target *target)
{
    CLEANUP(strbuf_done) struct strbuf name = {0};
    CLEANUP(strbuf_done) struct strbuf address = {0};
    strbuf_addf(&name, "holt/%s", target->model);
    strbuf_addf(&address, "%s/v1", target->base);
    json_t *models = json_object();
    json_object_set_new(models, target->model,
                        json_pack("{s:s, s:b, s:{s:I, s:I}}", "name", target->model, "tool_call", 1,
                                  "limit", "context", (json_int_t)target->context_tokens, "output",
                                  (json_int_t)target->output_tokens));
    return json_pack("{s:{s:{s:s, s:s, s:{s:s, s:s}, s:o}}, s:s, s:s}", "provider", "holt", "npm",
                     "@ai-sdk/openai-compatible", "name", "holt", "options", "baseURL",
                     strbuf_c(&address), "apiKey", target->key, "models", models, "model",
                     strbuf_c(&name), "small_model", strbuf_c(&name));
}

static void opencode_variables(const struct launch_target *target, struct launch_client_texts *out)
{
    CLEANUP(json_decrefp) json_t *config = opencode_json(target);
    CLEANUP(strbuf_done) struct strbuf text = {0};
    json_write_python(config, &text);
    add(out, "OPENCODE_CONFIG_CONTENT=%s", strbuf_c(&text));
}

static void opencode_settings(const struct launch_target *target, struct strbuf *out)
{
    CLEANUP(json_decrefp) json_t *config = opencode_json(target);
    add_json(config, out);
}

static const struct launch_client opencode = {
    .name = "opencode",
    .title = "OpenCode",
    .program = "opencode",
    .install = "npm install -g opencode-ai",
    .context_least = 16384,
    .add_variables = opencode_variables,
    .add_settings = opencode_settings,
};

/* ---------------------------------------------------------------- OpenClaw */

/* Its documentation wants Ollama's own protocol, not /v1. */
static json_t *openclaw_provider(const struct launch_target *target)
{
    return json_pack(
        "{s:s, s:s, s:s, s:[{s:s, s:s, s:b, s:[s], s:{s:i, s:i, s:i, s:i}, s:I, s:I}]}", "baseUrl",
        target->base, "apiKey", target->key, "api", "ollama", "models", "id", target->model, "name",
        target->model, "reasoning", 0, "input", "text", "cost", "input", 0, "output", 0,
        "cacheRead", 0, "cacheWrite", 0, "contextWindow", (json_int_t)target->context_tokens,
        "maxTokens", (json_int_t)target->output_tokens);
}

static enum status openclaw_edit(const struct launch_target *target, struct str before,
                                 struct strbuf *out, struct error *err)
{
    CLEANUP(strbuf_done) struct strbuf name = {0};
    strbuf_addf(&name, "holt/%s", target->model);
    CLEANUP(json_decrefp) json_t *provider = openclaw_provider(target);
    CLEANUP(json_decrefp) json_t *model = json_string(strbuf_c(&name));
    const struct launch_edit_member members[] = {
        {"models.providers.holt", provider},
        {"agents.defaults.model.primary", model},
    };
    return launch_edit_json(before, members, ARRAY_LEN(members), out, err);
}

static void openclaw_settings(const struct launch_target *target, struct strbuf *out)
{
    struct error err = {0};
    CHECK(openclaw_edit(target, (struct str){0}, out, &err) == OK);
}

static const struct launch_client openclaw = {
    .name = "openclaw",
    .title = "OpenClaw",
    .program = "openclaw",
    .install = "npm install -g openclaw",
    .usual = "chat", /* in the terminal, without a gateway */
    .context_least = 16384,
    .file_variable = "OPENCLAW_STATE_DIR",
    .file_folder = ".openclaw",
    .file_name = "openclaw.json",
    .edit = openclaw_edit,
    .add_settings = openclaw_settings,
};

/* ---------------------------------------------------------------- Hermes */

static void hermes_settings(const struct launch_target *target, struct strbuf *out)
{
    CLEANUP(strbuf_done) struct strbuf model = quoted(target->model);
    CLEANUP(strbuf_done) struct strbuf key = quoted(target->key);
    strbuf_addf(out,
                "model:\n"
                "  provider: custom\n"
                "  base_url: %s/v1\n"
                "  default: %s\n"
                "  api_key: %s\n"
                "  context_length: %" PRIu64 "\n",
                target->base, strbuf_c(&model), strbuf_c(&key), target->context_tokens);
}

static enum status hermes_edit(const struct launch_target *target, struct str before,
                               struct strbuf *out, struct error *err)
{
    CLEANUP(strbuf_done) struct strbuf block = {0};
    hermes_settings(target, &block);
    return launch_edit_yaml(before, "model", strbuf_view(&block), out, err);
}

static const struct launch_client hermes = {
    .name = "hermes",
    .title = "Hermes",
    .program = "hermes",
    .install = "pip install hermes-agent",
    .context_least = 65536, /* it does not start with less */
    .file_variable = "HERMES_HOME",
    .file_folder = ".hermes",
    .file_name = "config.yaml",
    .edit = hermes_edit,
    .add_settings = hermes_settings,
};

/* ---------------------------------------------------------------- GitHub Copilot CLI */

static void copilot_variables(const struct launch_target *target, struct launch_client_texts *out)
{
    add(out, "COPILOT_PROVIDER_BASE_URL=%s/v1", target->base);
    add(out, "COPILOT_PROVIDER_TYPE=openai");
    add(out, "COPILOT_PROVIDER_WIRE_API=responses");
    add(out, "COPILOT_PROVIDER_API_KEY=%s", target->key);
    add(out, "COPILOT_MODEL=%s", target->model);
    add(out, "COPILOT_PROVIDER_MAX_PROMPT_TOKENS=%" PRIu64,
        target->context_tokens - target->output_tokens);
    add(out, "COPILOT_PROVIDER_MAX_OUTPUT_TOKENS=%" PRIu64, target->output_tokens);
}

static const struct launch_client copilot = {
    .name = "copilot",
    .title = "GitHub Copilot CLI",
    .program = "copilot",
    .install = "npm install -g @github/copilot",
    .context_least = 32768,
    .add_variables = copilot_variables,
};

/* ---------------------------------------------------------------- all */

void launch_client_settings(const struct launch_client *client, const struct launch_target *target,
                            struct strbuf *out)
{
    CLEANUP(launch_client_texts_done) struct launch_client_texts variables = {0};
    if (client->add_settings) {
        client->add_settings(target, out);
        return;
    }
    client->add_variables(target, &variables);
    add_exports(&variables, out);
}

const struct launch_client *const launch_clients[] = {&claude, &codex,   &opencode, &openclaw,
                                                      &hermes, &copilot, NULL};

const struct launch_client *launch_client_find(const char *name)
{
    for (size_t i = 0; launch_clients[i]; i++) {
        if (strcmp(launch_clients[i]->name, name) == 0)
            return launch_clients[i];
    }
    return NULL;
}

char *launch_client_path(const struct launch_client *client)
{
    if (!client->edit)
        return NULL;
    const char *folder = getenv(client->file_variable);
    if (folder && folder[0] == '/')
        return path_join(folder, client->file_name);
    const char *home = getenv("HOME");
    if (!home || home[0] != '/')
        return NULL;
    CLEANUP(mem_freep) char *below = path_join(home, client->file_folder);
    return path_join(below, client->file_name);
}
