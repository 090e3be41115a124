/*
 * jinja_ast - a parsed template: statements and expressions as trees.
 *
 * All nodes live in the arena of the template and never change, so that any number of renderings
 * may use them at once. Names of variables are numbers (symbols): the same name, the same number.
 *
 * Made by jinja_parse.c and jinja_parse_expression.c; walked by jinja_exec.c and jinja_eval.c.
 */
#pragma once

#include "base/arena.h"
#include "base/hash_map.h"
#include "chat/jinja_value.h"

#include <stdint.h>

struct jinja_function;
struct jinja_test;

enum jinja_operator {
    JINJA_OP_ADD,
    JINJA_OP_SUBTRACT,
    JINJA_OP_MULTIPLY,
    JINJA_OP_DIVIDE,
    JINJA_OP_FLOOR_DIVIDE,
    JINJA_OP_MODULO,
    JINJA_OP_POWER,
    JINJA_OP_EQUAL,
    JINJA_OP_NOT_EQUAL,
    JINJA_OP_LESS,
    JINJA_OP_LESS_EQUAL,
    JINJA_OP_GREATER,
    JINJA_OP_GREATER_EQUAL,
    JINJA_OP_IN,
    JINJA_OP_NOT_IN,
};

enum jinja_expr_kind {
    JINJA_EXPR_CONSTANT,
    JINJA_EXPR_NAME,
    JINJA_EXPR_ATTRIBUTE, /* operands[0].name */
    JINJA_EXPR_ITEM,      /* operands[0][operands[1]] */
    JINJA_EXPR_SLICE,     /* operands[0][operands[1]:operands[2]:operands[3]]; NULL: left out */
    JINJA_EXPR_CALL,      /* operands[0](arguments) */
    JINJA_EXPR_FILTER,    /* operands[0] | name(arguments); NULL: the body of a block */
    JINJA_EXPR_TEST,      /* operands[0] is name(arguments) */
    JINJA_EXPR_NOT,
    JINJA_EXPR_NEGATE,
    JINJA_EXPR_PLUS,
    JINJA_EXPR_BINARY,  /* operands[0] op operands[1] */
    JINJA_EXPR_CONCAT,  /* operands[0] ~ operands[1] ~ ... */
    JINJA_EXPR_AND,     /* operands[0] and operands[1] */
    JINJA_EXPR_OR,      /* operands[0] or operands[1] */
    JINJA_EXPR_COMPARE, /* operands[0] operators[0] operands[1] operators[1] operands[2] ... */
    JINJA_EXPR_IF,      /* operands[0] if operands[1] else operands[2]; NULL: undefined */
    JINJA_EXPR_LIST,
    JINJA_EXPR_TUPLE,
    JINJA_EXPR_DICT, /* key, value, key, value ... */
};

struct jinja_argument {
    struct str name; /* ptr NULL: by position */
    uint8_t stars;   /* 1: "*value", items by position; 2: "**value", entries by name */
    const struct jinja_expr *value;
};

struct jinja_expr {
    uint8_t kind;      /* enum jinja_expr_kind */
    uint8_t operation; /* BINARY: enum jinja_operator */
    uint32_t line;
    uint32_t symbol; /* NAME */
    uint32_t count;  /* of operands */
    uint32_t argument_count;
    const struct jinja_expr **operands;
    const uint8_t *operators; /* COMPARE: count - 1 */
    const struct jinja_argument *arguments;
    struct jinja_value constant;           /* CONSTANT; ATTRIBUTE, FILTER, TEST: the name */
    const struct jinja_function *function; /* FILTER; NULL: there is no such filter */
    const struct jinja_test *test;         /* TEST; NULL: there is no such test */
};

enum jinja_stmt_kind {
    JINJA_STMT_DATA,
    JINJA_STMT_PRINT,
    JINJA_STMT_IF,
    JINJA_STMT_FOR,
    JINJA_STMT_SET,
    JINJA_STMT_SET_BLOCK,
    JINJA_STMT_MACRO,
    JINJA_STMT_FILTER,
    JINJA_STMT_SCOPE, /* a block with variables of its own: generation, with, block */
    JINJA_STMT_CALL,  /* expr, a call, gets `macro` as its argument "caller" */
    JINJA_STMT_BREAK,
    JINJA_STMT_CONTINUE,
};

/* What is assigned to: a name, an attribute of a namespace, or several of them. */
struct jinja_target {
    uint32_t symbol;
    struct str attribute; /* ptr NULL: the name itself */
    uint32_t line;
    uint32_t count; /* > 0: items are assigned one by one */
    const struct jinja_target *items;
};

struct jinja_block {
    const struct jinja_stmt *first;
};

struct jinja_branch {
    const struct jinja_expr *condition; /* NULL: else */
    struct jinja_block body;
};

struct jinja_stmt {
    uint8_t kind;      /* enum jinja_stmt_kind */
    uint8_t special;   /* MACRO: enum jinja_special bits its body mentions */
    bool has_macro;    /* FOR: the body defines macros, which keep its variables */
    bool is_recursive; /* FOR: loop(items) runs it again */
    uint32_t line;
    uint32_t count; /* IF: branches; MACRO: parameters; SCOPE: targets */
    const struct jinja_stmt *next;
    struct str text;                     /* DATA */
    const struct jinja_expr *expr;       /* PRINT, SET, CALL, FOR (what is visited); SET_BLOCK and
                                            FILTER: filters of the body, may be NULL in SET_BLOCK */
    const struct jinja_expr *condition;  /* FOR: which items; NULL: all */
    const struct jinja_branch *branches; /* IF */
    struct jinja_target target;          /* FOR, SET, SET_BLOCK */
    struct jinja_block body;             /* FOR, SET_BLOCK, MACRO, FILTER, SCOPE */
    struct jinja_block otherwise;        /* FOR: nothing was visited */
    uint32_t symbol;                     /* MACRO: its name */
    const struct jinja_argument *parameters; /* MACRO: names, and defaults or NULL;
                                                SCOPE: values of the targets */
    const struct jinja_target *targets;      /* SCOPE */
    const uint32_t *parameter_symbols;       /* MACRO */
    const struct jinja_stmt *macro;          /* CALL: what caller() runs */
};

/* Names that mean something inside a macro. */
enum jinja_special {
    JINJA_SPECIAL_VARARGS = 1 << 0, /* arguments by position beyond the parameters */
    JINJA_SPECIAL_KWARGS = 1 << 1,  /* arguments by other names */
    JINJA_SPECIAL_CALLER = 1 << 2,  /* the body of a call block */
};

enum { JINJA_SPECIAL_COUNT = 3 };

struct jinja_template {
    struct arena arena;
    struct hash_map symbols; /* name -> number */
    struct str *symbol_names;
    size_t symbol_count;
    size_t symbol_capacity;
    struct jinja_block body;
    uint32_t loop_symbol;                          /* of the name "loop" */
    uint32_t special_symbols[JINJA_SPECIAL_COUNT]; /* in the order of the bits */
};
