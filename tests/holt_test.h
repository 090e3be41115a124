/*
 * holt_test - cmocka, and what every test of holt needs beside it.
 *
 * A test file tests/unit/<folder>/test_<x>.c defines `int test_<x>(void)`, which runs its group and
 * returns the number of failures; the Makefile writes the main() that calls them.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/str.h"

/* Remembers the row of a table-driven test; it is printed when the process dies or an assertion
 * fails. */
void test_case(const char *name);

/* Fails the test, with the error's text, unless `call` returned OK. Uses a local `err`. */
#define assert_ok(call)                           \
    do {                                          \
        struct error err_ = {0};                  \
        struct error *err = &err_;                \
        if ((call) != OK)                         \
            fail_msg("%s: %s", #call, err_.text); \
    } while (0)

/* Path of a new empty folder, removed when the process ends. The text lives that long too. */
const char *test_folder(void);

/* Path of a file in the shared fixtures ($HOLT_FIXTURES, else ../shared/fixtures), or NULL when
 * they are absent: then the test calls skip() after saying so. */
const char *test_fixture(const char *relative_path);

/* Whole content of a file, NUL-terminated, freed when the process ends; fails the test if it
 * cannot be read. */
struct str test_read_file(const char *path);
