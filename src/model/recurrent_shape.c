#include "model/recurrent_shape.h"

#include "kernel/kernel_table.h"
#include "model/model_shape.h"
#include "model/shape_reader.h"

#include <inttypes.h>

static enum status read_width(const struct shape_reader *reader, const char *name, uint32_t *out,
                              struct error *err)
{
    TRY(shape_reader_count(reader, name, 0, KERNEL_CONV_WIDTH_MAX, out, err));
    if (*out < KERNEL_CONV_WIDTH_MIN)
        return error_set(err, E_UNSUPPORTED, "%s.%s is %" PRIu32 " (%d to %d)", reader->arch, name,
                         *out, KERNEL_CONV_WIDTH_MIN, KERNEL_CONV_WIDTH_MAX);
    return OK;
}

/* The kernels work on blocks of 16 columns and 16 lanes of a sum. */
static enum status check_blocks(const struct shape_reader *reader, const char *what, uint32_t dim,
                                struct error *err)
{
    if (dim % KERNEL_STATE_COLUMNS == 0)
        return OK;
    return error_set(err, E_UNSUPPORTED,
                     "the recurrent %s of this %s model have %" PRIu32
                     " numbers: holt needs a multiple of %d",
                     what, reader->arch, dim, KERNEL_STATE_COLUMNS);
}

enum status recurrent_shape_read_ssm(const struct shape_reader *reader, struct recurrent_shape *out,
                                     struct error *err)
{
    struct recurrent_shape s = {0};
    uint32_t inner = 0;
    TRY(read_width(reader, "ssm.conv_kernel", &s.conv_width, err));
    TRY(shape_reader_count(reader, "ssm.state_size", 0, RECURRENT_DIM_MAX, &s.key_dim, err));
    TRY(shape_reader_count(reader, "ssm.time_step_rank", 0, MODEL_HEADS_MAX, &s.head_count, err));
    TRY(shape_reader_count(reader, "ssm.group_count", 0, MODEL_HEADS_MAX, &s.group_count, err));
    TRY(shape_reader_count(reader, "ssm.inner_size", 0, RECURRENT_CHANNELS_MAX, &inner, err));
    if (s.head_count % s.group_count != 0)
        return error_set(err, E_FORMAT,
                         "%s.ssm.time_step_rank is %" PRIu32 ", which %s.ssm.group_count = %" PRIu32
                         " does not divide",
                         reader->arch, s.head_count, reader->arch, s.group_count);
    if (inner % s.head_count != 0 || inner % s.group_count != 0)
        return error_set(err, E_FORMAT,
                         "%s.ssm.inner_size is %" PRIu32 ", which %" PRIu32
                         " heads (%s.ssm.time_step_rank) do not divide",
                         reader->arch, inner, s.head_count, reader->arch);
    s.value_dim = inner / s.head_count;
    if (s.value_dim > RECURRENT_DIM_MAX)
        return error_set(err, E_LIMIT, "recurrent heads of %" PRIu32 " numbers (limit %d)",
                         s.value_dim, RECURRENT_DIM_MAX);
    TRY(check_blocks(reader, "keys (ssm.state_size)", s.key_dim, err));
    TRY(check_blocks(reader, "heads (ssm.inner_size / ssm.time_step_rank)", s.value_dim, err));
    s.conv_channels = inner + 2 * s.group_count * s.key_dim;
    if (s.conv_channels > RECURRENT_CHANNELS_MAX)
        return error_set(err, E_LIMIT, "a convolution of %" PRIu32 " channels (limit %d)",
                         s.conv_channels, RECURRENT_CHANNELS_MAX);
    *out = s;
    return OK;
}

enum status recurrent_shape_read_conv(const struct shape_reader *reader, uint32_t channel_count,
                                      struct recurrent_shape *out, struct error *err)
{
    struct recurrent_shape s = {.conv_channels = channel_count};
    TRY(read_width(reader, "shortconv.l_cache", &s.conv_width, err));
    *out = s;
    return OK;
}
