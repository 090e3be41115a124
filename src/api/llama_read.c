#include "api/llama_read.h"

#include "api/field.h"
#include "text/json.h"

enum { FIELDS_MAX = 64 };

/* What would change the answer and is not done here, unless it says what is the case anyway. */
static enum status check_unknown(const json_t *body, struct error *err)
{
    bool after_sampling = false;
    static const char *const zero[] = {"mirostat",        "dynatemp_range", "xtc_probability",
                                       "dry_multiplier",  "n_keep",         "n_indent",
                                       "t_max_predict_ms"};
    for (size_t i = 0; i < ARRAY_LEN(zero); i++) {
        const json_t *value = json_object_get(body, zero[i]);
        if (json_is_number(value) && json_number_value(value) != 0)
            return error_set(err, E_UNSUPPORTED, "%s is not supported here", zero[i]);
    }
    const json_t *typical = json_object_get(body, "typical_p");
    if (json_is_number(typical) && json_number_value(typical) != 1)
        return error_set(err, E_UNSUPPORTED, "typical_p is not supported here");
    TRY(field_bool(body, "post_sampling_probs", &after_sampling, err));
    return after_sampling ? error_set(err, E_UNSUPPORTED,
                                      "post_sampling_probs is not supported here; n_probs tells "
                                      "the model's own probabilities")
                          : OK;
}

/* Which fields the answer has: paths like "content" and "timings/prompt_n". */
static enum status read_fields(const json_t *body, struct api_request *out, struct error *err)
{
    const json_t *fields = NULL;
    size_t index = 0;
    json_t *path = NULL;
    TRY(field_array(body, "response_fields", FIELDS_MAX, &fields, err));
    json_array_foreach(fields, index, path) if (!json_is_string(path)) return error_set(
        err, E_INVALID, "response_fields[%zu] is not a text", index);
    if (json_array_size(fields) > 0)
        out->fields = json_copy((json_t *)(uintptr_t)fields);
    return OK;
}

/* What is told beside the text. */
static enum status read_telling(const json_t *body, struct api_request *out, struct error *err)
{
    bool tells_ids = false;
    int64_t top = 0;
    int64_t answers = 1;
    TRY(field_bool(body, "stream", &out->streams, err));
    TRY(field_bool(body, "return_tokens", &tells_ids, err));
    TRY(field_bool(body, "return_progress", &out->wants_progress, err));
    TRY(field_bool(body, "timings_per_token", &out->wants_timings, err));
    TRY(field_int(body, "n_probs", 0, TOKEN_RANKING_TOP_MAX, &top, err));
    TRY(field_int(body, "n_cmpl", 1, API_CHOICES_MAX, &answers, err));
    out->wants_ids = tells_ids || out->streams;
    out->wants_tokens = top > 0;
    out->top_count = (uint32_t)top;
    out->choice_count = (uint32_t)answers;
    return read_fields(body, out, err);
}

static enum status read_settings(const json_t *body, struct api_request *out, struct error *err)
{
    struct sampler_options *sampler = &out->sampler;
    struct str model = {0};
    if (!json_is_object(body))
        return error_set(err, E_INVALID, "the body is not a JSON object");
    TRY(check_unknown(body, err));
    TRY(field_str(body, "model", &model, err));
    if (model.len > API_MODEL_NAME_MAX)
        return error_set(err, E_LIMIT, "the model's name is longer than %d bytes",
                         API_MODEL_NAME_MAX);
    strbuf_add_str(&out->model, model);
    sampler->temperature = 0.8f;
    sampler->top_p = 0.95f;
    sampler->min_p = 0.05f;
    sampler->top_k = 40;
    sampler->repeat_last_count = 64;
    TRY(api_request_take_defaults(out, err));
    int64_t top_k = sampler->top_k;
    int64_t last = sampler->repeat_last_count;
    int64_t tokens = out->token_count_max;
    const json_t *wanted = json_object_get(body, "n_predict");
    TRY(field_float(body, "temperature", 0, 100, &sampler->temperature, err));
    TRY(field_float(body, "top_p", 0, 1, &sampler->top_p, err));
    TRY(field_float(body, "min_p", 0, 1, &sampler->min_p, err));
    TRY(field_float(body, "repeat_penalty", 0, 100, &sampler->repeat_penalty, err));
    TRY(field_int(body, "top_k", 0, INT32_MAX, &top_k, err));
    TRY(field_int(body, "repeat_last_n", -1, SAMPLER_REPEAT_LAST_MAX, &last, err));
    TRY(field_int(body, "n_predict", -2, API_TOKENS_MAX, &tokens, err));
    TRY(field_bool(body, "ignore_eos", &out->ignores_end, err));
    TRY(read_telling(body, out, err));
    TRY(api_request_read_penalties(out, body, err));
    TRY(api_request_read_biases(out, body, err));
    sampler->top_k = (uint32_t)top_k;
    sampler->repeat_last_count = last < 0 ? SAMPLER_REPEAT_LAST_MAX : (uint32_t)last;
    out->token_count_max = tokens > 0 ? (uint32_t)tokens : 0;
    out->only_reads = json_is_integer(wanted) && tokens == 0;
    out->is_raw = true;
    TRY(api_request_read_seed(out, body, err));
    return api_request_add_stops(out, json_object_get(body, "stop"), err);
}

enum status llama_read_completion(const json_t *body, struct api_request *out, struct error *err)
{
    TRY(read_settings(body, out, err));
    TRY(api_request_read_prompt(out, json_object_get(body, "prompt"), err));
    return api_request_read_grammar(out, body, err);
}

static json_t *stop_list(const struct stop_texts *stops)
{
    json_t *list = json_array();
    for (size_t i = 0; i < stops->count; i++)
        json_array_append_new(list, json_stringn(stops->texts[i].ptr, stops->texts[i].len));
    return list;
}

static json_t *bias_list(const struct api_request *request)
{
    json_t *list = json_array();
    for (size_t i = 0; i < request->bias_count; i++)
        json_array_append_new(list, json_pack("{s:i, s:f}", "token", (int)request->biases[i].id,
                                              "bias", (double)request->biases[i].add));
    for (size_t i = 0; i < request->bias_text_count; i++) {
        const struct api_bias_text *text = &request->bias_texts[i];
        json_array_append_new(list, json_pack("{s:s%, s:f}", "text", text->text.ptr, text->text.len,
                                              "bias", (double)text->add));
    }
    return list;
}

json_t *llama_read_settings(const struct api_request *request)
{
    const struct sampler_options *sampler = &request->sampler;
    const json_int_t tokens = request->token_count_max > 0 ? (json_int_t)request->token_count_max
                              : request->only_reads        ? 0
                                                           : -1;
    json_t *settings = json_pack(
        "{s:f, s:I, s:f, s:f, s:I, s:f, s:f, s:f}", "temperature", (double)sampler->temperature,
        "top_k", (json_int_t)sampler->top_k, "top_p", (double)sampler->top_p, "min_p",
        (double)sampler->min_p, "repeat_last_n", (json_int_t)sampler->repeat_last_count,
        "repeat_penalty", (double)sampler->repeat_penalty, "presence_penalty",
        (double)sampler->presence_penalty, "frequency_penalty", (double)sampler->frequency_penalty);
    json_object_set_new(settings, "stop", stop_list(&request->stops));
    json_object_set_new(settings, "max_tokens", json_integer(tokens));
    json_object_set_new(settings, "n_predict", json_integer(tokens));
    json_object_set_new(settings, "ignore_eos", json_boolean(request->ignores_end));
    json_object_set_new(settings, "stream", json_boolean(request->streams));
    json_object_set_new(settings, "logit_bias", bias_list(request));
    json_object_set_new(settings, "n_probs", json_integer((json_int_t)request->top_count));
    json_object_set_new(settings, "timings_per_token", json_boolean(request->wants_timings));
    json_object_set_new(
        settings, "grammar",
        json_stringn(request->grammar.ptr ? request->grammar.ptr : "", request->grammar.len));
    if (request->schema)
        json_object_set(settings, "json_schema", request->schema);
    return settings;
}

static enum status read_files(const json_t *body, struct api_request *out, struct error *err)
{
    const json_t *list = NULL;
    size_t index = 0;
    json_t *item = NULL;
    TRY(field_array(body, "input_extra", FILL_MIDDLE_FILES_MAX, &list, err));
    const size_t count = json_array_size(list);
    if (count == 0)
        return OK;
    struct arena *arena = &out->chat.arena;
    struct fill_middle_file *files = arena_alloc_array(arena, count, sizeof(*files));
    json_array_foreach(list, index, item)
    {
        struct str name = {0};
        struct str text = {0};
        TRY(field_str(item, "filename", &name, err));
        if (!json_member_str(item, "text", &text))
            return error_set(err, E_INVALID, "input_extra[%zu] has no text", index);
        files[index] = (struct fill_middle_file){.name = arena_copy_str(arena, name),
                                                 .text = arena_copy_str(arena, text)};
    }
    out->middle.files = files;
    out->middle.file_count = count;
    return OK;
}

void llama_read_set_middle(struct api_request *request, struct str before, struct str after)
{
    struct arena *arena = &request->chat.arena;
    request->is_raw = true;
    request->fills_middle = true;
    request->middle.before = arena_copy_str(arena, before);
    request->middle.after = arena_copy_str(arena, after);
}

/* `prompt` is what stands before the cursor in its own line. */
enum status llama_read_infill(const json_t *body, struct api_request *out, struct error *err)
{
    CLEANUP(strbuf_done) struct strbuf before = {0};
    struct str prefix = {0};
    struct str prompt = {0};
    struct str after = {0};
    TRY(read_settings(body, out, err));
    TRY(field_str(body, "input_prefix", &prefix, err));
    TRY(field_str(body, "prompt", &prompt, err));
    TRY(field_str(body, "input_suffix", &after, err));
    if (!json_object_get(body, "input_prefix") && !json_object_get(body, "input_suffix"))
        return error_set(err, E_INVALID, "input_prefix and input_suffix are missing");
    strbuf_add_str(&before, prefix);
    strbuf_add_str(&before, prompt);
    llama_read_set_middle(out, strbuf_view(&before), after);
    return read_files(body, out, err);
}
