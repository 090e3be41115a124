#include "gguf/gguf.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "gguf/gguf_internal.h"
#include "gguf/gguf_parse.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    FRONT_BYTES_FIRST = 1024 * 1024, /* how much of a file is read before its metadata is sized */
    FRONT_GROWTH = 4,
    BYTES_ALIGNMENT = 8,
};

/* Tensor data lies in the mapping or in the borrowed bytes. */
static void point_tensors(struct gguf_part *part)
{
    for (size_t i = 0; i < part->tensor_count; i++)
        part->tensors[i].data = part->file + part->data_start + part->offsets[i];
}

/* Reads the first `size` bytes of the file and parses them. */
static enum status try_front(struct gguf_part *part, size_t size, bool *out_needs_more,
                             struct error *err)
{
    part->metadata_copy = mem_try_alloc(size ? size : 1);
    if (!part->metadata_copy)
        return error_set(err, E_NO_MEMORY, "no memory for %zu bytes of metadata", size);
    TRY(file_map_read(&part->map, 0, size, part->metadata_copy, err));
    part->metadata = part->metadata_copy;
    return gguf_parse(part->metadata, size, part->file_size, part, out_needs_more, err);
}

/* Reads the front of the file, more and more of it until its metadata is whole. Reading through the
 * descriptor, not the mapping, means that a file cut short meanwhile is an error, not a crash. */
static enum status load_part(const char *path, struct gguf_part *out, struct error *err)
{
    struct file_map map = {0};
    TRY(file_map_open(path, &map, err));
    size_t size_max = GGUF_METADATA_BYTES_MAX;
    if (size_max > map.size)
        size_max = map.size;
    size_t size = FRONT_BYTES_FIRST < size_max ? FRONT_BYTES_FIRST : size_max;
    for (;;) {
        struct gguf_part part = {.map = map, .file = map.bytes, .file_size = map.size};
        bool needs_more = false;
        const enum status status = try_front(&part, size, &needs_more, err);
        if (status == OK) {
            point_tensors(&part);
            *out = part;
            return OK;
        }
        if (!needs_more || size == size_max) {
            gguf_parse_done(&part);
            return status;
        }
        part.map = (struct file_map){0}; /* kept for the next try */
        gguf_parse_done(&part);
        size = size > size_max / FRONT_GROWTH ? size_max : size * FRONT_GROWTH;
    }
}

/* Makes the tensors of all parts one list, with one map of names. */
static enum status join_tensors(struct gguf *file, struct error *err)
{
    size_t count = 0;
    for (size_t i = 0; i < file->part_count; i++)
        count += file->parts[i].tensor_count;
    if (count > GGUF_TENSORS_MAX)
        return error_set(err, E_LIMIT, "%zu tensors (limit %d)", count, GGUF_TENSORS_MAX);
    file->tensors = mem_try_zalloc(count + 1, sizeof(*file->tensors));
    if (!file->tensors)
        return error_set(err, E_NO_MEMORY, "no memory for %zu tensors", count);
    for (size_t i = 0; i < file->part_count; i++) {
        for (size_t t = 0; t < file->parts[i].tensor_count; t++) {
            const struct tensor *tensor = &file->parts[i].tensors[t];
            if (!hash_map_add(&file->names, tensor->name, file->tensor_count))
                return error_set(err, E_FORMAT, "tensor '%s' occurs twice",
                                 gguf_parse_show(tensor->name).text);
            file->tensors[file->tensor_count++] = *tensor;
        }
    }
    return OK;
}

/* ---------------------------------------------------------------- split files */

enum { SPLIT_SUFFIX_LEN = sizeof("-00001-of-00001.gguf") - 1 };

static void part_suffix(uint64_t number, uint64_t count, char out[SPLIT_SUFFIX_LEN + 1])
{
    /* both numbers are at most GGUF_PARTS_MAX here */
    snprintf(out, SPLIT_SUFFIX_LEN + 1, "-%05u-of-%05u.gguf", (unsigned)number % 100000u,
             (unsigned)count % 100000u);
}

static enum status read_split(const struct gguf *file, uint64_t *out_count, struct error *err)
{
    uint64_t number = 0;
    TRY(gguf_get_u64_or(file, "split.count", 1, out_count, err));
    TRY(gguf_get_u64_or(file, "split.no", 0, &number, err));
    if (*out_count == 0 || *out_count > GGUF_PARTS_MAX)
        return error_set(err, E_LIMIT, "split.count is %" PRIu64 " (1 to %d are possible)",
                         *out_count, GGUF_PARTS_MAX);
    if (*out_count > 1 && number != 0) {
        char first[SPLIT_SUFFIX_LEN + 1];
        part_suffix(1, *out_count, first);
        return error_set(err, E_INVALID,
                         "this is part %" PRIu64 " of %" PRIu64
                         "; open the first part, which ends in %s",
                         number + 1, *out_count, first);
    }
    return OK;
}

/* A further part must say that it belongs here. */
static enum status check_part(const struct gguf *file, size_t index, struct error *err)
{
    const struct gguf alone = {.parts = &file->parts[index], .part_count = 1}; /* for its keys */
    uint64_t number = 0;
    uint64_t count = 0;
    TRY(gguf_get_u64(&alone, "split.no", &number, err));
    TRY(gguf_get_u64(&alone, "split.count", &count, err));
    if (number != index || count != file->part_count)
        return error_set(err, E_FORMAT,
                         "it says it is part %" PRIu64 " of %" PRIu64 ", not %zu of %zu",
                         number + 1, count, index + 1, file->part_count);
    struct str architecture = {0};
    struct str expected = {0};
    TRY(gguf_get_str_or(&alone, "general.architecture", STR(""), &architecture, err));
    TRY(gguf_get_str_or(file, "general.architecture", STR(""), &expected, err));
    if (architecture.len > 0 && !str_equal(architecture, expected))
        return error_set(err, E_FORMAT, "it is of another model family");
    return OK;
}

static enum status load_further_part(struct gguf *file, size_t index, const char *part_path,
                                     struct error *err)
{
    TRY(load_part(part_path, &file->parts[index], err));
    return check_part(file, index, err);
}

/* Opens the parts beside the first; their names come from its own name only. */
static enum status load_further_parts(struct gguf *file, const char *path, uint64_t count,
                                      struct error *err)
{
    char suffix[SPLIT_SUFFIX_LEN + 1];
    part_suffix(1, count, suffix);
    const struct str name = str_from_c(path);
    if (!str_ends_with(name, str_from_c(suffix)))
        return error_set(err, E_INVALID,
                         "the first of %" PRIu64 " parts must have a name that ends in %s, so that "
                         "the others can be found",
                         count, suffix);
    file->parts = mem_realloc(file->parts, (size_t)count * sizeof(*file->parts));
    memset(file->parts + 1, 0, ((size_t)count - 1) * sizeof(*file->parts));
    file->part_count = (size_t)count;

    CLEANUP(strbuf_done) struct strbuf part_path = {0};
    for (size_t i = 1; i < file->part_count; i++) {
        part_suffix(i + 1, count, suffix);
        strbuf_clear(&part_path);
        strbuf_add(&part_path, path, name.len - SPLIT_SUFFIX_LEN);
        strbuf_add_c(&part_path, suffix);
        struct error why = {0};
        const enum status status = load_further_part(file, i, strbuf_c(&part_path), &why);
        if (status != OK)
            return error_set(err, status, "part %zu of %zu: %s", i + 1, file->part_count, why.text);
    }
    return OK;
}

static enum status check_split_total(const struct gguf *file, struct error *err)
{
    uint64_t expected = 0;
    TRY(gguf_get_u64_or(file, "split.tensors.count", file->tensor_count, &expected, err));
    if (expected != file->tensor_count)
        return error_set(err, E_FORMAT,
                         "the parts have %zu tensors together, but %" PRIu64
                         " are announced; fetch them again",
                         file->tensor_count, expected);
    return OK;
}

/* ---------------------------------------------------------------- public */

static struct gguf *new_file(void)
{
    struct gguf *file = mem_zalloc(sizeof(*file));
    file->parts = mem_zalloc(sizeof(*file->parts));
    file->part_count = 1;
    return file;
}

enum status gguf_open(const char *path, struct gguf **out, struct error *err)
{
    CLEANUP(gguf_closep) struct gguf *file = new_file();
    uint64_t count = 0;
    TRY(load_part(path, &file->parts[0], err));
    TRY(read_split(file, &count, err));
    if (count > 1)
        TRY(load_further_parts(file, path, count, err));
    TRY(join_tensors(file, err));
    if (count > 1)
        TRY(check_split_total(file, err));

    *out = file;
    file = NULL; /* the caller's now */
    return OK;
}

enum status gguf_open_memory(const void *bytes, size_t size, struct gguf **out, struct error *err)
{
    if ((uintptr_t)bytes % BYTES_ALIGNMENT != 0)
        return error_set(err, E_INVALID, "the bytes are not aligned to %d", BYTES_ALIGNMENT);
    CLEANUP(gguf_closep) struct gguf *file = new_file();
    struct gguf_part *part = &file->parts[0];
    part->metadata = bytes;
    part->file = bytes;
    part->file_size = size;
    bool needs_more = false;
    const size_t front = size < GGUF_METADATA_BYTES_MAX ? size : GGUF_METADATA_BYTES_MAX;
    TRY(gguf_parse(bytes, front, size, part, &needs_more, err));
    point_tensors(part);

    uint64_t count = 0;
    TRY(read_split(file, &count, err));
    if (count > 1)
        return error_set(err, E_UNSUPPORTED, "a split model cannot be opened from memory");
    TRY(join_tensors(file, err));
    *out = file;
    file = NULL; /* the caller's now */
    return OK;
}

void gguf_close(struct gguf *file)
{
    if (!file)
        return;
    for (size_t i = 0; i < file->part_count; i++)
        gguf_parse_done(&file->parts[i]);
    mem_free(file->parts);
    mem_free(file->tensors);
    hash_map_done(&file->names);
    mem_free(file);
}

bool gguf_is_mapped(const struct gguf *file)
{
    for (size_t i = 0; i < file->part_count; i++)
        if (!file->parts[i].map.is_open)
            return false;
    return true;
}

enum status gguf_check_unchanged(const struct gguf *file, struct error *err)
{
    for (size_t i = 0; i < file->part_count; i++) {
        if (file->parts[i].map.is_open)
            TRY(file_map_check(&file->parts[i].map, err));
    }
    return OK;
}

uint64_t gguf_byte_count(const struct gguf *file)
{
    uint64_t count = 0;
    for (size_t i = 0; i < file->part_count; i++)
        count += file->parts[i].file_size;
    return count;
}

size_t gguf_tensor_count(const struct gguf *file)
{
    return file->tensor_count;
}

const struct tensor *gguf_tensor(const struct gguf *file, size_t index)
{
    return &file->tensors[index];
}

const struct tensor *gguf_find_tensor(const struct gguf *file, const char *name)
{
    uint64_t index = 0;
    if (!hash_map_find(&file->names, str_from_c(name), &index))
        return NULL;
    return &file->tensors[index];
}

size_t gguf_entry_count(const struct gguf *file)
{
    return file->parts[0].value_count;
}

struct gguf_entry gguf_entry(const struct gguf *file, size_t index)
{
    const struct gguf_value *value = &file->parts[0].values[index];
    return (struct gguf_entry){
        .key = value->key,
        .type = value->type,
        .element_type = value->element_type,
        .count = value->count,
    };
}

const struct gguf_value *gguf_find_value(const struct gguf *file, struct str key)
{
    uint64_t index = 0;
    if (!hash_map_find(&file->parts[0].keys, key, &index))
        return NULL;
    return &file->parts[0].values[index];
}

bool gguf_has(const struct gguf *file, const char *key)
{
    return gguf_find_value(file, str_from_c(key)) != NULL;
}

const char *gguf_type_name(enum gguf_type type)
{
    static const char *const names[] = {
        [GGUF_TYPE_U8] = "u8",       [GGUF_TYPE_I8] = "i8",     [GGUF_TYPE_U16] = "u16",
        [GGUF_TYPE_I16] = "i16",     [GGUF_TYPE_U32] = "u32",   [GGUF_TYPE_I32] = "i32",
        [GGUF_TYPE_F32] = "f32",     [GGUF_TYPE_BOOL] = "bool", [GGUF_TYPE_STR] = "string",
        [GGUF_TYPE_ARRAY] = "array", [GGUF_TYPE_U64] = "u64",   [GGUF_TYPE_I64] = "i64",
        [GGUF_TYPE_F64] = "f64",
    };
    return (size_t)type < ARRAY_LEN(names) ? names[type] : "?";
}
