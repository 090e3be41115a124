#include "engine/fill_middle.h"

#include "chat/chat_spans.h"
#include "gguf/gguf.h"
#include "tokenizer/tokenizer.h"

enum place { PLACE_PREFIX, PLACE_SUFFIX, PLACE_MIDDLE, PLACE_REPOSITORY, PLACE_FILE, PLACE_COUNT };

/* As published models call them; a row is used when its first three tokens are there. */
static const char *const known[][PLACE_COUNT] = {
    {"<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|repo_name|>", "<|file_sep|>"},
    {"<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<repo_name>", "<file_sep>"},
    {"<fim-prefix>", "<fim-suffix>", "<fim-middle>", "<reponame>", "<filename>"},
    {"<\xef\xbd\x9c"
     "fim\xe2\x96\x81"
     "begin\xef\xbd\x9c>",
     "<\xef\xbd\x9c"
     "fim\xe2\x96\x81"
     "hole\xef\xbd\x9c>",
     "<\xef\xbd\x9c"
     "fim\xe2\x96\x81"
     "end\xef\xbd\x9c>",
     NULL, NULL},
    {"<|fim_begin|>", "<|fim_hole|>", "<|fim_end|>", NULL, NULL},
    {"<PRE>", "<SUF>", "<MID>", NULL, NULL},
    {"\xe2\x96\x81<PRE>", "\xe2\x96\x81<SUF>", "\xe2\x96\x81<MID>", NULL, NULL},
};

static const char *const keys[PLACE_COUNT] = {
    "tokenizer.ggml.fim_pre_token_id", "tokenizer.ggml.fim_suf_token_id",
    "tokenizer.ggml.fim_mid_token_id", "tokenizer.ggml.fim_rep_token_id",
    "tokenizer.ggml.fim_sep_token_id",
};

/* The texts of the model's tokens; empty: it has none. */
struct marks {
    struct str of[PLACE_COUNT];
};

static bool is_mark(const struct tokenizer *tokenizer, int32_t id)
{
    const enum token_kind kind = tokenizer_kind(tokenizer, id);
    return id >= 0 && (kind == TOKEN_CONTROL || kind == TOKEN_USER_DEFINED);
}

static bool find_known(const struct tokenizer *tokenizer, const char *const *row, struct marks *out)
{
    for (size_t i = 0; i < PLACE_COUNT; i++) {
        const int32_t id = row[i] ? tokenizer_find(tokenizer, str_from_c(row[i])) : -1;
        const bool is_there = is_mark(tokenizer, id);
        if (!is_there && i <= PLACE_MIDDLE)
            return false;
        out->of[i] = is_there ? tokenizer_piece(tokenizer, id) : (struct str){0};
    }
    return true;
}

static void find_named(const struct gguf *file, const struct tokenizer *tokenizer,
                       struct marks *out)
{
    for (size_t i = 0; i < PLACE_COUNT; i++) {
        uint64_t id = UINT64_MAX;
        if (gguf_get_u64_or(file, keys[i], UINT64_MAX, &id, NULL) == OK &&
            id < tokenizer_vocab_size(tokenizer) && is_mark(tokenizer, (int32_t)id))
            out->of[i] = tokenizer_piece(tokenizer, (int32_t)id);
    }
}

static bool find_marks(const struct gguf *file, const struct tokenizer *tokenizer,
                       struct marks *out)
{
    *out = (struct marks){0};
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (find_known(tokenizer, known[i], out))
            break;
    find_named(file, tokenizer, out);
    return out->of[PLACE_PREFIX].len > 0 && out->of[PLACE_SUFFIX].len > 0 &&
           out->of[PLACE_MIDDLE].len > 0;
}

static void add_files(const struct marks *marks, const struct fill_middle *input,
                      struct chat_spans *out)
{
    const struct str file_mark = marks->of[PLACE_FILE];
    if (marks->of[PLACE_REPOSITORY].len > 0) {
        chat_spans_add(out, marks->of[PLACE_REPOSITORY], SEGMENT_TEMPLATE);
        chat_spans_add(out, STR("project\n"), SEGMENT_TEMPLATE);
    }
    for (size_t i = 0; i < input->file_count; i++) {
        const struct fill_middle_file *file = &input->files[i];
        if (file_mark.len > 0) {
            chat_spans_add(out, file_mark, SEGMENT_TEMPLATE);
            chat_spans_add(out, file->name.len > 0 ? file->name : STR("file"), SEGMENT_USER);
            chat_spans_add(out, STR("\n"), SEGMENT_TEMPLATE);
        } else {
            chat_spans_add(out, STR("\n\n--- snippet ---\n\n"), SEGMENT_TEMPLATE);
        }
        chat_spans_add(out, file->text, SEGMENT_USER);
    }
    if (file_mark.len > 0) {
        chat_spans_add(out, file_mark, SEGMENT_TEMPLATE);
        chat_spans_add(out, STR("filename\n"), SEGMENT_TEMPLATE);
    }
}

enum status fill_middle_render(const struct gguf *file, const struct tokenizer *tokenizer,
                               const struct fill_middle *input, struct chat_spans *out,
                               struct error *err)
{
    struct marks marks;
    if (!find_marks(file, tokenizer, &marks))
        return error_set(err, E_UNSUPPORTED,
                         "this model was not trained to fill in the middle: it has no tokens for "
                         "it");
    if (input->file_count > 0)
        add_files(&marks, input, out);
    chat_spans_add(out, marks.of[PLACE_PREFIX], SEGMENT_TEMPLATE);
    chat_spans_add(out, input->before, SEGMENT_USER);
    chat_spans_add(out, marks.of[PLACE_SUFFIX], SEGMENT_TEMPLATE);
    chat_spans_add(out, input->after, SEGMENT_USER);
    chat_spans_add(out, marks.of[PLACE_MIDDLE], SEGMENT_TEMPLATE);
    return OK;
}
