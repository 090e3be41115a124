/*
 * What a writer puts into a model file a reader must give back: every value type, every getter,
 * tensors where they belong, split files as one.
 */
#include "tests/holt_test.h"

#include "base/mem.h"
#include "gguf/gguf.h"
#include "gguf/gguf_writer.h"
#include "os/file.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static const float floats[] = {1.5f, -2.0f, 0.25f, 8.0f};

static const char *in_folder(const char *folder, const char *name)
{
    static char paths[4][512]; /* a few at a time */
    static unsigned turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

/* Every scalar type at an edge of its range. */
static void add_numbers(struct gguf_writer *writer)
{
    const int8_t i8 = -128;
    const uint8_t u8 = 255;
    const int16_t i16 = -32768;
    const uint16_t u16 = 65535;
    const int64_t i64 = INT64_MIN;
    const double f64 = 0.1;
    gguf_writer_add_number(writer, "n.i8", GGUF_TYPE_I8, &i8);
    gguf_writer_add_number(writer, "n.u8", GGUF_TYPE_U8, &u8);
    gguf_writer_add_number(writer, "n.i16", GGUF_TYPE_I16, &i16);
    gguf_writer_add_number(writer, "n.u16", GGUF_TYPE_U16, &u16);
    gguf_writer_add_i32(writer, "n.i32", INT32_MIN);
    gguf_writer_add_u32(writer, "n.u32", UINT32_MAX);
    gguf_writer_add_number(writer, "n.i64", GGUF_TYPE_I64, &i64);
    gguf_writer_add_u64(writer, "n.u64", UINT64_MAX);
    gguf_writer_add_f32(writer, "n.f32", -1.5f);
    gguf_writer_add_number(writer, "n.f64", GGUF_TYPE_F64, &f64);
    gguf_writer_add_bool(writer, "n.bool", true);
}

static struct gguf_writer *sample_writer(void)
{
    static const struct str words[] = {{"one", 3}, {"", 0}, {"a\0b", 3}};
    static const int32_t types[] = {1, -3, 6};
    static const uint64_t shape[] = {2, 2};
    static const uint64_t row[] = {1};
    struct gguf_writer *writer = gguf_writer_new();
    gguf_writer_set_alignment(writer, 64);
    gguf_writer_add_str(writer, "general.architecture", STR("llama"));
    add_numbers(writer);
    gguf_writer_add_strs(writer, "a.words", words, ARRAY_LEN(words));
    gguf_writer_add_numbers(writer, "a.types", GGUF_TYPE_I32, types, ARRAY_LEN(types));
    gguf_writer_add_numbers(writer, "a.scores", GGUF_TYPE_F32, floats, ARRAY_LEN(floats));
    gguf_writer_add_numbers(writer, "a.none", GGUF_TYPE_U8, NULL, 0);
    gguf_writer_add_tensor(writer, "blk.0.attn_q.weight", DTYPE_F32, 2, shape, floats);
    gguf_writer_add_tensor(writer, "output_norm.weight", DTYPE_F32, 1, row, floats + 2);
    return writer;
}

static struct gguf *open_sample(struct strbuf *bytes)
{
    CLEANUP(gguf_writer_freep) struct gguf_writer *writer = sample_writer();
    struct gguf *file = NULL;
    assert_ok(gguf_writer_to_bytes(writer, bytes, err));
    assert_ok(gguf_open_memory(bytes->ptr, bytes->len, &file, err));
    return file;
}

static void numbers_of_every_width_come_back(void **state)
{
    (void)state;
    CLEANUP(strbuf_done) struct strbuf bytes = {0};
    CLEANUP(gguf_closep) struct gguf *file = open_sample(&bytes);
    static const struct {
        const char *key;
        int64_t value;
    } rows[] = {
        {"n.i8", -128},       {"n.u8", 255},         {"n.i16", -32768},    {"n.u16", 65535},
        {"n.i32", INT32_MIN}, {"n.u32", UINT32_MAX}, {"n.i64", INT64_MIN},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_case(rows[i].key);
        int64_t value = 0;
        uint64_t positive = 0;
        struct error fault = {0};
        assert_ok(gguf_get_i64(file, rows[i].key, &value, err));
        assert_true(value == rows[i].value);
        assert_int_equal(gguf_get_u64(file, rows[i].key, &positive, &fault),
                         value < 0 ? E_FORMAT : OK);
    }
    uint64_t large = 0;
    int64_t small = 0;
    double number = 0;
    bool truth = false;
    struct error fault = {0};
    assert_ok(gguf_get_u64(file, "n.u64", &large, err));
    assert_true(large == UINT64_MAX);
    assert_int_equal(gguf_get_i64(file, "n.u64", &small, &fault), E_FORMAT);
    assert_ok(gguf_get_f64(file, "n.f32", &number, err));
    assert_true(number == -1.5);
    assert_ok(gguf_get_f64(file, "n.f64", &number, err));
    assert_true(number == 0.1);
    assert_ok(gguf_get_bool(file, "n.bool", &truth, err));
    assert_true(truth);
}

static void arrays_come_back(void **state)
{
    (void)state;
    CLEANUP(strbuf_done) struct strbuf bytes = {0};
    CLEANUP(gguf_closep) struct gguf *file = open_sample(&bytes);
    struct gguf_array array = {0};
    assert_ok(gguf_get_array(file, "a.words", GGUF_ARRAY_STR, &array, err));
    assert_int_equal(array.count, 3);
    assert_true(str_equal(gguf_array_str(&array, 2), STR("a\0b")));
    assert_int_equal(gguf_array_str(&array, 1).len, 0);
    assert_ok(gguf_get_array(file, "a.types", GGUF_ARRAY_INT, &array, err));
    assert_int_equal(gguf_array_i64(&array, 1), -3);
    assert_ok(gguf_get_array(file, "a.scores", GGUF_ARRAY_FLOAT, &array, err));
    assert_true(gguf_array_f64(&array, 3) == 8.0);
    assert_ok(gguf_get_array(file, "a.none", GGUF_ARRAY_INT, &array, err));
    assert_int_equal(array.count, 0);
    assert_ok(gguf_get_array_or(file, "a.absent", GGUF_ARRAY_STR, &array, err));
    assert_int_equal(array.count, 0);
}

static void a_value_of_another_type_is_refused_on_every_read(void **state)
{
    (void)state;
    CLEANUP(strbuf_done) struct strbuf bytes = {0};
    CLEANUP(gguf_closep) struct gguf *file = open_sample(&bytes);
    struct error fault = {0};
    uint64_t number = 0;
    double real = 0;
    bool truth = false;
    struct str text = {0};
    struct gguf_array array = {0};
    assert_int_equal(gguf_get_u64(file, "n.f32", &number, &fault), E_FORMAT);
    assert_non_null(strstr(fault.text, "n.f32"));
    assert_int_equal(gguf_get_u64(file, "n.bool", &number, &fault), E_FORMAT);
    assert_int_equal(gguf_get_f64(file, "n.u8", &real, &fault), E_FORMAT);
    assert_int_equal(gguf_get_bool(file, "n.u8", &truth, &fault), E_FORMAT);
    assert_int_equal(gguf_get_str(file, "a.words", &text, &fault), E_FORMAT);
    assert_int_equal(gguf_get_array(file, "n.u8", GGUF_ARRAY_INT, &array, &fault), E_FORMAT);
    assert_int_equal(gguf_get_array(file, "a.words", GGUF_ARRAY_INT, &array, &fault), E_FORMAT);
    assert_int_equal(gguf_get_array(file, "a.types", GGUF_ARRAY_STR, &array, &fault), E_FORMAT);
    assert_int_equal(gguf_get_array(file, "a.types", GGUF_ARRAY_FLOAT, &array, &fault), E_FORMAT);
    assert_non_null(strstr(fault.text, "array of i32"));
    /* a fallback is for what is missing, not for what is wrong */
    assert_int_equal(gguf_get_u64_or(file, "n.f32", 7, &number, &fault), E_FORMAT);
    assert_ok(gguf_get_u64_or(file, "n.absent", 7, &number, err));
    assert_int_equal(number, 7);
    assert_int_equal(gguf_get_u64(file, "n.absent", &number, &fault), E_NOT_FOUND);
    assert_non_null(strstr(fault.text, "n.absent"));
}

static void tensors_are_found_where_they_were_put(void **state)
{
    (void)state;
    CLEANUP(strbuf_done) struct strbuf bytes = {0};
    CLEANUP(gguf_closep) struct gguf *file = open_sample(&bytes);
    assert_int_equal(gguf_tensor_count(file), 2);
    const struct tensor *first = gguf_find_tensor(file, "blk.0.attn_q.weight");
    assert_ptr_equal(first, gguf_tensor(file, 0));
    assert_int_equal(first->dim_count, 2);
    assert_int_equal(tensor_row_count(first), 2);
    assert_int_equal(first->byte_count, 16);
    assert_memory_equal(first->data, floats, 16);
    assert_memory_equal(tensor_row(first, 1), floats + 2, 8);
    const struct tensor *second = gguf_find_tensor(file, "output_norm.weight");
    assert_memory_equal(second->data, floats + 2, 4);
    assert_int_equal(((const char *)second->data - bytes.ptr) % 64, 0);
    assert_null(gguf_find_tensor(file, "absent"));
    assert_int_equal(gguf_entry_count(file), 17);
    assert_true(str_equal_c(gguf_entry(file, 0).key, "general.alignment"));
}

static void a_file_on_disk_reads_like_one_in_memory(void **state)
{
    (void)state;
    CLEANUP(strbuf_done) struct strbuf bytes = {0};
    CLEANUP(gguf_closep) struct gguf *in_memory = open_sample(&bytes);
    CLEANUP(gguf_writer_freep) struct gguf_writer *writer = sample_writer();
    const char *path = in_folder(test_folder(), "m.gguf");
    assert_ok(gguf_writer_to_file(writer, path, err));
    CLEANUP(gguf_closep) struct gguf *file = NULL;
    assert_ok(gguf_open(path, &file, err));
    assert_int_equal(gguf_byte_count(file), bytes.len);
    assert_memory_equal(gguf_tensor(file, 0)->data, floats, 16);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);

    unsigned char a[GGUF_FINGERPRINT_BYTES];
    unsigned char b[GGUF_FINGERPRINT_BYTES];
    gguf_fingerprint(file, 1, a);
    gguf_fingerprint(in_memory, 1, b);
    assert_memory_equal(a, b, sizeof(a));

    struct error fault = {0};
    assert_ok(gguf_check_unchanged(file, err));
    assert_int_equal(truncate(path, 100), 0);
    assert_int_equal(gguf_check_unchanged(file, &fault), E_IO);
}

static void metadata_longer_than_the_first_read_is_found(void **state)
{
    (void)state;
    enum { WORD_COUNT = 300000 };
    CLEANUP(mem_freep) struct str *words = mem_alloc(WORD_COUNT * sizeof(*words));
    for (size_t i = 0; i < WORD_COUNT; i++)
        words[i] = str_slice(STR("abcdefghijklmnopqrstuvwxyz"), i % 20, i % 20 + 6);
    CLEANUP(gguf_writer_freep) struct gguf_writer *writer = gguf_writer_new();
    gguf_writer_add_strs(writer, "words", words, WORD_COUNT);
    gguf_writer_add_u32(writer, "last", 42);
    gguf_writer_add_tensor(writer, "t", DTYPE_F32, 1, (const uint64_t[]){4}, floats);
    const char *path = in_folder(test_folder(), "m.gguf");
    assert_ok(gguf_writer_to_file(writer, path, err));

    CLEANUP(gguf_closep) struct gguf *file = NULL;
    assert_ok(gguf_open(path, &file, err));
    struct gguf_array array = {0};
    uint64_t last = 0;
    assert_ok(gguf_get_array(file, "words", GGUF_ARRAY_STR, &array, err));
    assert_true(str_equal(gguf_array_str(&array, WORD_COUNT - 1), words[WORD_COUNT - 1]));
    assert_ok(gguf_get_u64(file, "last", &last, err));
    assert_int_equal(last, 42);
    assert_memory_equal(gguf_find_tensor(file, "t")->data, floats, 16);
}

static void the_fingerprint_sees_every_kind_of_change(void **state)
{
    (void)state;
    CLEANUP(strbuf_done) struct strbuf bytes = {0};
    CLEANUP(gguf_closep) struct gguf *file = open_sample(&bytes);
    unsigned char before[GGUF_FINGERPRINT_BYTES];
    unsigned char after[GGUF_FINGERPRINT_BYTES];
    gguf_fingerprint(file, 1, before);
    gguf_fingerprint(file, 2, after);
    assert_memory_not_equal(before, after, sizeof(before));

    const struct str inside = {bytes.ptr, bytes.len};
    const size_t places[] = {
        str_find(inside, STR("llama"), 0),                                  /* metadata */
        (size_t)((const char *)gguf_tensor(file, 0)->data - bytes.ptr) + 3, /* weights */
    };
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        bytes.ptr[places[i]] ^= 1;
        CLEANUP(gguf_closep) struct gguf *changed = NULL;
        assert_ok(gguf_open_memory(bytes.ptr, bytes.len, &changed, err));
        gguf_fingerprint(changed, 1, after);
        assert_memory_not_equal(before, after, sizeof(before));
        bytes.ptr[places[i]] ^= 1;
    }
}

/* ---------------------------------------------------------------- split files */

struct split_plan {
    uint16_t number;
    uint16_t count;
    int32_t total; /* < 0: not stored */
    const char *architecture;
    const char *tensor;
    const char *name;
};

static void write_part(const char *folder, const struct split_plan *plan)
{
    CLEANUP(gguf_writer_freep) struct gguf_writer *writer = gguf_writer_new();
    gguf_writer_add_str(writer, "general.architecture", str_from_c(plan->architecture));
    gguf_writer_add_number(writer, "split.no", GGUF_TYPE_U16, &plan->number);
    gguf_writer_add_number(writer, "split.count", GGUF_TYPE_U16, &plan->count);
    if (plan->total >= 0)
        gguf_writer_add_i32(writer, "split.tensors.count", plan->total);
    gguf_writer_add_tensor(writer, plan->tensor, DTYPE_F32, 1, (const uint64_t[]){2},
                           floats + plan->number);
    assert_ok(gguf_writer_to_file(writer, in_folder(folder, plan->name), err));
}

static void a_split_model_is_one_model(void **state)
{
    (void)state;
    const char *folder = test_folder();
    write_part(folder, &(struct split_plan){0, 2, 2, "llama", "a", "m-00001-of-00002.gguf"});
    write_part(folder, &(struct split_plan){1, 2, 2, "llama", "b", "m-00002-of-00002.gguf"});
    CLEANUP(gguf_closep) struct gguf *file = NULL;
    assert_ok(gguf_open(in_folder(folder, "m-00001-of-00002.gguf"), &file, err));
    assert_int_equal(gguf_tensor_count(file), 2);
    assert_memory_equal(gguf_find_tensor(file, "a")->data, floats, 8);
    assert_memory_equal(gguf_find_tensor(file, "b")->data, floats + 1, 8);
    struct error fault = {0};
    struct gguf *other = NULL;
    assert_int_equal(gguf_open(in_folder(folder, "m-00002-of-00002.gguf"), &other, &fault),
                     E_INVALID);
    assert_non_null(strstr(fault.text, "-00001-of-00002.gguf"));
}

static void parts_that_do_not_belong_together_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct split_plan first;
        struct split_plan second;
        enum status status;
        const char *says;
    } rows[] = {
        {"second part absent",
         {0, 2, 2, "llama", "a", "m-00001-of-00002.gguf"},
         {1, 2, 2, "llama", "b", "elsewhere.gguf"},
         E_NOT_FOUND,
         "part 2 of 2"},
        {"a tensor in both",
         {0, 2, 2, "llama", "a", "m-00001-of-00002.gguf"},
         {1, 2, 2, "llama", "a", "m-00002-of-00002.gguf"},
         E_FORMAT,
         "'a' occurs twice"},
        {"the same part twice",
         {0, 2, 2, "llama", "a", "m-00001-of-00002.gguf"},
         {0, 2, 2, "llama", "b", "m-00002-of-00002.gguf"},
         E_FORMAT,
         "part 1 of 2, not 2 of 2"},
        {"another number of parts",
         {0, 2, 2, "llama", "a", "m-00001-of-00002.gguf"},
         {1, 3, 2, "llama", "b", "m-00002-of-00002.gguf"},
         E_FORMAT,
         "part 2 of 3"},
        {"another family",
         {0, 2, 2, "llama", "a", "m-00001-of-00002.gguf"},
         {1, 2, 2, "qwen3", "b", "m-00002-of-00002.gguf"},
         E_FORMAT,
         "family"},
        {"fewer tensors than announced",
         {0, 2, 5, "llama", "a", "m-00001-of-00002.gguf"},
         {1, 2, 5, "llama", "b", "m-00002-of-00002.gguf"},
         E_FORMAT,
         "announced"},
        {"a name without a number",
         {0, 2, 2, "llama", "a", "model.gguf"},
         {1, 2, 2, "llama", "b", "m-00002-of-00002.gguf"},
         E_INVALID,
         "ends in -00001-of-00002.gguf"},
        {"more parts than possible",
         {0, 2000, 2, "llama", "a", "m-00001-of-02000.gguf"},
         {1, 2000, 2, "llama", "b", "m-00002-of-02000.gguf"},
         E_LIMIT,
         "split.count"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_case(rows[i].name);
        const char *folder = test_folder();
        write_part(folder, &rows[i].first);
        write_part(folder, &rows[i].second);
        struct gguf *file = NULL;
        struct error fault = {0};
        assert_int_equal(gguf_open(in_folder(folder, rows[i].first.name), &file, &fault),
                         rows[i].status);
        if (!strstr(fault.text, rows[i].says))
            fail_msg("%s: '%s' does not say '%s'", rows[i].name, fault.text, rows[i].says);
    }
}

static void the_writer_refuses_mistakes(void **state)
{
    (void)state;
    static const uint64_t odd[] = {33};
    for (int mistake = 0; mistake < 5; mistake++) {
        CLEANUP(gguf_writer_freep) struct gguf_writer *writer = gguf_writer_new();
        CLEANUP(strbuf_done) struct strbuf bytes = {0};
        struct error fault = {0};
        if (mistake == 0) {
            gguf_writer_add_u32(writer, "key", 1);
            gguf_writer_add_u32(writer, "key", 1);
        } else if (mistake == 1) {
            gguf_writer_add_tensor(writer, "t", DTYPE_Q8_0, 1, odd, floats);
        } else if (mistake == 2) {
            gguf_writer_set_alignment(writer, 24);
        } else if (mistake == 3) {
            gguf_writer_add_number(writer, "key", GGUF_TYPE_STR, floats);
        } else {
            gguf_writer_add_u32(writer, "", 1);
        }
        assert_int_equal(gguf_writer_to_bytes(writer, &bytes, &fault), E_INVALID);
        assert_int_equal(bytes.len, 0);
    }
}

static void recorded_models_open(void **state)
{
    (void)state;
    static const char *const names[] = {
        "arch/llama.gguf",       "arch/qwen2.gguf",       "arch/qwen3.gguf",
        "quant/llama-Q4_K.gguf", "quant/llama-Q6_K.gguf", "quant/llama-MXFP4.gguf",
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *path = test_fixture(names[i]);
        if (!path) {
            print_message("skipped: no fixture %s\n", names[i]);
            skip();
        }
        test_case(names[i]);
        CLEANUP(gguf_closep) struct gguf *file = NULL;
        assert_ok(gguf_open(path, &file, err));
        assert_true(gguf_tensor_count(file) > 10);
        struct str architecture = {0};
        assert_ok(gguf_get_str(file, "general.architecture", &architecture, err));
        assert_non_null(gguf_find_tensor(file, "token_embd.weight"));
    }
}

int test_gguf(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_of_every_width_come_back),
        cmocka_unit_test(arrays_come_back),
        cmocka_unit_test(a_value_of_another_type_is_refused_on_every_read),
        cmocka_unit_test(tensors_are_found_where_they_were_put),
        cmocka_unit_test(a_file_on_disk_reads_like_one_in_memory),
        cmocka_unit_test(metadata_longer_than_the_first_read_is_found),
        cmocka_unit_test(the_fingerprint_sees_every_kind_of_change),
        cmocka_unit_test(a_split_model_is_one_model),
        cmocka_unit_test(parts_that_do_not_belong_together_are_refused),
        cmocka_unit_test(the_writer_refuses_mistakes),
        cmocka_unit_test(recorded_models_open),
    };
    return cmocka_run_group_tests_name("gguf", tests, NULL, NULL);
}
