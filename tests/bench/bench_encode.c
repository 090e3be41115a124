/*
 * bench_encode - how fast English text becomes tokens, on one thread, alone or beside another
 * program.
 *
 *   bench_encode [--vocab FILE.gguf] [--text FILE] [--pairs N] [--peer COMMAND]
 *
 * Without --vocab it reads the built-in model's vocabulary, without --text the sentences that
 * `holt bench` makes. With --peer both take turns: the shell runs COMMAND, with the vocabulary's
 * path in $BENCH_VOCAB and a text's in $BENCH_TEXT, once with an empty text and once with the
 * whole one; the difference of the two is what the peer needs for the text, its start and its
 * vocabulary not counted. Times are CPU time, of all threads.
 */
#include "base/attr.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/bench_tokenizer.h"
#include "engine/builtin_model.h"
#include "gguf/gguf.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/process.h"
#include "tokenizer/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    TEXT_LEN = 4 << 20, /* bytes; a shorter text is repeated up to it */
    TEXT_FILE_MAX = 64 << 20,
    PAIRS_DEFAULT = 7,
    PAIRS_MAX = 99,
};

struct arguments {
    const char *vocab;
    const char *text;
    const char *peer;
    int pairs;
};

static void check(enum status status, const struct error *err)
{
    if (status == OK)
        return;
    fprintf(stderr, "bench_encode: %s\n", err->text);
    exit(1);
}

static void fail(const char *sentence)
{
    fprintf(stderr, "bench_encode: %s\n", sentence);
    exit(2);
}

static struct arguments read_arguments(int count, char **words)
{
    struct arguments args = {.pairs = PAIRS_DEFAULT};
    for (int i = 1; i < count; i += 2) {
        const struct str name = str_from_c(words[i]);
        if (i + 1 == count)
            fail("every option has a value: --vocab, --text, --pairs, --peer");
        if (str_equal_c(name, "--vocab"))
            args.vocab = words[i + 1];
        else if (str_equal_c(name, "--text"))
            args.text = words[i + 1];
        else if (str_equal_c(name, "--peer"))
            args.peer = words[i + 1];
        else if (str_equal_c(name, "--pairs"))
            args.pairs = (int)strtol(words[i + 1], NULL, 10);
        else
            fail("the options are --vocab, --text, --pairs, --peer");
    }
    if (args.pairs < 1 || args.pairs > PAIRS_MAX)
        fail("--pairs is a number from 1 to 99");
    if (args.peer && !args.vocab)
        fail("--peer reads the file of --vocab, which is missing");
    return args;
}

static struct tokenizer *read_vocab(const char *path)
{
    struct gguf *file = NULL;
    struct tokenizer *tokenizer = NULL;
    struct error err = {0};
    size_t size = 0;
    const void *bytes = builtin_model_bytes(&size);
    check(path ? gguf_open(path, &file, &err) : gguf_open_memory(bytes, size, &file, &err), &err);
    check(tokenizer_new(file, &tokenizer, &err), &err);
    gguf_close(file);
    if (!tokenizer_has_vocab(tokenizer))
        fail("the file has no vocabulary");
    return tokenizer;
}

static void read_text(const char *path, struct strbuf *out)
{
    CLEANUP(strbuf_done) struct strbuf once = {0};
    struct error err = {0};
    if (!path) {
        bench_tokenizer_add_text(TEXT_LEN, out);
        return;
    }
    check(file_read(path, TEXT_FILE_MAX, &once, &err), &err);
    if (once.len == 0)
        fail("the text is empty");
    do
        strbuf_add_str(out, strbuf_view(&once));
    while (out->len < TEXT_LEN);
}

/* ---------------------------------------------------------------- one turn each */

static double encode_seconds(const struct tokenizer *tokenizer, struct str text, size_t *out_count)
{
    CLEANUP(token_list_done) struct token_list tokens = {0};
    struct error err = {0};
    const uint64_t start = clock_thread_cpu_ns();
    check(tokenizer_encode(tokenizer, text, TOKENIZER_PLAIN, &tokens, &err), &err);
    const uint64_t taken = clock_thread_cpu_ns() - start;
    *out_count = tokens.count;
    return (double)taken / 1e9;
}

static double children_cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_CHILDREN, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static double command_seconds(const struct arguments *args, const char *text_path)
{
    struct error err = {0};
    pid_t pid = 0;
    int status = 0;
    const double before = children_cpu_seconds();
    check(process_fork(&pid, &err), &err);
    if (pid == 0) {
        setenv("BENCH_VOCAB", args->vocab, 1);
        setenv("BENCH_TEXT", text_path, 1);
        process_silence(false);
        execl("/bin/sh", "sh", "-c", args->peer, (char *)NULL);
        _exit(127);
    }
    if (!process_wait(pid, -1, &status) || status != 0)
        fail("the command of --peer failed");
    return children_cpu_seconds() - before;
}

/* A file of these bytes, gone when the program ends normally. */
struct text_file {
    char path[256];
};

static void write_text_file(struct text_file *file, const char *name, struct str bytes)
{
    struct error err = {0};
    const char *folder = getenv("TMPDIR");
    snprintf(file->path, sizeof(file->path), "%.200s/bench_encode.%d.%s", folder ? folder : "/tmp",
             (int)getpid(), name);
    check(file_write(file->path, bytes, &err), &err);
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof(*values), compare);
    return values[count / 2];
}

static void measure(const struct arguments *args, const struct tokenizer *tokenizer,
                    struct str text)
{
    double ours[PAIRS_MAX];
    double theirs[PAIRS_MAX];
    double ratios[PAIRS_MAX];
    struct text_file empty = {0};
    struct text_file whole = {0};
    size_t token_count = 0;
    const double megabytes = (double)text.len / 1e6;
    if (args->peer) {
        write_text_file(&empty, "empty", (struct str){0});
        write_text_file(&whole, "whole", text);
    }
    for (int i = 0; i < args->pairs; i++) {
        ours[i] = megabytes / encode_seconds(tokenizer, text, &token_count);
        if (!args->peer)
            continue;
        const double idle = command_seconds(args, empty.path);
        const double busy = command_seconds(args, whole.path);
        theirs[i] = megabytes / (busy > idle ? busy - idle : 1e-9);
        ratios[i] = ours[i] / theirs[i];
    }
    printf("text to tokens %8.1f MB/s on one thread  (%.2f bytes per token, median of %d, %s)\n",
           median(ours, args->pairs), (double)text.len / (double)token_count, args->pairs,
           args->vocab ? args->vocab : "built-in vocabulary");
    if (args->peer) {
        printf("          peer %8.1f MB/s of CPU time      (median of the ratios %.2f)\n",
               median(theirs, args->pairs), median(ratios, args->pairs));
        unlink(empty.path);
        unlink(whole.path);
    }
}

int main(int argument_count, char **words)
{
    const struct arguments args = read_arguments(argument_count, words);
    struct strbuf text = {0};
    struct tokenizer *tokenizer = read_vocab(args.vocab);
    read_text(args.text, &text);
    measure(&args, tokenizer, strbuf_view(&text));
    tokenizer_free(tokenizer);
    strbuf_done(&text);
    return 0;
}
