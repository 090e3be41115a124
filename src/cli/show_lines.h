/*
 * show_lines - the facts of show_facts.h as lines for people.
 */
#pragma once

#include "base/strbuf.h"

#include <jansson.h>

void show_lines_add(struct strbuf *out, const json_t *facts);
