#include "cli/front_protocol.h"

#include "base/byte_reader.h"
#include "base/check.h"
#include "os/channel.h"

static void add_number(struct strbuf *out, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        strbuf_add_char(out, (char)(value >> (8 * i)));
}

static void add_text(struct strbuf *out, struct str text)
{
    add_number(out, (uint32_t)text.len, 4);
    strbuf_add_str(out, text);
}

void front_protocol_encode(const struct front_message *message, struct strbuf *out)
{
    CHECK(message->number_count <= FRONT_NUMBERS_MAX);
    add_number(out, message->flag, 1);
    add_number(out, message->number_count, 1);
    for (unsigned i = 0; i < message->number_count; i++)
        add_number(out, message->numbers[i], 8);
    add_text(out, message->name);
    add_text(out, message->text);
    add_text(out, message->detail);
}

static enum status read_text(struct byte_reader *in, struct str *out, struct error *err)
{
    uint32_t len = 0;
    TRY(byte_reader_u32(in, &len, err));
    return byte_reader_bytes(in, len, out, err);
}

static enum status read_all(struct byte_reader *in, struct front_message *out, struct error *err)
{
    uint8_t flag = 0;
    uint8_t count = 0;
    TRY(byte_reader_u8(in, &flag, err));
    TRY(byte_reader_u8(in, &count, err));
    if (flag > 1 || count > FRONT_NUMBERS_MAX)
        return error_set(err, E_FORMAT, "impossible counts");
    out->flag = flag == 1;
    out->number_count = count;
    for (unsigned i = 0; i < count; i++)
        TRY(byte_reader_u64(in, &out->numbers[i], err));
    TRY(read_text(in, &out->name, err));
    TRY(read_text(in, &out->text, err));
    TRY(read_text(in, &out->detail, err));
    if (byte_reader_left(in) > 0)
        return error_set(err, E_FORMAT, "bytes behind the end");
    return OK;
}

enum status front_protocol_decode(uint32_t kind, struct str body, struct front_message *out,
                                  struct error *err)
{
    struct error why = {0};
    struct front_message message = {0};
    struct byte_reader in = byte_reader_over(body.ptr, body.len);
    if (kind < FRONT_ASK || kind > FRONT_FAILED)
        return error_set(err, E_FORMAT, "another process of holt sent a message of kind %u", kind);
    if (read_all(&in, &message, &why) != OK)
        return error_set(err, E_FORMAT, "another process of holt sent a broken message: %s",
                         why.text);
    message.kind = (enum front_kind)kind;
    *out = message;
    return OK;
}

enum status front_protocol_send(struct channel *channel, const struct front_message *message,
                                struct error *err)
{
    if (message->name.len + message->text.len + message->detail.len > FRONT_BODY_MAX - 256)
        return error_set(err, E_LIMIT, "a message is longer than %d bytes", FRONT_BODY_MAX);
    CLEANUP(strbuf_done) struct strbuf body = {0};
    front_protocol_encode(message, &body);
    return channel_send(channel, message->kind, strbuf_view(&body), err);
}

enum status front_protocol_receive(struct channel *channel, struct strbuf *body,
                                   struct front_message *out, struct error *err)
{
    uint32_t kind = 0;
    TRY(channel_receive(channel, FRONT_BODY_MAX, CHANNEL_FOREVER, &kind, body, err));
    return front_protocol_decode(kind, strbuf_view(body), out, err);
}
