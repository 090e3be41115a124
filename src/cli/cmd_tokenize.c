/* holt tokenize - show how a model splits a text. Answers "why is my prompt this long?". */
#include "base/strbuf.h"
#include "cli/command_list.h"
#include "cli/json_print.h"
#include "cli/model_command.h"
#include "cli/model_file.h"
#include "cli/text_input.h"
#include "gguf/gguf.h"
#include "text/clean_text.h"
#include "text/utf8.h"
#include "tokenizer/tokenizer.h"

#include <inttypes.h>
#include <jansson.h>

enum { TEXT_MAX = 64 * 1024 * 1024 };

struct tokenize_args {
    const char *model;
    bool ids_only;
    bool count_only;
    bool is_json;
    bool is_special;
    bool adds_ends;
};

static const struct option_spec options[] = {
    OPTION_PATH(struct tokenize_args, model, 'm', "model", "MODEL", OPTION_VALUE_MODEL,
                "a GGUF file, a name in the models folder, or builtin"),
    OPTION_FLAG(struct tokenize_args, ids_only, 0, "ids", "print only the token ids"),
    OPTION_FLAG(struct tokenize_args, count_only, 0, "count", "print only how many there are"),
    OPTION_FLAG(struct tokenize_args, is_json, 0, "json", "print JSON"),
    OPTION_FLAG(struct tokenize_args, is_special, 0, "special",
                "let the text hold control tokens such as <|im_start|>"),
    OPTION_FLAG(struct tokenize_args, adds_ends, 0, "bos",
                "add the tokens the model wants at the beginning and end"),
    OPTION_END,
};

struct work {
    const struct tokenize_args *args;
    const char *model_path;
    struct str text;
};

/* What part of a character a token is. */
static json_t *bytes_json(struct str bytes)
{
    json_t *list = json_array();
    for (size_t i = 0; i < bytes.len; i++)
        json_array_append_new(list, json_integer((unsigned char)bytes.ptr[i]));
    return list;
}

static void print_json(const struct tokenizer *tokenizer, const struct token_list *tokens)
{
    CLEANUP(json_decrefp) json_t *list = json_array();
    for (size_t i = 0; i < tokens->count; i++) {
        CLEANUP(strbuf_done) struct strbuf piece = {0};
        utf8_add_clean(&piece, tokenizer_piece(tokenizer, tokens->ids[i]));
        json_t *token = json_pack("{s:i, s:s%}", "id", (int)tokens->ids[i], "text",
                                  strbuf_c(&piece), piece.len);
        const struct str bytes = tokenizer_piece(tokenizer, tokens->ids[i]);
        if (!utf8_is_valid(bytes))
            json_object_set_new(token, "bytes", bytes_json(bytes));
        json_array_append_new(list, token);
    }
    CLEANUP(json_decrefp)
    json_t *object = json_pack("{s:I, s:O}", "count", (json_int_t)tokens->count, "tokens", list);
    json_print(object);
}

static void print_lines(const struct tokenizer *tokenizer, const struct token_list *tokens,
                        bool ids_only)
{
    for (size_t i = 0; i < tokens->count; i++) {
        const int32_t id = tokens->ids[i];
        if (ids_only) {
            printf("%" PRId32 "\n", id);
            continue;
        }
        CLEANUP(strbuf_done) struct strbuf piece = {0};
        CLEANUP(strbuf_done) struct strbuf visible = {0};
        clean_text_visible(tokenizer_piece(tokenizer, id), &piece);
        for (size_t j = 0; j < piece.len; j++) {
            if (piece.ptr[j] == '\n')
                strbuf_add_c(&visible, "\\n");
            else
                strbuf_add_char(&visible, piece.ptr[j]);
        }
        printf("%8" PRId32 "  \"%s\"\n", id, strbuf_c(&visible));
    }
}

static enum status tokenize(const struct work *work, struct error *err)
{
    CLEANUP(gguf_closep) struct gguf *file = NULL;
    CLEANUP(tokenizer_freep) struct tokenizer *tokenizer = NULL;
    CLEANUP(token_list_done) struct token_list tokens = {0};
    unsigned flags = TOKENIZER_PLAIN;
    flags |= work->args->is_special ? TOKENIZER_PARSE_SPECIAL : 0;
    flags |= work->args->adds_ends ? TOKENIZER_ADD_BOS_EOS : 0;

    TRY(model_file_open(work->model_path, &file, err));
    TRY(tokenizer_new(file, &tokenizer, err));
    TRY(tokenizer_encode(tokenizer, work->text, flags, &tokens, err));
    if (work->args->is_json)
        print_json(tokenizer, &tokens);
    else if (work->args->count_only)
        printf("%zu\n", tokens.count);
    else
        print_lines(tokenizer, &tokens, work->args->ids_only);
    return OK;
}

static int run_work(void *context)
{
    struct error err = {0};
    const struct work *work = context;
    if (tokenize(work, &err) == OK)
        return EXIT_OK;
    model_file_blame(work->model_path, &err);
    return command_fail(&err);
}

static int run(const struct command_call *call)
{
    const struct tokenize_args *args = call->options;
    CLEANUP(strbuf_done) struct strbuf text = {0};
    struct error err = {0};
    const char *operand = call->operand_count > 0 ? call->operands[0] : NULL;
    const enum status status = text_input_read_bytes(operand, TEXT_MAX, &text, &err);
    if (status == E_NOT_FOUND)
        return command_usage(call->command, "tokenize needs a TEXT");
    if (status != OK)
        return command_fail(&err);
    struct work work = {.args = args, .text = strbuf_view(&text)};
    return model_command_run(call, args->model, &work.model_path, NULL, run_work, &work);
}

const struct command cmd_tokenize = {
    .name = "tokenize",
    .summary = "show how a model splits a text into tokens",
    .operands = "[TEXT]",
    .description = "One token per line, its id and its text. Without TEXT, or with -, standard "
                   "input is read, byte for byte. In JSON a token that is part of a character "
                   "has its bytes, too.",
    .examples = "holt tokenize \"how long is this?\"\n"
                "holt tokenize --count -m model.gguf < prompt.txt",
    .group = COMMAND_GROUP_MODEL,
    .options = options,
    .args_size = sizeof(struct tokenize_args),
    .operand_count_max = 1,
    .run = run,
};
