/*
 * pull_source - from the name of a model elsewhere to the files that make it up.
 *
 *   https://HOST/PATH.gguf     that file; its digest is not known
 *   ORG/REPO[:QUANT]           Hugging Face; hf.co/ in front changes nothing
 *   MODEL[:TAG]                Ollama's library (also ollama:USER/MODEL:TAG)
 *
 * What a service answers is untrusted: paths of an odd form are left out, a digest is 64
 * hexadecimal digits, and a file's name here is made of harmless characters.
 *
 * Threads: one. Used by: cmd_pull.c.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PULL_SOURCE_FILES_MAX = 64, PULL_SOURCE_DIGEST_LEN = 64 };

struct pull_file {
    char *url;
    char *name;                              /* of the file here */
    char sha256[PULL_SOURCE_DIGEST_LEN + 1]; /* hexadecimal; empty: not published */
    uint64_t size;                           /* 0: not published */
    bool is_from_hub;                        /* its token may be sent */
};

/* Zeroed is empty. */
struct pull_plan {
    struct pull_file files[PULL_SOURCE_FILES_MAX];
    size_t count;
    char *model; /* what -m takes afterwards */
};

#define PULL_SOURCE_HUB      "https://huggingface.co"
#define PULL_SOURCE_REGISTRY "https://registry.ollama.ai"

struct pull_source_config {
    const char *hub;      /* PULL_SOURCE_HUB or a mirror */
    const char *registry; /* PULL_SOURCE_REGISTRY or a mirror */
    const char *token;    /* for the hub; NULL: none */
    bool allows_http;
};

/* E_NOT_FOUND, E_INVALID with the choices when QUANT is needed, and what fetching may give. */
MUST_USE enum status pull_source_resolve(const struct pull_source_config *config, const char *name,
                                         struct pull_plan *out, struct error *err);

/* The same of what a service answered: a repository's list of files (ORG/REPO[:QUANT]), a manifest
 * ([USER/]MODEL[:TAG]). `out` was zeroed; what is in it after a failure is to be released, too. */
MUST_USE enum status pull_source_read_tree(const struct pull_source_config *config, struct str name,
                                           const json_t *tree, struct pull_plan *out,
                                           struct error *err);
MUST_USE enum status pull_source_read_manifest(const struct pull_source_config *config,
                                               struct str name, const json_t *manifest,
                                               struct pull_plan *out, struct error *err);
void pull_source_done(struct pull_plan *plan); /* zeroed is allowed */
