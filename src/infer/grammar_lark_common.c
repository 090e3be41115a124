/*
 * grammar_lark_common - Lark's library `common`: what its terminals are, in Lark's own words.
 *
 * Threads: one at a time. Used by: grammar_lark.c.
 */
#include "infer/grammar_lark_internal.h"

#include "base/attr.h"

/* Names and texts of Lark's library `common`, as its documentation describes them. What a string or
 * comment may hold is said so that it cannot go on behind its end. */
static const struct {
    const char *name; /* of the rule */
    const char *definition;
} rows[] = {
    {"common.DIGIT", "\"0\"..\"9\""},
    {"common.HEXDIGIT", "\"a\"..\"f\" | \"A\"..\"F\" | common.DIGIT"},
    {"common.INT", "common.DIGIT+"},
    {"common.SIGNED_INT", "[\"+\" | \"-\"] common.INT"},
    {"common.DECIMAL", "common.INT \".\" common.INT? | \".\" common.INT"},
    {"common._EXP", "\"e\"i common.SIGNED_INT"},
    {"common.FLOAT", "common.INT common._EXP | common.DECIMAL common._EXP?"},
    {"common.SIGNED_FLOAT", "[\"+\" | \"-\"] common.FLOAT"},
    {"common.NUMBER", "common.FLOAT | common.INT"},
    {"common.SIGNED_NUMBER", "[\"+\" | \"-\"] common.NUMBER"},
    {"common.ESCAPED_STRING", "\"\\\"\" /([^\"\\\\\\n]|\\\\.)*/ \"\\\"\""},
    {"common.LCASE_LETTER", "\"a\"..\"z\""},
    {"common.UCASE_LETTER", "\"A\"..\"Z\""},
    {"common.LETTER", "common.UCASE_LETTER | common.LCASE_LETTER"},
    {"common.WORD", "common.LETTER+"},
    {"common.CNAME", "(\"_\" | common.LETTER) (\"_\" | common.LETTER | common.DIGIT)*"},
    {"common.WS_INLINE", "(\" \" | \"\\t\")+"},
    {"common.WS", "/[ \\t\\f\\r\\n]/+"},
    {"common.CR", "\"\\r\""},
    {"common.LF", "\"\\n\""},
    {"common.NEWLINE", "(common.CR? common.LF)+"},
    {"common.SH_COMMENT", "/#[^\\n]*/"},
    {"common.CPP_COMMENT", "/\\/\\/[^\\n]*/"},
    {"common.C_COMMENT", "/\\/\\*([^*]|\\*+[^*\\/])*\\*+\\//"},
    {"common.SQL_COMMENT", "/--[^\\n]*/"},
};

enum status grammar_lark_internal_common(struct grammar_lark_internal *in, struct str name,
                                         uint32_t *out)
{
    size_t row = 0;
    while (row < ARRAY_LEN(rows) && !str_equal_c(name, rows[row].name))
        row++;
    if (row == ARRAY_LEN(rows))
        return error_set(in->err, E_NOT_FOUND, "no such terminal");
    TRY(grammar_lark_internal_rule(in, str_from_c(rows[row].name), in->at, out));
    if (in->out->rules[*out].body)
        return OK;
    const struct grammar_lark_internal outer = *in;
    struct grammar_expression *body = NULL;
    in->text = str_from_c(rows[row].definition);
    in->at = 0;
    in->depth = 0;
    in->is_terminal = in->is_common = true;
    const enum status status = grammar_lark_internal_choice(in, &body);
    in->text = outer.text;
    in->at = outer.at;
    in->depth = outer.depth;
    in->is_terminal = outer.is_terminal;
    in->is_common = outer.is_common;
    if (status == OK)
        in->out->rules[*out].body = body;
    return status;
}
