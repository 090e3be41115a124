/*
 * Model files come from anywhere. Each row is one lie a file can tell; each must be refused with a
 * sentence that names it, before anything is allocated for it or read past the end. The numbers in
 * the names are those of public reports of the same hole in other readers.
 */
#include "tests/holt_test.h"

#include "base/mem.h"
#include "gguf/gguf.h"
#include "os/file.h"

#include <stdio.h>

/* ---------------------------------------------------------------- a file byte by byte */

static void put(struct strbuf *out, uint64_t number, size_t size)
{
    for (size_t i = 0; i < size; i++)
        strbuf_add_char(out, (char)(number >> (8 * i)));
}

static void put_text(struct strbuf *out, struct str text)
{
    put(out, text.len, 8);
    strbuf_add_str(out, text);
}

static void put_header(struct strbuf *out, uint64_t tensor_count, uint64_t key_count)
{
    strbuf_add_c(out, "GGUF");
    put(out, 3, 4);
    put(out, tensor_count, 8);
    put(out, key_count, 8);
}

static void put_key(struct strbuf *out, const char *key, uint32_t type)
{
    put_text(out, str_from_c(key));
    put(out, type, 4);
}

static void put_key_u32(struct strbuf *out, const char *key, uint32_t value)
{
    put_key(out, key, GGUF_TYPE_U32);
    put(out, value, 4);
}

struct plan {
    const char *name;
    uint32_t dim_count;
    uint64_t dims[4];
    uint32_t dtype;
    uint64_t offset;
};

static void put_tensor(struct strbuf *out, const struct plan *plan)
{
    put_text(out, str_from_c(plan->name));
    put(out, plan->dim_count, 4);
    for (uint32_t d = 0; d < plan->dim_count && d < 4; d++)
        put(out, plan->dims[d], 8);
    put(out, plan->dtype, 4);
    put(out, plan->offset, 8);
}

static void put_data(struct strbuf *out, size_t size)
{
    while (out->len % 32 != 0)
        strbuf_add_char(out, '\0');
    for (size_t i = 0; i < size; i++)
        strbuf_add_char(out, 'x');
}

/* One tensor of two floats, and 64 bytes of data, except for what `plan` says. */
static void put_tensor_file(struct strbuf *out, const struct plan *plan)
{
    put_header(out, 1, 0);
    put_tensor(out, plan);
    put_data(out, 64);
}

/* ---------------------------------------------------------------- one function per lie */

static void nothing(struct strbuf *out)
{
    strbuf_add(out, "", 0);
}
static void three_bytes(struct strbuf *out)
{
    strbuf_add_c(out, "GGU");
}
static void zip(struct strbuf *out)
{
    strbuf_add(out, "PK\x03\x04 archive of tensors", 24);
}
static void web_page(struct strbuf *out)
{
    strbuf_add_c(out, "<!DOCTYPE html><p>not found");
}
static void noise(struct strbuf *out)
{
    strbuf_add_c(out, "\x7f"
                      "ELF, this is a program");
}

static void safetensors(struct strbuf *out)
{
    put(out, 100, 8);
    strbuf_add_c(out, "{\"weight\":{}}");
}

static void header_only_half(struct strbuf *out)
{
    strbuf_add_c(out, "GGUF");
    put(out, 3, 4);
    put(out, 1, 4);
}

static void put_version(struct strbuf *out, uint32_t version)
{
    strbuf_add_c(out, "GGUF");
    put(out, version, 4);
    put(out, 0, 8);
    put(out, 0, 8);
}

static void version_one(struct strbuf *out)
{
    put_version(out, 1);
}
static void version_nine(struct strbuf *out)
{
    put_version(out, 9);
}
static void version_zero(struct strbuf *out)
{
    put_version(out, 0);
}
static void big_endian(struct strbuf *out)
{
    put_version(out, 0x03000000);
}

static void tensor_count_huge(struct strbuf *out)
{
    put_header(out, UINT64_C(1) << 60, 0);
    put_data(out, 64);
}

static void key_count_huge(struct strbuf *out)
{
    put_header(out, 0, UINT64_MAX);
    put_data(out, 64);
}

static void key_count_over_limit(struct strbuf *out)
{
    put_header(out, 0, GGUF_KEYS_MAX + 1);
    put_data(out, (GGUF_KEYS_MAX + 1) * 14);
}

static void tensor_count_over_limit(struct strbuf *out)
{
    put_header(out, GGUF_TENSORS_MAX + 1, 0);
    put_data(out, (GGUF_TENSORS_MAX + 1) * 33);
}

static void key_length_wraps(struct strbuf *out)
{
    put_header(out, 0, 1);
    put(out, UINT64_MAX - 7, 8);
    put_data(out, 64);
}

static void key_too_long(struct strbuf *out)
{
    put_header(out, 0, 1);
    put(out, GGUF_KEY_LEN_MAX + 1, 8);
    put_data(out, GGUF_KEY_LEN_MAX + 100);
}

static void key_empty(struct strbuf *out)
{
    put_header(out, 0, 1);
    put_key_u32(out, "", 1);
}

static void key_with_nul(struct strbuf *out)
{
    put_header(out, 0, 1);
    put_text(out, STR("a\0b"));
    put(out, GGUF_TYPE_U32, 4);
    put(out, 1, 4);
}

static void key_twice(struct strbuf *out)
{
    put_header(out, 0, 2);
    put_key_u32(out, "a.b", 1);
    put_key_u32(out, "a.b", 2);
}

static void value_type_unknown(struct strbuf *out)
{
    put_header(out, 0, 1);
    put_key(out, "a", 13);
    put(out, 0, 8);
}

static void value_cut(struct strbuf *out)
{
    put_header(out, 0, 1);
    put_key(out, "abc", GGUF_TYPE_U64);
    put(out, 1, 3);
}

static void bool_is_two(struct strbuf *out)
{
    put_header(out, 0, 1);
    put_key(out, "a", GGUF_TYPE_BOOL);
    put(out, 2, 1);
}

static void bool_array_holds_seven(struct strbuf *out)
{
    put_header(out, 0, 1);
    put_key(out, "a", GGUF_TYPE_ARRAY);
    put(out, GGUF_TYPE_BOOL, 4);
    put(out, 2, 8);
    put(out, 1, 1);
    put(out, 7, 1);
}

static void string_length_past_end(struct strbuf *out)
{
    put_header(out, 0, 1);
    put_key(out, "a", GGUF_TYPE_STR);
    put(out, 1000, 8);
    strbuf_add_c(out, "short");
}

static void string_length_wraps(struct strbuf *out)
{
    put_header(out, 0, 1);
    put_key(out, "a", GGUF_TYPE_STR);
    put(out, UINT64_MAX, 8);
    strbuf_add_c(out, "short");
}

static void string_too_long(struct strbuf *out)
{
    put_header(out, 0, 1);
    put_key(out, "a", GGUF_TYPE_STR);
    put(out, GGUF_STRING_LEN_MAX + 1, 8);
    put_data(out, GGUF_STRING_LEN_MAX + 1);
}

static void put_array(struct strbuf *out, uint32_t element_type, uint64_t count)
{
    put_header(out, 0, 1);
    put_key(out, "a", GGUF_TYPE_ARRAY);
    put(out, element_type, 4);
    put(out, count, 8);
}

static void array_count_huge(struct strbuf *out)
{
    put_array(out, GGUF_TYPE_U8, UINT64_C(1) << 62);
    put_data(out, 64);
}

static void array_size_wraps(struct strbuf *out)
{
    put_array(out, GGUF_TYPE_U64, UINT64_C(0x2000000000000001));
    put_data(out, 64);
}

static void string_array_count_huge(struct strbuf *out)
{
    put_array(out, GGUF_TYPE_STR, 1000000);
    put_data(out, 64);
}

static void string_array_cut(struct strbuf *out)
{
    put_array(out, GGUF_TYPE_STR, 2);
    put_text(out, STR("one"));
    put(out, 500, 8);
}

static void string_array_element_too_long(struct strbuf *out)
{
    put_array(out, GGUF_TYPE_STR, 1);
    put(out, GGUF_ELEMENT_LEN_MAX + 1, 8);
    put_data(out, GGUF_ELEMENT_LEN_MAX + 1);
}

static void array_of_arrays(struct strbuf *out)
{
    put_array(out, GGUF_TYPE_ARRAY, 1);
    put_data(out, 64);
}

static void array_of_unknown(struct strbuf *out)
{
    put_array(out, 99, 1);
    put_data(out, 64);
}

static void put_alignment(struct strbuf *out, uint32_t alignment)
{
    put_header(out, 0, 1);
    put_key_u32(out, "general.alignment", alignment);
}

static void alignment_zero(struct strbuf *out)
{
    put_alignment(out, 0);
}
static void alignment_odd(struct strbuf *out)
{
    put_alignment(out, 48);
}
static void alignment_huge(struct strbuf *out)
{
    put_alignment(out, 1 << 20);
}

static void alignment_is_text(struct strbuf *out)
{
    put_header(out, 0, 1);
    put_key(out, "general.alignment", GGUF_TYPE_STR);
    put_text(out, STR("32"));
}

static void name_twice(struct strbuf *out)
{
    put_header(out, 2, 0);
    put_tensor(out, &(struct plan){"t", 1, {2}, DTYPE_F32, 0});
    put_tensor(out, &(struct plan){"t", 1, {2}, DTYPE_F32, 32});
    put_data(out, 64);
}

static void name_empty(struct strbuf *out)
{
    put_tensor_file(out, &(struct plan){"", 1, {2}, DTYPE_F32, 0});
}

static void name_with_nul(struct strbuf *out)
{
    put_header(out, 1, 0);
    put_text(out, STR("a\0b"));
    put(out, 1, 4);
    put(out, 2, 8);
    put(out, DTYPE_F32, 4);
    put(out, 0, 8);
    put_data(out, 64);
}

static void name_too_long(struct strbuf *out)
{
    put_header(out, 1, 0);
    put(out, GGUF_TENSOR_NAME_LEN_MAX + 1, 8);
    put_data(out, 4096);
}

static void no_dimensions(struct strbuf *out)
{
    put_tensor_file(out, &(struct plan){"t", 0, {0}, DTYPE_F32, 0});
}

static void five_dimensions(struct strbuf *out)
{
    put_tensor_file(out, &(struct plan){"t", 5, {1, 1, 1, 1}, DTYPE_F32, 0});
}

static void dimension_zero(struct strbuf *out)
{
    put_tensor_file(out, &(struct plan){"t", 2, {2, 0}, DTYPE_F32, 0});
}

static void dimension_negative(struct strbuf *out)
{
    put_tensor_file(out, &(struct plan){"t", 1, {UINT64_MAX}, DTYPE_F32, 0});
}

static void elements_wrap(struct strbuf *out)
{
    const uint64_t half = UINT64_C(1) << 32;
    put_tensor_file(out, &(struct plan){"t", 3, {half, half, 2}, DTYPE_F32, 0});
}

static void bytes_wrap(struct strbuf *out)
{
    put_tensor_file(out, &(struct plan){"t", 1, {UINT64_C(1) << 62}, DTYPE_F32, 0});
}

static void dims_inflated(struct strbuf *out)
{
    put_tensor_file(out, &(struct plan){"t", 2, {1 << 20, 1 << 20}, DTYPE_F32, 0});
}

static void half_a_block(struct strbuf *out)
{
    put_tensor_file(out, &(struct plan){"t", 1, {16}, DTYPE_Q8_0, 0});
}

static void dtype_unknown(struct strbuf *out)
{
    put_tensor_file(out, &(struct plan){"t", 1, {32}, 1000, 0});
}

static void dtype_removed(struct strbuf *out)
{
    put_tensor_file(out, &(struct plan){"t", 1, {32}, 4, 0});
}

static void dtype_private(struct strbuf *out)
{
    put_tensor_file(out, &(struct plan){"t", 1, {256}, 139, 0});
}

static void dtype_negative(struct strbuf *out)
{
    put_tensor_file(out, &(struct plan){"t", 1, {32}, UINT32_MAX, 0});
}

static void offset_unaligned(struct strbuf *out)
{
    put_tensor_file(out, &(struct plan){"t", 1, {2}, DTYPE_F32, 4});
}

static void offset_past_end(struct strbuf *out)
{
    put_tensor_file(out, &(struct plan){"t", 1, {2}, DTYPE_F32, 4096});
}

static void offset_wraps(struct strbuf *out)
{
    put_tensor_file(out, &(struct plan){"t", 1, {16}, DTYPE_F32, UINT64_MAX - 31});
}

static void data_cut(struct strbuf *out)
{
    put_tensor_file(out, &(struct plan){"t", 1, {17}, DTYPE_F32, 0});
}

static void data_missing(struct strbuf *out)
{
    put_header(out, 1, 0);
    put_tensor(out, &(struct plan){"t", 1, {2}, DTYPE_F32, 0});
}

static void tensors_overlap(struct strbuf *out)
{
    put_header(out, 2, 0);
    put_tensor(out, &(struct plan){"a", 1, {2}, DTYPE_F32, 32});
    put_tensor(out, &(struct plan){"b", 1, {9}, DTYPE_F32, 0});
    put_data(out, 64);
}

static void table_cut(struct strbuf *out)
{
    put_header(out, 1, 0);
    put_text(out, STR("a tensor with a long name, so that the count fits"));
    put(out, 2, 4);
    put(out, 2, 8);
}

static void split_in_memory(struct strbuf *out)
{
    put_header(out, 0, 1);
    put_key_u32(out, "split.count", 2);
}

static const struct {
    const char *name;
    void (*build)(struct strbuf *out);
    enum status status;
    const char *says;
} rows[] = {
    {"empty file", nothing, E_FORMAT, "empty"},
    {"three bytes", three_bytes, E_FORMAT, "cut short"},
    {"a ZIP", zip, E_FORMAT, "ZIP or PyTorch"},
    {"safetensors", safetensors, E_FORMAT, "safetensors"},
    {"a web page", web_page, E_FORMAT, "web page"},
    {"a program", noise, E_FORMAT, "begins with 7f 45 4c 46"},
    {"half a header", header_only_half, E_FORMAT, "cut short"},
    {"version 0", version_zero, E_UNSUPPORTED, "version 0"},
    {"version 1", version_one, E_UNSUPPORTED, "convert the model again"},
    {"version 9", version_nine, E_UNSUPPORTED, "version 9"},
    {"big-endian", big_endian, E_UNSUPPORTED, "big-endian"},
    {"tensor count (CVE-2024-23496)", tensor_count_huge, E_FORMAT, "tensors"},
    {"key count (CVE-2024-23605)", key_count_huge, E_FORMAT, "keys"},
    {"key count over the limit", key_count_over_limit, E_LIMIT, "limit 65536"},
    {"tensor count over the limit", tensor_count_over_limit, E_LIMIT, "limit 65536"},
    {"key length wraps (CVE-2024-21825)", key_length_wraps, E_FORMAT, "a key needs"},
    {"key too long", key_too_long, E_LIMIT, "limit 65535"},
    {"key empty", key_empty, E_FORMAT, "empty"},
    {"key with NUL", key_with_nul, E_FORMAT, "'a?b' contains a NUL"},
    {"key twice", key_twice, E_FORMAT, "'a.b' occurs twice"},
    {"unknown value type", value_type_unknown, E_FORMAT, "value type 13"},
    {"value cut", value_cut, E_FORMAT, "cut short"},
    {"bool is 2", bool_is_two, E_FORMAT, "truth value is 2"},
    {"bool array holds 7", bool_array_holds_seven, E_FORMAT, "truth value is 7"},
    {"string past the end (CVE-2024-21802)", string_length_past_end, E_FORMAT, "cut short"},
    {"string length wraps", string_length_wraps, E_FORMAT, "cut short"},
    {"string too long", string_too_long, E_LIMIT, "limit 16777216"},
    {"array count (CVE-2024-21836)", array_count_huge, E_FORMAT, "array elements"},
    {"array size wraps", array_size_wraps, E_FORMAT, "array elements"},
    {"string array count", string_array_count_huge, E_FORMAT, "array elements"},
    {"string array cut", string_array_cut, E_FORMAT, "cut short"},
    {"string of an array too long", string_array_element_too_long, E_LIMIT, "limit 65536"},
    {"array of arrays", array_of_arrays, E_UNSUPPORTED, "array of arrays"},
    {"array of an unknown type", array_of_unknown, E_FORMAT, "value type 99"},
    {"alignment 0", alignment_zero, E_FORMAT, "power of two"},
    {"alignment 48", alignment_odd, E_FORMAT, "power of two"},
    {"alignment 1 MiB", alignment_huge, E_FORMAT, "power of two"},
    {"alignment is text", alignment_is_text, E_FORMAT, "general.alignment"},
    {"tensor name twice", name_twice, E_FORMAT, "'t' occurs twice"},
    {"tensor name empty", name_empty, E_FORMAT, "empty"},
    {"tensor name with NUL", name_with_nul, E_FORMAT, "NUL"},
    {"tensor name too long", name_too_long, E_LIMIT, "limit 127"},
    {"no dimensions", no_dimensions, E_FORMAT, "0 dimensions"},
    {"five dimensions", five_dimensions, E_FORMAT, "5 dimensions"},
    {"a zero dimension", dimension_zero, E_FORMAT, "dimension 1 is zero"},
    {"a negative dimension", dimension_negative, E_FORMAT, "impossible size"},
    {"element count wraps (CVE-2025-53630)", elements_wrap, E_FORMAT, "impossible size"},
    {"byte count wraps (CVE-2026-27940)", bytes_wrap, E_FORMAT, "impossible size"},
    {"dimensions larger than the file (CVE-2026-7482)", dims_inflated, E_FORMAT, "cut short"},
    {"half a block", half_a_block, E_FORMAT, "rows of 16 elements cannot be Q8_0"},
    {"unknown element type", dtype_unknown, E_UNSUPPORTED, "type 1000 (unknown)"},
    {"removed element type", dtype_removed, E_UNSUPPORTED, "Q4_2, removed"},
    {"private element type", dtype_private, E_UNSUPPORTED, "IQ4_K, private to ik_llama.cpp"},
    {"negative element type", dtype_negative, E_UNSUPPORTED, "unknown"},
    {"offset unaligned", offset_unaligned, E_FORMAT, "no multiple of 32"},
    {"offset past the end", offset_past_end, E_FORMAT, "cut short"},
    {"offset plus size wraps", offset_wraps, E_FORMAT, "cut short"},
    {"data cut", data_cut, E_FORMAT, "cut short"},
    {"data missing", data_missing, E_FORMAT, "should begin"},
    {"tensors overlap", tensors_overlap, E_FORMAT, "'b' and 'a' overlap"},
    {"tensor table cut", table_cut, E_FORMAT, "cut short"},
    {"split file in memory", split_in_memory, E_UNSUPPORTED, "split"},
};

static void check_row(size_t i, enum status got, const struct error *fault)
{
    if (got != rows[i].status)
        fail_msg("%s: status %d, text '%s'", rows[i].name, got, fault->text);
    if (!strstr(fault->text, rows[i].says))
        fail_msg("%s: '%s' does not say '%s'", rows[i].name, fault->text, rows[i].says);
    if (strchr(fault->text, '\n') || fault->text[strlen(fault->text) - 1] == '.')
        fail_msg("%s: '%s' is no plain sentence", rows[i].name, fault->text);
}

static void every_lie_is_refused_by_name_in_memory(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_case(rows[i].name);
        CLEANUP(strbuf_done) struct strbuf built = {0};
        rows[i].build(&built);
        /* a block of exactly this size: the sanitizer sees any step past its end */
        CLEANUP(mem_freep) char *bytes = mem_copy(built.ptr, built.len);
        struct gguf *file = NULL;
        struct error fault = {0};
        check_row(i, gguf_open_memory(bytes, built.len, &file, &fault), &fault);
        assert_null(file);
    }
}

static void every_lie_is_refused_by_name_on_disk(void **state)
{
    (void)state;
    struct strbuf path = {0};
    strbuf_addf(&path, "%s/hostile.gguf", test_folder());
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_case(rows[i].name);
        if (rows[i].build == split_in_memory)
            continue;
        CLEANUP(strbuf_done) struct strbuf built = {0};
        rows[i].build(&built);
        assert_ok(file_write(strbuf_c(&path), strbuf_view(&built), err));
        struct gguf *file = NULL;
        struct error fault = {0};
        check_row(i, gguf_open(strbuf_c(&path), &file, &fault), &fault);
        assert_null(file);
    }
    strbuf_done(&path);
}

static void what_is_no_file_is_refused(void **state)
{
    (void)state;
    struct gguf *file = NULL;
    struct error fault = {0};
    assert_int_equal(gguf_open(test_folder(), &file, &fault), E_INVALID);
    assert_non_null(strstr(fault.text, "folder"));
    assert_int_equal(gguf_open("/nowhere/at all.gguf", &file, &fault), E_NOT_FOUND);
    assert_int_equal(gguf_open("/dev/zero", &file, &fault), E_INVALID);
}

static void build_good(struct strbuf *out)
{
    put_header(out, 2, 4);
    put_key(out, "words", GGUF_TYPE_ARRAY);
    put(out, GGUF_TYPE_STR, 4);
    put(out, 2, 8);
    put_text(out, STR("one"));
    put_text(out, STR("two"));
    put_key_u32(out, "general.alignment", 32);
    put_key(out, "text", GGUF_TYPE_STR);
    put_text(out, STR("hello"));
    put_key(out, "flag", GGUF_TYPE_BOOL);
    put(out, 1, 1);
    put_tensor(out, &(struct plan){"a", 2, {4, 2}, DTYPE_F32, 0});
    put_tensor(out, &(struct plan){"b", 1, {32}, DTYPE_Q8_0, 32});
    put_data(out, 32 + 34);
}

static void a_file_cut_anywhere_is_refused(void **state)
{
    (void)state;
    CLEANUP(strbuf_done) struct strbuf built = {0};
    build_good(&built);
    for (size_t size = 0; size < built.len; size++) {
        CLEANUP(mem_freep) char *bytes = mem_copy(built.ptr, size);
        struct gguf *file = NULL;
        struct error fault = {0};
        if (gguf_open_memory(bytes, size, &file, &fault) != E_FORMAT)
            fail_msg("cut at %zu of %zu: '%s'", size, built.len, fault.text);
    }
    struct gguf *whole = NULL;
    assert_ok(gguf_open_memory(built.ptr, built.len, &whole, err));
    gguf_close(whole);
}

/* Touches every byte that an opened file offers. */
static uint64_t touch(const struct gguf *file)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < gguf_tensor_count(file); i++) {
        const struct tensor *tensor = gguf_tensor(file, i);
        const unsigned char *bytes = tensor->data;
        for (size_t b = 0; b < tensor->byte_count; b++)
            sum += bytes[b];
    }
    for (size_t i = 0; i < gguf_entry_count(file); i++) {
        const struct gguf_entry entry = gguf_entry(file, i);
        for (size_t b = 0; b < entry.key.len; b++)
            sum += (unsigned char)entry.key.ptr[b];
    }
    return sum;
}

static void a_file_with_any_byte_changed_is_refused_or_safe(void **state)
{
    (void)state;
    CLEANUP(strbuf_done) struct strbuf built = {0};
    build_good(&built);
    CLEANUP(mem_freep) char *bytes = mem_copy(built.ptr, built.len);
    uint64_t sum = 0;
    for (size_t at = 0; at < built.len; at++) {
        static const unsigned char flips[] = {0x01, 0x80, 0xff, 0x10};
        for (size_t f = 0; f < ARRAY_LEN(flips); f++) {
            bytes[at] = (char)(built.ptr[at] ^ flips[f]);
            CLEANUP(gguf_closep) struct gguf *file = NULL;
            if (gguf_open_memory(bytes, built.len, &file, NULL) == OK)
                sum += touch(file);
        }
        bytes[at] = built.ptr[at];
    }
    assert_true(sum > 0); /* some changes are harmless: weights, letters of names */
}

int test_gguf_hostile(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_lie_is_refused_by_name_in_memory),
        cmocka_unit_test(every_lie_is_refused_by_name_on_disk),
        cmocka_unit_test(what_is_no_file_is_refused),
        cmocka_unit_test(a_file_cut_anywhere_is_refused),
        cmocka_unit_test(a_file_with_any_byte_changed_is_refused_or_safe),
    };
    return cmocka_run_group_tests_name("gguf_hostile", tests, NULL, NULL);
}
