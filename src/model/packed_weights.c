#include "model/packed_weights.h"

#include "base/check.h"
#include "base/mem.h"
#include "kernel/kernel_table.h"
#include "kernel/packed.h"
#include "model/model.h"
#include "os/memory.h"

#include <stdatomic.h>

enum {
    CHUNK_ROWS = KERNEL_ROW_ALIGN, /* packed or not as a whole */
    ROWS_MANY = 64,                /* of a step: packing costs little beside its products */
    STEP_SHARE = 8,                /* of the weights that a smaller step packs: an eighth */
    ALIGNMENT = 64,
    SPARE_SHARE = 8,        /* addresses beyond the weights' bytes: an eighth, */
    SPARE_BYTES = 64 << 20, /* and this: matrices are filled up to whole chunks */
};

/* One matrix or stack of the model. */
struct packed_matrix {
    unsigned char *bytes;     /* its part of the region, filled chunk by chunk; NULL: none yet */
    unsigned char *is_packed; /* [slices][chunks_per_slice] */
    size_t group_bytes;
    size_t chunks_per_slice;
    atomic_size_t chunks_left;
    bool is_refused; /* no packed form, or no memory */
};

struct packed_weights {
    const struct model *model;
    const struct kernel_table *kernels;
    struct packed_matrix *matrices; /* [model->matrix_count], by weight.id */
    unsigned char *region; /* of all matrices, one after another: large pages hold several */
    size_t region_bytes;
    size_t region_used;
    bool has_begun;
    atomic_size_t step_bytes; /* that this step may still pack */
    atomic_size_t packed_bytes;
};

enum status packed_weights_new(const struct model *model, const struct kernel_table *kernels,
                               struct packed_weights **out, struct error *err)
{
    struct packed_weights *packed = mem_zalloc(sizeof(*packed));
    packed->model = model;
    packed->kernels = kernels;
    packed->matrices = mem_try_zalloc(model->matrix_count + 1, sizeof(*packed->matrices));
    if (!packed->matrices) {
        mem_free(packed);
        return error_set(err, E_NO_MEMORY, "no memory for the table of packed weights");
    }
    *out = packed;
    return OK;
}

void packed_weights_free(struct packed_weights *packed)
{
    if (!packed)
        return;
    for (size_t i = 0; i < packed->model->matrix_count; i++)
        mem_free(packed->matrices[i].is_packed);
    memory_release(packed->region, packed->region_bytes);
    mem_free(packed->matrices);
    mem_free(packed);
}

uint64_t packed_weights_bytes(const struct packed_weights *packed)
{
    return atomic_load_explicit(&packed->packed_bytes, memory_order_relaxed);
}

void packed_weights_begin(struct packed_weights *packed, uint32_t row_count)
{
    size_t share = (size_t)packed->model->weight_bytes / STEP_SHARE + 1;
    if (row_count >= ROWS_MANY)
        share = SIZE_MAX;
    else if (!packed->has_begun)
        share = 0;
    packed->has_begun = true;
    atomic_store_explicit(&packed->step_bytes, share, memory_order_relaxed);
}

static size_t chunk_bytes(const struct packed_matrix *matrix)
{
    return matrix->group_bytes * (CHUNK_ROWS / PACKED_ROWS);
}

/* The next `size` bytes of the region; NULL: it is full, or there is none. */
static unsigned char *take(struct packed_weights *packed, size_t size)
{
    if (!packed->region_bytes) {
        const size_t weights = (size_t)packed->model->weight_bytes;
        packed->region_bytes = weights + weights / SPARE_SHARE + SPARE_BYTES;
        packed->region = memory_reserve(packed->region_bytes);
    }
    if (!packed->region || size > packed->region_bytes - packed->region_used)
        return NULL;
    unsigned char *bytes = packed->region + packed->region_used;
    const size_t after = packed->region_used + (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    packed->region_used = after < packed->region_bytes ? after : packed->region_bytes;
    return bytes;
}

static bool reserve(struct packed_weights *packed, const struct weight *weight,
                    struct packed_matrix *matrix)
{
    matrix->group_bytes = packed->kernels->matmul[weight->dtype].run_packed
                              ? packed_group_bytes(weight->dtype, weight->column_count)
                              : 0;
    if (matrix->group_bytes == 0)
        return false;
    matrix->chunks_per_slice = (weight->row_count + CHUNK_ROWS - 1) / CHUNK_ROWS;
    const size_t chunks = matrix->chunks_per_slice * weight->slice_count;
    matrix->is_packed = mem_try_zalloc(chunks, 1);
    if (!matrix->is_packed)
        return false;
    matrix->bytes = take(packed, chunks * chunk_bytes(matrix));
    atomic_store_explicit(&matrix->chunks_left, chunks, memory_order_relaxed);
    return matrix->bytes != NULL;
}

void packed_weights_prepare(struct packed_weights *packed, const struct weight *weight)
{
    DCHECK(weight->id < packed->model->matrix_count);
    struct packed_matrix *matrix = &packed->matrices[weight->id];
    if (!matrix->bytes && !matrix->is_refused)
        matrix->is_refused = !reserve(packed, weight, matrix);
}

/* Takes `bytes` of what the step may pack. */
static bool may_pack(struct packed_weights *packed, size_t bytes)
{
    size_t left = atomic_load_explicit(&packed->step_bytes, memory_order_relaxed);
    do {
        if (left < bytes)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&packed->step_bytes, &left, left - bytes,
                                                    memory_order_relaxed, memory_order_relaxed));
    return true;
}

/* All of a matrix is packed: nothing reads the file's pages any more, but for single rows. */
static void give_back(const struct packed_weights *packed, const struct weight *weight)
{
    if (!packed->model->is_mapped)
        return;
    const unsigned char *first = weight->data - weight->slice * weight->slice_bytes;
    const size_t used = weight->row_bytes * weight->row_count;
    for (size_t i = 0; i < weight->slice_count; i++) /* halves of a pair alternate in the file */
        memory_advise_unused(first + i * weight->slice_bytes, used);
}

static void pack_chunk(struct packed_weights *packed, const struct weight *weight,
                       struct packed_matrix *matrix, size_t chunk)
{
    const size_t index = weight->slice * matrix->chunks_per_slice + chunk;
    unsigned char *out = matrix->bytes + index * chunk_bytes(matrix);
    const size_t begin = chunk * CHUNK_ROWS;
    for (size_t row = begin; row < begin + CHUNK_ROWS && row < weight->row_count;
         row += PACKED_ROWS, out += matrix->group_bytes) {
        const size_t left = weight->row_count - row;
        packed->kernels->pack(weight->dtype, weight->data + row * weight->row_bytes,
                              left < PACKED_ROWS ? left : PACKED_ROWS, weight->column_count, out);
    }
    matrix->is_packed[index] = 1;
    atomic_fetch_add_explicit(&packed->packed_bytes, chunk_bytes(matrix), memory_order_relaxed);
    if (atomic_fetch_sub_explicit(&matrix->chunks_left, 1, memory_order_relaxed) == 1)
        give_back(packed, weight);
}

/* Packs chunks [begin, end) of the slice that are not packed yet, as far as the step may, and gives
 * back the pages they came from. */
static void pack_chunks(struct packed_weights *packed, const struct weight *weight,
                        struct packed_matrix *matrix, size_t begin, size_t end)
{
    const unsigned char *is_packed = matrix->is_packed + weight->slice * matrix->chunks_per_slice;
    size_t first = SIZE_MAX;
    size_t after = 0;
    for (size_t chunk = begin; chunk < end; chunk++) {
        if (is_packed[chunk] || !may_pack(packed, chunk_bytes(matrix)))
            continue;
        pack_chunk(packed, weight, matrix, chunk);
        first = chunk < first ? chunk : first;
        after = (chunk + 1) * CHUNK_ROWS;
    }
    if (first == SIZE_MAX || !packed->model->is_mapped)
        return;
    after = after < weight->row_count ? after : weight->row_count;
    memory_advise_unused(weight->data + first * CHUNK_ROWS * weight->row_bytes,
                         (after - first * CHUNK_ROWS) * weight->row_bytes);
}

void packed_weights_multiply(struct packed_weights *packed, const struct kernel_table *kernels,
                             const struct weight *weight, const struct kernel_matmul_args *args)
{
    const struct kernel_matmul *matmul = &kernels->matmul[weight->dtype];
    struct packed_matrix *matrix = packed ? &packed->matrices[weight->id] : NULL;
    if (!matrix || !matrix->bytes) {
        matmul->run(args);
        return;
    }
    DCHECK(args->row_begin % CHUNK_ROWS == 0);
    const unsigned char *is_packed = matrix->is_packed + weight->slice * matrix->chunks_per_slice;
    const size_t end = (args->row_end + CHUNK_ROWS - 1) / CHUNK_ROWS;
    size_t chunk = args->row_begin / CHUNK_ROWS;
    pack_chunks(packed, weight, matrix, chunk, end);
    while (chunk < end) { /* runs that are alike */
        struct kernel_matmul_args part = *args;
        const bool is_run_packed = is_packed[chunk];
        part.row_begin = chunk * CHUNK_ROWS;
        while (chunk < end && is_packed[chunk] == is_run_packed)
            chunk++;
        part.row_end = chunk < end ? chunk * CHUNK_ROWS : args->row_end;
        if (is_run_packed) {
            part.weights =
                matrix->bytes + weight->slice * matrix->chunks_per_slice * chunk_bytes(matrix);
            matmul->run_packed(&part);
        } else {
            matmul->run(&part);
        }
    }
}
