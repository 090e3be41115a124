/*
 * modelfile - Ollama's Modelfile: how to make a model from another.
 *
 *     # a comment
 *     FROM qwen3:4b
 *     PARAMETER temperature 0.3
 *     SYSTEM """
 *     You are a miller.
 *     """
 *     MESSAGE user Who are you?
 *
 * One command a line, in any case; a text is the rest of its line, or stands between quotes (one or
 * three) over several lines. Read are FROM, PARAMETER, TEMPLATE, SYSTEM, MESSAGE, LICENSE; ADAPTER
 * becomes "adapters", which are refused later; RENDERER, PARSER and REQUIRES say nothing here.
 *
 * Source: Ollama's documentation as of August 2026.
 *
 * Threads: any. Used by: cli/cmd_create.c.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <jansson.h>

enum { MODELFILE_BYTES_MAX = 1 << 20 };

/* The body of a request to /api/create without the name ("from" is what FROM says); a new
 * reference. E_FORMAT gives the line. */
MUST_USE enum status modelfile_read(struct str text, json_t **out, struct error *err);
