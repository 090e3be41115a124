#include "cli/bench_peer.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/bench_rows.h"
#include "os/pipe_read.h"
#include "os/process.h"
#include "os/program_start.h"
#include "os/readable.h"
#include "text/clean_text.h"

#include <jansson.h>
#include <sys/wait.h>

enum {
    CELLS_MAX = 80,
    NAME_MAX_BYTES = BENCH_NAME_SIZE - 1,
    TAIL_BYTES = 300, /* of what a program that failed wrote, to be shown */
    NUMBER_MAX = 40,
};

enum status bench_peer_parse(const char *text, struct bench_peer *out, struct error *err)
{
    const struct str all = str_from_c(text);
    const size_t at = str_find_char(all, '=', 0);
    if (at == SIZE_MAX || at == 0 || at > NAME_MAX_BYTES || at + 1 == all.len)
        return error_set(err, E_INVALID,
                         "--peer takes NAME=COMMAND, with a name of up to %d bytes, not \"%.60s\"",
                         NAME_MAX_BYTES, text);
    *out = (struct bench_peer){.name = str_slice(all, 0, at), .command = text + at + 1};
    if (str_equal_c(out->name, "holt"))
        return error_set(err, E_INVALID, "a peer cannot be called holt");
    return OK;
}

/* ---------------------------------------------------------------- records */

/* One line of a table, or one object: fields by name. */
struct record {
    struct str names[CELLS_MAX];
    struct str values[CELLS_MAX];
    size_t count;
};

static struct str field(const struct record *record, const char *name)
{
    for (size_t i = 0; i < record->count; i++)
        if (str_equal_c(record->names[i], name))
            return record->values[i];
    return (struct str){0};
}

/* The first number in a text ("12.5 ± 0.1" has 12.5); 0: there is none. */
static double number_in(struct str text)
{
    size_t end = 0;
    double value = 0;
    text = str_trim(text);
    while (end < text.len && end < NUMBER_MAX &&
           ((text.ptr[end] >= '0' && text.ptr[end] <= '9') || text.ptr[end] == '.' ||
            (end > 0 && (text.ptr[end] == 'e' || text.ptr[end] == '+' || text.ptr[end] == '-'))))
        end++;
    return str_to_double(str_slice(text, 0, end), &value) ? value : 0;
}

static uint32_t count_in(const struct record *record, const char *name)
{
    const double value = number_in(field(record, name));
    return value > 0 && value < 1e9 ? (uint32_t)value : 0;
}

static void copy_name(struct str text, char out[BENCH_NAME_SIZE])
{
    CLEANUP(strbuf_done) struct strbuf clean = {0};
    clean_text_line(str_slice(text, 0, NAME_MAX_BYTES), &clean);
    snprintf(out, BENCH_NAME_SIZE, "%s", strbuf_c(&clean));
}

static void copy_kv(const struct record *record, struct bench_row *row)
{
    CLEANUP(strbuf_done) struct strbuf kv = {0};
    const struct str key = field(record, "type_k");
    const struct str value = field(record, "type_v");
    strbuf_add_str(&kv, key.len ? key : value.len ? value : STR("f16"));
    if (key.len && value.len && !str_equal(key, value)) {
        strbuf_add_char(&kv, '/');
        strbuf_add_str(&kv, value);
    }
    copy_name(strbuf_view(&kv), row->kv);
}

/* "pp512", "tg128 @ d4096". False: it is neither. */
static bool read_test(struct str text, struct bench_row *row)
{
    const struct str test = str_trim(text);
    const size_t at = str_find(test, STR("@ d"), 0);
    const double tokens = number_in(str_slice(test, 2, test.len));
    row->depth = at == SIZE_MAX ? 0 : (uint32_t)number_in(str_slice(test, at + 3, test.len));
    row->tokens = (uint32_t)tokens;
    row->test = str_starts_with(test, STR("pp")) ? BENCH_PREFILL : BENCH_DECODE;
    return tokens > 0 && str_find_char(test, '+', 0) == SIZE_MAX &&
           (row->test == BENCH_PREFILL || str_starts_with(test, STR("tg")));
}

/* What a record of a known form says. False: it is of no such form. */
static bool add_record(const struct record *record, struct bench_row *row, struct bench_rows *rows)
{
    copy_kv(record, row);
    row->depth = row->sequences = row->tokens = 0;
    if (field(record, "avg_ts").len > 0) {
        const uint32_t prompt = count_in(record, "n_prompt");
        const uint32_t made = count_in(record, "n_gen");
        if ((prompt > 0) == (made > 0))
            return true; /* both in one figure: nothing of ours is like it */
        row->test = prompt > 0 ? BENCH_PREFILL : BENCH_DECODE;
        row->tokens = prompt > 0 ? prompt : made;
        row->depth = count_in(record, "n_depth");
        bench_rows_add(rows, row, number_in(field(record, "avg_ts")));
        return true;
    }
    if (field(record, "test").len > 0 && field(record, "t/s").len > 0) {
        if (read_test(field(record, "test"), row))
            bench_rows_add(rows, row, number_in(field(record, "t/s")));
        return true;
    }
    const bool is_json = field(record, "speed_tg").len > 0;
    const struct str speed = field(record, is_json ? "speed_tg" : "S_TG t/s");
    if (speed.len == 0)
        return false;
    row->test = BENCH_BATCH;
    row->sequences = count_in(record, is_json ? "pl" : "B");
    row->tokens = count_in(record, is_json ? "tg" : "TG");
    bench_rows_add(rows, row, number_in(speed));
    return true;
}

/* ---------------------------------------------------------------- forms */

static bool add_object(json_t *object, struct bench_row *row, struct bench_rows *rows)
{
    struct record record = {0};
    char numbers[CELLS_MAX][NUMBER_MAX];
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(object, name, value)
    {
        char *number = numbers[record.count];
        if (json_is_number(value))
            snprintf(number, NUMBER_MAX, "%.9g", json_number_value(value));
        if (!json_is_number(value) && !json_is_string(value))
            continue;
        record.names[record.count] = str_from_c(name);
        record.values[record.count++] =
            str_from_c(json_is_string(value) ? json_string_value(value) : number);
        if (record.count == CELLS_MAX)
            break;
    }
    return add_record(&record, row, rows);
}

/* The first array of objects in the text. */
static bool read_json(struct str text, struct bench_row *row, struct bench_rows *rows)
{
    bool is_read = false;
    for (size_t at = str_find_char(text, '[', 0); at != SIZE_MAX && !is_read;
         at = str_find_char(text, '[', at + 1)) {
        size_t index = 0;
        json_t *item = NULL;
        if (!str_starts_with(str_trim_front(str_slice(text, at + 1, text.len)), STR("{")))
            continue;
        CLEANUP(json_decrefp)
        json_t *array = json_loadb(text.ptr + at, text.len - at, JSON_DISABLE_EOF_CHECK, NULL);
        json_array_foreach(array, index, item)
        {
            if (json_is_object(item) && add_object(item, row, rows))
                is_read = true;
        }
    }
    return is_read;
}

/* Cells between `separator`s, quotes and space around them dropped. A line that begins with a bar
 * has an empty first cell. */
static size_t split(struct str line, char separator, struct str cells[CELLS_MAX])
{
    size_t count = 0;
    while (count < CELLS_MAX && line.len > 0) {
        size_t end = str_find_char(line, separator, 0);
        if (line.ptr[0] == '"') { /* commas may be inside */
            const size_t quote = str_find_char(line, '"', 1);
            end = quote == SIZE_MAX ? SIZE_MAX : str_find_char(line, separator, quote);
        }
        const size_t length = end == SIZE_MAX ? line.len : end;
        struct str cell = str_trim(str_slice(line, 0, length));
        if (cell.len >= 2 && cell.ptr[0] == '"' && cell.ptr[cell.len - 1] == '"')
            cell = str_slice(cell, 1, cell.len - 1);
        cells[count++] = cell;
        line = end == SIZE_MAX ? (struct str){0} : str_slice(line, end + 1, line.len);
    }
    return count;
}

static bool is_header(const struct str *cells, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (str_equal_c(cells[i], "avg_ts") || str_equal_c(cells[i], "t/s") ||
            str_equal_c(cells[i], "S_TG t/s"))
            return true;
    return false;
}

/* Tables whose first line names the columns, and objects that stand on lines of their own. */
static bool read_lines(struct str text, struct bench_row *row, struct bench_rows *rows)
{
    bool is_read = false;
    struct record record = {0};
    while (text.len > 0) {
        struct str line = str_trim(str_split(&text, '\n'));
        const char separator = str_starts_with(line, STR("|")) ? '|' : ',';
        struct str cells[CELLS_MAX];
        if (str_starts_with(line, STR("{"))) {
            CLEANUP(json_decrefp) json_t *object = json_loadb(line.ptr, line.len, 0, NULL);
            is_read = (object && add_object(object, row, rows)) || is_read;
            continue;
        }
        const size_t count = split(line, separator, cells);
        if (is_header(cells, count)) {
            record.count = count;
            memcpy(record.names, cells, count * sizeof(cells[0]));
        } else if (count > 0 && count == record.count) {
            memcpy(record.values, cells, count * sizeof(cells[0]));
            is_read = add_record(&record, row, rows) || is_read;
        }
    }
    return is_read;
}

/* The last number of the text. */
static bool read_number(struct str text, struct bench_row *row, struct bench_rows *rows)
{
    size_t end = text.len;
    while (end > 0 && !(text.ptr[end - 1] >= '0' && text.ptr[end - 1] <= '9'))
        end--;
    size_t begin = end;
    while (begin > 0 && ((text.ptr[begin - 1] >= '0' && text.ptr[begin - 1] <= '9') ||
                         text.ptr[begin - 1] == '.'))
        begin--;
    const double value = number_in(str_slice(text, begin, end));
    row->test = BENCH_DECODE;
    row->depth = row->sequences = row->tokens = 0;
    snprintf(row->kv, sizeof(row->kv), "f16");
    bench_rows_add(rows, row, value);
    return value > 0;
}

/* What is of a known form. False: nothing is. */
static bool read_known(struct str name, struct str text, struct bench_rows *rows)
{
    struct bench_row row = {0};
    copy_name(name, row.program);
    return read_json(text, &row, rows) || read_lines(text, &row, rows);
}

enum status bench_peer_read(struct str name, struct str output, struct bench_rows *rows,
                            struct error *err)
{
    struct bench_row row = {0};
    copy_name(name, row.program);
    if (read_known(name, output, rows) || read_number(output, &row, rows))
        return OK;
    return error_set(err, E_FORMAT, "%s printed nothing that can be read: no number", row.program);
}

/* ---------------------------------------------------------------- running */

struct streams {
    struct strbuf output;
    struct strbuf errors;
};

/* Until the command has closed both. */
static enum status read_both(const struct bench_peer *peer, int *fds, struct streams *streams,
                             struct error *err)
{
    struct strbuf *const to[] = {&streams->output, &streams->errors};
    while (fds[0] >= 0 || fds[1] >= 0) {
        const uint32_t ready = readable_wait(fds, ARRAY_LEN(to), -1);
        for (unsigned i = 0; i < ARRAY_LEN(to); i++) {
            if (!(ready >> i & 1) || pipe_read_some(fds[i], to[i]))
                continue;
            close(fds[i]);
            fds[i] = -1;
        }
        if (streams->output.len > BENCH_PEER_OUTPUT_MAX)
            return error_set(err, E_LIMIT, "%.*s printed more than %d MiB", STR_ARG(peer->name),
                             BENCH_PEER_OUTPUT_MAX >> 20);
        if (streams->errors.len > BENCH_PEER_OUTPUT_MAX / 2) /* its end is enough */
            strbuf_clear(&streams->errors);
    }
    return OK;
}

static enum status start(const struct bench_peer *peer, const char *const *variables, int *fds,
                         pid_t *out_pid, struct error *err)
{
    const char *const words[] = {"sh", "-c", peer->command, NULL};
    int write_fds[2] = {-1, -1};
    enum status status = pipe_read_open(&fds[0], &write_fds[0], err);
    if (status == OK)
        status = pipe_read_open(&fds[1], &write_fds[1], err);
    if (status == OK)
        status = program_start_run(&(struct program_start){.path = "/bin/sh",
                                                           .arguments = words,
                                                           .variables = variables,
                                                           .output_fd = write_fds[0],
                                                           .errors_fd = write_fds[1]},
                                   out_pid, err);
    for (int i = 0; i < 2; i++)
        if (write_fds[i] >= 0)
            close(write_fds[i]);
    return status;
}

static enum status say_failed(const struct bench_peer *peer, int code,
                              const struct streams *streams, struct error *err)
{
    CLEANUP(strbuf_done) struct strbuf clean = {0};
    const struct str text =
        str_trim(strbuf_view(streams->errors.len ? &streams->errors : &streams->output));
    const size_t from = text.len > TAIL_BYTES ? text.len - TAIL_BYTES : 0;
    clean_text_line(str_slice(text, from, text.len), &clean);
    if (WIFSIGNALED(code))
        return error_set(err, E_IO, "%.*s ended with signal %d: %s", STR_ARG(peer->name),
                         WTERMSIG(code), strbuf_c(&clean));
    return error_set(err, E_IO, "%.*s ended with exit code %d: %s", STR_ARG(peer->name),
                     WEXITSTATUS(code), strbuf_c(&clean));
}

static enum status run(const struct bench_peer *peer, const char *const *variables, int *fds,
                       struct streams *streams, struct error *err)
{
    pid_t pid = 0;
    int code = 0;
    TRY(start(peer, variables, fds, &pid, err));
    const enum status status = read_both(peer, fds, streams, err);
    if (status != OK) {
        process_kill(pid);
        return status;
    }
    process_wait(pid, -1, &code);
    return code == 0 ? OK : say_failed(peer, code, streams, err);
}

enum status bench_peer_run(const struct bench_peer *peer, const char *model_path,
                           uint32_t thread_count, struct bench_rows *rows, struct error *err)
{
    CLEANUP(strbuf_done) struct strbuf model = {0};
    CLEANUP(strbuf_done) struct strbuf threads = {0};
    struct streams streams = {0};
    int fds[2] = {-1, -1};
    strbuf_addf(&model, "HOLT_MODEL=%s", model_path ? model_path : "");
    strbuf_addf(&threads, "HOLT_THREADS=%u", thread_count);
    const char *const variables[] = {strbuf_c(&model), strbuf_c(&threads), NULL};
    enum status status = run(peer, variables, fds, &streams, err);
    /* Some print their tables as errors; a mere number there is chatter. */
    const bool is_silent = str_trim(strbuf_view(&streams.output)).len == 0;
    if (status == OK && !(is_silent && read_known(peer->name, strbuf_view(&streams.errors), rows)))
        status = bench_peer_read(peer->name, strbuf_view(&streams.output), rows, err);
    for (int i = 0; i < 2; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    strbuf_done(&streams.output);
    strbuf_done(&streams.errors);
    return status;
}
