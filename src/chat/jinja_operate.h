/*
 * jinja_operate - arithmetic and concatenation, as Python does them.
 */
#pragma once

#include "base/error.h"
#include "chat/jinja_ast.h"

struct jinja_context;

/* left + right and the other operators up to JINJA_OP_POWER. Integers have 64 bits: what does not
 * fit fails with E_LIMIT. */
MUST_USE enum status jinja_operate(struct jinja_context *context, enum jinja_operator operation,
                                   struct jinja_value left, struct jinja_value right,
                                   struct jinja_value *out);

/* -value, +value */
MUST_USE enum status jinja_operate_sign(struct jinja_context *context, bool is_negative,
                                        struct jinja_value value, struct jinja_value *out);
