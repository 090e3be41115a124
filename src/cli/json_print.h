/*
 * json_print - a JSON value on standard output, indented for people, one value per call.
 *
 * Threads: main thread.
 */
#pragma once

#include <jansson.h>

void json_print(const json_t *value);
