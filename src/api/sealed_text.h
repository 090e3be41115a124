/*
 * sealed_text - a text that a client keeps for us and cannot read: what a model thought, as
 * "encrypted_content" of /v1/responses has it.
 *
 * Encrypted and authenticated with a key that lives as long as the process (libsodium's secretbox):
 * what an earlier run sealed, or what was changed, does not open.
 *
 * Threads: any. Depends on: libsodium. Used by: responses_read.c, responses_write.c.
 */
#pragma once

#include "base/str.h"
#include "base/strbuf.h"

#include <stdbool.h>

/* Appends letters, digits, "-" and "_". */
void sealed_text_add(struct strbuf *out, struct str text);

/* Appends the text; false: it is none of ours. */
bool sealed_text_open(struct strbuf *out, struct str sealed);
