/*
 * bench_chart - decode speed against depth as a picture (SVG), a line for each program and KV kind.
 *
 * Threads: any. Used by: cmd_bench.c.
 */
#pragma once

#include "base/str.h"
#include "base/strbuf.h"

struct bench_rows;

/* Appends the picture; `title` and `subtitle` are shown above it. False: nothing of decode is in
 * the rows, and nothing was appended. */
bool bench_chart_write(const struct bench_rows *rows, struct str title, struct str subtitle,
                       struct strbuf *out);
