/* The methods of str that ask what its characters are: isalpha() and its kin. */
#include "chat/jinja_context.h"
#include "chat/jinja_lex.h"
#include "chat/jinja_methods.h"
#include "text/unicode.h"
#include "text/utf8.h"

typedef bool(character_fn)(uint32_t code_point);

static bool is_letter(uint32_t code_point)
{
    return (unicode_class(code_point) & UNICODE_LETTER) != 0;
}

static bool is_digit(uint32_t code_point)
{
    return code_point >= '0' && code_point <= '9';
}

static bool is_number(uint32_t code_point)
{
    return (unicode_class(code_point) & UNICODE_NUMBER) != 0;
}

static bool is_letter_or_number(uint32_t code_point)
{
    return is_letter(code_point) || is_number(code_point);
}

static bool is_ascii(uint32_t code_point)
{
    return code_point < 0x80;
}

static bool is_word(uint32_t code_point)
{
    const unsigned classes = UNICODE_LETTER | UNICODE_NUMBER | UNICODE_MARK;
    return code_point == '_' || (unicode_class(code_point) & classes) != 0;
}

static bool all_are(struct str text, character_fn *is_kind)
{
    bool result = true;
    while (result && text.len)
        result = is_kind(utf8_next(&text));
    return result;
}

static enum status answer(struct jinja_context *context, struct jinja_value self, bool result,
                          struct jinja_value *out)
{
    *out = jinja_value_bool(result);
    return jinja_context_charge_bytes(context, self.string->bytes.len);
}

/* True when there is a character and all are of the kind. */
static enum status some_and_all(struct jinja_context *context, struct jinja_value self,
                                character_fn *is_kind, struct jinja_value *out)
{
    const struct str text = self.string->bytes;
    return answer(context, self, text.len > 0 && all_are(text, is_kind), out);
}

static enum status isalpha_method(struct jinja_context *context, struct jinja_value self,
                                  const struct jinja_value *args, struct jinja_value *out)
{
    (void)args;
    return some_and_all(context, self, is_letter, out);
}

static enum status isdigit_method(struct jinja_context *context, struct jinja_value self,
                                  const struct jinja_value *args, struct jinja_value *out)
{
    (void)args;
    return some_and_all(context, self, is_digit, out);
}

static enum status isnumeric_method(struct jinja_context *context, struct jinja_value self,
                                    const struct jinja_value *args, struct jinja_value *out)
{
    (void)args;
    return some_and_all(context, self, is_number, out);
}

static enum status isalnum_method(struct jinja_context *context, struct jinja_value self,
                                  const struct jinja_value *args, struct jinja_value *out)
{
    (void)args;
    return some_and_all(context, self, is_letter_or_number, out);
}

static enum status isspace_method(struct jinja_context *context, struct jinja_value self,
                                  const struct jinja_value *args, struct jinja_value *out)
{
    (void)args;
    return some_and_all(context, self, jinja_lex_is_space, out);
}

static enum status isascii_method(struct jinja_context *context, struct jinja_value self,
                                  const struct jinja_value *args, struct jinja_value *out)
{
    (void)args;
    return answer(context, self, all_are(self.string->bytes, is_ascii), out);
}

static enum status isidentifier_method(struct jinja_context *context, struct jinja_value self,
                                       const struct jinja_value *args, struct jinja_value *out)
{
    (void)args;
    struct str rest = self.string->bytes;
    const bool starts = rest.len && !is_number(utf8_next(&rest));
    return answer(context, self, starts && all_are(self.string->bytes, is_word), out);
}

/* ---------------------------------------------------------------- case */

static bool is_upper(uint32_t code_point)
{
    return unicode_to_lower(code_point) != code_point;
}

static bool is_lower(uint32_t code_point)
{
    return unicode_to_upper(code_point) != code_point && !is_upper(code_point);
}

/* There is a cased letter, and none has the other case. */
static enum status is_case(struct jinja_context *context, struct jinja_value self, bool wants_upper,
                           struct jinja_value *out)
{
    struct str rest = self.string->bytes;
    bool found = false;
    bool other = false;
    while (rest.len) {
        const uint32_t c = utf8_next(&rest);
        found |= wants_upper ? is_upper(c) : is_lower(c);
        other |= wants_upper ? is_lower(c) : is_upper(c);
    }
    return answer(context, self, found && !other, out);
}

static enum status islower_method(struct jinja_context *context, struct jinja_value self,
                                  const struct jinja_value *args, struct jinja_value *out)
{
    (void)args;
    return is_case(context, self, false, out);
}

static enum status isupper_method(struct jinja_context *context, struct jinja_value self,
                                  const struct jinja_value *args, struct jinja_value *out)
{
    (void)args;
    return is_case(context, self, true, out);
}

/* Capitals begin words and stand nowhere else. */
static enum status istitle_method(struct jinja_context *context, struct jinja_value self,
                                  const struct jinja_value *args, struct jinja_value *out)
{
    (void)args;
    struct str rest = self.string->bytes;
    bool found = false;
    bool fits = true;
    bool in_word = false;
    while (fits && rest.len) {
        const uint32_t c = utf8_next(&rest);
        const bool is_cased = is_upper(c) || is_lower(c);
        fits = !is_cased || is_upper(c) != in_word;
        found |= is_cased;
        in_word = is_cased;
    }
    return answer(context, self, found && fits, out);
}

static const struct jinja_function rows[] = {
    {.name = "isalpha", .call = isalpha_method},
    {.name = "isdigit", .call = isdigit_method},
    {.name = "isdecimal", .call = isdigit_method},
    {.name = "isnumeric", .call = isnumeric_method},
    {.name = "isalnum", .call = isalnum_method},
    {.name = "isspace", .call = isspace_method},
    {.name = "isascii", .call = isascii_method},
    {.name = "isidentifier", .call = isidentifier_method},
    {.name = "islower", .call = islower_method},
    {.name = "isupper", .call = isupper_method},
    {.name = "istitle", .call = istitle_method},
};

const struct jinja_function *jinja_methods_kind_rows(size_t *out_count)
{
    *out_count = ARRAY_LEN(rows);
    return rows;
}
