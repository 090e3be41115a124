#include "chat/jinja_parse_expression.h"

#include "base/strbuf.h"
#include "chat/jinja_context.h"
#include "chat/jinja_filters.h"
#include "chat/jinja_tests.h"

/* A list of expressions that grows. */
struct items {
    const struct jinja_expr **exprs;
    uint32_t count;
    uint32_t capacity;
};

static enum status parse_unary(struct jinja_parser *parser, bool with_filters,
                               const struct jinja_expr **out);

static struct jinja_expr *new_expr(struct jinja_parser *parser, enum jinja_expr_kind kind)
{
    struct jinja_expr *expr = jinja_parser_alloc(parser, 1, sizeof(*expr));
    expr->kind = (uint8_t)kind;
    expr->line = parser->token->line;
    return expr;
}

static void add_item(struct jinja_parser *parser, struct items *items,
                     const struct jinja_expr *expr)
{
    jinja_parser_grow(parser, &items->exprs, items->count, &items->capacity, sizeof(*items->exprs));
    items->exprs[items->count++] = expr;
}

static struct jinja_expr *new_with(struct jinja_parser *parser, enum jinja_expr_kind kind,
                                   const struct jinja_expr *first, const struct jinja_expr *second)
{
    struct jinja_expr *expr = new_expr(parser, kind);
    struct items items = {0};
    add_item(parser, &items, first);
    if (second)
        add_item(parser, &items, second);
    expr->operands = items.exprs;
    expr->count = items.count;
    return expr;
}

static struct jinja_value constant_text(struct jinja_parser *parser, struct str text)
{
    struct jinja_string *string = jinja_parser_alloc(parser, 1, sizeof(*string));
    *string = jinja_string_of(arena_copy_str(&parser->result->arena, text), SEGMENT_TEMPLATE);
    return jinja_value_string(string);
}

/* ---------------------------------------------------------------- literals */

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

static enum status parse_integer(struct jinja_parser *parser, struct jinja_value *out)
{
    struct str text = parser->token->text;
    int base = 10;
    if (text.len > 2 && text.ptr[0] == '0' && digit_value(text.ptr[1]) > 9) {
        const char c = (char)(text.ptr[1] | 0x20);
        base = c == 'x' ? 16 : c == 'o' ? 8 : 2;
        text = str_slice(text, 2, SIZE_MAX);
    }
    int64_t value = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '_')
            continue;
        const int digit = digit_value(text.ptr[i]);
        if (digit >= base)
            return jinja_parser_unexpected(parser);
        if (__builtin_mul_overflow(value, base, &value) ||
            __builtin_add_overflow(value, digit, &value))
            return jinja_parser_fail(parser, E_LIMIT, "a number is too large");
    }
    *out = jinja_value_int(value);
    return OK;
}

static enum status parse_float(struct jinja_parser *parser, struct jinja_value *out)
{
    CLEANUP(strbuf_done) struct strbuf digits = {0};
    for (size_t i = 0; i < parser->token->text.len; i++) {
        if (parser->token->text.ptr[i] != '_')
            strbuf_add_char(&digits, parser->token->text.ptr[i]);
    }
    double value = 0;
    if (!str_to_double(strbuf_view(&digits), &value))
        return jinja_parser_unexpected(parser);
    *out = jinja_value_float(value);
    return OK;
}

/* Strings that stand behind each other are one. */
static enum status parse_string(struct jinja_parser *parser, struct jinja_value *out)
{
    CLEANUP(strbuf_done) struct strbuf text = {0};
    for (; parser->token->kind == JINJA_TOKEN_STRING; parser->token++) {
        if (!jinja_lex_unquote(parser->token->text, &text))
            return jinja_parser_fail(parser, E_FORMAT, "a string has a malformed escape");
    }
    *out = constant_text(parser, strbuf_view(&text));
    return OK;
}

static enum status parse_name(struct jinja_parser *parser, const struct jinja_expr **out)
{
    static const struct {
        const char *name;
        struct jinja_value value;
    } constants[] = {
        {"true", {.kind = JINJA_BOOL, .boolean = true}},
        {"True", {.kind = JINJA_BOOL, .boolean = true}},
        {"false", {.kind = JINJA_BOOL, .boolean = false}},
        {"False", {.kind = JINJA_BOOL, .boolean = false}},
        {"none", {.kind = JINJA_NONE}},
        {"None", {.kind = JINJA_NONE}},
    };
    for (size_t i = 0; i < ARRAY_LEN(constants); i++) {
        if (str_equal_c(parser->token->text, constants[i].name)) {
            struct jinja_expr *expr = new_expr(parser, JINJA_EXPR_CONSTANT);
            expr->constant = constants[i].value;
            parser->token++;
            *out = expr;
            return OK;
        }
    }
    struct jinja_expr *expr = new_expr(parser, JINJA_EXPR_NAME);
    expr->symbol = jinja_parser_intern(parser, parser->token->text);
    for (unsigned i = 0; i < JINJA_SPECIAL_COUNT; i++)
        parser->special |= (uint8_t)((expr->symbol == parser->result->special_symbols[i]) << i);
    parser->token++;
    *out = expr;
    return OK;
}

static enum status parse_list(struct jinja_parser *parser, const struct jinja_expr **out)
{
    struct jinja_expr *expr = new_expr(parser, JINJA_EXPR_LIST);
    struct items items = {0};
    TRY(jinja_parser_expect_operator(parser, "["));
    while (!jinja_parser_skip_operator(parser, "]")) {
        if (items.count)
            TRY(jinja_parser_expect_operator(parser, ","));
        if (jinja_parser_skip_operator(parser, "]"))
            break;
        const struct jinja_expr *item = NULL;
        TRY(jinja_parse_expression(parser, JINJA_PARSE_EXPRESSION_FULL, &item));
        add_item(parser, &items, item);
    }
    expr->operands = items.exprs;
    expr->count = items.count;
    *out = expr;
    return OK;
}

static enum status parse_dict(struct jinja_parser *parser, const struct jinja_expr **out)
{
    struct jinja_expr *expr = new_expr(parser, JINJA_EXPR_DICT);
    struct items items = {0};
    TRY(jinja_parser_expect_operator(parser, "{"));
    while (!jinja_parser_skip_operator(parser, "}")) {
        if (items.count)
            TRY(jinja_parser_expect_operator(parser, ","));
        if (jinja_parser_skip_operator(parser, "}"))
            break;
        const struct jinja_expr *key = NULL;
        const struct jinja_expr *value = NULL;
        TRY(jinja_parse_expression(parser, JINJA_PARSE_EXPRESSION_FULL, &key));
        TRY(jinja_parser_expect_operator(parser, ":"));
        TRY(jinja_parse_expression(parser, JINJA_PARSE_EXPRESSION_FULL, &value));
        add_item(parser, &items, key);
        add_item(parser, &items, value);
    }
    expr->operands = items.exprs;
    expr->count = items.count;
    *out = expr;
    return OK;
}

static enum status parse_parentheses(struct jinja_parser *parser, const struct jinja_expr **out)
{
    TRY(jinja_parser_expect_operator(parser, "("));
    if (jinja_parser_is_operator(parser, ")"))
        *out = new_expr(parser, JINJA_EXPR_TUPLE);
    else
        TRY(jinja_parse_expression_tuple(parser, JINJA_PARSE_EXPRESSION_FULL, out));
    return jinja_parser_expect_operator(parser, ")");
}

static enum status parse_constant(struct jinja_parser *parser, const struct jinja_expr **out)
{
    struct jinja_expr *expr = new_expr(parser, JINJA_EXPR_CONSTANT);
    *out = expr;
    if (parser->token->kind == JINJA_TOKEN_STRING)
        return parse_string(parser, &expr->constant);
    TRY(parser->token->kind == JINJA_TOKEN_INTEGER ? parse_integer(parser, &expr->constant)
                                                   : parse_float(parser, &expr->constant));
    parser->token++;
    return OK;
}

static enum status parse_primary(struct jinja_parser *parser, const struct jinja_expr **out)
{
    switch (parser->token->kind) {
    case JINJA_TOKEN_NAME: return parse_name(parser, out);
    case JINJA_TOKEN_STRING:
    case JINJA_TOKEN_INTEGER:
    case JINJA_TOKEN_FLOAT: return parse_constant(parser, out);
    case JINJA_TOKEN_OPERATOR:
        if (jinja_parser_is_operator(parser, "("))
            return parse_parentheses(parser, out);
        if (jinja_parser_is_operator(parser, "["))
            return parse_list(parser, out);
        if (jinja_parser_is_operator(parser, "{"))
            return parse_dict(parser, out);
        break;
    case JINJA_TOKEN_END:
    case JINJA_TOKEN_DATA:
    case JINJA_TOKEN_PRINT_BEGIN:
    case JINJA_TOKEN_PRINT_END:
    case JINJA_TOKEN_BLOCK_BEGIN:
    case JINJA_TOKEN_BLOCK_END: break;
    }
    return jinja_parser_unexpected(parser);
}

/* ---------------------------------------------------------------- behind an operand */

/* The stars and the name in front of an argument. `before` is the last argument: what is given by
 * position stands first. */
static enum status parse_argument_head(struct jinja_parser *parser,
                                       const struct jinja_argument *before,
                                       struct jinja_argument *out)
{
    const struct jinja_token *next = &parser->token[1];
    const bool has_name = parser->token->kind == JINJA_TOKEN_NAME && next->text.len == 1 &&
                          next->kind == JINJA_TOKEN_OPERATOR && next->text.ptr[0] == '=';
    out->stars = jinja_parser_skip_operator(parser, "*")    ? 1
                 : jinja_parser_skip_operator(parser, "**") ? 2
                                                            : 0;
    if (has_name) {
        out->name = arena_copy_str(&parser->result->arena, parser->token->text);
        parser->token += 2;
    } else if (!out->stars && before && (before->name.ptr || before->stars)) {
        return jinja_parser_fail(parser, E_FORMAT,
                                 "an argument without a name stands behind one with a name");
    }
    return OK;
}

/* "(a, b, name=c, *d, **e)" */
static enum status parse_arguments(struct jinja_parser *parser, struct jinja_expr *call)
{
    struct jinja_argument *arguments = NULL;
    uint32_t capacity = 0;
    TRY(jinja_parser_expect_operator(parser, "("));
    while (!jinja_parser_skip_operator(parser, ")")) {
        if (call->argument_count)
            TRY(jinja_parser_expect_operator(parser, ","));
        if (jinja_parser_skip_operator(parser, ")"))
            break;
        if (call->argument_count == JINJA_ARGUMENTS_MAX)
            return jinja_parser_fail(parser, E_LIMIT, "more than %d arguments",
                                     JINJA_ARGUMENTS_MAX);
        struct jinja_argument argument = {0};
        TRY(parse_argument_head(
            parser, call->argument_count ? &arguments[call->argument_count - 1] : NULL, &argument));
        TRY(jinja_parse_expression(parser, JINJA_PARSE_EXPRESSION_FULL, &argument.value));
        jinja_parser_grow(parser, &arguments, call->argument_count, &capacity, sizeof(*arguments));
        arguments[call->argument_count++] = argument;
    }
    call->arguments = arguments;
    return OK;
}

static enum status parse_call(struct jinja_parser *parser, const struct jinja_expr *callee,
                              const struct jinja_expr **out)
{
    struct jinja_expr *call = new_with(parser, JINJA_EXPR_CALL, callee, NULL);
    *out = call;
    return parse_arguments(parser, call);
}

static enum status parse_attribute(struct jinja_parser *parser, const struct jinja_expr *object,
                                   const struct jinja_expr **out)
{
    TRY(jinja_parser_expect_operator(parser, "."));
    if (parser->token->kind == JINJA_TOKEN_INTEGER) { /* a.0 is a[0] */
        const struct jinja_expr *index = NULL;
        TRY(parse_constant(parser, &index));
        *out = new_with(parser, JINJA_EXPR_ITEM, object, index);
        return OK;
    }
    struct jinja_expr *expr = new_with(parser, JINJA_EXPR_ATTRIBUTE, object, NULL);
    struct str name;
    TRY(jinja_parser_expect_name(parser, &name));
    expr->constant = constant_text(parser, name);
    *out = expr;
    return OK;
}

/* One of the up to three parts of a slice; NULL when it is left out. */
static enum status parse_slice_part(struct jinja_parser *parser, const struct jinja_expr **out)
{
    *out = NULL;
    if (jinja_parser_is_operator(parser, ":") || jinja_parser_is_operator(parser, "]"))
        return OK;
    return jinja_parse_expression(parser, JINJA_PARSE_EXPRESSION_FULL, out);
}

static enum status parse_slice(struct jinja_parser *parser, const struct jinja_expr *object,
                               const struct jinja_expr *start, const struct jinja_expr **out)
{
    struct jinja_expr *expr = new_expr(parser, JINJA_EXPR_SLICE);
    expr->count = 4;
    expr->operands = jinja_parser_alloc(parser, expr->count, sizeof(*expr->operands));
    expr->operands[0] = object;
    expr->operands[1] = start;
    TRY(jinja_parser_expect_operator(parser, ":"));
    TRY(parse_slice_part(parser, &expr->operands[2]));
    if (jinja_parser_skip_operator(parser, ":"))
        TRY(parse_slice_part(parser, &expr->operands[3]));
    *out = expr;
    return OK;
}

static enum status parse_subscript(struct jinja_parser *parser, const struct jinja_expr *object,
                                   const struct jinja_expr **out)
{
    TRY(jinja_parser_expect_operator(parser, "["));
    const struct jinja_expr *index = NULL;
    TRY(parse_slice_part(parser, &index));
    if (jinja_parser_is_operator(parser, ":")) {
        TRY(parse_slice(parser, object, index, out));
    } else if (index) {
        *out = new_with(parser, JINJA_EXPR_ITEM, object, index);
    } else {
        return jinja_parser_unexpected(parser);
    }
    return jinja_parser_expect_operator(parser, "]");
}

static enum status parse_postfix(struct jinja_parser *parser, const struct jinja_expr **expr)
{
    for (;;) {
        if (jinja_parser_is_operator(parser, "."))
            TRY(parse_attribute(parser, *expr, expr));
        else if (jinja_parser_is_operator(parser, "["))
            TRY(parse_subscript(parser, *expr, expr));
        else if (jinja_parser_is_operator(parser, "("))
            TRY(parse_call(parser, *expr, expr));
        else
            return OK;
    }
}

/* "name" or "name(arguments)" of a filter. */
static enum status parse_filter(struct jinja_parser *parser, const struct jinja_expr *operand,
                                const struct jinja_expr **out)
{
    struct jinja_expr *expr = new_with(parser, JINJA_EXPR_FILTER, operand, NULL);
    struct str name;
    TRY(jinja_parser_expect_name(parser, &name));
    expr->constant = constant_text(parser, name);
    expr->function = jinja_filters_find(name);
    *out = expr;
    return jinja_parser_is_operator(parser, "(") ? parse_arguments(parser, expr) : OK;
}

enum status jinja_parse_expression_filters(struct jinja_parser *parser, bool begins,
                                           const struct jinja_expr *operand,
                                           const struct jinja_expr **out)
{
    *out = operand;
    while (begins || jinja_parser_skip_operator(parser, "|")) {
        TRY(parse_filter(parser, *out, out));
        begins = false;
    }
    return OK;
}

/* Does an argument without parentheses follow the name of a test ("is divisibleby 3")? */
static bool has_bare_argument(const struct jinja_parser *parser)
{
    switch (parser->token->kind) {
    case JINJA_TOKEN_STRING:
    case JINJA_TOKEN_INTEGER:
    case JINJA_TOKEN_FLOAT: return true;
    case JINJA_TOKEN_NAME:
        return !jinja_parser_is_name(parser, "else") && !jinja_parser_is_name(parser, "or") &&
               !jinja_parser_is_name(parser, "and") && !jinja_parser_is_name(parser, "if") &&
               !jinja_parser_is_name(parser, "is") && !jinja_parser_is_name(parser, "in") &&
               !jinja_parser_is_name(parser, "not");
    case JINJA_TOKEN_OPERATOR:
        return jinja_parser_is_operator(parser, "[") || jinja_parser_is_operator(parser, "{");
    case JINJA_TOKEN_END:
    case JINJA_TOKEN_DATA:
    case JINJA_TOKEN_PRINT_BEGIN:
    case JINJA_TOKEN_PRINT_END:
    case JINJA_TOKEN_BLOCK_BEGIN:
    case JINJA_TOKEN_BLOCK_END: break;
    }
    return false;
}

static enum status parse_bare_argument(struct jinja_parser *parser, struct jinja_expr *test)
{
    struct jinja_argument *argument = jinja_parser_alloc(parser, 1, sizeof(*argument));
    TRY(parse_primary(parser, &argument->value));
    TRY(parse_postfix(parser, &argument->value));
    test->arguments = argument;
    test->argument_count = 1;
    return OK;
}

/* Behind "is". */
static enum status parse_test(struct jinja_parser *parser, const struct jinja_expr *operand,
                              const struct jinja_expr **out)
{
    const bool is_negated = jinja_parser_skip_name(parser, "not");
    struct jinja_expr *expr = new_with(parser, JINJA_EXPR_TEST, operand, NULL);
    struct str name;
    TRY(jinja_parser_expect_name(parser, &name));
    expr->constant = constant_text(parser, name);
    expr->test = jinja_tests_find(name);
    *out = expr;
    if (jinja_parser_is_operator(parser, "("))
        TRY(parse_arguments(parser, expr));
    else if (has_bare_argument(parser))
        TRY(parse_bare_argument(parser, expr));
    if (is_negated)
        *out = new_with(parser, JINJA_EXPR_NOT, expr, NULL);
    return OK;
}

static enum status parse_filters_and_tests(struct jinja_parser *parser,
                                           const struct jinja_expr **expr)
{
    for (;;) {
        if (jinja_parser_skip_operator(parser, "|"))
            TRY(parse_filter(parser, *expr, expr));
        else if (jinja_parser_skip_name(parser, "is"))
            TRY(parse_test(parser, *expr, expr));
        else if (jinja_parser_is_operator(parser, "("))
            TRY(parse_call(parser, *expr, expr));
        else
            return OK;
    }
}

/* ---------------------------------------------------------------- operators, tightest first */

static enum status parse_signed(struct jinja_parser *parser, bool with_filters,
                                const struct jinja_expr **out)
{
    const bool is_negative = jinja_parser_skip_operator(parser, "-");
    if (is_negative || jinja_parser_skip_operator(parser, "+")) {
        const struct jinja_expr *operand = NULL;
        TRY(parse_unary(parser, false, &operand));
        *out = new_with(parser, is_negative ? JINJA_EXPR_NEGATE : JINJA_EXPR_PLUS, operand, NULL);
    } else {
        TRY(parse_primary(parser, out));
    }
    TRY(parse_postfix(parser, out));
    return with_filters ? parse_filters_and_tests(parser, out) : OK;
}

static enum status parse_unary(struct jinja_parser *parser, bool with_filters,
                               const struct jinja_expr **out)
{
    TRY(jinja_parser_enter(parser));
    TRY(parse_signed(parser, with_filters, out));
    jinja_parser_leave(parser);
    return OK;
}

struct operator_row {
    const char *text;
    enum jinja_operator operation;
};

static const struct operator_row powers[] = {{"**", JINJA_OP_POWER}};
static const struct operator_row products[] = {{"*", JINJA_OP_MULTIPLY},
                                               {"//", JINJA_OP_FLOOR_DIVIDE},
                                               {"/", JINJA_OP_DIVIDE},
                                               {"%", JINJA_OP_MODULO}};
static const struct operator_row sums[] = {{"+", JINJA_OP_ADD}, {"-", JINJA_OP_SUBTRACT}};
static const struct operator_row comparisons[] = {
    {"==", JINJA_OP_EQUAL},         {"!=", JINJA_OP_NOT_EQUAL}, {"<=", JINJA_OP_LESS_EQUAL},
    {">=", JINJA_OP_GREATER_EQUAL}, {"<", JINJA_OP_LESS},       {">", JINJA_OP_GREATER},
};

/* Goes past the current token if it is one of the operators. */
static bool skip_one_of(struct jinja_parser *parser, const struct operator_row *rows, size_t count,
                        enum jinja_operator *out)
{
    for (size_t i = 0; i < count; i++) {
        if (jinja_parser_skip_operator(parser, rows[i].text)) {
            *out = rows[i].operation;
            return true;
        }
    }
    return false;
}

static struct jinja_expr *new_binary(struct jinja_parser *parser, enum jinja_operator operation,
                                     const struct jinja_expr *left, const struct jinja_expr *right)
{
    struct jinja_expr *expr = new_with(parser, JINJA_EXPR_BINARY, left, right);
    expr->operation = (uint8_t)operation;
    return expr;
}

static enum status parse_power(struct jinja_parser *parser, const struct jinja_expr **out)
{
    enum jinja_operator operation = JINJA_OP_POWER;
    TRY(parse_unary(parser, true, out));
    while (skip_one_of(parser, powers, ARRAY_LEN(powers), &operation)) {
        const struct jinja_expr *right = NULL;
        TRY(parse_unary(parser, true, &right));
        *out = new_binary(parser, operation, *out, right);
    }
    return OK;
}

static enum status parse_product(struct jinja_parser *parser, const struct jinja_expr **out)
{
    enum jinja_operator operation = JINJA_OP_MULTIPLY;
    TRY(parse_power(parser, out));
    while (skip_one_of(parser, products, ARRAY_LEN(products), &operation)) {
        const struct jinja_expr *right = NULL;
        TRY(parse_power(parser, &right));
        *out = new_binary(parser, operation, *out, right);
    }
    return OK;
}

static enum status parse_concat(struct jinja_parser *parser, const struct jinja_expr **out)
{
    TRY(parse_product(parser, out));
    if (!jinja_parser_is_operator(parser, "~"))
        return OK;
    struct jinja_expr *expr = new_expr(parser, JINJA_EXPR_CONCAT);
    struct items items = {0};
    add_item(parser, &items, *out);
    while (jinja_parser_skip_operator(parser, "~")) {
        const struct jinja_expr *item = NULL;
        TRY(parse_product(parser, &item));
        add_item(parser, &items, item);
    }
    expr->operands = items.exprs;
    expr->count = items.count;
    *out = expr;
    return OK;
}

static enum status parse_sum(struct jinja_parser *parser, const struct jinja_expr **out)
{
    enum jinja_operator operation = JINJA_OP_ADD;
    TRY(parse_concat(parser, out));
    while (skip_one_of(parser, sums, ARRAY_LEN(sums), &operation)) {
        const struct jinja_expr *right = NULL;
        TRY(parse_concat(parser, &right));
        *out = new_binary(parser, operation, *out, right);
    }
    return OK;
}

/* "==", "in", "not in", ... */
static bool skip_comparison(struct jinja_parser *parser, enum jinja_operator *out)
{
    if (skip_one_of(parser, comparisons, ARRAY_LEN(comparisons), out))
        return true;
    if (jinja_parser_skip_name(parser, "in")) {
        *out = JINJA_OP_IN;
        return true;
    }
    if (jinja_parser_is_name(parser, "not") && parser->token[1].kind == JINJA_TOKEN_NAME &&
        str_equal_c(parser->token[1].text, "in")) {
        parser->token += 2;
        *out = JINJA_OP_NOT_IN;
        return true;
    }
    return false;
}

static enum status parse_compare(struct jinja_parser *parser, const struct jinja_expr **out)
{
    TRY(parse_sum(parser, out));
    enum jinja_operator operation = JINJA_OP_EQUAL;
    if (!skip_comparison(parser, &operation))
        return OK;
    struct jinja_expr *expr = new_expr(parser, JINJA_EXPR_COMPARE);
    struct items items = {0};
    uint8_t *operators = NULL;
    uint32_t capacity = 0;
    add_item(parser, &items, *out);
    do {
        const struct jinja_expr *item = NULL;
        TRY(parse_sum(parser, &item));
        jinja_parser_grow(parser, &operators, items.count - 1, &capacity, sizeof(*operators));
        operators[items.count - 1] = (uint8_t)operation;
        add_item(parser, &items, item);
    } while (skip_comparison(parser, &operation));
    expr->operands = items.exprs;
    expr->count = items.count;
    expr->operators = operators;
    *out = expr;
    return OK;
}

static enum status parse_not(struct jinja_parser *parser, const struct jinja_expr **out)
{
    uint32_t count = 0;
    while (jinja_parser_skip_name(parser, "not"))
        count++;
    TRY(parse_compare(parser, out));
    if (count) /* not not x is the truth of x */
        *out = new_with(parser, JINJA_EXPR_NOT, *out, NULL);
    if (count && count % 2 == 0)
        *out = new_with(parser, JINJA_EXPR_NOT, *out, NULL);
    return OK;
}

static enum status parse_and(struct jinja_parser *parser, const struct jinja_expr **out)
{
    TRY(parse_not(parser, out));
    while (jinja_parser_skip_name(parser, "and")) {
        const struct jinja_expr *right = NULL;
        TRY(parse_not(parser, &right));
        *out = new_with(parser, JINJA_EXPR_AND, *out, right);
    }
    return OK;
}

static enum status parse_or(struct jinja_parser *parser, const struct jinja_expr **out)
{
    TRY(parse_and(parser, out));
    while (jinja_parser_skip_name(parser, "or")) {
        const struct jinja_expr *right = NULL;
        TRY(parse_and(parser, &right));
        *out = new_with(parser, JINJA_EXPR_OR, *out, right);
    }
    return OK;
}

/* "a if b else c", "a if b" */
static enum status parse_condition(struct jinja_parser *parser, const struct jinja_expr **out)
{
    TRY(parse_or(parser, out));
    while (jinja_parser_skip_name(parser, "if")) {
        struct jinja_expr *expr = new_expr(parser, JINJA_EXPR_IF);
        expr->count = 3;
        expr->operands = jinja_parser_alloc(parser, expr->count, sizeof(*expr->operands));
        expr->operands[0] = *out;
        TRY(parse_or(parser, &expr->operands[1]));
        if (jinja_parser_skip_name(parser, "else"))
            TRY(jinja_parse_expression(parser, JINJA_PARSE_EXPRESSION_FULL, &expr->operands[2]));
        *out = expr;
    }
    return OK;
}

enum status jinja_parse_expression(struct jinja_parser *parser,
                                   enum jinja_parse_expression_mode mode,
                                   const struct jinja_expr **out)
{
    TRY(jinja_parser_enter(parser));
    if (mode == JINJA_PARSE_EXPRESSION_FULL)
        TRY(parse_condition(parser, out));
    else
        TRY(parse_or(parser, out));
    jinja_parser_leave(parser);
    return OK;
}

/* Is what follows a comma the end of a tuple? */
static bool is_tuple_end(const struct jinja_parser *parser)
{
    return parser->token->kind == JINJA_TOKEN_PRINT_END ||
           parser->token->kind == JINJA_TOKEN_BLOCK_END || jinja_parser_is_operator(parser, ")");
}

enum status jinja_parse_expression_tuple(struct jinja_parser *parser,
                                         enum jinja_parse_expression_mode mode,
                                         const struct jinja_expr **out)
{
    TRY(jinja_parse_expression(parser, mode, out));
    if (!jinja_parser_is_operator(parser, ","))
        return OK;
    struct jinja_expr *expr = new_expr(parser, JINJA_EXPR_TUPLE);
    struct items items = {0};
    add_item(parser, &items, *out);
    while (jinja_parser_skip_operator(parser, ",") && !is_tuple_end(parser)) {
        const struct jinja_expr *item = NULL;
        TRY(jinja_parse_expression(parser, mode, &item));
        add_item(parser, &items, item);
    }
    expr->operands = items.exprs;
    expr->count = items.count;
    *out = expr;
    return OK;
}
