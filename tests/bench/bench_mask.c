/*
 * bench_mask - what token masks cost: compiling 100 KB of tool schemas, and the set of allowed
 * tokens before each token, over a vocabulary of 150,000 made here.
 *
 * Each row writes many texts by drawing from the allowed tokens at random, which leads into more
 * odd places than a model does, and times token_mask_forced_tokens(), token_mask_allowed() and
 * token_mask_accept() together, in CPU time. The rows are one tool-call format for each way of
 * writing calls, schemas, and grammars; VOCAB=FILE.gguf takes the tokenizer of a model.
 * The share is of one token of a model of 4 billion parameters: some 100 ms on two cores.
 */
#include "base/attr.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "chat/output_parser.h"
#include "engine/tool_mask_syntax.h"
#include "gguf/gguf.h"
#include "gguf/gguf_writer.h"
#include "infer/token_mask.h"
#include "os/clock.h"
#include "text/json.h"
#include "text/utf8.h"
#include "tokenizer/token_list.h"
#include "tokenizer/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    VOCAB_SIZE = 150 * 1000,
    SCHEMA_SIZE = 100 * 1024, /* bytes of all tools as JSON */
    STEPS = 3000,             /* tokens of one row */
    BUDGET = 400,             /* tokens of one text */
    TOOLS_MAX = 400,
    DECODE_STEP_US = 100 * 1000,
};

static uint64_t random_state = 1;

static uint32_t below(uint32_t limit)
{
    random_state += 0x9E3779B97F4A7C15u;
    uint64_t z = random_state;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return (uint32_t)((z ^ z >> 31) >> 32) % limit;
}

/* The machine may be busy with other things. */
static double cpu_seconds(void)
{
    return (double)clock_thread_cpu_ns() / 1e9;
}

static void check(enum status status, const struct error *err)
{
    if (status == OK)
        return;
    fprintf(stderr, "bench_mask: %s\n", err->text);
    exit(1);
}

/* ---------------------------------------------------------------- the vocabulary */

/* Bytes as byte-level BPE files write them. */
static void add_encoded(struct strbuf *out, struct str bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        const unsigned byte = (unsigned char)bytes.ptr[i];
        uint32_t code_point = byte;
        if (byte <= 0x20)
            code_point = 256 + byte;
        else if (byte >= 0x7f && byte <= 0xa0)
            code_point = 256 + 33 + (byte - 0x7f);
        else if (byte == 0xad)
            code_point = 256 + 67;
        char form[UTF8_BYTES_MAX];
        strbuf_add(out, form, utf8_write(code_point, form));
    }
}

/* Words in the mix of large vocabularies: mostly Latin words with and without a space before them,
 * other scripts, numbers, white space and punctuation. */
static void add_word(struct strbuf *out)
{
    static const char *const syllables[] = {"er",  "in", "al", "st",  "ra",  "con", "ti", "on",
                                            "le",  "re", "mo", "de",  "el",  "ba",  "se", "key",
                                            "val", "ue", "x",  "pro", "ing", "ly",  "s",  "_id"};
    static const char *const marks[] = {"\"", "{", "}", ":", ",", "[", "]", "(", ")",  ";", "/",
                                        ".",  "-", "_", "=", ">", "<", "*", "#", "\\", "'", "!"};
    const uint32_t kind = below(100);
    if (kind < 70) {
        if (below(2))
            strbuf_add_char(out, ' ');
        for (uint32_t left = 1 + below(4); left > 0; left--)
            strbuf_add_c(out, syllables[below(ARRAY_LEN(syllables))]);
        if (below(4) == 0)
            out->ptr[out->len - 1] = (char)(out->ptr[out->len - 1] & ~0x20);
    } else if (kind < 88) {
        for (uint32_t left = 1 + below(3); left > 0; left--) {
            char form[UTF8_BYTES_MAX];
            strbuf_add(out, form, utf8_write(0x3040 + below(0x7000), form));
        }
    } else if (kind < 96) {
        for (uint32_t left = 1 + below(4); left > 0; left--)
            strbuf_add_c(out, marks[below(ARRAY_LEN(marks))]);
        if (below(3) == 0)
            strbuf_add_c(out, "\n");
    } else {
        for (uint32_t left = 1 + below(12); left > 0; left--)
            strbuf_add_char(out, below(4) ? ' ' : '\n');
    }
}

static struct tokenizer *new_tokenizer(void)
{
    struct strbuf bytes = {0};
    size_t *ends = mem_alloc((VOCAB_SIZE + 1) * sizeof(*ends));
    struct str *texts = mem_alloc((VOCAB_SIZE + 1) * sizeof(*texts));
    int32_t *kinds = mem_alloc((VOCAB_SIZE + 1) * sizeof(*kinds));
    for (uint32_t i = 0; i < VOCAB_SIZE; i++) {
        CLEANUP(strbuf_done) struct strbuf word = {0};
        const char byte = (char)i;
        if (i < 256)
            strbuf_add(&word, &byte, 1);
        else
            add_word(&word);
        add_encoded(&bytes, strbuf_view(&word));
        if (i >= 256) /* words repeat; tokens must not */
            strbuf_addf(&bytes, "%s", below(3) ? "" : "e");
        ends[i] = bytes.len;
        kinds[i] = TOKEN_NORMAL;
    }
    strbuf_add_c(&bytes, "<|im_end|>");
    ends[VOCAB_SIZE] = bytes.len;
    kinds[VOCAB_SIZE] = TOKEN_CONTROL;
    for (uint32_t i = 0; i <= VOCAB_SIZE; i++)
        texts[i] = str_slice(strbuf_view(&bytes), i ? ends[i - 1] : 0, ends[i]);
    const struct str merge = STR("e r");
    struct gguf_writer *writer = gguf_writer_new();
    gguf_writer_add_str(writer, "tokenizer.ggml.model", STR("gpt2"));
    gguf_writer_add_str(writer, "tokenizer.ggml.pre", STR("qwen2"));
    gguf_writer_add_strs(writer, "tokenizer.ggml.tokens", texts, VOCAB_SIZE + 1);
    gguf_writer_add_numbers(writer, "tokenizer.ggml.token_type", GGUF_TYPE_I32, kinds,
                            VOCAB_SIZE + 1);
    gguf_writer_add_strs(writer, "tokenizer.ggml.merges", &merge, 1);
    gguf_writer_add_u32(writer, "tokenizer.ggml.eos_token_id", VOCAB_SIZE);
    struct strbuf file_bytes = {0};
    struct gguf *file = NULL;
    struct tokenizer *tokenizer = NULL;
    struct error err = {0};
    check(gguf_writer_to_bytes(writer, &file_bytes, &err), &err);
    check(gguf_open_memory(file_bytes.ptr, file_bytes.len, &file, &err), &err);
    check(tokenizer_new(file, &tokenizer, &err), &err);
    gguf_close(file);
    gguf_writer_free(writer);
    strbuf_done(&file_bytes);
    strbuf_done(&bytes);
    mem_free(ends);
    mem_free(texts);
    mem_free(kinds);
    return tokenizer;
}

static struct tokenizer *open_tokenizer(const char *path)
{
    struct gguf *file = NULL;
    struct tokenizer *tokenizer = NULL;
    struct error err = {0};
    check(gguf_open(path, &file, &err), &err);
    check(tokenizer_new(file, &tokenizer, &err), &err);
    gguf_close(file);
    return tokenizer;
}

/* ---------------------------------------------------------------- tools */

/* A tool as coding clients send them, with a schema of a kilobyte or two. */
static json_t *new_schema(uint32_t number)
{
    static const char *const form =
        "{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\"type\":\"object\","
        "\"additionalProperties\":false,\"required\":[\"file_path\",\"edits\",\"mode_%u\"],"
        "\"properties\":{"
        "\"file_path\":{\"type\":\"string\",\"description\":\"The absolute path of the file "
        "that is to be changed; it must exist and must have been read before "
        "in this conversation.\"},"
        "\"mode_%u\":{\"type\":\"string\",\"enum\":[\"replace\",\"insert\",\"append\",\"delete\"],"
        "\"default\":\"replace\",\"description\":\"What to do with the text that was found.\"},"
        "\"limit\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":%u,\"description\":\"How many "
        "lines are to be looked at, at most.\"},"
        "\"since\":{\"anyOf\":[{\"type\":\"string\",\"format\":\"date-time\"},"
        "{\"type\":\"null\"}]},"
        "\"id\":{\"type\":\"string\",\"format\":\"uuid\"},"
        "\"name\":{\"type\":\"string\",\"pattern\":\"^[A-Za-z0-9_-]{1,64}$\"},"
        "\"edits\":{\"type\":\"array\",\"minItems\":1,\"items\":{\"type\":\"object\","
        "\"additionalProperties\":false,\"required\":[\"old_string\",\"new_string\"],"
        "\"properties\":{\"old_string\":{\"type\":\"string\",\"description\":\"The text to be "
        "replaced, with all its white space.\"},"
        "\"new_string\":{\"type\":\"string\",\"description\":"
        "\"The text that takes its place.\"},"
        "\"replace_all\":{\"type\":\"boolean\",\"default\":false"
        "}}}},\"options\":{\"type\":\"object\",\"additionalProperties\":{\"type\":[\"string\","
        "\"number\",\"boolean\",\"null\"]}}}}";
    CLEANUP(strbuf_done) struct strbuf text = {0};
    json_t *schema = NULL;
    struct error err = {0};
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    strbuf_addf(&text, form, number, number, 100 + number);
#pragma GCC diagnostic pop
    check(json_parse(strbuf_view(&text), NULL, &schema, &err), &err);
    return schema;
}

struct tools {
    struct token_mask_tool rows[TOOLS_MAX];
    char names[TOOLS_MAX][24];
    size_t count;
    size_t size; /* bytes as JSON */
};

static void make_tools(struct tools *tools)
{
    while (tools->size < SCHEMA_SIZE && tools->count < TOOLS_MAX) {
        const uint32_t i = (uint32_t)tools->count;
        CLEANUP(strbuf_done) struct strbuf text = {0};
        json_t *schema = new_schema(i);
        json_write_python(schema, &text);
        tools->size += text.len;
        snprintf(tools->names[i], sizeof(tools->names[i]), "edit_file_%u", i);
        tools->rows[i] =
            (struct token_mask_tool){.name = str_from_c(tools->names[i]), .parameters = schema};
        tools->count++;
    }
}

static struct token_mask *new_tool_mask(const struct token_mask_vocab *vocab,
                                        const struct tools *tools, const char *format)
{
    const struct output_parser_reasoning reasoning = {0};
    const struct token_mask_options options = {.mode = TOKEN_MASK_REQUIRED};
    CLEANUP(strbuf_done) struct strbuf close = {0};
    struct token_mask_syntax syntax;
    struct token_mask *mask = NULL;
    struct error err = {0};
    tool_mask_syntax(tool_format_find(str_from_c(format)), &reasoning, &close, &syntax);
    check(token_mask_new_tools(vocab, &syntax, tools->rows, tools->count, &options, &mask, &err),
          &err);
    return mask;
}

static void bench_compile(const struct token_mask_vocab *vocab, const struct tools *tools,
                          const char *format)
{
    double best = 1e9;
    for (int i = 0; i < 7; i++) {
        const double start = cpu_seconds();
        token_mask_free(new_tool_mask(vocab, tools, format));
        const double took = cpu_seconds() - start;
        best = took < best ? took : best;
    }
    printf("compile %zu tools, %zu KB of schemas for %s: %.1f ms (at most 50 are allowed)\n",
           tools->count, tools->size / 1024, format, best * 1e3);
}

/* ---------------------------------------------------------------- steps */

static int by_size(const void *a, const void *b)
{
    const double left = *(const double *)a;
    const double right = *(const double *)b;
    return (left > right) - (left < right);
}

/* A random one of the allowed tokens: of a random word of the set, so that rare ones come, too. */
static int32_t draw(const uint64_t *allowed, uint32_t words)
{
    const uint32_t start = below(words);
    for (uint32_t i = 0; i < words; i++) {
        const uint32_t word = (start + i) % words;
        uint64_t bits = allowed[word];
        for (int skip = (int)below(8); skip > 0 && (bits & (bits - 1)); skip--)
            bits &= bits - 1;
        if (bits)
            return (int32_t)(word * 64 + (uint32_t)__builtin_ctzll(bits));
    }
    fprintf(stderr, "bench_mask: no token is allowed\n");
    exit(1);
}

static void print_steps(const char *name, double *times)
{
    double total = 0;
    for (int i = 0; i < STEPS; i++)
        total += times[i];
    qsort(times, STEPS, sizeof(*times), by_size);
    const double mean = total / STEPS * 1e6;
    const double most = times[STEPS * 99 / 100] * 1e6;
    printf("mask %-16s mean %6.0f us, 90 %% below %6.0f, 99 %% below %6.0f, worst %6.0f; "
           "of a decode step %5.2f %% in the mean, %5.2f %% at 99 %%\n",
           name, mean, times[STEPS * 9 / 10] * 1e6, most, times[STEPS - 1] * 1e6,
           100 * mean / DECODE_STEP_US, 100 * most / DECODE_STEP_US);
    fflush(stdout);
}

/* `mask` is given away. */
static void bench_steps(const char *name, const struct token_mask_vocab *vocab,
                        struct token_mask *mask)
{
    double *times = mem_zalloc(STEPS * sizeof(*times));
    struct token_list forced = {0};
    struct error err = {0};
    uint32_t left = 0;
    for (int i = 0; i < STEPS; i++) {
        if (left == 0 || token_mask_is_complete(mask)) {
            check(token_mask_start(mask, BUDGET, (struct str){0}, &err), &err);
            left = BUDGET;
        }
        token_list_clear(&forced);
        const double start = cpu_seconds();
        check(token_mask_forced_tokens(mask, left, &forced, &err), &err);
        const uint64_t *allowed = token_mask_allowed(mask, left--);
        times[i] = cpu_seconds() - start;
        const int32_t token = draw(allowed, vocab->word_count);
        const double between = cpu_seconds();
        check(token_mask_accept(mask, token, &err), &err);
        times[i] += cpu_seconds() - between;
    }
    print_steps(name, times);
    token_list_done(&forced);
    mem_free(times);
    token_mask_free(mask);
}

static struct token_mask *schema_mask(const struct token_mask_vocab *vocab, const char *text)
{
    json_t *schema = NULL;
    struct token_mask *mask = NULL;
    struct error err = {0};
    check(json_parse(str_from_c(text), NULL, &schema, &err), &err);
    check(token_mask_new_schema(vocab, schema, NULL, &mask, &err), &err);
    json_decref(schema);
    return mask;
}

static struct token_mask *grammar_mask(const struct token_mask_vocab *vocab, const char *text)
{
    struct token_mask *mask = NULL;
    struct error err = {0};
    check(token_mask_new_grammar(vocab, str_from_c(text), &mask, &err), &err);
    return mask;
}

int main(void)
{
    static const char json_grammar[] =
        "root ::= value\n"
        "value ::= (\"{\" ws (string \":\" ws value (\",\" ws string \":\" ws value)*)? \"}\" | "
        "\"[\" ws (value (\",\" ws value)*)? \"]\" | string | number | \"true\" | \"null\") ws\n"
        "string ::= \"\\\"\" ([^\"\\\\\\x7F\\x00-\\x1F] | \"\\\\\" ([\"\\\\bfnrt] | \"u\" "
        "[0-9a-fA-F]{4}))* \"\\\"\" ws\n"
        "number ::= \"-\"? (\"0\" | [1-9] [0-9]{0,15}) (\".\" [0-9]+)? ([eE] [-+]? [0-9]{1,3})?\n"
        "ws ::= | \" \" | \"\\n\" [ \\t]{0,20}\n";
    static const char *const formats[] = {
        "hermes",                                        /* JSON */
        "kimi",                                          /* JSON behind an id */
        "harmony",                                       /* JSON in messages with headers */
        "qwen3_coder", "glm", "minimax", "deepseek_v32", /* texts between tags */
        "minimax_m3",                                    /* the same, one inside the other */
        "lfm2",                                          /* keyword arguments of Python */
        "gemma4",                                        /* braces */
    };
    struct tokenizer *tokenizer =
        getenv("VOCAB") ? open_tokenizer(getenv("VOCAB")) : new_tokenizer();
    struct token_mask_vocab *vocab = NULL;
    struct tools *tools = mem_zalloc(sizeof(*tools));
    struct error err = {0};
    const double start = cpu_seconds();
    check(token_mask_vocab_new(tokenizer, &vocab, &err), &err);
    printf("vocabulary of %u tokens: tables made in %.0f ms\n", vocab->size,
           (cpu_seconds() - start) * 1e3);
    make_tools(tools);
    bench_compile(vocab, tools, "hermes");
    bench_compile(vocab, tools, "qwen3_coder");
    bench_compile(vocab, tools, "gemma4");
    for (size_t i = 0; i < ARRAY_LEN(formats); i++)
        bench_steps(formats[i], vocab, new_tool_mask(vocab, tools, formats[i]));
    bench_steps("any JSON", vocab, schema_mask(vocab, "true"));
    bench_steps("string", vocab, schema_mask(vocab, "{\"type\":\"string\"}"));
    bench_steps("long string", vocab,
                schema_mask(vocab, "{\"type\":\"string\",\"minLength\":1200}"));
    bench_steps("pattern of words", vocab,
                schema_mask(vocab, "{\"type\":\"string\",\"pattern\":\"^\\\\S+( \\\\S+)*$\"}"));
    bench_steps("array of formats", vocab,
                schema_mask(vocab, "{\"type\":\"array\",\"items\":{\"anyOf\":[{\"type\":\"string\","
                                   "\"format\":\"date-time\"},{\"type\":\"string\",\"format\":"
                                   "\"email\"},{\"type\":\"number\"}]}}"));
    bench_steps("GBNF of JSON", vocab, grammar_mask(vocab, json_grammar));
    bench_steps("GBNF of lines", vocab, grammar_mask(vocab, "root ::= (\"- \" [^\\n]+ \"\\n\")+"));
    for (size_t i = 0; i < tools->count; i++)
        json_decref((json_t *)(uintptr_t)tools->rows[i].parameters);
    mem_free(tools);
    token_mask_vocab_free(vocab);
    tokenizer_free(tokenizer);
    return 0;
}
