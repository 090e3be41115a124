#include "infer/grammar_written.h"

#include "base/mem.h"
#include "infer/grammar_gbnf_internal.h"
#include "infer/grammar_lark.h"

static enum status read_rules(const struct grammar_written *written,
                              struct grammar_gbnf_internal *out, uint32_t *out_root,
                              struct error *err)
{
    switch (written->syntax) {
    case GRAMMAR_WRITTEN_GBNF: return grammar_gbnf_internal_read(written->text, out, out_root, err);
    case GRAMMAR_WRITTEN_LARK: return grammar_lark_read(written->text, out, out_root, err);
    case GRAMMAR_WRITTEN_REGEX: return grammar_lark_read_regex(written->text, out, out_root, err);
    }
    return error_set(err, E_UNSUPPORTED, "a way of writing grammars that is not known");
}

enum status grammar_written_add(struct grammar *grammar, const struct grammar_written *written,
                                const struct grammar_written_place *place, uint32_t *out_rule,
                                struct error *err)
{
    struct grammar_gbnf_internal rules = {0};
    uint32_t root = 0;
    enum status status = read_rules(written, &rules, &root, err);
    if (status == OK)
        status = grammar_gbnf_internal_add(&rules, root, place, grammar, out_rule, err);
    grammar_gbnf_internal_done(&rules);
    return status;
}
