/* Connections that send a byte now and then end, whatever they are about to send. */
#include "engine/engine.h"
#include "os/clock.h"
#include "os/listener.h"
#include "server/http_server.h"
#include "tests/holt_test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static enum status find(void *context, struct str name, struct model_pool_found *out,
                        struct error *err)
{
    (void)context;
    (void)name;
    (void)out;
    return error_set(err, E_NOT_FOUND, "no such model");
}

static void close_model(void *context, struct api_model *model)
{
    (void)context;
    engine_close(model->engine);
}

static struct http_server *start(double request_seconds, uint16_t *out_port)
{
    struct http_server *server = NULL;
    const struct engine_config engine = {.thread_count = 1, .context_tokens = 512};
    struct http_server_config config = {
        .models = {.provider = {.find = find, .close = close_model}},
        .request_seconds = request_seconds,
    };
    assert_ok(engine_open(&engine, &config.models.first.engine, err));
    config.models.first.name = STR("m");
    config.models.first.tokenizer = engine_tokenizer(config.models.first.engine);
    config.models.first.context_tokens = 512;
    assert_ok(listener_open("127.0.0.1", 0, &config.listen_fd, out_port, err));
    assert_ok(http_server_start(&config, &server, err));
    return server;
}

static int connect_to(uint16_t port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)(const void *)&address, sizeof(address)),
                     0);
    return fd;
}

/* Sends the text a byte at a time, one each `seconds`; how long the server bore it. */
static double trickle(uint16_t port, const char *text, double seconds)
{
    const int fd = connect_to(port);
    const double start = clock_seconds();
    for (size_t i = 0;; i++) {
        char byte = i < strlen(text) ? text[i] : 'x'; /* it goes on for ever */
        if (send(fd, &byte, 1, MSG_NOSIGNAL) != 1)
            break;
        if (recv(fd, &byte, 1, MSG_DONTWAIT) == 0)
            break;
        assert_true(clock_seconds() < start + 30);
        clock_sleep_ns((uint64_t)(seconds * 1e9));
    }
    close(fd);
    return clock_seconds() - start;
}

static void who_sends_a_byte_now_and_then_is_cut_off(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "GET /health HTTP/1.1\r\nHost: localhost\r\nX-Long: ",
        "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n{",
        "POST /api/chat HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n8000\r\n{",
    };
    uint16_t port = 0;
    struct http_server *server = start(0.5, &port);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        const double took = trickle(port, texts[i], 0.002);
        assert_true(took >= 0.4);
        assert_true(took < 20);
    }
    http_server_stop(server);
}

/* The same time is enough for who sends at once, again and again on one connection. */
static void who_sends_at_once_stays(void **state)
{
    (void)state;
    static const char *const text = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
    uint16_t port = 0;
    struct http_server *server = start(5, &port);
    const int fd = connect_to(port);
    for (int i = 0; i < 3; i++) {
        char answer[1024];
        assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
        const ssize_t size = recv(fd, answer, sizeof(answer) - 1, 0);
        assert_true(size > 0);
        answer[size] = '\0';
        assert_int_equal(strncmp(answer, "HTTP/1.1 200", 12), 0);
    }
    close(fd);
    http_server_stop(server);
}

int test_http_server(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_sends_a_byte_now_and_then_is_cut_off),
        cmocka_unit_test(who_sends_at_once_stays),
    };
    return cmocka_run_group_tests_name("http_server", tests, NULL, NULL);
}
