/*
 * core_text - the fixed words every agent of holt starts from.
 *
 * Frozen: the built-in model is trained on exactly these bytes, and its file carries a digest of
 * them (tests/unit/agent checks it). Changing a word means training again.
 */
#pragma once

#include "base/str.h"

/* The system message. */
struct str core_text(void);
