/*
 * grammar_gbnf_compile - from the rules of a written grammar to networks, in a grammar of their own
 * or among other rules.
 *
 * A rule becomes a network, or is put in place of its calls: those that lead back to themselves and
 * those that are large stay rules. Left recursion is what begins with itself without having read
 * anything; it would never end and is refused by name.
 *
 * Threads: any. Used by: grammar_gbnf.c, grammar_written.c.
 */
#include "infer/grammar_gbnf_internal.h"

#include "base/attr.h"
#include "base/mem.h"
#include "infer/grammar_automaton.h"
#include "infer/grammar_without.h"

enum {
    INLINE_WEIGHT_MAX = 512, /* of a rule that is put in place of its calls */
    WEIGHT_MAX = 1 << 20,
    CHAIN_MAX = 64, /* rules in rules, when their weights are looked at */
    WORK_MAX = 4 * 1024 * 1024,
};

enum visit { NEW, OPEN, DONE };

struct compiler {
    const struct grammar_gbnf_internal *rules;
    const struct grammar_expression **bodies; /* [rule] */
    uint32_t *weights;                        /* [rule] parts, with what is put into it */
    uint32_t *ids;                            /* [rule] in the grammar; NONE: put in place */
    uint32_t *rules_of;                       /* [id - first_id] the rule */
    uint32_t first_id;
    bool *may_be_empty; /* [rule] */
    bool *stays;        /* [rule] leads back to itself */
    uint8_t *visits;    /* [rule] enum visit */
    uint32_t *chains;   /* [rule] rules it begins with, one in the other */
    uint32_t inline_max;
    bool has_inlined;
    uint32_t work;
    size_t automaton_work;
    struct grammar_written_place place;
    struct grammar *grammar;
    struct error *err;
};

/* ---------------------------------------------------------------- empty texts */

static bool is_empty_allowed(struct compiler *in, const struct grammar_expression *expression)
{
    in->work++;
    const struct grammar_expression *i = expression->first;
    switch (expression->kind) {
    case GRAMMAR_EXPRESSION_CHARACTERS: return false;
    case GRAMMAR_EXPRESSION_CALL: return in->may_be_empty[expression->rule];
    case GRAMMAR_EXPRESSION_REPEAT:
        return expression->times_min == 0 || is_empty_allowed(in, expression->first);
    case GRAMMAR_EXPRESSION_SEQUENCE:
        while (i && is_empty_allowed(in, i))
            i = i->next;
        return !i;
    case GRAMMAR_EXPRESSION_CHOICE:
        while (i && !is_empty_allowed(in, i))
            i = i->next;
        return i != NULL;
    case GRAMMAR_EXPRESSION_EMPTY:
    case GRAMMAR_EXPRESSION_AT_START:
    case GRAMMAR_EXPRESSION_AT_END: break;
    }
    return true;
}

static enum status find_empty(struct compiler *in)
{
    bool changed = true;
    while (changed) {
        changed = false;
        for (uint32_t i = in->rules->count; i-- > 0;) {
            if (in->may_be_empty[i] || !is_empty_allowed(in, in->bodies[i]))
                continue;
            in->may_be_empty[i] = true;
            changed = true;
        }
        if (in->work > WORK_MAX)
            return error_set(in->err, E_LIMIT, "the grammar is too intricate");
    }
    return OK;
}

/* ---------------------------------------------------------------- weights */

static uint32_t weigh_rule(struct compiler *in, uint32_t rule, unsigned depth);

static uint32_t weigh(struct compiler *in, const struct grammar_expression *expression,
                      unsigned depth)
{
    if (expression->kind == GRAMMAR_EXPRESSION_CALL)
        return weigh_rule(in, expression->rule, depth);
    uint64_t weight = 1;
    for (const struct grammar_expression *i = expression->first; i; i = i->next)
        weight += weigh(in, i, depth);
    if (expression->kind == GRAMMAR_EXPRESSION_REPEAT) {
        const bool is_endless = expression->times_max == GRAMMAR_EXPRESSION_ENDLESS;
        const uint32_t times = is_endless ? expression->times_min + 1 : expression->times_max;
        weight *= times ? times : 1;
    }
    return weight < WEIGHT_MAX ? (uint32_t)weight : WEIGHT_MAX;
}

/* What a call of the rule adds to the caller. Rules that are met on the way to themselves stay. */
static uint32_t weigh_rule(struct compiler *in, uint32_t rule, unsigned depth)
{
    if (in->visits[rule] == OPEN || depth == CHAIN_MAX)
        in->stays[rule] = true;
    if (in->visits[rule] == NEW && !in->stays[rule]) {
        in->visits[rule] = OPEN;
        in->weights[rule] = weigh(in, in->bodies[rule], depth + 1);
        in->visits[rule] = DONE;
    }
    const bool stays = in->stays[rule] || in->weights[rule] > in->inline_max;
    return stays || in->visits[rule] != DONE ? 1 : in->weights[rule];
}

/* ---------------------------------------------------------------- networks */

/* Gives the rules that stay their numbers; those that nothing leads to are left out. */
static void number_rules(struct compiler *in, uint32_t root)
{
    (void)weigh_rule(in, root, 0);
    in->first_id = in->grammar->rule_count;
    bool found = true;
    while (found) { /* what lay too deep to be weighed on the way */
        found = false;
        for (uint32_t i = 0; i < in->rules->count; i++) {
            if (!in->stays[i] || in->visits[i] != NEW)
                continue;
            in->stays[i] = false;
            (void)weigh_rule(in, i, 0);
            in->stays[i] = true;
            found = true;
        }
    }
    for (uint32_t i = 0; i < in->rules->count; i++) {
        in->ids[i] = GRAMMAR_NONE;
        const bool stays = in->stays[i] || in->weights[i] > in->inline_max;
        in->has_inlined |= in->visits[i] == DONE && !stays && i != root;
        if (i != root && !(stays && in->visits[i] == DONE))
            continue;
        in->ids[i] = grammar_reserve(in->grammar);
        in->rules_of[in->ids[i] - in->first_id] = i;
    }
}

static enum status build_automaton(struct compiler *in, uint32_t rule,
                                   struct grammar_automaton *out, struct error *err)
{
    const struct grammar_automaton_options options = {.is_json = in->place.is_json,
                                                      .rules = in->bodies,
                                                      .calls = in->ids,
                                                      .may_be_empty = in->may_be_empty,
                                                      .work = &in->automaton_work};
    if (in->place.without.len == 0)
        return grammar_automaton_build(in->bodies[rule], &options, out, err);
    CLEANUP(grammar_automaton_done) struct grammar_automaton whole = {0};
    TRY(grammar_automaton_build(in->bodies[rule], &options, &whole, err));
    return grammar_without_apply(&whole, in->place.without, out, err);
}

static enum status build_rule(struct compiler *in, uint32_t rule)
{
    const struct str name = in->rules->rules[rule].name;
    CLEANUP(grammar_automaton_done) struct grammar_automaton automaton = {0};
    struct error reason = {0};
    const enum status status = build_automaton(in, rule, &automaton, &reason);
    if (status != OK)
        return error_set(in->err, status, "rule \"%.*s\" of the grammar is %.*s", STR_ARG(name),
                         200, reason.text);
    grammar_fill(in->grammar, in->ids[rule], grammar_automaton_add(in->grammar, &automaton, false));
    return OK;
}

/* ---------------------------------------------------------------- left recursion */

/* How many rules begin with one another from this one on. */
static enum status follow_beginning(struct compiler *in, uint32_t rule, uint32_t depth)
{
    const struct str name = in->rules->rules[rule].name;
    if (in->visits[rule] == OPEN)
        return error_set(in->err, E_INVALID,
                         "rule \"%.*s\" of the grammar begins with itself (left recursion)",
                         STR_ARG(name));
    if (depth > GRAMMAR_BEGINNINGS_MAX)
        return error_set(in->err, E_LIMIT,
                         "rule \"%.*s\" of the grammar: too many rules begin with one another "
                         "(limit %d)",
                         STR_ARG(name), GRAMMAR_BEGINNINGS_MAX);
    const struct grammar *grammar = in->grammar;
    const struct grammar_rule *at = &grammar->rules[in->ids[rule]];
    if (at->kind != GRAMMAR_NETWORK || in->visits[rule] == DONE)
        return OK;
    in->visits[rule] = OPEN;
    const struct grammar_network_state *start = grammar_network_at(grammar, at, 0);
    for (uint32_t i = start->first_call; i < start->first_call + start->call_count; i++) {
        const uint32_t next = in->rules_of[grammar->calls[i].rule - in->first_id];
        TRY(follow_beginning(in, next, depth + 1));
        if (in->chains[next] + 1 > in->chains[rule])
            in->chains[rule] = in->chains[next] + 1;
    }
    in->visits[rule] = DONE;
    return in->chains[rule] <= GRAMMAR_BEGINNINGS_MAX
               ? OK
               : error_set(in->err, E_LIMIT,
                           "rule \"%.*s\" of the grammar: too many rules begin with one another "
                           "(limit %d)",
                           STR_ARG(name), GRAMMAR_BEGINNINGS_MAX);
}

static enum status check_left_recursion(struct compiler *in)
{
    memset(in->visits, NEW, in->rules->count);
    for (uint32_t i = 0; i < in->rules->count; i++) {
        if (in->ids[i] != GRAMMAR_NONE)
            TRY(follow_beginning(in, i, 0));
    }
    return OK;
}

/* ---------------------------------------------------------------- the whole */

static void compiler_done(struct compiler *in)
{
    mem_free(in->bodies);
    mem_free(in->weights);
    mem_free(in->ids);
    mem_free(in->rules_of);
    mem_free(in->may_be_empty);
    mem_free(in->stays);
    mem_free(in->visits);
    mem_free(in->chains);
    grammar_unref(in->grammar);
}

/* All rules into in->grammar. */
static enum status compile(struct compiler *in, uint32_t root)
{
    const uint32_t count = in->rules->count;
    in->bodies = mem_zalloc(count * sizeof(*in->bodies));
    in->weights = mem_zalloc(count * sizeof(*in->weights));
    in->ids = mem_zalloc(count * sizeof(*in->ids));
    in->rules_of = mem_zalloc(count * sizeof(*in->rules_of));
    in->may_be_empty = mem_zalloc(count);
    in->stays = mem_zalloc(count);
    in->visits = mem_zalloc(count);
    in->chains = mem_zalloc(count * sizeof(*in->chains));
    for (uint32_t i = 0; i < count; i++)
        in->bodies[i] = in->rules->rules[i].body;
    TRY(find_empty(in));
    number_rules(in, root);
    for (uint32_t i = 0; i < count; i++) {
        if (in->grammar->too_much)
            return OK; /* grammar_finish() will say so */
        if (in->ids[i] != GRAMMAR_NONE)
            TRY(build_rule(in, i));
    }
    return in->grammar->too_much ? OK : check_left_recursion(in);
}

static enum status finish(struct compiler *in, uint32_t root)
{
    TRY(compile(in, root));
    TRY(grammar_finish(in->grammar, GRAMMAR_TEXT_DEPTH_MAX, in->err));
    if (in->grammar->rules[in->ids[root]].shortest == GRAMMAR_ENDLESS)
        return error_set(in->err, E_INVALID, "no text satisfies the grammar: it never ends");
    return OK;
}

/* A grammar of its own; *out_inline_max: what was put in place of calls. */
static enum status compile_alone(const struct grammar_gbnf_internal *rules, uint32_t root,
                                 const struct grammar_written_place *place, struct grammar **out,
                                 uint32_t *out_rule, uint32_t *out_inline_max, struct error *err)
{
    static const uint32_t sizes[] = {INLINE_WEIGHT_MAX,
                                     0}; /* first with few rules, then with all */
    enum status status = OK;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct compiler in = {.rules = rules,
                              .inline_max = sizes[i],
                              .place = *place,
                              .grammar = grammar_new(),
                              .err = err};
        in.grammar->is_text = true;
        status = finish(&in, root);
        if (status == OK) {
            *out = grammar_ref(in.grammar);
            *out_rule = in.ids[root];
            *out_inline_max = sizes[i];
        }
        compiler_done(&in);
        if (status != E_LIMIT || !in.has_inlined)
            break;
    }
    return status;
}

enum status grammar_gbnf_internal_compile(const struct grammar_gbnf_internal *rules, uint32_t root,
                                          struct grammar **out, uint32_t *out_rule,
                                          struct error *err)
{
    const struct grammar_written_place place = {0};
    uint32_t inline_max = 0;
    return compile_alone(rules, root, &place, out, out_rule, &inline_max, err);
}

/* Alone first: what is wrong with it is not to be found in a grammar that holds other things. */
enum status grammar_gbnf_internal_add(const struct grammar_gbnf_internal *rules, uint32_t root,
                                      const struct grammar_written_place *place,
                                      struct grammar *grammar, uint32_t *out_rule,
                                      struct error *err)
{
    CLEANUP(grammar_unrefp) struct grammar *alone = NULL;
    struct compiler in = {.rules = rules, .place = *place, .err = err};
    TRY(compile_alone(rules, root, place, &alone, out_rule, &in.inline_max, err));
    in.grammar = grammar_ref(grammar);
    const enum status status = compile(&in, root);
    if (status == OK)
        *out_rule = in.ids[root];
    compiler_done(&in);
    return status;
}
