#include "chat/jinja_parse.h"

#include "base/mem.h"
#include "chat/jinja_context.h"
#include "chat/jinja_parse_expression.h"

/* Statements in the making. */
struct block_builder {
    struct jinja_block block;
    struct jinja_stmt *last;
};

enum { ENDS_MAX = 3 };

/* Names of the tags that end a block; NULL ends the list. */
struct ends {
    const char *names[ENDS_MAX + 1];
};

static enum status parse_block(struct jinja_parser *parser, const struct ends *ends,
                               struct jinja_block *out);

static struct jinja_stmt *new_stmt(struct jinja_parser *parser, enum jinja_stmt_kind kind)
{
    struct jinja_stmt *stmt = jinja_parser_alloc(parser, 1, sizeof(*stmt));
    stmt->kind = (uint8_t)kind;
    stmt->line = parser->token->line;
    return stmt;
}

static void add_stmt(struct block_builder *builder, struct jinja_stmt *stmt)
{
    if (builder->last)
        builder->last->next = stmt;
    else
        builder->block.first = stmt;
    builder->last = stmt;
}

static enum status end_of_tag(struct jinja_parser *parser)
{
    return jinja_parser_expect(parser, JINJA_TOKEN_BLOCK_END);
}

/* The rest of a tag, then the body up to `end`, and the end's tag. */
static enum status parse_body(struct jinja_parser *parser, const char *end, struct jinja_block *out)
{
    const struct ends ends = {{end}};
    TRY(end_of_tag(parser));
    TRY(parse_block(parser, &ends, out));
    parser->token++;
    return end_of_tag(parser);
}

/* ---------------------------------------------------------------- targets */

static enum status parse_targets(struct jinja_parser *parser, struct jinja_target *out);

/* A name, name.attribute, or targets in parentheses. */
static enum status parse_target(struct jinja_parser *parser, struct jinja_target *out)
{
    if (jinja_parser_skip_operator(parser, "(")) {
        TRY(jinja_parser_enter(parser));
        TRY(parse_targets(parser, out));
        jinja_parser_leave(parser);
        return jinja_parser_expect_operator(parser, ")");
    }
    *out = (struct jinja_target){.line = parser->token->line};
    struct str name;
    TRY(jinja_parser_expect_name(parser, &name));
    out->symbol = jinja_parser_intern(parser, name);
    if (!jinja_parser_skip_operator(parser, "."))
        return OK;
    TRY(jinja_parser_expect_name(parser, &name));
    out->attribute = arena_copy_str(&parser->result->arena, name);
    return OK;
}

/* One target, or several with commas between. */
static enum status parse_targets(struct jinja_parser *parser, struct jinja_target *out)
{
    TRY(parse_target(parser, out));
    if (!jinja_parser_is_operator(parser, ","))
        return OK;
    struct jinja_target *items = NULL;
    uint32_t count = 0;
    uint32_t capacity = 0;
    struct jinja_target item = *out;
    for (;;) {
        jinja_parser_grow(parser, &items, count, &capacity, sizeof(*items));
        items[count++] = item;
        if (!jinja_parser_skip_operator(parser, ",") ||
            (parser->token->kind != JINJA_TOKEN_NAME && !jinja_parser_is_operator(parser, "(")))
            break;
        if (jinja_parser_is_name(parser, "in"))
            break;
        TRY(parse_target(parser, &item));
    }
    *out = (struct jinja_target){.line = out->line, .count = count, .items = items};
    return OK;
}

/* ---------------------------------------------------------------- statements */

static enum status parse_if(struct jinja_parser *parser, struct jinja_stmt **out)
{
    static const struct ends ends = {{"elif", "else", "endif"}};
    static const struct ends last = {{"endif"}};
    struct jinja_stmt *stmt = new_stmt(parser, JINJA_STMT_IF);
    struct jinja_branch *branches = NULL;
    uint32_t capacity = 0;
    bool is_else = false;
    do {
        struct jinja_branch branch = {0};
        if (!is_else)
            TRY(jinja_parse_expression_tuple(parser, JINJA_PARSE_EXPRESSION_NO_CONDITION,
                                             &branch.condition));
        TRY(end_of_tag(parser));
        TRY(parse_block(parser, is_else ? &last : &ends, &branch.body));
        jinja_parser_grow(parser, &branches, stmt->count, &capacity, sizeof(*branches));
        branches[stmt->count++] = branch;
        is_else = jinja_parser_is_name(parser, "else");
    } while (!jinja_parser_skip_name(parser, "endif") && parser->token++);
    stmt->branches = branches;
    *out = stmt;
    return end_of_tag(parser);
}

static enum status parse_for(struct jinja_parser *parser, struct jinja_stmt **out)
{
    static const struct ends ends = {{"else", "endfor"}};
    static const struct ends last = {{"endfor"}};
    struct jinja_stmt *stmt = new_stmt(parser, JINJA_STMT_FOR);
    *out = stmt;
    TRY(parse_targets(parser, &stmt->target));
    if (!jinja_parser_skip_name(parser, "in"))
        return jinja_parser_unexpected(parser);
    TRY(jinja_parse_expression_tuple(parser, JINJA_PARSE_EXPRESSION_NO_CONDITION, &stmt->expr));
    if (jinja_parser_skip_name(parser, "if"))
        TRY(jinja_parse_expression(parser, JINJA_PARSE_EXPRESSION_FULL, &stmt->condition));
    stmt->is_recursive = jinja_parser_skip_name(parser, "recursive");
    TRY(end_of_tag(parser));

    const bool had_macro = parser->has_macro;
    parser->has_macro = false;
    parser->loop_depth++;
    TRY(parse_block(parser, &ends, &stmt->body));
    parser->loop_depth--;
    stmt->has_macro = parser->has_macro;
    parser->has_macro |= had_macro;

    if (jinja_parser_skip_name(parser, "else")) {
        TRY(end_of_tag(parser));
        TRY(parse_block(parser, &last, &stmt->otherwise));
    }
    parser->token++;
    return end_of_tag(parser);
}

static enum status parse_set(struct jinja_parser *parser, struct jinja_stmt **out)
{
    struct jinja_stmt *stmt = new_stmt(parser, JINJA_STMT_SET);
    *out = stmt;
    TRY(parse_targets(parser, &stmt->target));
    if (jinja_parser_skip_operator(parser, "=")) {
        TRY(jinja_parse_expression_tuple(parser, JINJA_PARSE_EXPRESSION_FULL, &stmt->expr));
        return end_of_tag(parser);
    }
    stmt->kind = JINJA_STMT_SET_BLOCK;
    TRY(jinja_parse_expression_filters(parser, false, NULL, &stmt->expr));
    return parse_body(parser, "endset", &stmt->body);
}

static enum status parse_parameters(struct jinja_parser *parser, struct jinja_stmt *stmt)
{
    struct jinja_argument *parameters = NULL;
    uint32_t *symbols = NULL;
    uint32_t capacity = 0;
    uint32_t symbol_capacity = 0;
    TRY(jinja_parser_expect_operator(parser, "("));
    while (!jinja_parser_skip_operator(parser, ")")) {
        if (stmt->count)
            TRY(jinja_parser_expect_operator(parser, ","));
        if (jinja_parser_skip_operator(parser, ")"))
            break;
        if (stmt->count == JINJA_ARGUMENTS_MAX)
            return jinja_parser_fail(parser, E_LIMIT, "more than %d parameters",
                                     JINJA_ARGUMENTS_MAX);
        struct jinja_argument parameter = {0};
        struct str name;
        TRY(jinja_parser_expect_name(parser, &name));
        parameter.name = arena_copy_str(&parser->result->arena, name);
        if (jinja_parser_skip_operator(parser, "="))
            TRY(jinja_parse_expression(parser, JINJA_PARSE_EXPRESSION_FULL, &parameter.value));
        jinja_parser_grow(parser, &parameters, stmt->count, &capacity, sizeof(*parameters));
        jinja_parser_grow(parser, &symbols, stmt->count, &symbol_capacity, sizeof(*symbols));
        symbols[stmt->count] = jinja_parser_intern(parser, name);
        parameters[stmt->count++] = parameter;
    }
    stmt->parameters = parameters;
    stmt->parameter_symbols = symbols;
    return OK;
}

/* The body of a macro, up to the tag `end`. */
static enum status parse_macro_body(struct jinja_parser *parser, const char *end,
                                    struct jinja_stmt *stmt)
{
    const uint32_t loop_depth = parser->loop_depth;
    const uint8_t special = parser->special;
    parser->loop_depth = 0;
    parser->special = 0;
    TRY(parse_body(parser, end, &stmt->body));
    stmt->special = parser->special;
    parser->loop_depth = loop_depth;
    parser->special |= special; /* a macro around this one passes them on */
    parser->has_macro = true;
    return OK;
}

static enum status parse_macro(struct jinja_parser *parser, struct jinja_stmt **out)
{
    struct jinja_stmt *stmt = new_stmt(parser, JINJA_STMT_MACRO);
    *out = stmt;
    struct str name;
    TRY(jinja_parser_expect_name(parser, &name));
    stmt->symbol = jinja_parser_intern(parser, name);
    stmt->text = arena_copy_str(&parser->result->arena, name);
    TRY(parse_parameters(parser, stmt));
    return parse_macro_body(parser, "endmacro", stmt);
}

/* "call(parameters) macro(arguments)" and a body */
static enum status parse_call_block(struct jinja_parser *parser, struct jinja_stmt **out)
{
    struct jinja_stmt *stmt = new_stmt(parser, JINJA_STMT_CALL);
    struct jinja_stmt *macro = new_stmt(parser, JINJA_STMT_MACRO);
    *out = stmt;
    macro->text = STR("caller");
    if (jinja_parser_is_operator(parser, "("))
        TRY(parse_parameters(parser, macro));
    TRY(jinja_parse_expression(parser, JINJA_PARSE_EXPRESSION_FULL, &stmt->expr));
    if (stmt->expr->kind != JINJA_EXPR_CALL)
        return jinja_parser_fail(parser, E_FORMAT, "expected call");
    stmt->macro = macro;
    return parse_macro_body(parser, "endcall", macro);
}

/* A block nobody can replace: its body. */
static enum status parse_named_block(struct jinja_parser *parser, struct jinja_stmt **out)
{
    struct str name;
    *out = new_stmt(parser, JINJA_STMT_SCOPE);
    TRY(jinja_parser_expect_name(parser, &name));
    while (jinja_parser_skip_name(parser, "scoped") || jinja_parser_skip_name(parser, "required"))
        continue;
    static const struct ends ends = {{"endblock"}};
    TRY(end_of_tag(parser));
    TRY(parse_block(parser, &ends, &(*out)->body));
    parser->token++;
    if (parser->token->kind == JINJA_TOKEN_NAME)
        parser->token++;
    return end_of_tag(parser);
}

/* Tags that load other templates: a chat template stands alone. */
static enum status refuse_loading(struct jinja_parser *parser, struct jinja_stmt **out)
{
    (void)out;
    return jinja_parser_fail(parser, E_UNSUPPORTED,
                             "'%.*s' cannot be used: a chat template has no other files",
                             STR_ARG(parser->token[-1].text));
}

static enum status parse_filter_block(struct jinja_parser *parser, struct jinja_stmt **out)
{
    struct jinja_stmt *stmt = new_stmt(parser, JINJA_STMT_FILTER);
    *out = stmt;
    TRY(jinja_parse_expression_filters(parser, true, NULL, &stmt->expr));
    return parse_body(parser, "endfilter", &stmt->body);
}

static enum status parse_generation(struct jinja_parser *parser, struct jinja_stmt **out)
{
    *out = new_stmt(parser, JINJA_STMT_SCOPE);
    return parse_body(parser, "endgeneration", &(*out)->body);
}

static enum status parse_with(struct jinja_parser *parser, struct jinja_stmt **out)
{
    struct jinja_stmt *stmt = new_stmt(parser, JINJA_STMT_SCOPE);
    *out = stmt;
    struct jinja_target *targets = NULL;
    struct jinja_argument *values = NULL;
    uint32_t target_capacity = 0;
    uint32_t value_capacity = 0;
    while (parser->token->kind != JINJA_TOKEN_BLOCK_END) {
        if (stmt->count)
            TRY(jinja_parser_expect_operator(parser, ","));
        struct jinja_target target;
        struct jinja_argument value = {0};
        TRY(parse_target(parser, &target));
        TRY(jinja_parser_expect_operator(parser, "="));
        TRY(jinja_parse_expression(parser, JINJA_PARSE_EXPRESSION_FULL, &value.value));
        jinja_parser_grow(parser, &targets, stmt->count, &target_capacity, sizeof(*targets));
        jinja_parser_grow(parser, &values, stmt->count, &value_capacity, sizeof(*values));
        targets[stmt->count] = target;
        values[stmt->count++] = value;
    }
    stmt->targets = targets;
    stmt->parameters = values;
    return parse_body(parser, "endwith", &stmt->body);
}

static enum status parse_jump(struct jinja_parser *parser, enum jinja_stmt_kind kind,
                              struct jinja_stmt **out)
{
    *out = new_stmt(parser, kind);
    if (!parser->loop_depth)
        return jinja_parser_fail(parser, E_FORMAT, "break or continue outside of a loop");
    return end_of_tag(parser);
}

static enum status parse_break(struct jinja_parser *parser, struct jinja_stmt **out)
{
    return parse_jump(parser, JINJA_STMT_BREAK, out);
}

static enum status parse_continue(struct jinja_parser *parser, struct jinja_stmt **out)
{
    return parse_jump(parser, JINJA_STMT_CONTINUE, out);
}

static const struct {
    const char *name;
    enum status (*parse)(struct jinja_parser *parser, struct jinja_stmt **out);
} statements[] = {
    {"if", parse_if},
    {"for", parse_for},
    {"set", parse_set},
    {"macro", parse_macro},
    {"call", parse_call_block},
    {"block", parse_named_block},
    {"filter", parse_filter_block},
    {"generation", parse_generation},
    {"with", parse_with},
    {"break", parse_break},
    {"continue", parse_continue},
    {"include", refuse_loading},
    {"import", refuse_loading},
    {"from", refuse_loading},
    {"extends", refuse_loading},
};

/* Behind "{%". */
static enum status parse_statement(struct jinja_parser *parser, struct jinja_stmt **out)
{
    for (size_t i = 0; i < ARRAY_LEN(statements); i++) {
        if (jinja_parser_skip_name(parser, statements[i].name))
            return statements[i].parse(parser, out);
    }
    if (parser->token->kind != JINJA_TOKEN_NAME)
        return jinja_parser_unexpected(parser);
    return jinja_parser_fail(parser, E_UNSUPPORTED, "the tag '%.*s' is not known here",
                             STR_ARG(str_slice(parser->token->text, 0, 40)));
}

static enum status parse_print(struct jinja_parser *parser, struct jinja_stmt **out)
{
    parser->token++;
    *out = new_stmt(parser, JINJA_STMT_PRINT);
    TRY(jinja_parse_expression_tuple(parser, JINJA_PARSE_EXPRESSION_FULL, &(*out)->expr));
    return jinja_parser_expect(parser, JINJA_TOKEN_PRINT_END);
}

static bool is_end(const struct jinja_parser *parser, const struct ends *ends)
{
    for (size_t i = 0; ends && i < ENDS_MAX && ends->names[i]; i++) {
        if (jinja_parser_is_name(parser, ends->names[i]))
            return true;
    }
    return false;
}

/* Statements up to an end tag, whose name is then the current token; without `ends`, to the end of
 * the template. */
static enum status parse_statements(struct jinja_parser *parser, const struct ends *ends,
                                    struct block_builder *builder)
{
    while (parser->token->kind != JINJA_TOKEN_END) {
        struct jinja_stmt *stmt = NULL;
        if (parser->token->kind == JINJA_TOKEN_DATA) {
            stmt = new_stmt(parser, JINJA_STMT_DATA);
            stmt->text = arena_copy_str(&parser->result->arena, parser->token->text);
            parser->token++;
        } else if (parser->token->kind == JINJA_TOKEN_PRINT_BEGIN) {
            TRY(parse_print(parser, &stmt));
        } else {
            TRY(jinja_parser_expect(parser, JINJA_TOKEN_BLOCK_BEGIN));
            if (is_end(parser, ends))
                return OK;
            TRY(parse_statement(parser, &stmt));
        }
        add_stmt(builder, stmt);
    }
    if (ends)
        return jinja_parser_fail(parser, E_FORMAT, "the template ends before '%s'",
                                 ends->names[ends->names[1] ? ends->names[2] ? 2 : 1 : 0]);
    return OK;
}

static enum status parse_block(struct jinja_parser *parser, const struct ends *ends,
                               struct jinja_block *out)
{
    struct block_builder builder = {0};
    TRY(jinja_parser_enter(parser));
    TRY(parse_statements(parser, ends, &builder));
    jinja_parser_leave(parser);
    *out = builder.block;
    return OK;
}

enum status jinja_parse_template(struct str source, struct jinja_template **out, struct error *err)
{
    CLEANUP(jinja_lex_done) struct jinja_lex lex = {0};
    TRY(jinja_lex_run(source, &lex, err));
    CLEANUP(jinja_parse_freep) struct jinja_template *result = mem_zalloc(sizeof(*result));
    struct jinja_parser parser = {.result = result, .token = lex.tokens, .err = err};
    static const char *const special[JINJA_SPECIAL_COUNT] = {"varargs", "kwargs", "caller"};
    result->loop_symbol = jinja_parser_intern(&parser, STR("loop"));
    for (size_t i = 0; i < ARRAY_LEN(special); i++)
        result->special_symbols[i] = jinja_parser_intern(&parser, str_from_c(special[i]));
    TRY(parse_block(&parser, NULL, &result->body));
    *out = result;
    result = NULL;
    return OK;
}

void jinja_parse_free(struct jinja_template *jinja_template)
{
    if (!jinja_template)
        return;
    hash_map_done(&jinja_template->symbols);
    mem_free(jinja_template->symbol_names);
    arena_done(&jinja_template->arena);
    mem_free(jinja_template);
}

uint32_t jinja_parse_symbol(const struct jinja_template *jinja_template, struct str name)
{
    uint64_t number = 0;
    if (!hash_map_find(&jinja_template->symbols, name, &number))
        return UINT32_MAX;
    return (uint32_t)number;
}
