#include "gguf/gguf_writer.h"

#include "base/arena.h"
#include "base/hash_map.h"
#include "base/mem.h"
#include "gguf/gguf_number.h"
#include "os/file.h"
#include "tensor/tensor.h"

#include <inttypes.h>

struct gguf_writer {
    struct arena arena;     /* names */
    struct strbuf keys;     /* key-value pairs as they will lie in the file */
    struct hash_map seen;   /* keys so far */
    struct hash_map names;  /* tensor names so far */
    struct tensor *tensors; /* data borrowed */
    size_t tensor_count;
    size_t tensor_capacity;
    uint64_t key_count;
    uint32_t alignment;
    struct error mistake; /* the first one; status OK: none */
};

struct gguf_writer *gguf_writer_new(void)
{
    struct gguf_writer *writer = mem_zalloc(sizeof(*writer));
    writer->alignment = GGUF_ALIGNMENT_DEFAULT;
    return writer;
}

void gguf_writer_free(struct gguf_writer *writer)
{
    if (!writer)
        return;
    arena_done(&writer->arena);
    strbuf_done(&writer->keys);
    hash_map_done(&writer->seen);
    hash_map_done(&writer->names);
    mem_free(writer->tensors);
    mem_free(writer);
}

/* ---------------------------------------------------------------- keys */

static void put(struct strbuf *out, uint64_t number, size_t size)
{
    for (size_t i = 0; i < size; i++)
        strbuf_add_char(out, (char)(number >> (8 * i)));
}

static void put_str(struct strbuf *out, struct str text)
{
    put(out, text.len, 8);
    strbuf_add_str(out, text);
}

static void remember_mistake(struct gguf_writer *writer, const char *what, const char *name)
{
    if (writer->mistake.status == OK)
        writer->mistake.status = error_set(&writer->mistake, E_INVALID, "%s '%.100s'", what, name);
}

/* Writes key and type. */
static void begin(struct gguf_writer *writer, const char *key, enum gguf_type type)
{
    const struct str name = arena_copy_str(&writer->arena, str_from_c(key));
    if (name.len == 0 || name.len > GGUF_KEY_LEN_MAX)
        remember_mistake(writer, "a key's length is impossible:", key);
    if (!hash_map_add(&writer->seen, name, 0))
        remember_mistake(writer, "a key is given twice:", key);
    put_str(&writer->keys, name);
    put(&writer->keys, type, 4);
    writer->key_count++;
}

void gguf_writer_set_alignment(struct gguf_writer *writer, uint32_t alignment)
{
    if (alignment < GGUF_ALIGNMENT_MIN || alignment > GGUF_ALIGNMENT_MAX ||
        (alignment & (alignment - 1)) != 0) {
        remember_mistake(writer, "not a usable alignment:", "general.alignment");
        return;
    }
    writer->alignment = alignment;
    gguf_writer_add_u32(writer, "general.alignment", alignment);
}

void gguf_writer_add_number(struct gguf_writer *writer, const char *key, enum gguf_type type,
                            const void *value)
{
    if (gguf_number_size(type) == 0) {
        remember_mistake(writer, "not a number type:", key);
        return;
    }
    begin(writer, key, type);
    strbuf_add(&writer->keys, value, gguf_number_size(type));
}

void gguf_writer_add_u32(struct gguf_writer *writer, const char *key, uint32_t value)
{
    gguf_writer_add_number(writer, key, GGUF_TYPE_U32, &value);
}

void gguf_writer_add_i32(struct gguf_writer *writer, const char *key, int32_t value)
{
    gguf_writer_add_number(writer, key, GGUF_TYPE_I32, &value);
}

void gguf_writer_add_u64(struct gguf_writer *writer, const char *key, uint64_t value)
{
    gguf_writer_add_number(writer, key, GGUF_TYPE_U64, &value);
}

void gguf_writer_add_f32(struct gguf_writer *writer, const char *key, float value)
{
    gguf_writer_add_number(writer, key, GGUF_TYPE_F32, &value);
}

void gguf_writer_add_bool(struct gguf_writer *writer, const char *key, bool value)
{
    const uint8_t byte = value;
    gguf_writer_add_number(writer, key, GGUF_TYPE_BOOL, &byte);
}

void gguf_writer_add_str(struct gguf_writer *writer, const char *key, struct str value)
{
    begin(writer, key, GGUF_TYPE_STR);
    put_str(&writer->keys, value);
}

void gguf_writer_add_numbers(struct gguf_writer *writer, const char *key, enum gguf_type type,
                             const void *values, size_t count)
{
    if (gguf_number_size(type) == 0) {
        remember_mistake(writer, "not a number type:", key);
        return;
    }
    begin(writer, key, GGUF_TYPE_ARRAY);
    put(&writer->keys, type, 4);
    put(&writer->keys, count, 8);
    strbuf_add(&writer->keys, values, count * gguf_number_size(type));
}

void gguf_writer_add_strs(struct gguf_writer *writer, const char *key, const struct str *values,
                          size_t count)
{
    begin(writer, key, GGUF_TYPE_ARRAY);
    put(&writer->keys, GGUF_TYPE_STR, 4);
    put(&writer->keys, count, 8);
    for (size_t i = 0; i < count; i++)
        put_str(&writer->keys, values[i]);
}

/* ---------------------------------------------------------------- tensors */

void gguf_writer_add_tensor(struct gguf_writer *writer, const char *name, enum dtype dtype,
                            uint32_t dim_count, const uint64_t *dims, const void *data)
{
    struct tensor tensor = {
        .name = arena_copy_str(&writer->arena, str_from_c(name)),
        .dtype = dtype,
        .dim_count = dim_count,
        .dims = {1, 1, 1, 1},
        .data = data,
    };
    if (tensor.name.len == 0 || tensor.name.len > GGUF_TENSOR_NAME_LEN_MAX)
        remember_mistake(writer, "a tensor name's length is impossible:", name);
    if (!hash_map_add(&writer->names, tensor.name, 0))
        remember_mistake(writer, "a tensor is given twice:", name);
    if (!tensor_byte_count(dtype, dim_count, dims, &tensor.byte_count)) {
        remember_mistake(writer, "type and shape do not fit each other in tensor", name);
        return;
    }
    memcpy(tensor.dims, dims, dim_count * sizeof(*dims));
    if (writer->tensor_count == writer->tensor_capacity) {
        writer->tensor_capacity = writer->tensor_capacity ? writer->tensor_capacity * 2 : 64;
        writer->tensors =
            mem_realloc(writer->tensors, writer->tensor_capacity * sizeof(*writer->tensors));
    }
    writer->tensors[writer->tensor_count++] = tensor;
}

static size_t padding(const struct gguf_writer *writer, size_t size)
{
    return (writer->alignment - size % writer->alignment) % writer->alignment;
}

/* Everything before the tensor data, padded. */
static void put_front(const struct gguf_writer *writer, struct strbuf *out)
{
    strbuf_add_c(out, "GGUF");
    put(out, GGUF_VERSION_MAX, 4);
    put(out, writer->tensor_count, 8);
    put(out, writer->key_count, 8);
    strbuf_add_str(out, strbuf_view(&writer->keys));
    uint64_t offset = 0;
    for (size_t i = 0; i < writer->tensor_count; i++) {
        const struct tensor *tensor = &writer->tensors[i];
        put_str(out, tensor->name);
        put(out, tensor->dim_count, 4);
        for (uint32_t d = 0; d < tensor->dim_count; d++)
            put(out, tensor->dims[d], 8);
        put(out, (uint32_t)tensor->dtype, 4);
        put(out, offset, 8);
        offset += tensor->byte_count + padding(writer, tensor->byte_count);
    }
    for (size_t left = padding(writer, out->len); left > 0; left--)
        strbuf_add_char(out, '\0');
}

static enum status check_mistake(const struct gguf_writer *writer, struct error *err)
{
    if (writer->mistake.status != OK)
        return error_set(err, writer->mistake.status, "%s", writer->mistake.text);
    return OK;
}

enum status gguf_writer_to_bytes(const struct gguf_writer *writer, struct strbuf *out,
                                 struct error *err)
{
    TRY(check_mistake(writer, err));
    CLEANUP(strbuf_done) struct strbuf front = {0};
    put_front(writer, &front);
    strbuf_add_str(out, strbuf_view(&front));
    for (size_t i = 0; i < writer->tensor_count; i++) {
        const struct tensor *tensor = &writer->tensors[i];
        strbuf_add(out, tensor->data, tensor->byte_count);
        for (size_t left = padding(writer, tensor->byte_count); left > 0; left--)
            strbuf_add_char(out, '\0');
    }
    return OK;
}

enum status gguf_writer_to_file(const struct gguf_writer *writer, const char *path,
                                struct error *err)
{
    static const char zeros[GGUF_ALIGNMENT_MAX];
    TRY(check_mistake(writer, err));
    CLEANUP(strbuf_done) struct strbuf front = {0};
    put_front(writer, &front);
    CLEANUP(file_writer_done) struct file_writer file = {0};
    TRY(file_writer_open(path, &file, err));
    TRY(file_writer_add(&file, front.ptr, front.len, err));
    for (size_t i = 0; i < writer->tensor_count; i++) {
        const struct tensor *tensor = &writer->tensors[i];
        TRY(file_writer_add(&file, tensor->data, tensor->byte_count, err));
        TRY(file_writer_add(&file, zeros, padding(writer, tensor->byte_count), err));
    }
    return file_writer_commit(&file, err);
}
