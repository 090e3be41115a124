#include "server/response_store.h"

#include "api/responses_kept.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "os/lock.h"
#include "text/json.h"

/* One request and its answer; what it goes on from is before it. */
struct passage {
    struct passage *before;
    unsigned references; /* of passages, responses and drafts */
    unsigned depth;
    char *input;  /* a JSON array */
    char *output; /* likewise */
    size_t size;
    size_t chain_size; /* of this one and all before it */
};

struct response {
    struct response *next; /* a newer one */
    struct passage *passage;
    char *id;
    char *text; /* without "output" */
    size_t size;
};

struct response_draft {
    struct passage *passage; /* without output so far */
};

struct response_store {
    struct lock lock;
    struct response *oldest; /* under the lock, as all below and all counts of references */
    struct response **end;   /* where the next one goes */
    uint32_t count;
    uint32_t count_max;
    size_t bytes;
    size_t bytes_max;
};

/* ---------------------------------------------------------------- passages */

static void unref_passage(struct response_store *store, struct passage *passage)
{
    while (passage && --passage->references == 0) {
        struct passage *before = passage->before;
        store->bytes -= passage->size;
        mem_free(passage->input);
        mem_free(passage->output);
        mem_free(passage);
        passage = before;
    }
}

static struct passage *ref_passage(struct passage *passage)
{
    passage->references++;
    return passage;
}

static void unref_locked(struct response_store *store, struct passage *passage)
{
    lock_take(&store->lock);
    unref_passage(store, passage);
    lock_give(&store->lock);
}

static char *as_text(const json_t *value, size_t *size)
{
    struct strbuf text = {0};
    json_write_python(value, &text);
    *size += text.len + 1;
    return strbuf_take(&text);
}

static json_t *parse(const char *text)
{
    const struct json_limits limits = {.size_max = RESPONSE_STORE_BYTES_MAX};
    json_t *value = NULL;
    return json_parse(str_from_c(text), &limits, &value, NULL) == OK ? value : NULL;
}

static void append_items(json_t *items, const char *text)
{
    CLEANUP(json_decrefp) json_t *more = parse(text);
    json_array_extend(items, more);
}

/* Everything up to this passage, the oldest first. Whoever holds a reference may read: the texts do
 * not change once they can be found. */
static json_t *items_up_to(const struct passage *last)
{
    json_t *items = json_array();
    const size_t count = last ? last->depth : 0;
    CLEANUP(mem_freep) const struct passage **chain = mem_zalloc((count + 1) * sizeof(*chain));
    for (size_t i = count; i > 0; i--, last = last->before)
        chain[i - 1] = last;
    for (size_t i = 0; i < count; i++) {
        append_items(items, chain[i]->input);
        append_items(items, chain[i]->output);
    }
    return items;
}

/* ---------------------------------------------------------------- responses */

/* Where the response is linked, or NULL. */
static struct response **find(struct response_store *store, struct str id)
{
    for (struct response **link = &store->oldest; *link; link = &(*link)->next)
        if (str_equal_c(id, (*link)->id))
            return link;
    return NULL;
}

static void remove_at(struct response_store *store, struct response **link)
{
    struct response *response = *link;
    *link = response->next;
    if (store->end == &response->next)
        store->end = link;
    store->count--;
    store->bytes -= response->size;
    unref_passage(store, response->passage);
    mem_free(response->id);
    mem_free(response->text);
    mem_free(response);
}

struct response_store *response_store_new(uint32_t count_max, size_t bytes_max)
{
    struct response_store *store = mem_zalloc(sizeof(*store));
    lock_init(&store->lock);
    store->end = &store->oldest;
    store->count_max = count_max;
    store->bytes_max = bytes_max;
    return store;
}

void response_store_free(struct response_store *store)
{
    if (!store)
        return;
    while (store->oldest)
        remove_at(store, &store->oldest);
    lock_done(&store->lock);
    mem_free(store);
}

/* ---------------------------------------------------------------- a request */

static struct response_draft *draft_of(struct response_store *store, struct passage *before,
                                       const json_t *items)
{
    struct response_draft *draft = mem_zalloc(sizeof(*draft));
    struct passage *passage = draft->passage = mem_zalloc(sizeof(*passage));
    passage->size = sizeof(*passage);
    passage->input = as_text(items, &passage->size);
    passage->references = 1;
    passage->depth = before ? before->depth + 1 : 1;
    lock_take(&store->lock);
    passage->before = before; /* with its reference */
    passage->chain_size = passage->size + (before ? before->chain_size : 0);
    store->bytes += passage->size;
    lock_give(&store->lock);
    return draft;
}

/* The passage to go on from with a reference, or NULL where there is none to go on from. */
static enum status take_previous(struct response_store *store, struct str id, struct passage **out,
                                 struct error *err)
{
    *out = NULL;
    if (id.len == 0)
        return OK;
    lock_take(&store->lock);
    struct response **link = find(store, id);
    if (link && (*link)->passage->depth < RESPONSE_STORE_CHAIN_MAX &&
        (*link)->passage->chain_size <= RESPONSE_STORE_CHAIN_BYTES_MAX)
        *out = ref_passage((*link)->passage);
    lock_give(&store->lock);
    if (!link)
        return error_set(err, E_NOT_FOUND, "%s", responses_kept_unknown(id, true).text);
    return *out ? OK
                : error_set(err, E_LIMIT,
                            "previous_response_id: more than %d responses, or %d MiB of them, go "
                            "on from one another; send the conversation itself",
                            RESPONSE_STORE_CHAIN_MAX, RESPONSE_STORE_CHAIN_BYTES_MAX >> 20);
}

enum status response_store_begin(struct response_store *store, const json_t *body,
                                 const char *reply_id, json_t **out_body,
                                 struct response_draft **out, struct error *err)
{
    struct passage *before = NULL;
    const json_t *previous = json_object_get(body, "previous_response_id");
    const bool keeps = !json_is_false(json_object_get(body, "store")) && store->count_max > 0;
    if (previous && !json_is_null(previous) && !json_is_string(previous))
        return error_set(err, E_INVALID, "previous_response_id is not a text");
    TRY(take_previous(store, json_str(previous), &before, err));
    CLEANUP(json_decrefp) json_t *items = responses_kept_items(body, reply_id);
    *out = NULL;
    *out_body = json_incref((json_t *)(uintptr_t)body);
    if (before) {
        CLEANUP(json_decrefp) json_t *earlier = items_up_to(before);
        json_decref(*out_body);
        *out_body = responses_kept_joined(body, earlier, items);
    }
    if (keeps)
        *out = draft_of(store, before, items);
    else
        unref_locked(store, before);
    return OK;
}

/* ---------------------------------------------------------------- its response */

/* The oldest make room. */
static void keep_within(struct response_store *store)
{
    while (store->oldest && (store->count > store->count_max || store->bytes > store->bytes_max))
        remove_at(store, &store->oldest);
}

void response_store_keep(struct response_store *store, struct response_draft *draft,
                         const json_t *response)
{
    struct response *kept = mem_zalloc(sizeof(*kept));
    struct passage *passage = draft->passage;
    size_t output_size = 0;
    CLEANUP(json_decrefp) json_t *without = json_copy((json_t *)(uintptr_t)response);
    json_object_del(without, "output");
    kept->size = sizeof(*kept);
    kept->text = as_text(without, &kept->size);
    kept->passage = passage; /* with the draft's reference */
    const struct str id = json_str(json_object_get(response, "id"));
    kept->id = mem_copy(id.ptr, id.len + 1);
    char *output = as_text(json_object_get(response, "output"), &output_size);
    lock_take(&store->lock);
    passage->output = output;
    passage->size += output_size;
    passage->chain_size += output_size;
    *store->end = kept;
    store->end = &kept->next;
    store->count++;
    store->bytes += output_size + kept->size;
    keep_within(store);
    lock_give(&store->lock);
    mem_free(draft);
}

void response_store_drop(struct response_store *store, struct response_draft *draft)
{
    if (!draft)
        return;
    unref_locked(store, draft->passage);
    mem_free(draft);
}

/* ---------------------------------------------------------------- asking */

/* What is kept of the response, to be read outside of the lock: its passage with a reference, and
 * if wanted a copy of its text. NULL: there is none. */
static struct passage *take_kept(struct response_store *store, struct str id, char **out_text)
{
    struct passage *passage = NULL;
    lock_take(&store->lock);
    struct response **link = find(store, id);
    if (link) {
        passage = ref_passage((*link)->passage);
        if (out_text)
            *out_text = mem_copy_str((*link)->text);
    }
    lock_give(&store->lock);
    return passage;
}

json_t *response_store_get(struct response_store *store, struct str id)
{
    CLEANUP(mem_freep) char *text = NULL;
    struct passage *passage = take_kept(store, id, &text);
    if (!passage)
        return NULL;
    json_t *value = parse(text);
    json_object_set_new(value, "output", parse(passage->output));
    unref_locked(store, passage);
    return value;
}

json_t *response_store_get_items(struct response_store *store, struct str id)
{
    struct passage *passage = take_kept(store, id, NULL);
    if (!passage)
        return NULL;
    json_t *items = parse(passage->input);
    unref_locked(store, passage);
    return items;
}

bool response_store_delete(struct response_store *store, struct str id)
{
    lock_take(&store->lock);
    struct response **link = find(store, id);
    if (link)
        remove_at(store, link);
    lock_give(&store->lock);
    return link != NULL;
}
