#include "engine/session_log.h"

#include "base/check.h"
#include "base/mem.h"

#include <string.h>

enum { SLAB_BLOCKS_MIN = 16 };

struct session_log_slab {
    struct session_log_slab *next; /* older */
    uint32_t block_count;
    struct session_log_block blocks[];
};

/* ---------------------------------------------------------------- blocks */

static void add_slab(struct session_log_store *store, uint32_t block_count)
{
    struct session_log_slab *slab =
        mem_zalloc(sizeof(*slab) + block_count * sizeof(slab->blocks[0]));
    slab->block_count = block_count;
    slab->next = store->slabs;
    store->slabs = slab;
    store->fresh_count = block_count;
}

static struct session_log_block *fresh_block(struct session_log_store *store)
{
    struct session_log_slab *slab = store->slabs;
    return &slab->blocks[slab->block_count - store->fresh_count--];
}

static void free_block(struct session_log_store *store, struct session_log_block *block)
{
    block->next_free = store->free_block;
    store->free_block = block;
    store->free_count++;
}

static void release_block(struct session_log_store *store, struct session_log_block *block)
{
    DCHECK(block->references > 0);
    if (--block->references > 0)
        return;
    free_block(store, block);
    store->used_count--;
}

static void reserve_blocks(struct session_log_store *store, uint32_t count)
{
    const uint32_t spare = store->free_count + store->fresh_count;
    if (count <= spare)
        return;
    while (store->fresh_count > 0) /* the newest slab will be another */
        free_block(store, fresh_block(store));
    const uint32_t missing = count - spare;
    add_slab(store, missing > SLAB_BLOCKS_MIN ? missing : SLAB_BLOCKS_MIN);
}

static struct session_log_block *take_block(struct session_log_store *store)
{
    struct session_log_block *block = store->free_block;
    reserve_blocks(store, 1);
    if (block) {
        store->free_block = block->next_free;
        store->free_count--;
    } else {
        block = fresh_block(store);
    }
    block->references = 1;
    store->used_count++;
    return block;
}

void session_log_store_done(struct session_log_store *store)
{
    CHECK(store->used_count == 0);
    while (store->slabs) {
        struct session_log_slab *slab = store->slabs;
        store->slabs = slab->next;
        mem_free(slab);
    }
    *store = (struct session_log_store){0};
}

/* ---------------------------------------------------------------- tables */

static uint32_t blocks_for(uint32_t token_count)
{
    return token_count / SESSION_LOG_BLOCK_TOKENS + (token_count % SESSION_LOG_BLOCK_TOKENS != 0);
}

static struct session_log_table *new_table(const struct session_log *log)
{
    struct session_log_table *table =
        mem_zalloc(sizeof(*table) + blocks_for(log->capacity) * sizeof(table->blocks[0]));
    table->references = 1;
    return table;
}

static void release_table(struct session_log *log)
{
    struct session_log_table *table = log->table;
    log->table = NULL;
    if (!table || --table->references > 0)
        return;
    while (table->block_count > 0)
        release_block(log->store, table->blocks[--table->block_count]);
    mem_free(table);
}

/* Makes the table the log's own, with the blocks of its first `count` tokens. */
static void own_table(struct session_log *log, uint32_t count)
{
    const struct session_log_table *shared = log->table;
    if (shared && shared->references == 1)
        return;
    struct session_log_table *table = new_table(log);
    for (uint32_t i = 0; i < blocks_for(count); i++) {
        table->blocks[table->block_count++] = shared->blocks[i];
        shared->blocks[i]->references++;
    }
    release_table(log);
    log->table = table;
}

/* The block of token `index`, which the log has, for writing. */
static struct session_log_block *own_block(struct session_log *log, uint32_t index)
{
    own_table(log, log->count);
    struct session_log_block **block = &log->table->blocks[index / SESSION_LOG_BLOCK_TOKENS];
    if ((*block)->references > 1) {
        struct session_log_block *own = take_block(log->store);
        memcpy(own->tokens, (*block)->tokens, sizeof(own->tokens));
        release_block(log->store, *block);
        *block = own;
    }
    return *block;
}

/* ---------------------------------------------------------------- logs */

void session_log_init(struct session_log *log, struct session_log_store *store, uint32_t capacity)
{
    *log = (struct session_log){.store = store, .capacity = capacity};
}

void session_log_done(struct session_log *log)
{
    release_table(log);
    log->count = 0;
}

void session_log_share(const struct session_log *from, struct session_log *to)
{
    CHECK(to->count == 0 && to->store == from->store && to->capacity == from->capacity);
    release_table(to);
    to->table = from->table;
    to->count = from->count;
    if (to->table)
        to->table->references++;
}

void session_log_push(struct session_log *log, struct log_token token)
{
    CHECK(log->count < log->capacity);
    const uint32_t index = log->count;
    if (index % SESSION_LOG_BLOCK_TOKENS == 0) {
        own_table(log, index);
        log->table->blocks[log->table->block_count++] = take_block(log->store);
        log->count++;
    } else {
        own_block(log, log->count++);
    }
    log->table->blocks[index / SESSION_LOG_BLOCK_TOKENS]->tokens[index % SESSION_LOG_BLOCK_TOKENS] =
        token;
}

void session_log_cut(struct session_log *log, uint32_t count)
{
    if (count >= log->count)
        return;
    log->count = count;
    if (log->table->block_count == blocks_for(count))
        return;
    own_table(log, count);
    while (log->table->block_count > blocks_for(count))
        release_block(log->store, log->table->blocks[--log->table->block_count]);
}

void session_log_keep_state(struct session_log *log, uint32_t index)
{
    CHECK(index < log->count);
    if (session_log_at(log, index)->keeps_state)
        return;
    struct session_log_block *block = own_block(log, index);
    block->tokens[index % SESSION_LOG_BLOCK_TOKENS].keeps_state = true;
}

void session_log_reserve(struct session_log *log, uint32_t count)
{
    own_table(log, log->count);
    reserve_blocks(log->store, count / SESSION_LOG_BLOCK_TOKENS + 2);
}

struct log_token *session_log_copy(const struct session_log *log, uint32_t count)
{
    CHECK(count <= log->count);
    struct log_token *copy = mem_alloc((count + 1) * sizeof(*copy));
    for (uint32_t begin = 0; begin < count;) {
        const uint32_t run = session_log_run(log, begin);
        const uint32_t part = run < count - begin ? run : count - begin;
        memcpy(copy + begin, session_log_at(log, begin), part * sizeof(*copy));
        begin += part;
    }
    return copy;
}

void session_log_ids(const struct session_log *log, uint32_t begin, uint32_t end, int32_t *out)
{
    CHECK(begin <= end && end <= log->count);
    for (uint32_t i = begin; i < end; i++)
        out[i - begin] = session_log_at(log, i)->id;
}
