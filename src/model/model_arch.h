/*
 * model_arch - the table type of a model family: everything that is special about it is in the one
 * file behind its row (arch_<name>.c).
 *
 * Depends on: base/. Used by: arch_list.c, model.c, infer/.
 */
#pragma once

#include "base/error.h"

struct forward;
struct gguf;
struct model;
struct model_shape;
struct weight_binder;

struct model_arch {
    const char *name; /* value of general.architecture in the file */

    /* Reads and checks every number this family needs; contradictory or unsupported keys fail. */
    enum status (*read_shape)(const struct gguf *file, struct model_shape *shape,
                              struct error *err);

    /* Names every tensor with its shape. The binder checks type and size and fails by name. */
    enum status (*bind_weights)(struct weight_binder *bind, struct model *model, struct error *err);

    /* Runs one slice of rows through every layer; leaves logits in forward->logits. Cannot fail:
     * everything that could was checked above. */
    void (*run)(const struct model *model, struct forward *f);

    /* Runs the block for speculation (model.h, draft_weights) over rows whose token is the one
     * behind the position that forward->hidden stands for: logits of the token after it, and
     * forward->hidden for the next such run. It has keys and values of its own, at the rows'
     * positions. NULL: the family has none; the model may lack it too. */
    void (*run_draft)(const struct model *model, struct forward *f);
};
