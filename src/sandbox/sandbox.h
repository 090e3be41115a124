/*
 * sandbox - what this system can confine, and how the result is named.
 *
 * The tiers of the tool sandbox, strongest first:
 *   A  namespaces + Landlock + system call filter
 *   B  Landlock + system call filter
 *   C  namespaces + system call filter
 *   D  none of these: tools that need a child are refused
 * The tier is never read from a table: sandbox_probe() confines a child and looks at what it can
 * still do. Nothing here needs a privilege; everything also holds for root, whom file modes do not
 * stop.
 *
 * Threads: any; sandbox_probe() forks and wants a process without other threads.
 * Used by: sandbox/warden.c, cli/ (doctor).
 */
#pragma once

#include "base/error.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stdint.h>

enum sandbox_tier { SANDBOX_TIER_D, SANDBOX_TIER_C, SANDBOX_TIER_B, SANDBOX_TIER_A };

/* What not to use although the system has it, so that a test can stand on a weaker system. Zeroed
 * uses everything. */
struct sandbox_options {
    uint32_t landlock_abi_max; /* 0: no bound */
    bool without_landlock;
    bool without_namespaces;
    bool without_filter;  /* leaves tier D only */
    bool without_openat2; /* the file tools walk paths themselves */
};

struct sandbox_report {
    enum sandbox_tier tier;
    uint32_t landlock_abi; /* in use; 0: none */
    bool has_filter;
    bool has_namespaces;
    bool has_private_proc; /* programs see a /proc of their own; otherwise none */
    bool has_openat2;
    bool is_root;       /* tools run as root (the workspace is root's) */
    char weakness[512]; /* sentences on what this tier leaves open; "" for none */
    char missing[256];  /* why the tier is not A and how to get there; "" for A */
};

/* Fills *out by trying. `workspace` is the folder tools would get. */
void sandbox_probe(const char *workspace, const struct sandbox_options *options,
                   struct sandbox_report *out);

/* HOLT_LANDLOCK_ABI_MAX=N, HOLT_WITHOUT_LANDLOCK=1, HOLT_WITHOUT_NAMESPACES=1: they can only
 * weaken what tools are offered to run in, and D refuses to run them. */
struct sandbox_options sandbox_options_from_environment(void);

char sandbox_tier_letter(enum sandbox_tier tier); /* 'A' to 'D' */

/* "A: namespaces, Landlock (ABI 7) and a system call filter": one line. */
void sandbox_report_line(const struct sandbox_report *report, struct strbuf *out);
