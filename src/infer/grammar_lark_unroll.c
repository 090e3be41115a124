/*
 * grammar_lark_unroll - rules that begin with themselves.
 *
 *     sum: product | sum "+" product     becomes   sum: product ("+" product)*
 *
 * The texts are the same; the tree is not, and that says nothing here.
 *
 * Threads: any; pure. Used by: grammar_lark.c.
 */
#include "infer/grammar_lark_internal.h"

static bool begins_with(const struct grammar_expression *sequence, uint32_t rule)
{
    const struct grammar_expression *first = sequence->first;
    return first && first->kind == GRAMMAR_EXPRESSION_CALL && first->rule == rule;
}

/* Can what follows be repeated? Some alternative must begin with the rule, and one must not: else
 * it never ends. */
static bool can_unroll(const struct grammar_expression *body, uint32_t rule)
{
    bool has_itself = false;
    bool has_other = false;
    for (const struct grammar_expression *i = body->first; i; i = i->next) {
        has_itself |= begins_with(i, rule);
        has_other |= !begins_with(i, rule);
    }
    return body->kind == GRAMMAR_EXPRESSION_CHOICE && has_itself && has_other;
}

static struct grammar_expression *unroll(struct arena *arena, struct grammar_expression *body,
                                         uint32_t rule)
{
    struct grammar_expression *more = grammar_expression_new(arena, GRAMMAR_EXPRESSION_CHOICE);
    struct grammar_expression *others = grammar_expression_new(arena, GRAMMAR_EXPRESSION_CHOICE);
    struct grammar_expression *next = NULL;
    for (struct grammar_expression *i = body->first; i; i = next) {
        next = i->next;
        i->next = NULL;
        const bool is_more = begins_with(i, rule);
        if (is_more)
            i->first = i->first->next; /* nothing is left of a rule that is itself: no harm */
        grammar_expression_append(is_more ? more : others, i);
    }
    struct grammar_expression *repeat = grammar_expression_new(arena, GRAMMAR_EXPRESSION_REPEAT);
    repeat->times_max = GRAMMAR_EXPRESSION_ENDLESS;
    grammar_expression_append(repeat, more);
    struct grammar_expression *whole = grammar_expression_new(arena, GRAMMAR_EXPRESSION_SEQUENCE);
    grammar_expression_append(whole, others);
    grammar_expression_append(whole, repeat);
    return whole;
}

void grammar_lark_internal_unroll(struct grammar_gbnf_internal *rules)
{
    for (uint32_t i = 0; i < rules->count; i++)
        if (can_unroll(rules->rules[i].body, i))
            rules->rules[i].body = unroll(&rules->arena, rules->rules[i].body, i);
}
