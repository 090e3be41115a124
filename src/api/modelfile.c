#include "api/modelfile.h"

#include "api/field.h"
#include "base/strbuf.h"
#include "text/utf8.h"

#include <ctype.h>

struct modelfile {
    struct str rest;
    unsigned line;
    json_t *body;
};

static bool is_command(struct str word, const char *name)
{
    size_t i = 0;
    while (i < word.len && name[i] && toupper((unsigned char)word.ptr[i]) == name[i])
        i++;
    return i == word.len && !name[i];
}

/* Up to white space. */
static struct str take_word(struct str *text)
{
    size_t len = 0;
    *text = str_trim_front(*text);
    while (len < text->len && !isspace((unsigned char)text->ptr[len]))
        len++;
    const struct str word = str_slice(*text, 0, len);
    *text = str_slice(*text, len, text->len);
    return word;
}

static unsigned count_lines(struct str text)
{
    unsigned count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += text.ptr[i] == '\n';
    return count;
}

/* The text that begins in `first`, the rest of a line: quotes may lead over several lines. */
static enum status take_text(struct modelfile *file, struct str first, struct str *out,
                             struct error *err)
{
    first = str_trim(first);
    const struct str three = STR("\"\"\"");
    const struct str quote = str_starts_with(first, three) ? three : STR("\"");
    *out = first;
    if (!str_starts_with(first, STR("\"")))
        return OK;
    /* from the opening quote to the end of all there is */
    const char *end = file->rest.ptr ? file->rest.ptr + file->rest.len : first.ptr + first.len;
    const struct str all = {first.ptr + quote.len, (size_t)(end - first.ptr) - quote.len};
    const size_t close = str_find(all, quote, 0);
    if (close == SIZE_MAX)
        return error_set(err, E_FORMAT, "line %u: the text has no closing %s", file->line,
                         quote.len == 3 ? "\"\"\"" : "\"");
    *out = str_slice(all, 0, close);
    struct str behind = str_slice(all, close + quote.len, all.len);
    const struct str left = str_split(&behind, '\n');
    if (str_trim(left).len > 0)
        return error_set(err, E_FORMAT, "line %u: something follows the closing quotes",
                         file->line + count_lines(*out));
    file->line += count_lines(*out);
    file->rest = behind;
    return OK;
}

static void set_text(struct modelfile *file, const char *name, struct str text)
{
    json_object_set_new(file->body, name, json_stringn(text.ptr ? text.ptr : "", text.len));
}

/* In the list of that name. */
static void append(struct modelfile *file, const char *name, json_t *value)
{
    json_t *list = json_object_get(file->body, name);
    if (!list) {
        list = json_array();
        json_object_set_new(file->body, name, list);
    }
    json_array_append_new(list, value);
}

/* As JSON has it: a number, true or false, else a text. */
static json_t *value_of(struct str text)
{
    int64_t whole = 0;
    double real = 0;
    if (str_to_int(text, &whole))
        return json_integer(whole);
    if (str_to_double(text, &real))
        return json_real(real);
    if (str_equal_c(text, "true") || str_equal_c(text, "false"))
        return json_boolean(text.ptr[0] == 't');
    return json_stringn(text.ptr ? text.ptr : "", text.len);
}

static enum status add_parameter(struct modelfile *file, struct str line, struct error *err)
{
    struct str value = {0};
    CLEANUP(strbuf_done) struct strbuf name = {0};
    strbuf_add_str(&name, take_word(&line));
    TRY(take_text(file, line, &value, err));
    if (name.len == 0 || value.len == 0)
        return error_set(err, E_FORMAT, "line %u: PARAMETER has a name and a value", file->line);
    json_t *parameters = json_object_get(file->body, "parameters");
    if (!parameters) {
        parameters = json_object();
        json_object_set_new(file->body, "parameters", parameters);
    }
    if (!str_equal_c(strbuf_view(&name), "stop")) {
        json_object_set_new(parameters, strbuf_c(&name), value_of(value));
        return OK;
    }
    json_t *stops = json_object_get(parameters, "stop");
    if (!stops) {
        stops = json_array();
        json_object_set_new(parameters, "stop", stops);
    }
    json_array_append_new(stops, json_stringn(value.ptr, value.len));
    return OK;
}

static enum status add_message(struct modelfile *file, struct str line, struct error *err)
{
    struct str content = {0};
    const struct str role = take_word(&line);
    TRY(take_text(file, line, &content, err));
    if (role.len == 0)
        return error_set(err, E_FORMAT, "line %u: MESSAGE has a role and a text", file->line);
    append(file, "messages",
           json_pack("{s:s%, s:s%}", "role", role.ptr, role.len, "content",
                     content.ptr ? content.ptr : "", content.len));
    return OK;
}

static enum status add_from(struct modelfile *file, struct str text, struct error *err)
{
    if (text.len == 0)
        return error_set(err, E_FORMAT, "line %u: FROM names no model", file->line);
    if (json_object_get(file->body, "from"))
        return error_set(err, E_UNSUPPORTED, "line %u: a second FROM; a model is one file here",
                         file->line);
    set_text(file, "from", text);
    return OK;
}

static enum status read_line(struct modelfile *file, struct str line, struct error *err)
{
    struct str text = {0};
    const struct str command = take_word(&line);
    if (command.len == 0 || command.ptr[0] == '#')
        return OK;
    if (is_command(command, "PARAMETER"))
        return add_parameter(file, line, err);
    if (is_command(command, "MESSAGE"))
        return add_message(file, line, err);
    TRY(take_text(file, line, &text, err));
    if (is_command(command, "FROM"))
        return add_from(file, text, err);
    if (is_command(command, "SYSTEM"))
        set_text(file, "system", text);
    else if (is_command(command, "TEMPLATE"))
        set_text(file, "template", text);
    else if (is_command(command, "LICENSE"))
        append(file, "license", json_stringn(text.ptr ? text.ptr : "", text.len));
    else if (is_command(command, "ADAPTER"))
        append(file, "adapters", json_stringn(text.ptr ? text.ptr : "", text.len));
    else if (!is_command(command, "RENDERER") && !is_command(command, "PARSER") &&
             !is_command(command, "REQUIRES"))
        return error_set(err, E_FORMAT,
                         "line %u: \"%.*s\" is no command of a Modelfile: it has "
                         "FROM, PARAMETER, TEMPLATE, SYSTEM, MESSAGE and LICENSE",
                         file->line, STR_ARG(field_shown(command)));
    return OK;
}

enum status modelfile_read(struct str text, json_t **out, struct error *err)
{
    struct modelfile file = {.rest = text, .body = json_object()};
    enum status status = OK;
    if (text.len > MODELFILE_BYTES_MAX)
        status = error_set(err, E_LIMIT, "the Modelfile has %zu bytes (limit %d)", text.len,
                           MODELFILE_BYTES_MAX);
    else if (!utf8_is_valid(text) || memchr(text.ptr ? text.ptr : "", '\0', text.len))
        status = error_set(err, E_FORMAT, "the Modelfile is not text in UTF-8");
    while (status == OK && file.rest.len > 0) {
        file.line++;
        const struct str line = str_split(&file.rest, '\n');
        status = read_line(&file, line, err);
    }
    if (status == OK && !json_object_get(file.body, "from"))
        status = error_set(err, E_FORMAT, "the Modelfile has no FROM");
    if (status == OK)
        *out = file.body;
    else
        json_decref(file.body);
    return status;
}
