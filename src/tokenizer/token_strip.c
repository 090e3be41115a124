#include "tokenizer/token_strip.h"

#include "base/mem.h"
#include "gguf/gguf.h"
#include "tokenizer/tokenizer.h"

/* The first rule whose key holds the word, in any case, counts. */
static const struct rule {
    const char *key;
    const char *word;
    const char *token; /* NULL: all special tokens but the exceptions below */
    uint8_t side;
} rules[] = {
    {"tokenizer.ggml.pre", "jina-v2-de", "<mask>", VOCAB_STRIP_LEFT},
    {"tokenizer.ggml.pre", "jina-v2-es", "<mask>", VOCAB_STRIP_LEFT},
    {"tokenizer.ggml.pre", "jina-v2-code", "<mask>", VOCAB_STRIP_LEFT},
    {"general.architecture", "nomic-bert-moe", "<mask>", VOCAB_STRIP_LEFT},
    {"general.architecture", "jina-bert-v3", "<mask>", VOCAB_STRIP_LEFT},
    {"general.name", "phi-3", NULL, VOCAB_STRIP_RIGHT},
    {"general.name", "phi3", NULL, VOCAB_STRIP_RIGHT},
    {"general.name", "modern-bert", "[MASK]", VOCAB_STRIP_LEFT},
};

static const char *const exceptions[] = {"<unk>", "<s>", "<|endoftext|>"};

static char lower(char letter)
{
    return letter >= 'A' && letter <= 'Z' ? (char)(letter - 'A' + 'a') : letter;
}

/* True if `text` holds `word`, which is in small letters. */
static bool holds(struct str text, const char *word)
{
    const size_t len = strlen(word);
    for (size_t start = 0; start + len <= text.len; start++) {
        size_t i = 0;
        while (i < len && lower(text.ptr[start + i]) == word[i])
            i++;
        if (i == len)
            return true;
    }
    return false;
}

static bool strips(const struct rule *rule, const struct vocab *vocab, uint32_t id)
{
    const struct str piece = vocab->pieces[id];
    if (!vocab_is_special(vocab, id))
        return false;
    if (rule->token)
        return str_equal_c(piece, rule->token);
    for (size_t i = 0; i < ARRAY_LEN(exceptions); i++) {
        if (str_equal_c(piece, exceptions[i]))
            return false;
    }
    return true;
}

enum status token_strip_load(const struct gguf *file, struct vocab *vocab, struct error *err)
{
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        struct str value = {0};
        TRY(gguf_get_str_or(file, rules[i].key, STR(""), &value, err));
        if (!holds(value, rules[i].word))
            continue;
        vocab->strips = mem_try_zalloc(vocab->size, sizeof(*vocab->strips));
        if (!vocab->strips)
            return error_set(err, E_NO_MEMORY, "no memory for %u tokens", (unsigned)vocab->size);
        for (uint32_t id = 0; id < vocab->size; id++) {
            if (strips(&rules[i], vocab, id))
                vocab->strips[id] = rules[i].side;
        }
        return OK;
    }
    return OK;
}
