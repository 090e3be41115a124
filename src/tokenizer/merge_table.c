#include "tokenizer/merge_table.h"

#include "base/hash_map.h"
#include "base/mem.h"

enum { CAPACITY_MIN = 64 };

/* Puts an entry where it belongs; false if its pair is there. */
static bool put(struct merge_table *table, struct merge_table_entry added)
{
    size_t slot = merge_table_slot(table, added.left, added.right);
    for (;;) {
        struct merge_table_entry *entry = &table->entries[slot];
        if (entry->left == added.left && entry->right == added.right)
            return false;
        if (entry->left == MERGE_TABLE_NONE) {
            *entry = added;
            return true;
        }
        slot = (slot + 1) & (table->capacity - 1);
    }
}

bool merge_table_reserve(struct merge_table *table, size_t count)
{
    size_t capacity = CAPACITY_MIN;
    while (capacity / 2 < count)
        capacity *= 2;
    if (capacity <= table->capacity)
        return true;
    struct merge_table grown = *table;
    grown.seed = hash_map_hash((struct str){"merges", 6}); /* another in every process */
    grown.capacity = capacity;
    grown.entries = mem_try_zalloc(capacity, sizeof(*grown.entries));
    if (!grown.entries)
        return false;
    for (size_t i = 0; i < capacity; i++)
        grown.entries[i].left = MERGE_TABLE_NONE;
    for (size_t i = 0; i < table->capacity; i++) {
        if (table->entries[i].left != MERGE_TABLE_NONE)
            (void)put(&grown, table->entries[i]);
    }
    mem_free(table->entries);
    *table = grown;
    return true;
}

bool merge_table_add(struct merge_table *table, struct merge_table_entry entry)
{
    if (!merge_table_reserve(table, table->count + 1))
        return false;
    table->count += put(table, entry);
    return true;
}

void merge_table_done(struct merge_table *table)
{
    mem_free(table->entries);
    *table = (struct merge_table){0};
}
