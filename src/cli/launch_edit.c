#include "cli/launch_edit.h"

#include "text/json.h"

#include <stdio.h>
#include <string.h>
#include <yaml.h>

/* ---------------------------------------------------------------- JSON */

/* The object `member->path` leads into, made where it is missing; *out_key is the last part. */
static enum status descend(json_t *root, const struct launch_edit_member *member, json_t **out,
                           struct str *out_key, struct error *err)
{
    struct str rest = str_from_c(member->path);
    json_t *at = root;
    for (;;) {
        char name[LAUNCH_EDIT_PATH_MAX];
        const struct str part = str_split(&rest, '.');
        if (!rest.ptr) {
            *out = at;
            *out_key = part;
            return OK;
        }
        snprintf(name, sizeof(name), "%.*s", STR_ARG(part));
        json_t *next = json_object_get(at, name);
        if (!next) {
            json_object_set_new(at, name, json_object());
            next = json_object_get(at, name);
        }
        if (!json_is_object(next))
            return error_set(err, E_FORMAT, "\"%s\" is no object, and %s goes into it", name,
                             member->path);
        at = next;
    }
}

enum status launch_edit_json(struct str text, const struct launch_edit_member *members,
                             size_t count, struct strbuf *out, struct error *err)
{
    const struct json_limits limits = {.size_max = LAUNCH_EDIT_BYTES_MAX};
    const struct json_style style = {.indent = 2};
    CLEANUP(json_decrefp) json_t *root = NULL;
    if (str_trim(text).len == 0)
        root = json_object();
    else
        TRY(json_parse(text, &limits, &root, err));
    if (!json_is_object(root))
        return error_set(err, E_FORMAT, "it is no JSON object");
    for (size_t i = 0; i < count; i++) {
        json_t *object = NULL;
        struct str key = {0};
        char name[LAUNCH_EDIT_PATH_MAX];
        TRY(descend(root, &members[i], &object, &key, err));
        snprintf(name, sizeof(name), "%.*s", STR_ARG(key));
        json_object_set(object, name, members[i].value);
    }
    json_write_style(root, &style, out);
    strbuf_add_char(out, '\n');
    return OK;
}

/* ---------------------------------------------------------------- YAML */

/* Where the lines of the key are. */
struct yaml_place {
    bool is_found;
    size_t begin; /* characters: libyaml counts these */
    size_t end;   /* behind the last one that belongs to it */
};

struct yaml_walk {
    yaml_parser_t parser;
    const char *key;
    struct yaml_place place;
    int depth;      /* of collections; the root's members are at 1 */
    bool is_value;  /* at depth 1: the next node is a value */
    bool is_inside; /* in the value of the key */
    bool has_root;
};

static enum status refuse(const yaml_event_t *event, const char *why, struct error *err)
{
    return error_set(err, E_UNSUPPORTED, "line %zu: %s", event->start_mark.line + 1, why);
}

static enum status begin_root(struct yaml_walk *walk, const yaml_event_t *event, struct error *err)
{
    if (walk->has_root)
        return refuse(event, "there is a second document", err);
    if (event->type != YAML_MAPPING_START_EVENT ||
        event->data.mapping_start.style != YAML_BLOCK_MAPPING_STYLE)
        return refuse(event, "it is no list of settings on lines of their own", err);
    walk->has_root = true;
    walk->depth = 1;
    return OK;
}

static bool is_key(const struct yaml_walk *walk, const yaml_event_t *event)
{
    return event->type == YAML_SCALAR_EVENT &&
           str_equal_c(
               (struct str){(const char *)event->data.scalar.value, event->data.scalar.length},
               walk->key);
}

/* A node at depth 1 is a key or a value, in turns. */
static enum status take_member(struct yaml_walk *walk, const yaml_event_t *event, struct error *err)
{
    walk->is_value = !walk->is_value;
    if (!walk->is_value) /* it was one: the key's, or another's */
        return OK;
    walk->is_inside = is_key(walk, event);
    if (!walk->is_inside)
        return OK;
    if (walk->place.is_found)
        return refuse(event, "the setting is there twice", err);
    if (event->start_mark.column != 0)
        return refuse(event, "it does not begin its line", err);
    walk->place = (struct yaml_place){
        .is_found = true, .begin = event->start_mark.index, .end = event->end_mark.index};
    return OK;
}

static bool is_flow(const yaml_event_t *event)
{
    if (event->type == YAML_MAPPING_START_EVENT)
        return event->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE;
    return event->type == YAML_SEQUENCE_START_EVENT &&
           event->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE;
}

static bool has_anchor(const yaml_event_t *event)
{
    switch ((int)event->type) {
    case YAML_SCALAR_EVENT: return event->data.scalar.anchor != NULL;
    case YAML_MAPPING_START_EVENT: return event->data.mapping_start.anchor != NULL;
    case YAML_SEQUENCE_START_EVENT: return event->data.sequence_start.anchor != NULL;
    default: return false;
    }
}

/* Inside the value of the key: what whole lines can hold, and where it ends. */
static enum status look_inside(struct yaml_walk *walk, const yaml_event_t *event, struct error *err)
{
    if (has_anchor(event))
        return refuse(event, "other settings may refer to this one", err);
    if (is_flow(event))
        return refuse(event, "it has braces or brackets", err);
    if ((event->type == YAML_SCALAR_EVENT || event->type == YAML_ALIAS_EVENT) &&
        event->end_mark.index > walk->place.end)
        walk->place.end = event->end_mark.index;
    return OK;
}

static enum status take_node(struct yaml_walk *walk, const yaml_event_t *event, struct error *err)
{
    const bool begins =
        event->type == YAML_MAPPING_START_EVENT || event->type == YAML_SEQUENCE_START_EVENT;
    if (walk->depth == 0)
        return begin_root(walk, event, err);
    if (event->type == YAML_MAPPING_END_EVENT || event->type == YAML_SEQUENCE_END_EVENT) {
        walk->depth--;
        return OK;
    }
    if (walk->depth == 1)
        TRY(take_member(walk, event, err));
    if (walk->is_inside)
        TRY(look_inside(walk, event, err));
    walk->depth += begins;
    return OK;
}

static enum status walk_events(struct yaml_walk *walk, struct error *err)
{
    for (;;) {
        yaml_event_t event;
        enum status status = OK;
        if (!yaml_parser_parse(&walk->parser, &event))
            return error_set(err, E_FORMAT, "line %zu: %.200s", walk->parser.problem_mark.line + 1,
                             walk->parser.problem ? walk->parser.problem : "it is no YAML");
        const yaml_event_type_t type = event.type;
        const bool is_frame = type == YAML_STREAM_START_EVENT || type == YAML_STREAM_END_EVENT ||
                              type == YAML_DOCUMENT_START_EVENT || type == YAML_DOCUMENT_END_EVENT;
        if (!is_frame)
            status = take_node(walk, &event, err);
        else if (type == YAML_DOCUMENT_END_EVENT && !event.data.document_end.implicit)
            status = refuse(&event, "the document ends with dots", err);
        yaml_event_delete(&event);
        TRY(status);
        if (type == YAML_STREAM_END_EVENT)
            return OK;
    }
}

static enum status find_place(struct str text, const char *key, struct yaml_place *out,
                              struct error *err)
{
    struct yaml_walk walk = {.key = key};
    if (!yaml_parser_initialize(&walk.parser))
        return error_set(err, E_NO_MEMORY, "out of memory");
    yaml_parser_set_encoding(&walk.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&walk.parser, (const unsigned char *)(text.ptr ? text.ptr : ""),
                                 text.len);
    const enum status status = walk_events(&walk, err);
    yaml_parser_delete(&walk.parser);
    TRY(status);
    *out = walk.place;
    return OK;
}

/* Where character `index` begins. */
static size_t byte_of(struct str text, size_t index)
{
    size_t at = 0;
    for (size_t i = 0; i < index && at < text.len; i++) {
        at++;
        while (at < text.len && ((unsigned char)text.ptr[at] & 0xc0) == 0x80)
            at++;
    }
    return at;
}

enum status launch_edit_yaml(struct str text, const char *key, struct str block, struct strbuf *out,
                             struct error *err)
{
    struct yaml_place place = {0};
    struct yaml_place after = {0};
    const size_t before_len = out->len;
    if (text.len > LAUNCH_EDIT_BYTES_MAX)
        return error_set(err, E_LIMIT, "it is longer than %d bytes", LAUNCH_EDIT_BYTES_MAX);
    if (str_starts_with(text, STR("\xef\xbb\xbf")))
        return error_set(err, E_UNSUPPORTED, "it begins with a byte order mark");
    TRY(find_place(text, key, &place, err));
    size_t begin = text.len;
    size_t end = text.len;
    if (place.is_found) {
        begin = byte_of(text, place.begin);
        const size_t last = byte_of(text, place.end - 1);
        const size_t line_end = str_find_char(text, '\n', last);
        end = line_end == SIZE_MAX ? text.len : line_end + 1;
    }
    strbuf_add_str(out, str_slice(text, 0, begin));
    if (begin > 0 && text.ptr[begin - 1] != '\n')
        strbuf_add_char(out, '\n');
    strbuf_add_str(out, block);
    strbuf_add_str(out, str_slice(text, end, text.len));
    const struct str made = str_slice(strbuf_view(out), before_len, out->len);
    if (find_place(made, key, &after, err) != OK || !after.is_found) {
        strbuf_truncate(out, before_len);
        return error_set(err, E_UNSUPPORTED,
                         "it is written in a way that cannot be changed safely");
    }
    return OK;
}
