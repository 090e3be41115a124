/*
 * Files of logits come from other programs and other days: what does not fit together must be
 * refused by name, or a comparison would compare nothing. And what is written must be read back as
 * the log probabilities it was, as near as 16 bits allow.
 */
#include "tests/holt_test.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/logits_file.h"
#include "os/file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { CONTEXT = 8, VOCABULARY = 5, CHUNKS = 2, ROWS = CHUNKS * (CONTEXT - 1 - CONTEXT / 2) };

static char folder[] = "/tmp/holt-logits-XXXXXX";
static char path[64];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof(path), "%s/file", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static const struct logits_file_shape shape = {CONTEXT, VOCABULARY, CHUNKS};

/* The logits of row `row`. */
static void fill_logits(size_t row, float out[VOCABULARY])
{
    for (size_t i = 0; i < VOCABULARY; i++)
        out[i] = (float)(row + 1) * (float)i - 3.5F;
}

static struct strbuf whole_file(void)
{
    struct strbuf bytes = {0};
    unsigned char header[LOGITS_FILE_HEADER_BYTES];
    unsigned char *row = mem_alloc(logits_file_row_bytes(&shape));
    logits_file_write_header(&shape, header);
    strbuf_add(&bytes, header, sizeof(header));
    for (int32_t i = 0; i < CHUNKS * CONTEXT; i++) {
        const int32_t token = i % VOCABULARY;
        strbuf_add(&bytes, &token, sizeof(token));
    }
    for (size_t i = 0; i < ROWS; i++) {
        float logits[VOCABULARY];
        fill_logits(i, logits);
        logits_file_write_row(&shape, logits, row);
        strbuf_add(&bytes, row, logits_file_row_bytes(&shape));
    }
    mem_free(row);
    return bytes;
}

/* Everything in the file, read. */
static enum status read_all(struct str bytes, float (*out)[VOCABULARY], struct error *err)
{
    struct file_map map = {0};
    struct logits_file_shape read = {0};
    int32_t tokens[CHUNKS * CONTEXT];
    unsigned char row_bytes[256];
    TRY(file_write(path, bytes, err));
    TRY(file_map_open(path, &map, err));
    enum status status = logits_file_open(&map, &read, err);
    if (status == OK)
        assert_memory_equal(&read, &shape, sizeof(shape));
    if (status == OK)
        status = logits_file_tokens(&map, &read, tokens, err);
    for (uint32_t i = 0; status == OK && i < ROWS; i++)
        status = logits_file_read_row(&map, &read, i / (ROWS / CHUNKS), i % (ROWS / CHUNKS),
                                      row_bytes, out[i], err);
    file_map_close(&map);
    return status;
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    float got[ROWS][VOCABULARY];
    CLEANUP(strbuf_done) struct strbuf bytes = whole_file();
    assert_ok(read_all(strbuf_view(&bytes), got, err));
    for (size_t row = 0; row < ROWS; row++) {
        float logits[VOCABULARY];
        double sum = 0;
        fill_logits(row, logits);
        for (size_t i = 0; i < VOCABULARY; i++)
            sum += exp((double)logits[i]);
        for (size_t i = 0; i < VOCABULARY; i++) {
            const double want = (double)logits[i] - log(sum);
            const double lowest = (double)logits[VOCABULARY - 1] - log(sum) - 16;
            assert_true(fabs((double)got[row][i] - (want > lowest ? want : lowest)) < 0.0003);
        }
    }
}

static void a_damaged_file_is_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t offset; /* of the four bytes that are replaced */
        uint32_t value;
        size_t keep; /* bytes of the file; 0: all */
        const char *text;
    } rows[] = {
        {"empty", 0, 0, 1, "the file has 1 bytes, less than the header"},
        {"another kind", 0, 0x46554747, 0, "does not begin with \"_logits_\""},
        {"context 0", 8, 0, 0, "the context is 0 (8 to 1048576)"},
        {"context negative", 8, 0xffffffff, 0, "the context is -1 (8 to 1048576)"},
        {"context huge", 8, 1 << 30, 0, "the context is 1073741824 (8 to 1048576)"},
        {"vocabulary 0", 12, 0, 0, "the vocabulary is 0 (1 to 4194304)"},
        {"vocabulary huge", 12, 1 << 30, 0, "the vocabulary is 1073741824 (1 to 4194304)"},
        {"no chunks", 16, 0, 0, "the number of chunks is 0 (1 to 33554432)"},
        {"too many chunks", 16, 1 << 26, 0, "the number of chunks is 67108864 (1 to 33554432)"},
        {"fewer chunks", 16, 1, 0, "and its header asks for 112: it was put together wrongly"},
        {"cut short", 0, 0x676f6c5f, 200,
         "the file has 200 bytes and its header asks for 204: it "
         "was cut short"},
        {"a token too large", 20, 5, 0, "token 0 is 5, not in the vocabulary of 5"},
        {"a token below 0", 24, 0x80000000, 0, "token 1 is -2147483648, not in the vocabulary"},
        {"scale not a number", 84, 0x7fc00000, 0, "row 0 of chunk 0 has no usable scale"},
        {"scale below 0", 84, 0xbf800000, 0, "row 0 of chunk 0 has no usable scale or minimum"},
        {"minimum infinite", 88, 0xff800000, 0, "row 0 of chunk 0 has no usable scale or minimum"},
    };
    CLEANUP(strbuf_done) struct strbuf whole = whole_file();
    assert_int_equal(whole.len, 204);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        float got[ROWS][VOCABULARY];
        struct error err = {0};
        CLEANUP(strbuf_done) struct strbuf bytes = {0};
        test_case(rows[i].name);
        strbuf_add_str(&bytes, strbuf_view(&whole));
        memcpy(bytes.ptr + rows[i].offset, &rows[i].value, sizeof(rows[i].value));
        if (rows[i].keep)
            strbuf_truncate(&bytes, rows[i].keep);
        const enum status status = read_all(strbuf_view(&bytes), got, &err);
        assert_true(status == E_FORMAT || status == E_LIMIT);
        if (!strstr(err.text, rows[i].text))
            fail_msg("wanted \"%s\", got \"%s\"", rows[i].text, err.text);
    }
}

int test_logits_file(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(a_damaged_file_is_refused_by_name),
    };
    return cmocka_run_group_tests_name("logits_file", tests, make_folder, remove_folder);
}
