/* Only this machine's own names and pages may ask, and only with the key where there is one. */
#include "server/guard.h"
#include "tests/holt_test.h"

struct row {
    const char *name;
    struct guard guard;
    struct guard_headers headers;
    bool needs_key;
    int http_status; /* 0: admitted */
};

#define KEY                    \
    {                          \
        "0123456789abcdef", 16 \
    }

static const struct row rows[] = {
    {"localhost with a port", {.any_host = false}, {.host = {"localhost:11434", 15}}, true, 0},
    {"a number", {.any_host = false}, {.host = {"127.0.0.1", 9}}, true, 0},
    {"version 6", {.any_host = false}, {.host = {"[::1]:80", 8}}, true, 0},
    {"below localhost", {.any_host = false}, {.host = {"a.localhost", 11}}, true, 0},
    {"a name that was made to lead here",
     {.any_host = false},
     {.host = {"evil.example:11434", 18}},
     true,
     403},
    {"a name that only ends alike", {.any_host = false}, {.host = {"notlocalhost", 12}}, true, 403},
    {"localhost in capitals", {.any_host = false}, {.host = {"LocalHost:80", 12}}, true, 0},
    {"localhost with its dot", {.any_host = false}, {.host = {"localhost.:80", 13}}, true, 0},
    {"a name behind brackets", {.any_host = false}, {.host = {"[::1].evil.com", 14}}, true, 403},
    {"a port that is none", {.any_host = false}, {.host = {"localhost:80.evil", 17}}, true, 403},
    {"no name", {.any_host = true}, {.host = {":80", 3}}, true, 403},
    {"a page that is allowed",
     {.pages = {"http://a.example, https://b.example:8", 37}},
     {.host = {"localhost", 9}, .origin = {"https://b.example:8", 19}},
     true,
     0},
    {"one that begins like it",
     {.pages = {"http://a.example, https://b.example:8", 37}},
     {.host = {"localhost", 9}, .origin = {"https://b.example:80", 20}},
     true,
     403},
    {"any page",
     {.pages = {"*", 1}},
     {.host = {"localhost", 9}, .origin = {"https://c.example", 17}},
     true,
     0},
    {"no host at all", {.any_host = false}, {.host = {0}}, true, 403},
    {"the address that was asked for",
     {.address = {"10.1.2.3", 8}},
     {.host = {"10.1.2.3:80", 11}},
     true,
     0},
    {"any name beyond loopback", {.any_host = true}, {.host = {"box.lan", 7}}, true, 0},
    {"a page of this machine",
     {.any_host = false},
     {.host = {"localhost", 9}, .origin = {"http://localhost:3000", 21}},
     true,
     0},
    {"a program's page",
     {.any_host = false},
     {.host = {"localhost", 9}, .origin = {"app://obsidian.md", 17}},
     true,
     0},
    {"a page from elsewhere",
     {.any_host = false},
     {.host = {"localhost", 9}, .origin = {"https://evil.example", 20}},
     true,
     403},
    {"an origin without a name",
     {.any_host = false},
     {.host = {"localhost", 9}, .origin = {"null", 4}},
     true,
     403},
    {"the key", {.key = KEY}, {.host = {"localhost", 9}, .api_key = KEY}, true, 0},
    {"the key as a bearer",
     {.key = KEY},
     {.host = {"localhost", 9}, .authorization = {"Bearer 0123456789abcdef", 23}},
     true,
     0},
    {"no key", {.key = KEY}, {.host = {"localhost", 9}}, true, 401},
    {"a beginning of the key",
     {.key = KEY},
     {.host = {"localhost", 9}, .api_key = {"0123456789abcde", 15}},
     true,
     401},
    {"health needs none", {.key = KEY}, {.host = {"localhost", 9}}, false, 0},
};

static void who_may_ask(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct api_failure failure = {0};
        test_case(rows[i].name);
        const bool admitted =
            guard_admits(&rows[i].guard, &rows[i].headers, rows[i].needs_key, &failure);
        assert_int_equal(admitted, rows[i].http_status == 0);
        assert_int_equal(failure.http_status, rows[i].http_status);
    }
}

int test_guard(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(who_may_ask)};
    return cmocka_run_group_tests_name("guard", tests, NULL, NULL);
}
