#include "api/prompt.h"

#include "chat/chat_spans.h"
#include "engine/engine.h"
#include "tokenizer/token_list.h"
#include "tokenizer/tokenizer.h"

/* The last message is an answer that goes on: it stands open behind the others. What follows is
 * part of it, so the model does not think first. */
static enum status render_open(struct engine *engine, struct chat_request *chat,
                               struct chat_spans *out, struct error *err)
{
    const struct str begun = chat->messages[chat->message_count - 1].content;
    const enum chat_thinking thinking = chat->thinking;
    if (thinking == CHAT_THINKING_DEFAULT)
        chat->thinking = CHAT_THINKING_OFF;
    chat->message_count--;
    const enum status status = engine_render(engine, chat, out, err);
    chat->message_count++;
    chat->thinking = thinking;
    if (status == OK)
        chat_spans_add(out, begun, SEGMENT_MODEL);
    return status;
}

static bool is_control(const struct tokenizer *tokenizer, int32_t id)
{
    const enum token_kind kind = tokenizer_kind(tokenizer, id);
    return kind == TOKEN_CONTROL || kind == TOKEN_USER_DEFINED;
}

/* The text that tokens spell, if the model writes that text with just these tokens. */
static enum status spell(const struct engine *engine, const struct api_request *request,
                         struct chat_spans *out, struct error *err)
{
    const struct tokenizer *tokenizer = engine_tokenizer(engine);
    const int32_t *ids = request->prompt_ids;
    size_t count = request->prompt_id_count;
    CLEANUP(token_list_done) struct token_list again = {0};
    if (tokenizer_adds_bos(tokenizer) && ids[0] == tokenizer_bos(tokenizer)) {
        ids++; /* it is added anyway */
        count--;
    }
    for (size_t i = 0; i < count; i++) {
        if (ids[i] < 0 || (uint32_t)ids[i] >= tokenizer_vocab_size(tokenizer))
            return error_set(err, E_INVALID, "prompt: there is no token %d", ids[i]);
        chat_spans_add(out, tokenizer_piece(tokenizer, ids[i]),
                       is_control(tokenizer, ids[i]) ? SEGMENT_TEMPLATE : SEGMENT_USER);
    }
    TRY(engine_encode(engine, out, &again, err));
    bool are_equal = again.count == count;
    for (size_t i = 0; i < count && are_equal; i++)
        are_equal = again.ids[i] == ids[i];
    return are_equal ? OK
                     : error_set(err, E_INVALID,
                                 "prompt: these tokens are not how this model writes the text they "
                                 "spell; send the text");
}

enum status prompt_make(struct engine *engine, struct api_request *request, struct chat_spans *out,
                        struct error *err)
{
    if (request->fills_middle)
        return fill_middle_render(engine_gguf(engine), engine_tokenizer(engine), &request->middle,
                                  out, err);
    if (request->prompt_id_count > 0)
        return spell(engine, request, out, err);
    if (request->is_raw) {
        chat_spans_add(out, strbuf_view(&request->raw), SEGMENT_USER);
        return OK;
    }
    return request->continues ? render_open(engine, &request->chat, out, err)
                              : engine_render(engine, &request->chat, out, err);
}
