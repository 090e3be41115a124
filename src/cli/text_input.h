/*
 * text_input - a text given as an operand, or on standard input.
 *
 * Threads: main thread.
 */
#pragma once

#include "base/error.h"
#include "base/strbuf.h"

#include <stddef.h>

/* The operand itself; with "-", or with NULL when standard input is no terminal, all of standard
 * input without the line break at its end. E_NOT_FOUND when there is neither; E_INVALID for an
 * empty text or invalid UTF-8; E_LIMIT above `size_max` bytes. */
MUST_USE enum status text_input_read(const char *operand, size_t size_max, struct strbuf *out,
                                     struct error *err);

/* As text_input_read(), but any bytes are allowed, also none, and a line break at the end is
 * kept. */
MUST_USE enum status text_input_read_bytes(const char *operand, size_t size_max, struct strbuf *out,
                                           struct error *err);
