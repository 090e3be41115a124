/* Names and durations as clients write them. */
#include "api/route.h"
#include "tests/holt_test.h"
#include "text/json.h"

static void durations_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double seconds;
        bool is_bad;
    } rows[] = {
        {"5m", 300, false},
        {"1h30m", 5400, false},
        {"90s", 90, false},
        {"-1", -1, false},
        {"0", 0, false},
        {"1.5h", 5400, false},
        {"250ms", 0.25, false},
        {"-1m", -60, false},
        {"10", 10, false},
        {"", 0, true},
        {"5x", 0, true},
        {"soon", 0, true},
        {"5m10", 0, true},
        {"m", 0, true},
        {"-", 0, true},
        {"1..5s", 0, true},
        {"99999999999999999999999s", 0, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct error err = {0};
        double seconds = 42;
        test_case(rows[i].text);
        const enum status status = route_parse_duration(str_from_c(rows[i].text), &seconds, &err);
        assert_int_equal(status, rows[i].is_bad ? E_INVALID : OK);
        assert_true(rows[i].is_bad ||
                    (seconds > rows[i].seconds - 1e-9 && seconds < rows[i].seconds + 1e-9));
    }
}

static void names_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        const char *name; /* NULL: refused */
    } rows[] = {
        {"{\"model\": \"otter:latest\"}", "otter"},
        {"{\"name\": \"otter\"}", "otter"},
        {"{\"model\": \"claude-opus-4\"}", ""},
        {"{}", ""},
        {"[]", ""},
        {"{\"model\": 4}", NULL},
        {"{\"model\": \"\", \"name\": \"x\"}", "x"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str name = {0};
        struct error err = {0};
        json_t *body = json_loads(rows[i].body, 0, NULL);
        test_case(rows[i].body);
        const enum status status = route_model_name(body, &name, &err);
        assert_int_equal(status, rows[i].name ? OK : E_INVALID);
        if (rows[i].name)
            assert_true(str_equal_c(name, rows[i].name));
        json_decref(body);
    }
}

static void keep_alive_is_a_number_or_a_text(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        double seconds; /* 42: not said */
        bool is_bad;
    } rows[] = {
        {"{\"keep_alive\": 0}", 0, false},
        {"{\"keep_alive\": -1}", -1, false},
        {"{\"keep_alive\": \"10m\"}", 600, false},
        {"{\"keep_alive\": null}", 42, false},
        {"{}", 42, false},
        {"{\"keep_alive\": []}", 42, true},
        {"{\"keep_alive\": \"x\"}", 42, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct error err = {0};
        double seconds = 42;
        json_t *body = json_loads(rows[i].body, 0, NULL);
        test_case(rows[i].body);
        assert_int_equal(route_keep_alive(body, &seconds, &err), rows[i].is_bad ? E_INVALID : OK);
        assert_true(rows[i].is_bad || seconds == rows[i].seconds);
        json_decref(body);
    }
}

static void an_id_in_a_path_is_found(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path;
        enum route_kept kept; /* NOTHING: not found */
        const char *id;
        bool path_is_known;
    } paths[] = {
        {"GET", "/v1/responses/resp_1", ROUTE_KEPT_RESPONSE, "resp_1", true},
        {"HEAD", "/v1/responses/resp_1", ROUTE_KEPT_RESPONSE, "resp_1", true},
        {"DELETE", "/v1/responses/resp_1", ROUTE_KEPT_DELETE, "resp_1", true},
        {"GET", "/v1/responses/resp_1/input_items", ROUTE_KEPT_ITEMS, "resp_1", true},
        {"POST", "/v1/responses/resp_1", ROUTE_KEPT_NOTHING, NULL, true},
        {"GET", "/v1/responses/", ROUTE_KEPT_NOTHING, NULL, false},
        {"GET", "/v1/responses//input_items", ROUTE_KEPT_NOTHING, NULL, false},
        {"GET", "/v1/responses/a/b", ROUTE_KEPT_NOTHING, NULL, false},
        {"GET", "/v1/responses/a/input_items/", ROUTE_KEPT_NOTHING, NULL, false},
        {"GET", "/v1/responses/../models", ROUTE_KEPT_NOTHING, NULL, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        bool path_is_known = false;
        const struct str path = str_from_c(paths[i].path);
        test_case(paths[i].path);
        const struct route *route = route_find(str_from_c(paths[i].method), path, &path_is_known);
        assert_int_equal(path_is_known, paths[i].path_is_known);
        assert_int_equal(route ? route->kept : ROUTE_KEPT_NOTHING, paths[i].kept);
        assert_true(!route || str_equal_c(route_id(route, path), paths[i].id));
    }
}

int test_route(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_read),
        cmocka_unit_test(names_are_read),
        cmocka_unit_test(an_id_in_a_path_is_found),
        cmocka_unit_test(keep_alive_is_a_number_or_a_text),
    };
    return cmocka_run_group_tests_name("route", tests, NULL, NULL);
}
