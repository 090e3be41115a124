/*
 * fuzz_tool_mask - any text as the schema of a tool: compiling its mask must end in bounded time
 * with a mask or one sentence, and whatever the mask lets a model write must end within its budget
 * and be read back as calls of the tool, in every tool-call format.
 *
 * The first byte picks the format, the second a lenient caller, the vocabulary and the slack of the
 * budget; then comes the schema, and behind a byte 0 (if there is one) bytes that choose tokens.
 */
#include "base/check.h"
#include "chat/output_parser.h"
#include "engine/tool_mask_syntax.h"
#include "tests/format_vocab.h"
#include "text/json.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum {
    SCHEMA_BYTES_MAX = 8 * 1024,
    FEWEST_MAX = 300, /* tokens of the shortest call; longer ones take too long to write */
    VOCAB_COUNT = 2,
};

struct run {
    const struct tool_format *format;
    struct tokenizer *tokenizer;
    struct token_mask *mask;
    struct str choices;
    uint32_t random;
    uint32_t budget;
    struct strbuf text;
    int calls;
};

/* With the formats' control tokens, and one in which every marker is text. Kept for all inputs. */
static struct token_mask_vocab *vocab_of(size_t index, struct tokenizer **tokenizer)
{
    static struct tokenizer *tokenizers[VOCAB_COUNT];
    static struct token_mask_vocab *tables[VOCAB_COUNT];
    if (!tables[index]) {
        tokenizers[index] = format_vocab_new(index == 0);
        CHECK(token_mask_vocab_new(tokenizers[index], &tables[index], NULL) == OK);
    }
    *tokenizer = tokenizers[index];
    return tables[index];
}

static bool judge(void *context, const struct chat_event *event)
{
    struct run *run = context;
    CHECK(event->kind != CHAT_EVENT_BAD_CALL);
    if (event->kind != CHAT_EVENT_TOOL_CALL)
        return true;
    CLEANUP(json_decrefp) json_t *arguments = NULL;
    CHECK(json_parse(event->arguments, NULL, &arguments, NULL) == OK);
    CHECK(json_is_object(arguments) && str_equal_c(event->tool_name, "f"));
    run->calls++;
    return true;
}

/* The next choosing byte; behind the last one, numbers that look random. */
static uint32_t next_choice(struct run *run)
{
    run->random = run->random * 1664525u + 1013904223u;
    if (run->choices.len == 0)
        return run->random >> 24;
    const unsigned char byte = (unsigned char)run->choices.ptr[0];
    run->choices = str_slice(run->choices, 1, run->choices.len);
    return byte;
}

/* The first allowed token from where a byte points. */
static int32_t choose(struct run *run, const uint64_t *allowed)
{
    const uint32_t size = tokenizer_vocab_size(run->tokenizer);
    const uint32_t start = next_choice(run) * size / 256;
    for (uint32_t i = 0; i < size; i++) {
        const uint32_t token = (start + i) % size;
        if (!allowed || (allowed[token / 64] >> (token % 64) & 1))
            return (int32_t)token;
    }
    return -1;
}

static void generate(struct run *run)
{
    for (; run->budget > 0; run->budget--) {
        const int32_t token = choose(run, token_mask_allowed(run->mask, run->budget));
        CHECK(token >= 0);
        CHECK(token_mask_accept(run->mask, token, NULL) == OK);
        if (tokenizer_is_eog(run->tokenizer, token))
            break;
        strbuf_add_str(&run->text, tokenizer_piece(run->tokenizer, token));
    }
    CHECK(token_mask_is_complete(run->mask));
}

static void read_back(struct run *run, const json_t *tools)
{
    const struct output_parser_config config = {.format = run->format, .tools = tools};
    CLEANUP(output_parser_done) struct output_parser parser;
    output_parser_init(&parser, &config);
    output_parser_feed(&parser, strbuf_view(&run->text), judge, run);
    output_parser_finish(&parser, judge, run);
    CHECK(run->calls > 0);
}

static void write_call(struct run *run, const json_t *tools, uint32_t slack)
{
    struct error err = {0};
    CHECK(token_mask_start(run->mask, UINT32_MAX - 1, STR("a"), &err) == OK);
    const uint32_t fewest = token_mask_fewest_tokens(run->mask);
    if (fewest > FEWEST_MAX)
        return;
    run->budget = fewest + slack;
    CHECK(token_mask_start(run->mask, run->budget, STR("a"), &err) == OK);
    generate(run);
    read_back(run, tools);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const uint32_t slacks[] = {0, 2, 15, 90};
    size_t format_count = 0;
    const struct tool_format *const *formats = tool_format_list(&format_count);
    if (size < 2)
        return 0;
    struct str rest = {(const char *)bytes + 2, size - 2};
    const struct str text = str_split(&rest, '\0');
    CLEANUP(json_decrefp) json_t *schema = NULL;
    if (text.len > SCHEMA_BYTES_MAX || json_parse(text, NULL, &schema, NULL) != OK)
        return 0;
    struct run run = {.format = formats[bytes[0] % format_count], .choices = rest};
    const struct token_mask_vocab *vocab = vocab_of(bytes[1] >> 1 & 1, &run.tokenizer);
    CLEANUP(json_decrefp)
    json_t *tools = json_pack("[{s:s, s:{s:s, s:O}}]", "type", "function", "function", "name", "f",
                              "parameters", schema);
    CLEANUP(strbuf_done) struct strbuf warnings = {0};
    CLEANUP(strbuf_done) struct strbuf close = {0};
    CLEANUP(token_mask_freep) struct token_mask *mask = NULL;
    struct token_mask_syntax syntax;
    struct error err = {0};
    tool_mask_syntax(run.format, &(struct output_parser_reasoning){0}, &close, &syntax);
    const struct token_mask_tool tool = {.name = STR("f"), .parameters = schema};
    const struct token_mask_options options = {
        .mode = TOKEN_MASK_REQUIRED,
        .call_count_max = run.format->is_single ? 1 : 2,
        .limits = {.warnings = bytes[1] & 1 ? &warnings : NULL}};
    if (token_mask_new_tools(vocab, &syntax, &tool, 1, &options, &mask, &err) != OK) {
        CHECK(err.text[0] && !strchr(err.text, '\n'));
        return 0;
    }
    run.mask = mask;
    write_call(&run, tools, slacks[bytes[1] >> 2 & 3]);
    strbuf_done(&run.text);
    return 0;
}
