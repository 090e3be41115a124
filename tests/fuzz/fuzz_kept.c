/*
 * fuzz_kept - any bytes as a request to /v1/responses that is kept, as one that goes on from it,
 * and as the way a client asks for a page of its items.
 *
 * Pages are contiguous parts of the items in the order asked for, and one behind the other they are
 * all of them. What goes on from a response has its items and its output in front, whole and in
 * order; what is kept is what was said.
 *
 * The parts of an input stand between bytes 0: limit, order, after, the first body, the second.
 */
#include "api/responses_kept.h"
#include "api/responses_read.h"
#include "base/check.h"
#include "server/response_store.h"
#include "text/json.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const char REPLY_ID[] = "0102030405060708090a0b0c0d0e0f10";

static struct str id_of(const json_t *items, size_t index)
{
    return json_str(json_object_get(json_array_get(items, index), "id"));
}

static bool have_own_ids(const json_t *items)
{
    const size_t count = json_array_size(items);
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < i; k++)
            if (str_equal(id_of(items, i), id_of(items, k)))
                return false;
    return true;
}

/* ---------------------------------------------------------------- pages */

/* The place in `items` of what is at `index` in that order. */
static size_t place_of(size_t count, bool is_ascending, size_t index)
{
    return is_ascending ? index : count - 1 - index;
}

/* One page is the items from *at on; moves on. False: it was the last. */
static bool check_page(const json_t *page, const json_t *items, bool is_ascending, size_t *at)
{
    const json_t *data = json_object_get(page, "data");
    const size_t all = json_array_size(items);
    const size_t count = json_array_size(data);
    CHECK(count <= RESPONSES_KEPT_PAGE_MAX && *at + count <= all);
    for (size_t i = 0; i < count; i++)
        CHECK(json_array_get(data, i) ==
              json_array_get(items, place_of(all, is_ascending, *at + i)));
    if (count > 0) {
        CHECK(str_equal(json_str(json_object_get(page, "first_id")), id_of(data, 0)));
        CHECK(str_equal(json_str(json_object_get(page, "last_id")), id_of(data, count - 1)));
    }
    *at += count;
    const bool has_more = json_is_true(json_object_get(page, "has_more"));
    CHECK(has_more == (*at < all) && (count > 0 || !has_more));
    return has_more;
}

static void check_pages(const json_t *items, struct responses_kept_query query)
{
    const bool is_ascending = str_equal_c(query.order, "asc");
    struct api_failure failure = {0};
    CLEANUP(json_decrefp) json_t *asked = responses_kept_page(items, &query, &failure);
    if (!asked) {
        CHECK(failure.http_status == 400 && failure.param && failure.text[0]);
    } else {
        size_t at = 0;
        const size_t all = json_array_size(items);
        while (query.after.len > 0 &&
               !str_equal(id_of(items, place_of(all, is_ascending, at)), query.after))
            CHECK(++at < all);
        at += query.after.len > 0;
        check_page(asked, items, is_ascending, &at);
    }
    size_t at = 0;
    query.after = (struct str){0};
    for (bool has_more = have_own_ids(items); has_more;) {
        CLEANUP(json_decrefp) json_t *page = responses_kept_page(items, &query, &failure);
        if (!page)
            break; /* what was wrong with the query still is */
        has_more = check_page(page, items, is_ascending, &at);
        query.after = id_of(items, place_of(json_array_size(items), is_ascending, at ? at - 1 : 0));
    }
}

/* ---------------------------------------------------------------- items */

static void check_items(const json_t *body, const json_t *items)
{
    const json_t *input = json_object_get(body, "input");
    CLEANUP(json_decrefp) json_t *again = responses_kept_items(body, REPLY_ID);
    CLEANUP(json_decrefp) json_t *fields = responses_kept_fields(body);
    CHECK(json_equal(items, again));
    CHECK(json_array_size(items) == (json_is_string(input) ? 1 : json_array_size(input)));
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *item = json_array_get(items, i);
        CHECK(id_of(items, i).len > 0 && json_object_get(item, "type"));
        CHECK(!json_is_object(json_array_get(input, i)) ||
              json_object_size(item) >= json_object_size(json_array_get(input, i)));
    }
    CHECK(json_is_boolean(json_object_get(fields, "store")));
    CHECK(json_is_array(json_object_get(fields, "tools")));
    CHECK(json_is_number(json_object_get(fields, "temperature")));
}

/* `list` is the items of all parts, one behind the other. */
static void check_joined(const json_t *list, const json_t *const *parts, size_t count)
{
    size_t at = 0;
    for (size_t p = 0; p < count; p++)
        for (size_t i = 0; i < json_array_size(parts[p]); i++)
            CHECK(json_equal(json_array_get(list, at++), json_array_get(parts[p], i)));
    CHECK(at == json_array_size(list));
}

static void check_read(const json_t *body)
{
    CLEANUP(api_request_done) struct api_request request = {0};
    struct error err = {0};
    CHECK(responses_read(body, &request, &err) == OK || err.text[0]);
}

/* Keeps the first request with a response, asks for it, and goes on from it. */
static void keep(json_t *first, json_t *second)
{
    struct response_store *store = response_store_new(2, 1 << 20);
    struct response_draft *draft = NULL;
    struct error err = {0};
    CLEANUP(json_decrefp) json_t *joined = NULL;
    CLEANUP(json_decrefp) json_t *items = responses_kept_items(first, REPLY_ID);
    CLEANUP(json_decrefp) json_t *more = responses_kept_items(second, REPLY_ID);
    CLEANUP(json_decrefp)
    json_t *response = json_pack("{s:s, s:O, s:[{s:s}]}", "id", "resp_1", "tools", items, "output",
                                 "type", "message");
    json_object_del(first, "previous_response_id");
    CHECK(response_store_begin(store, first, REPLY_ID, &joined, &draft, &err) == OK);
    CHECK(json_equal(joined, first));
    CHECK(!draft == json_is_false(json_object_get(first, "store")));
    if (draft) {
        response_store_keep(store, draft, response);
        CLEANUP(json_decrefp) json_t *kept = response_store_get(store, STR("resp_1"));
        CLEANUP(json_decrefp) json_t *kept_items = response_store_get_items(store, STR("resp_1"));
        CLEANUP(json_decrefp) json_t *whole = NULL;
        CHECK(json_equal(kept, response) && json_equal(kept_items, items));
        const json_t *const parts[] = {items, json_object_get(response, "output"), more};
        json_object_set_new(second, "previous_response_id", json_string("resp_1"));
        CHECK(response_store_begin(store, second, REPLY_ID, &whole, &draft, &err) == OK);
        check_joined(json_object_get(whole, "input"), parts, ARRAY_LEN(parts));
        check_read(whole);
        response_store_drop(store, draft);
        CHECK(response_store_delete(store, STR("resp_1")));
    }
    json_object_set_new(second, "previous_response_id", json_string("resp_1"));
    CLEANUP(json_decrefp) json_t *none = NULL;
    CHECK(response_store_begin(store, second, REPLY_ID, &none, &draft, &err) == E_NOT_FOUND);
    response_store_free(store);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct str rest = {(const char *)bytes, size};
    const struct responses_kept_query query = {
        .limit = str_split(&rest, '\0'),
        .order = str_split(&rest, '\0'),
        .after = str_split(&rest, '\0'),
    };
    CLEANUP(json_decrefp) json_t *first = NULL;
    CLEANUP(json_decrefp) json_t *second = NULL;
    struct error err = {0};
    if (json_parse(str_split(&rest, '\0'), NULL, &first, &err) != OK || !json_is_object(first))
        return 0;
    CLEANUP(json_decrefp) json_t *items = responses_kept_items(first, REPLY_ID);
    check_items(first, items);
    check_pages(items, query);
    if (json_parse(rest, NULL, &second, &err) == OK && json_is_object(second))
        keep(first, second);
    return 0;
}
