#include "tokenizer/wordpiece.h"

#include "gguf/gguf.h"
#include "text/unicode.h"
#include "text/utf8.h"
#include "tokenizer/code_range.h"

/* What counts as a Chinese character there: the blocks of CJK ideographs. */
static const struct code_range chinese[] = {
    {0x3400, 0x4dbf},   {0x4e00, 0x9fff},   {0xf900, 0xfaff},   {0x20000, 0x2a6df},
    {0x2a700, 0x2b73f}, {0x2b740, 0x2b81f}, {0x2b920, 0x2ceaf}, {0x2f800, 0x2fa1f},
};

enum status wordpiece_load(const struct gguf *file, const struct vocab *vocab,
                           struct wordpiece *wordpiece, struct error *err)
{
    if (vocab->unknown < 0)
        return error_set(err, E_FORMAT,
                         "a WordPiece vocabulary needs tokenizer.ggml.unknown_token_id");
    TRY(gguf_get_bool_or(file, "tokenizer.ggml.normalizer.lowercase", true, &wordpiece->lowercases,
                         err));
    TRY(gguf_get_bool_or(file, "tokenizer.ggml.normalizer.strip_accents", wordpiece->lowercases,
                         &wordpiece->strips_accents, err));
    for (uint32_t i = 0; i < ARRAY_LEN(wordpiece->ascii_classes); i++)
        wordpiece->ascii_classes[i] = unicode_class(i);
    for (uint32_t id = 0; id < vocab->size; id++) {
        uint64_t found = 0;
        if (hash_map_find(&vocab->words, vocab->pieces[id], &found) && found == id &&
            !byte_tree_add(&wordpiece->pieces, vocab->pieces[id], (int32_t)id))
            return error_set(err, E_NO_MEMORY, "no memory for the pieces of words");
    }
    return OK;
}

void wordpiece_done(struct wordpiece *wordpiece)
{
    byte_tree_done(&wordpiece->pieces);
    *wordpiece = (struct wordpiece){0};
}

/* One text on its way to tokens. */
struct encoding {
    const struct wordpiece *wordpiece;
    struct word_sink *sink;
    struct strbuf *word; /* a space, then the letters so far */
    size_t offset;       /* of the character being read */
    size_t word_offset;
};

/* Adds the tokens of the word and begins the next one. */
static void end_word(struct encoding *e)
{
    struct str rest = strbuf_view(e->word);
    const size_t before = e->sink->list->count;
    while (rest.len > 0 && e->word->len > 1) {
        size_t len = 0;
        const int32_t id = byte_tree_longest(&e->wordpiece->pieces, rest, &len);
        if (id < 0) {
            token_list_truncate(e->sink->list, before);
            word_sink_add(e->sink, e->sink->vocab->unknown, e->word_offset);
            break;
        }
        word_sink_add(e->sink, id, e->word_offset);
        rest = str_slice(rest, len, rest.len);
    }
    strbuf_clear(e->word);
    strbuf_add_char(e->word, ' ');
}

static uint32_t ascii_lower(uint32_t code_point)
{
    return code_point >= 'A' && code_point <= 'Z' ? code_point - 'A' + 'a' : code_point;
}

static void add_letter(struct encoding *e, uint32_t code_point)
{
    char bytes[UTF8_BYTES_MAX];
    if (e->word->len == 1)
        e->word_offset = e->offset;
    if (e->wordpiece->lowercases)
        code_point = code_point < 0x80 ? ascii_lower(code_point) : unicode_to_lower(code_point);
    strbuf_add(e->word, bytes, utf8_write(code_point, bytes));
}

static void add_character(struct encoding *e, uint32_t code_point, uint8_t class)
{
    if (e->wordpiece->strips_accents && (class & UNICODE_MARK) &&
        unicode_is_nonspacing_mark(code_point))
        return;
    if (class & UNICODE_SPACE) {
        end_word(e);
        return;
    }
    const bool stands_alone = (class & UNICODE_PUNCTUATION) ||
                              (code_point < 0x80 && (class & UNICODE_SYMBOL)) ||
                              code_range_has(chinese, ARRAY_LEN(chinese), code_point);
    if (stands_alone)
        end_word(e);
    add_letter(e, code_point);
    if (stands_alone)
        end_word(e);
}

/* Control, format and unassigned characters, and the one for undecodable bytes. Of the control
 * characters only three count as white space. */
static bool is_dropped(uint32_t code_point, uint8_t class)
{
    if (code_point == '\t' || code_point == '\n' || code_point == '\r')
        return false;
    return class == 0 || code_point < ' ' || code_point == 0x85 || code_point == UTF8_REPLACEMENT;
}

void wordpiece_encode(const struct wordpiece *wordpiece, struct str text, size_t offset,
                      struct strbuf *word, struct word_sink *sink)
{
    struct encoding e = {.wordpiece = wordpiece, .sink = sink, .word = word, .offset = offset};
    strbuf_clear(word);
    strbuf_add_char(word, ' ');
    struct str rest = text;
    while (rest.len > 0) {
        e.offset = offset + (text.len - rest.len);
        const uint32_t code_point = utf8_next(&rest);
        const bool is_ascii = code_point < ARRAY_LEN(wordpiece->ascii_classes);
        const uint8_t class =
            is_ascii ? wordpiece->ascii_classes[code_point] : unicode_class(code_point);
        if (is_dropped(code_point, class))
            continue;
        if (is_ascii || !wordpiece->strips_accents) {
            add_character(&e, code_point, class);
            continue;
        }
        uint32_t parts[UNICODE_DECOMPOSED_MAX];
        const size_t count = unicode_decompose(code_point, parts);
        for (size_t i = 0; i < count; i++)
            add_character(&e, parts[i], unicode_class(parts[i]));
    }
    end_word(&e);
}
