/*
 * model_list - the models a server has to offer, loaded or not, as its listings show them.
 *
 * Threads: one at a time. Used by: listings.c, server/, cli/served_models.c.
 */
#pragma once

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MODEL_LIST_DIGEST_LEN = 64, MODEL_LIST_ROWS_MAX = 4096 };

struct model_list_row {
    char *name;         /* what clients call it; owned, as the two below */
    char *architecture; /* general.architecture */
    char *quantization; /* "Q4_K_M", or "" */
    char *loaded_as;    /* the name of what is loaded for it; "": its own; owned */
    uint64_t parameter_count;
    uint64_t size_bytes;
    int64_t modified_us; /* since 1970 */
    char digest[MODEL_LIST_DIGEST_LEN + 1];
    uint32_t context_tokens; /* in force; of a model that is not loaded: what it was trained for */
    bool embeds;
    bool calls_tools;
    bool thinks;

    bool is_loaded; /* what is below is of loaded models only */
    uint64_t memory_bytes;
    int64_t expires_us; /* since 1970, when it will be unloaded; 0: never */
    uint32_t active_count;
    uint32_t waiting_count;
};

/* Zeroed is empty. */
struct model_list {
    struct model_list_row *rows;
    size_t count;
};

/* Copies the row and its texts; NULL texts become "". Rows beyond MODEL_LIST_ROWS_MAX are left
 * out. */
void model_list_add(struct model_list *list, const struct model_list_row *row);

/* The row of that name, or NULL. */
struct model_list_row *model_list_find(const struct model_list *list, struct str name);
void model_list_done(struct model_list *list);
