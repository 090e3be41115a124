/*
 * fuzz_gguf - a model file of any bytes: opening it, reading all it offers, and making a tokenizer
 * of it must never touch a byte outside, hang, or leak.
 */
#include "base/mem.h"
#include "gguf/gguf.h"
#include "tokenizer/detokenizer.h"
#include "tokenizer/tokenizer.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Reads through a view; the sanitizer watches. */
static uint64_t touch_str(struct str text)
{
    uint64_t sum = text.len;
    for (size_t i = 0; i < text.len; i++)
        sum += (unsigned char)text.ptr[i];
    return sum;
}

static uint64_t touch_arrays(const struct gguf *file, const char *key)
{
    uint64_t sum = 0;
    struct gguf_array array = {0};
    if (gguf_get_array(file, key, GGUF_ARRAY_STR, &array, NULL) == OK) {
        for (size_t i = 0; i < array.count; i++)
            sum += touch_str(gguf_array_str(&array, i));
    }
    if (gguf_get_array(file, key, GGUF_ARRAY_INT, &array, NULL) == OK) {
        for (size_t i = 0; i < array.count; i++)
            sum += (uint64_t)gguf_array_i64(&array, i);
    }
    if (gguf_get_array(file, key, GGUF_ARRAY_FLOAT, &array, NULL) == OK) {
        for (size_t i = 0; i < array.count; i++)
            sum += gguf_array_f64(&array, i) > 0;
    }
    return sum;
}

static uint64_t touch_value(const struct gguf *file, const char *key)
{
    uint64_t sum = 0;
    uint64_t number = 0;
    int64_t signed_number = 0;
    double real = 0;
    bool truth = false;
    struct str text = {0};
    if (gguf_get_u64(file, key, &number, NULL) == OK)
        sum += number;
    if (gguf_get_i64(file, key, &signed_number, NULL) == OK)
        sum += (uint64_t)signed_number;
    if (gguf_get_f64(file, key, &real, NULL) == OK)
        sum += real > 0;
    if (gguf_get_bool(file, key, &truth, NULL) == OK)
        sum += truth;
    if (gguf_get_str(file, key, &text, NULL) == OK)
        sum += touch_str(text);
    return sum + touch_arrays(file, key);
}

static uint64_t touch_all(const struct gguf *file)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < gguf_entry_count(file); i++) {
        const struct str name = gguf_entry(file, i).key;
        CLEANUP(mem_freep) char *key = mem_zalloc(name.len + 1);
        memcpy(key, name.ptr, name.len);
        sum += touch_value(file, key);
    }
    for (size_t i = 0; i < gguf_tensor_count(file); i++) {
        const struct tensor *tensor = gguf_tensor(file, i);
        sum += touch_str((struct str){tensor->data, tensor->byte_count});
        sum += touch_str((struct str){tensor_row(tensor, tensor_row_count(tensor) - 1),
                                      tensor_row_bytes(tensor)});
    }
    return sum;
}

/* Encodes text that has a bit of everything, and decodes it again. */
static void try_tokenizer(const struct gguf *file)
{
    CLEANUP(tokenizer_freep) struct tokenizer *tokenizer = NULL;
    if (tokenizer_new(file, &tokenizer, NULL) != OK)
        return;
    CLEANUP(token_list_done) struct token_list list = {0};
    CLEANUP(strbuf_done) struct strbuf text = {0};
    const struct str sample =
        STR("Hello 123 <s></s><|im_end|> \xc3\xa9\xe4\xb8\xad\xff\n\n  aaaa'll");
    if (tokenizer_encode(tokenizer, sample, TOKENIZER_ADD_BOS_EOS | TOKENIZER_PARSE_SPECIAL, &list,
                         NULL) != OK)
        return;
    for (size_t i = 0; i < list.count; i++) {
        if (list.ids[i] < 0 || (uint32_t)list.ids[i] >= tokenizer_vocab_size(tokenizer))
            abort();
    }
    detokenizer_all(tokenizer, list.ids, list.count, DETOKENIZER_SHOW_SPECIAL, &text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    CLEANUP(mem_freep) uint8_t *exact = mem_alloc(size ? size : 1); /* aligned, and no longer */
    if (size)
        memcpy(exact, bytes, size);
    CLEANUP(gguf_closep) struct gguf *file = NULL;
    if (gguf_open_memory(exact, size, &file, NULL) != OK)
        return 0;
    volatile uint64_t sum = touch_all(file);
    (void)sum;
    unsigned char fingerprint[GGUF_FINGERPRINT_BYTES];
    gguf_fingerprint(file, 1, fingerprint);
    try_tokenizer(file);
    return 0;
}
