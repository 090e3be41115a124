/*
 * Responses that can be gone on from: a request gets all that came before, in order; what is too
 * much goes, the oldest first; what was deleted or was never to be kept is not found; texts that
 * others build on stay until these are gone.
 */
#include "base/attr.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "server/response_store.h"
#include "tests/holt_test.h"
#include "text/json.h"

static json_t *body_of(const char *text, const char *previous, bool keeps)
{
    json_t *body = json_pack("{s:s, s:b}", "input", text, "store", keeps);
    if (previous)
        json_object_set_new(body, "previous_response_id", json_string(previous));
    return body;
}

/* Asks `text` behind `previous`, and is answered with the same in capitals; the texts that the
 * model would see, one letter each, are appended to `seen`. */
static enum status turn(struct response_store *store, const char *id, const char *text,
                        const char *previous, bool keeps, struct strbuf *seen, struct error *err)
{
    CLEANUP(json_decrefp) json_t *body = body_of(text, previous, keeps);
    CLEANUP(json_decrefp) json_t *whole = NULL;
    struct response_draft *draft = NULL;
    TRY(response_store_begin(store, body, "reply", &whole, &draft, err));
    const json_t *input = json_object_get(whole, "input");
    strbuf_add_str(seen, json_str(input));
    for (size_t i = 0; i < json_array_size(input); i++) {
        const json_t *content = json_object_get(json_array_get(input, i), "content");
        strbuf_add_str(seen, json_str(json_object_get(json_array_get(content, 0), "text")));
    }
    assert_int_equal(draft != NULL, keeps);
    if (!draft)
        return OK;
    char answer[2] = {(char)(text[0] - 'a' + 'A'), 0};
    CLEANUP(json_decrefp)
    json_t *response = json_pack("{s:s, s:s, s:[{s:s, s:s, s:[{s:s, s:s}]}]}", "id", id, "status",
                                 "completed", "output", "type", "message", "role", "assistant",
                                 "content", "type", "output_text", "text", answer);
    response_store_keep(store, draft, response);
    return OK;
}

static void assert_seen(struct response_store *store, const char *id, const char *text,
                        const char *previous, const char *want)
{
    CLEANUP(strbuf_done) struct strbuf seen = {0};
    assert_ok(turn(store, id, text, previous, true, &seen, err));
    assert_string_equal(strbuf_c(&seen), want);
}

static void a_request_goes_on_from_all_that_came_before(void **state)
{
    (void)state;
    struct response_store *store = response_store_new(10, 1 << 20);
    assert_seen(store, "r1", "a", NULL, "a");
    assert_seen(store, "r2", "b", "r1", "aAb");
    assert_seen(store, "r3", "c", "r2", "aAbBc");
    assert_seen(store, "r4", "d", "r1", "aAd"); /* another way from the same place */
    CLEANUP(json_decrefp) json_t *response = response_store_get(store, STR("r2"));
    assert_string_equal(json_string_value(json_object_get(response, "status")), "completed");
    assert_int_equal(json_array_size(json_object_get(response, "output")), 1);
    CLEANUP(json_decrefp) json_t *items = response_store_get_items(store, STR("r2"));
    assert_int_equal(json_array_size(items), 1); /* what its own request brought */
    response_store_free(store);
}

static void what_is_deleted_or_was_not_to_be_kept_is_not_found(void **state)
{
    (void)state;
    struct response_store *store = response_store_new(10, 1 << 20);
    CLEANUP(strbuf_done) struct strbuf seen = {0};
    struct error told = {0};
    assert_seen(store, "r1", "a", NULL, "a");
    assert_seen(store, "r2", "b", "r1", "aAb");
    assert_true(response_store_delete(store, STR("r1")));
    assert_false(response_store_delete(store, STR("r1")));
    assert_null(response_store_get(store, STR("r1")));
    assert_null(response_store_get_items(store, STR("r1")));
    assert_int_equal(turn(store, "x", "x", "r1", true, &seen, &told), E_NOT_FOUND);
    assert_non_null(strstr(told.text, "'r1' not found"));
    assert_seen(store, "r3", "c", "r2", "aAbBc"); /* r2 was made from it, and keeps it */
    strbuf_clear(&seen);
    assert_ok(turn(store, "r4", "d", "r3", false, &seen, err));
    assert_string_equal(strbuf_c(&seen), "aAbBcCd");
    assert_null(response_store_get(store, STR("r4")));
    response_store_free(store);
}

static void the_oldest_make_room(void **state)
{
    (void)state;
    struct response_store *store = response_store_new(3, 1 << 20);
    char id[] = "r0";
    for (; id[1] < '9'; id[1]++)
        assert_seen(store, id, "a", NULL, "a");
    assert_null(response_store_get(store, STR("r5")));
    for (id[1] = '6'; id[1] < '9'; id[1]++) {
        CLEANUP(json_decrefp) json_t *response = response_store_get(store, str_from_c(id));
        assert_non_null(response);
    }
    response_store_free(store);
}

/* A chain that is larger than all bytes allowed goes as a whole. */
static void bytes_are_bounded(void **state)
{
    (void)state;
    enum { BYTES_MAX = 4096 };
    struct response_store *store = response_store_new(1000, BYTES_MAX);
    CLEANUP(strbuf_done) struct strbuf seen = {0};
    struct error told = {0};
    char id[16] = "r00";
    char before[16] = "r00";
    unsigned lost = 0;
    unsigned kept = 0;
    assert_seen(store, id, "a", NULL, "a");
    for (int i = 1; i < 60; i++) {
        snprintf(id, sizeof(id), "r%02d", i);
        strbuf_clear(&seen);
        const enum status status = turn(store, id, "b", before, true, &seen, &told);
        if (status == OK) {
            memcpy(before, id, sizeof(id));
            kept++;
            continue;
        }
        assert_int_equal(status, E_NOT_FOUND);
        assert_ok(turn(store, id, "a", NULL, true, &seen, err));
        memcpy(before, id, sizeof(id));
        lost++;
    }
    assert_true(lost > 1 && kept > 2 * lost);
    char big[BYTES_MAX + 1];
    memset(big, 'a', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    strbuf_clear(&seen);
    assert_ok(turn(store, "big", big, NULL, true, &seen, err));
    assert_null(response_store_get(store, STR("big")));
    assert_seen(store, "r1", "a", NULL, "a");
    response_store_free(store);
}

/* Each request of a chain reads all of it again. */
static void a_chain_has_an_end(void **state)
{
    (void)state;
    enum { PART = 3 << 20, PARTS = RESPONSE_STORE_CHAIN_BYTES_MAX / PART + 1 };
    struct response_store *store = response_store_new(1000, RESPONSE_STORE_BYTES_MAX);
    CLEANUP(strbuf_done) struct strbuf seen = {0};
    CLEANUP(mem_freep) char *part = mem_zalloc(PART + 1);
    struct error told = {0};
    char before[8] = "";
    memset(part, 'a', PART);
    for (int i = 0; i < PARTS; i++) {
        char id[8];
        snprintf(id, sizeof(id), "p%d", i);
        assert_ok(turn(store, id, part, i ? before : NULL, true, &seen, err));
        memcpy(before, id, sizeof(id));
    }
    assert_int_equal(turn(store, "x", "a", before, true, &seen, &told), E_LIMIT);
    assert_non_null(strstr(told.text, "send the conversation itself"));
    assert_ok(turn(store, "y", "a", "p0", true, &seen, err));
    response_store_free(store);
}

static void a_store_of_none_keeps_nothing(void **state)
{
    (void)state;
    struct response_store *store = response_store_new(0, 1 << 20);
    CLEANUP(json_decrefp) json_t *body = body_of("a", NULL, true);
    CLEANUP(json_decrefp) json_t *whole = NULL;
    struct response_draft *draft = NULL;
    assert_ok(response_store_begin(store, body, "reply", &whole, &draft, err));
    assert_null(draft);
    assert_true(json_equal(whole, body));
    response_store_free(store);
}

/* A client that goes away: its draft is dropped, and with it what only it held. */
static void a_draft_may_be_dropped(void **state)
{
    (void)state;
    struct response_store *store = response_store_new(10, 1 << 20);
    CLEANUP(json_decrefp) json_t *body = body_of("b", "r1", true);
    CLEANUP(json_decrefp) json_t *whole = NULL;
    struct response_draft *draft = NULL;
    assert_seen(store, "r1", "a", NULL, "a");
    assert_ok(response_store_begin(store, body, "reply", &whole, &draft, err));
    assert_true(response_store_delete(store, STR("r1")));
    response_store_drop(store, draft);
    response_store_free(store); /* leaks are found by the sanitizer */
}

int test_response_store(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_goes_on_from_all_that_came_before),
        cmocka_unit_test(what_is_deleted_or_was_not_to_be_kept_is_not_found),
        cmocka_unit_test(the_oldest_make_room),
        cmocka_unit_test(bytes_are_bounded),
        cmocka_unit_test(a_chain_has_an_end),
        cmocka_unit_test(a_store_of_none_keeps_nothing),
        cmocka_unit_test(a_draft_may_be_dropped),
    };
    return cmocka_run_group_tests_name("response_store", tests, NULL, NULL);
}
