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

/* A model's id may have slashes and colons: what comes behind the address is all of it. */
static void a_model_is_told_alone(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        const char *id;      /* NULL: there is no such model */
        const char *created; /* of the row it is */
    } rows[] = {
        {"/v1/models/otter", "otter", "1"},
        {"/v1/models/acme/Otter-GGUF:Q8_0", "acme/Otter-GGUF:Q8_0", "2"},
        {"/models/acme/Otter-GGUF:Q8_0", "acme/Otter-GGUF:Q8_0", "2"},
        {"/v1/models/otter:latest", "otter:latest", "1"},
        {"/v1/models/claude-opus-4", "claude-opus-4", "1"},
        {"/v1/models/acme/Otter-GGUF", NULL, NULL},
        {"/v1/models/otter/", NULL, NULL},
        {"/v1/models/", NULL, NULL},
    };
    struct model_list list = {0};
    model_list_add(&list,
                   &(struct model_list_row){.name = (char[]){"otter"}, .modified_us = 1000000});
    model_list_add(&list, &(struct model_list_row){.name = (char[]){"acme/Otter-GGUF:Q8_0"},
                                                   .modified_us = 2000000});
    for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++) {
        const size_t r = i / 2;
        const struct api_context context = {.models = &list, .is_anthropic = i % 2};
        struct api_failure failure = {0};
        bool path_is_known = false;
        const struct str path = str_from_c(rows[r].path);
        test_case(rows[r].path);
        const struct route *route = route_find(STR("GET"), path, &path_is_known);
        assert_non_null(route);
        assert_true(route->has_name && route->about == ROUTE_ABOUT_LIST);
        const struct str id = str_slice(path, strlen(route->path), path.len);
        CLEANUP(json_decrefp) json_t *body = json_pack("{s:s%}", "digest", id.ptr, id.len);
        CLEANUP(json_decrefp) json_t *model = route->answer(&context, body, &failure);
        if (!rows[r].id) {
            assert_null(model);
            assert_int_equal(failure.http_status, 404);
            assert_string_equal(failure.code, "model_not_found");
            continue;
        }
        assert_string_equal(json_string_value(json_object_get(model, "id")), rows[r].id);
        if (context.is_anthropic)
            assert_int_equal(json_string_value(json_object_get(model, "created_at"))[18],
                             rows[r].created[0]); /* 1970-01-01T00:00:0X */
        else
            assert_int_equal(json_integer_value(json_object_get(model, "created")),
                             rows[r].created[0] - '0');
        assert_string_equal(
            json_string_value(json_object_get(model, context.is_anthropic ? "type" : "object")),
            "model");
    }
    model_list_done(&list);
}

int test_route(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_read),
        cmocka_unit_test(names_are_read),
        cmocka_unit_test(an_id_in_a_path_is_found),
        cmocka_unit_test(a_model_is_told_alone),
        cmocka_unit_test(keep_alive_is_a_number_or_a_text),
    };
    return cmocka_run_group_tests_name("route", tests, NULL, NULL);
}
