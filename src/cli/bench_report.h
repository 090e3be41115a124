/*
 * bench_report - what was measured, for people.
 *
 * Threads: main thread. Used by: cmd_bench.c.
 */
#pragma once

#include "base/strbuf.h"

#include <jansson.h>

struct bench_rows;
struct style_theme;

/* `facts` is the object that `holt bench --json` prints; numbers it lacks count as 0. */
void bench_report_write(const json_t *facts, const struct bench_rows *rows, const char *main_kv,
                        const struct style_theme *theme, struct strbuf *out);
