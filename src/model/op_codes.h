/*
 * op_codes - what attention does beside the products when keys and values are kept as codes; inside
 * model/op_attention.c only. Every function does nothing for other kinds.
 */
#pragma once

#include "model/forward.h"

/* Rotate f->k and f->v, f->q; f->mixed back. In place. */
void op_codes_rotate_stored(struct forward *f, uint32_t layer);
void op_codes_rotate_queries(struct forward *f, uint32_t layer);
void op_codes_rotate_back(struct forward *f, uint32_t layer);

/* After the rows were stored: codes the blocks whose last token is among them. */
void op_codes_encode(struct forward *f, uint32_t layer);

/* Points keys, values and tails at the codes of a head. */
void op_codes_point(const struct forward *f, const struct layer_shape *layer, uint32_t kv_head,
                    struct kernel_attend_args *args);
