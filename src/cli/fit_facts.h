/*
 * fit_facts - what `holt fit` must know of a model: from a file, in a locked process, as JSON on
 * its standard output; back from JSON in the process that asked; or from the table of models that
 * are not here.
 *
 * Threads: main thread of each process. Used by: cmd_fit.c, fit_rows.c.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "cli/fit_plan.h"

struct fit_model;
struct fit_models_size;

enum { FIT_FACTS_WORD_MAX = 40, FIT_FACTS_BYTES_MAX = 4096 };

struct fit_facts {
    struct fit_shape shape;
    uint64_t parameter_count;
    char type[FIT_FACTS_WORD_MAX]; /* that most of the weights have */
};

/* Of a file (NULL: the built-in model). E_UNSUPPORTED when it writes no text; else as
 * model_open(). */
MUST_USE enum status fit_facts_read(const char *path, struct fit_facts *out, struct error *err);

/* Prints them for the file (NULL: the built-in model), or why not: {"problem": "..."}. Returns the
 * exit code. */
int fit_facts_print(const char *path);

/* Of a file as a locked process sees it; E_IO when that failed and said why. */
MUST_USE enum status fit_facts_of_file(const char *path, bool no_color, struct fit_facts *out,
                                       struct error *err);

/* What fit_facts_print() printed; it is not believed. E_UNSUPPORTED with the problem of the file;
 * E_FORMAT. */
MUST_USE enum status fit_facts_parse(struct str text, struct fit_facts *out, struct error *err);

/* Of a model of the table, in a file of that size. */
void fit_facts_of(const struct fit_model *model, const struct fit_models_size *size,
                  struct fit_facts *out);
