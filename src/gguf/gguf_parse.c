#include "gguf/gguf_parse.h"

#include "base/byte_reader.h"
#include "base/mem.h"
#include "gguf/gguf_number.h"

#include <inttypes.h>

/* The bytes "GGUF", little endian. */
#define MAGIC UINT32_C(0x46554747)

enum {
    KEY_BYTES_MIN = 8 + 1 + 4 + 1,            /* length, one letter, type, one byte */
    TENSOR_BYTES_MIN = 8 + 1 + 4 + 8 + 4 + 8, /* name, dimension count, one, type, offset */
    STRING_BYTES_MIN = 8,
    DIM_COUNT_MAX = TENSOR_DIMS_MAX,
};

struct parser {
    struct byte_reader in; /* over the bytes that are at hand */
    size_t file_size;
    bool needs_more;
};

struct gguf_parse_shown gguf_parse_show(struct str name)
{
    struct gguf_parse_shown shown = {0};
    const size_t len = name.len < GGUF_PARSE_SHOWN_MAX ? name.len : GGUF_PARSE_SHOWN_MAX;
    for (size_t i = 0; i < len; i++)
        shown.text[i] = name.ptr[i] >= ' ' && name.ptr[i] <= '~' ? name.ptr[i] : '?';
    if (len < name.len)
        memcpy(shown.text + len, "...", 3);
    return shown;
}

/* Makes sure that `size` more bytes are at hand. */
static enum status need(struct parser *p, uint64_t size, const char *what, struct error *err)
{
    const size_t at = p->in.position;
    if (size > p->file_size - at)
        return error_set(err, E_FORMAT,
                         "the file is cut short or damaged: %s needs %" PRIu64
                         " bytes at offset %zu, but the file ends at %zu; fetch it again",
                         what, size, at, p->file_size);
    if (size > byte_reader_left(&p->in)) {
        p->needs_more = true;
        return error_set(err, E_LIMIT, "metadata is longer than %zu bytes", p->in.size);
    }
    return OK;
}

static enum status read_u32(struct parser *p, uint32_t *out, const char *what, struct error *err)
{
    TRY(need(p, 4, what, err));
    return byte_reader_u32(&p->in, out, err);
}

static enum status read_u64(struct parser *p, uint64_t *out, const char *what, struct error *err)
{
    TRY(need(p, 8, what, err));
    return byte_reader_u64(&p->in, out, err);
}

static enum status read_str(struct parser *p, size_t len_max, struct str *out, const char *what,
                            struct error *err)
{
    uint64_t len = 0;
    TRY(read_u64(p, &len, what, err));
    if (len <= p->file_size - p->in.position && len > len_max)
        return error_set(err, E_LIMIT, "%s is %" PRIu64 " bytes long (limit %zu)", what, len,
                         len_max);
    TRY(need(p, len, what, err));
    return byte_reader_bytes(&p->in, (size_t)len, out, err);
}

/* A key or a tensor name. */
static enum status read_name(struct parser *p, size_t len_max, struct str *out, const char *what,
                             struct error *err)
{
    TRY(read_str(p, len_max, out, what, err));
    if (out->len == 0)
        return error_set(err, E_FORMAT, "%s is empty", what);
    if (memchr(out->ptr, '\0', out->len))
        return error_set(err, E_FORMAT, "%s '%s' contains a NUL byte", what,
                         gguf_parse_show(*out).text);
    return OK;
}

/* What people try to open instead, by how it begins. */
static const char *known_prefix(const unsigned char *bytes, size_t size)
{
    static const struct {
        size_t at;
        const char *prefix;
        const char *what;
    } prefixes[] = {
        {0, "PK\x03\x04", "a ZIP or PyTorch file"},
        {8, "{\"", "a safetensors file"},
        {0, "version https://git-lfs", "a Git LFS pointer, not the model itself"},
        {0, "<!DOCTYPE", "a web page"},
        {0, "<html", "a web page"},
        {0, "lmgg", "a model in the old GGML format"},
        {0, "fmgg", "a model in the old GGML format"},
        {0, "tjgg", "a model in the old GGML format"},
    };
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
        const size_t len = strlen(prefixes[i].prefix);
        if (size >= prefixes[i].at + len &&
            memcmp(bytes + prefixes[i].at, prefixes[i].prefix, len) == 0)
            return prefixes[i].what;
    }
    return NULL;
}

static enum status read_magic(struct parser *p, struct error *err)
{
    if (p->file_size == 0)
        return error_set(err, E_FORMAT, "the file is empty; fetch it again");
    uint32_t magic = 0;
    TRY(read_u32(p, &magic, "the header", err));
    if (magic == MAGIC)
        return OK;
    const char *what = known_prefix(p->in.bytes, p->in.size);
    if (what)
        return error_set(err, E_FORMAT, "not a GGUF file but %s; holt reads .gguf models", what);
    return error_set(
        err, E_FORMAT,
        "not a GGUF file (it begins with %02x %02x %02x %02x); holt reads .gguf models",
        magic & 0xff, (magic >> 8) & 0xff, (magic >> 16) & 0xff, magic >> 24);
}

static enum status read_version(struct parser *p, struct gguf_part *part, struct error *err)
{
    TRY(read_u32(p, &part->version, "the header", err));
    if (part->version != 0 && (part->version & 0xffff) == 0)
        return error_set(err, E_UNSUPPORTED,
                         "a big-endian GGUF file; convert the model again for little-endian");
    if (part->version == 1)
        return error_set(err, E_UNSUPPORTED,
                         "GGUF version 1, obsolete since 2023; convert the model again");
    if (part->version < GGUF_VERSION_MIN || part->version > GGUF_VERSION_MAX)
        return error_set(err, E_UNSUPPORTED,
                         "GGUF version %" PRIu32 "; this program reads versions %d to %d",
                         part->version, GGUF_VERSION_MIN, GGUF_VERSION_MAX);
    return OK;
}

/* A count of things that each take at least `size_min` bytes of the rest of the file. */
static enum status check_count(const struct parser *p, uint64_t count, uint64_t count_max,
                               uint64_t size_min, const char *what, struct error *err)
{
    const uint64_t left = p->file_size - p->in.position;
    if (count > left / size_min)
        return error_set(err, E_FORMAT,
                         "the file is cut short or damaged: it claims %" PRIu64
                         " %s, but only %" PRIu64 " bytes follow; fetch it again",
                         count, what, left);
    if (count > count_max)
        return error_set(err, E_LIMIT, "%" PRIu64 " %s (limit %" PRIu64 ")", count, what,
                         count_max);
    return OK;
}

static enum status read_header(struct parser *p, struct gguf_part *part, struct error *err)
{
    TRY(read_magic(p, err));
    TRY(read_version(p, part, err));
    uint64_t tensor_count = 0;
    uint64_t key_count = 0;
    TRY(read_u64(p, &tensor_count, "the header", err));
    TRY(read_u64(p, &key_count, "the header", err));
    TRY(check_count(p, tensor_count, GGUF_TENSORS_MAX, TENSOR_BYTES_MIN, "tensors", err));
    TRY(check_count(p, key_count, GGUF_KEYS_MAX, KEY_BYTES_MIN, "keys", err));

    part->values = mem_try_zalloc((size_t)key_count + 1, sizeof(*part->values));
    part->tensors = mem_try_zalloc((size_t)tensor_count + 1, sizeof(*part->tensors));
    part->offsets = mem_try_zalloc((size_t)tensor_count + 1, sizeof(*part->offsets));
    if (!part->values || !part->tensors || !part->offsets)
        return error_set(err, E_NO_MEMORY, "no memory for %" PRIu64 " tensors and %" PRIu64 " keys",
                         tensor_count, key_count);
    part->value_count = (size_t)key_count;
    part->tensor_count = (size_t)tensor_count;
    return OK;
}

static enum status read_type(struct parser *p, enum gguf_type *out, struct str key,
                             struct error *err)
{
    uint32_t type = 0;
    TRY(read_u32(p, &type, "a value type", err));
    if (type > GGUF_TYPE_F64)
        return error_set(err, E_FORMAT, "key '%s': unknown value type %" PRIu32,
                         gguf_parse_show(key).text, type);
    *out = (enum gguf_type)type;
    return OK;
}

static enum status check_bools(const struct gguf_value *value, struct error *err)
{
    for (size_t i = 0; i < value->bytes.len; i++) {
        if ((unsigned char)value->bytes.ptr[i] > 1)
            return error_set(err, E_FORMAT, "key '%s': a truth value is %d, not 0 or 1",
                             gguf_parse_show(value->key).text, (unsigned char)value->bytes.ptr[i]);
    }
    return OK;
}

/* `count` numbers of one type. */
static enum status read_numbers(struct parser *p, struct gguf_value *value, struct error *err)
{
    const uint64_t size = gguf_number_size(value->element_type);
    TRY(need(p, value->count * size, "a value", err)); /* count was held against the file */
    TRY(byte_reader_bytes(&p->in, value->count * size, &value->bytes, err));
    return value->element_type == GGUF_TYPE_BOOL ? check_bools(value, err) : OK;
}

static enum status read_array(struct parser *p, struct gguf_value *value, struct error *err)
{
    uint64_t count = 0;
    TRY(read_type(p, &value->element_type, value->key, err));
    TRY(read_u64(p, &count, "an array", err));
    if (value->element_type == GGUF_TYPE_ARRAY)
        return error_set(err, E_UNSUPPORTED, "key '%s': an array of arrays",
                         gguf_parse_show(value->key).text);
    const bool is_str = value->element_type == GGUF_TYPE_STR;
    const size_t size_min = is_str ? STRING_BYTES_MIN : gguf_number_size(value->element_type);
    TRY(check_count(p, count, UINT64_MAX, size_min, "array elements", err));
    value->count = (size_t)count;
    if (!is_str)
        return read_numbers(p, value, err);

    TRY(need(p, count * STRING_BYTES_MIN, "an array", err)); /* before memory is taken for it */
    value->strings = mem_try_zalloc((size_t)count + 1, sizeof(*value->strings));
    if (!value->strings)
        return error_set(err, E_NO_MEMORY, "no memory for %" PRIu64 " strings", count);
    for (size_t i = 0; i < value->count; i++)
        TRY(read_str(p, GGUF_ELEMENT_LEN_MAX, &value->strings[i], "a string of an array", err));
    return OK;
}

static enum status read_value(struct parser *p, struct gguf_value *value, struct error *err)
{
    TRY(read_name(p, GGUF_KEY_LEN_MAX, &value->key, "a key", err));
    TRY(read_type(p, &value->type, value->key, err));
    value->element_type = value->type;
    value->count = 1;
    if (value->type == GGUF_TYPE_STR)
        return read_str(p, GGUF_STRING_LEN_MAX, &value->bytes, "a string value", err);
    if (value->type == GGUF_TYPE_ARRAY)
        return read_array(p, value, err);
    return read_numbers(p, value, err);
}

static enum status read_values(struct parser *p, struct gguf_part *part, struct error *err)
{
    part->alignment = GGUF_ALIGNMENT_DEFAULT;
    for (size_t i = 0; i < part->value_count; i++) {
        struct gguf_value *value = &part->values[i];
        TRY(read_value(p, value, err));
        if (!hash_map_add(&part->keys, value->key, i))
            return error_set(err, E_FORMAT, "key '%s' occurs twice",
                             gguf_parse_show(value->key).text);
        if (!str_equal_c(value->key, "general.alignment"))
            continue;
        if (value->type != GGUF_TYPE_U32)
            return error_set(err, E_FORMAT, "general.alignment is no 32-bit number");
        struct byte_reader number = byte_reader_over(value->bytes.ptr, value->bytes.len);
        TRY(byte_reader_u32(&number, &part->alignment, err));
        if (part->alignment < GGUF_ALIGNMENT_MIN || part->alignment > GGUF_ALIGNMENT_MAX ||
            (part->alignment & (part->alignment - 1)) != 0)
            return error_set(err, E_FORMAT,
                             "general.alignment is %" PRIu32 "; it must be a power of two from %d "
                             "to %d",
                             part->alignment, GGUF_ALIGNMENT_MIN, GGUF_ALIGNMENT_MAX);
    }
    return OK;
}

static enum status unknown_dtype(const struct tensor *tensor, uint32_t id, struct error *err)
{
    const char *name = dtype_foreign_name(id);
    return error_set(err, E_UNSUPPORTED,
                     "tensor '%s' has element type %" PRIu32 " (%s), which holt cannot read; get "
                     "the model in a standard type such as Q4_K_M or Q8_0, or make that of the "
                     "original with llama-quantize",
                     gguf_parse_show(tensor->name).text, id, name ? name : "unknown");
}

static enum status check_shape(struct tensor *tensor, uint32_t dtype, struct error *err)
{
    const struct gguf_parse_shown name = gguf_parse_show(tensor->name);
    for (uint32_t d = 0; d < tensor->dim_count; d++) {
        if (tensor->dims[d] == 0)
            return error_set(err, E_FORMAT, "tensor '%s': dimension %" PRIu32 " is zero", name.text,
                             d);
    }
    const struct dtype_info *info = dtype_find(dtype);
    if (!info)
        return unknown_dtype(tensor, dtype, err);
    tensor->dtype = info->dtype;
    if (tensor->dims[0] % info->block_len != 0)
        return error_set(err, E_FORMAT,
                         "tensor '%s': rows of %" PRIu64
                         " elements cannot be %s (blocks of %" PRIu32 ")",
                         name.text, tensor->dims[0], info->name, info->block_len);
    if (!tensor_byte_count(tensor->dtype, tensor->dim_count, tensor->dims, &tensor->byte_count))
        return error_set(err, E_FORMAT,
                         "tensor '%s': impossible size %" PRIu64 " x %" PRIu64 " x %" PRIu64
                         " x %" PRIu64 "; the file is damaged: fetch it again",
                         name.text, tensor->dims[0], tensor->dims[1], tensor->dims[2],
                         tensor->dims[3]);
    return OK;
}

static enum status read_tensor(struct parser *p, struct tensor *tensor, uint64_t *out_offset,
                               struct error *err)
{
    TRY(read_name(p, GGUF_TENSOR_NAME_LEN_MAX, &tensor->name, "a tensor name", err));
    TRY(read_u32(p, &tensor->dim_count, "the tensor table", err));
    if (tensor->dim_count < 1 || tensor->dim_count > DIM_COUNT_MAX)
        return error_set(err, E_FORMAT,
                         "tensor '%s': %" PRIu32 " dimensions (1 to %d are possible)",
                         gguf_parse_show(tensor->name).text, tensor->dim_count, DIM_COUNT_MAX);
    for (uint32_t d = 0; d < TENSOR_DIMS_MAX; d++) {
        tensor->dims[d] = 1;
        if (d < tensor->dim_count)
            TRY(read_u64(p, &tensor->dims[d], "the tensor table", err));
    }
    uint32_t dtype = 0;
    TRY(read_u32(p, &dtype, "the tensor table", err));
    TRY(read_u64(p, out_offset, "the tensor table", err));
    return check_shape(tensor, dtype, err);
}

/* Where tensor data begins: the end of the table rounded up. */
static enum status place_data(const struct parser *p, struct gguf_part *part, struct error *err)
{
    const size_t alignment = part->alignment;
    part->metadata_size = p->in.position;
    part->data_start = (p->in.position + alignment - 1) / alignment * alignment;
    if (part->tensor_count == 0 && part->data_start > p->file_size)
        part->data_start = p->file_size; /* vocabulary only: nothing follows */
    if (part->data_start > p->file_size)
        return error_set(err, E_FORMAT,
                         "the file is cut short: tensor data should begin at offset %zu, but the "
                         "file ends at %zu; fetch it again",
                         part->data_start, p->file_size);
    return OK;
}

static enum status check_place(const struct parser *p, const struct gguf_part *part, size_t i,
                               struct error *err)
{
    const struct tensor *tensor = &part->tensors[i];
    const uint64_t size = p->file_size - part->data_start;
    const uint64_t offset = part->offsets[i];
    if (offset % part->alignment != 0)
        return error_set(err, E_FORMAT,
                         "tensor '%s': offset %" PRIu64 " is no multiple of %" PRIu32,
                         gguf_parse_show(tensor->name).text, offset, part->alignment);
    if (offset > size || tensor->byte_count > size - offset)
        return error_set(err, E_FORMAT,
                         "the file is cut short or damaged: tensor '%s' needs %zu bytes at %" PRIu64
                         " of the data, which has %" PRIu64 "; fetch it again",
                         gguf_parse_show(tensor->name).text, tensor->byte_count, offset, size);
    return OK;
}

struct extent {
    uint64_t begin;
    uint64_t end;
    size_t tensor;
};

static int compare_extents(const void *a, const void *b)
{
    const struct extent *x = a;
    const struct extent *y = b;
    return (x->begin > y->begin) - (x->begin < y->begin);
}

static enum status check_overlap(const struct gguf_part *part, struct error *err)
{
    CLEANUP(mem_freep)
    struct extent *extents = mem_try_zalloc(part->tensor_count + 1, sizeof(*extents));
    if (!extents)
        return error_set(err, E_NO_MEMORY, "no memory for %zu tensors", part->tensor_count);
    for (size_t i = 0; i < part->tensor_count; i++)
        extents[i] = (struct extent){
            .begin = part->offsets[i],
            .end = part->offsets[i] + part->tensors[i].byte_count,
            .tensor = i,
        };
    qsort(extents, part->tensor_count, sizeof(*extents), compare_extents);
    for (size_t i = 1; i < part->tensor_count; i++) {
        if (extents[i].begin < extents[i - 1].end)
            return error_set(err, E_FORMAT, "tensors '%s' and '%s' overlap",
                             gguf_parse_show(part->tensors[extents[i - 1].tensor].name).text,
                             gguf_parse_show(part->tensors[extents[i].tensor].name).text);
    }
    return OK;
}

static enum status parse(struct parser *p, struct gguf_part *part, struct error *err)
{
    TRY(read_header(p, part, err));
    TRY(read_values(p, part, err));
    for (size_t i = 0; i < part->tensor_count; i++)
        TRY(read_tensor(p, &part->tensors[i], &part->offsets[i], err));
    TRY(place_data(p, part, err));
    for (size_t i = 0; i < part->tensor_count; i++)
        TRY(check_place(p, part, i, err));
    return check_overlap(part, err);
}

enum status gguf_parse(const unsigned char *bytes, size_t available, size_t file_size,
                       struct gguf_part *part, bool *out_needs_more, struct error *err)
{
    struct parser p = {.in = byte_reader_over(bytes, available), .file_size = file_size};
    const enum status status = parse(&p, part, err);
    *out_needs_more = p.needs_more;
    return status;
}

void gguf_parse_done(struct gguf_part *part)
{
    if (part->values) {
        for (size_t i = 0; i < part->value_count; i++)
            mem_free(part->values[i].strings);
    }
    mem_free(part->values);
    mem_free(part->tensors);
    mem_free(part->offsets);
    hash_map_done(&part->keys);
    mem_free(part->metadata_copy);
    file_map_close(&part->map);
    *part = (struct gguf_part){0};
}
