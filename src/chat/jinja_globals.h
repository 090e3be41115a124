/*
 * jinja_globals - functions every template may call: namespace, range, raise_exception, ...
 */
#pragma once

#include "base/strbuf.h"
#include "chat/jinja_function.h"

/* NULL when there is no such function. */
const struct jinja_function *jinja_globals_find(struct str name);

/* Appends the time as strftime(format) has it in the C locale. False when the seconds are beyond
 * the years 1 to 9999. */
bool jinja_globals_format_time(int64_t local_seconds, struct str format, struct strbuf *out);
