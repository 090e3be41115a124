/*
 * A file comes whole or not at all, whatever the server does: what stalls is given up after its
 * time with a sentence and the number of bytes that came, and gone on with later.
 */
#include "base/attr.h"
#include "base/str.h"
#include "fetch/fetch.h"
#include "tests/holt_test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { FILE_BYTES = 3000, ANSWERS_MAX = 4, REQUEST_BYTES = 2048 };

/* What one connection gets. */
struct answer {
    size_t from, to; /* bytes of the file; `to` 0: not even a status */
    bool holds;      /* the line stays open and silent, else it is closed */
    const char *tag;
};

struct server {
    pthread_t thread;
    int listener;
    uint16_t port;
    const struct answer *answers; /* [count], one after the other */
    size_t count;
    size_t asked;
    char requests[ANSWERS_MAX][REQUEST_BYTES];
    int held[ANSWERS_MAX];
};

static char content[FILE_BYTES];

static void write_all(int fd, const char *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        const ssize_t put = send(fd, bytes + done, size - done, MSG_NOSIGNAL);
        if (put <= 0)
            return;
        done += (size_t)put;
    }
}

static void answer(int fd, const struct answer *wanted)
{
    char head[256];
    char tag[64] = "";
    if (wanted->to == 0)
        return;
    if (wanted->tag)
        snprintf(tag, sizeof(tag), "ETag: %s\r\n", wanted->tag);
    const int size =
        wanted->from > 0
            ? snprintf(head, sizeof(head),
                       "HTTP/1.1 206 Partial\r\nContent-Length: %zu\r\n%sContent-Range: bytes "
                       "%zu-%d/%d\r\n\r\n",
                       FILE_BYTES - wanted->from, tag, wanted->from, FILE_BYTES - 1, FILE_BYTES)
            : snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n",
                       FILE_BYTES, tag);
    write_all(fd, head, (size_t)size);
    write_all(fd, content + wanted->from, wanted->to - wanted->from);
}

static void *serve(void *context)
{
    struct server *server = context;
    for (; server->asked < server->count; server->asked++) {
        const int fd = accept(server->listener, NULL, NULL);
        char *request = server->requests[server->asked];
        size_t size = 0;
        while (fd >= 0 && size + 1 < REQUEST_BYTES && !strstr(request, "\r\n\r\n")) {
            const ssize_t got = recv(fd, request + size, REQUEST_BYTES - 1 - size, 0);
            if (got <= 0)
                break;
            size += (size_t)got;
        }
        answer(fd, &server->answers[server->asked]);
        if (server->answers[server->asked].holds)
            server->held[server->asked] = fd;
        else
            close(fd);
    }
    return NULL;
}

static void start(struct server *server, const struct answer *answers, size_t count)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);
    *server = (struct server){.answers = answers, .count = count};
    for (size_t i = 0; i < ANSWERS_MAX; i++)
        server->held[i] = -1;
    server->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(server->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(server->listener, 8), 0);
    assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &size), 0);
    server->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

/* All of them were asked for. */
static void stop(struct server *server)
{
    pthread_join(server->thread, NULL);
    close(server->listener);
    for (size_t i = 0; i < ANSWERS_MAX; i++)
        if (server->held[i] >= 0)
            close(server->held[i]);
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static enum status run(const struct server *server, int fd, uint64_t resume_at, uint64_t *out_size,
                       struct error *err)
{
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/model", server->port);
    const struct fetch_request request = {.url = url,
                                          .out_fd = fd,
                                          .resume_at = resume_at,
                                          .size_max = FILE_BYTES,
                                          .try_count = 2,
                                          .slow_seconds = 1};
    return fetch_run(&request, out_size, err);
}

static int make_file(void)
{
    const int fd = memfd_create("fetched", MFD_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void assert_whole(int fd, uint64_t size)
{
    char came[FILE_BYTES];
    assert_int_equal(size, FILE_BYTES);
    assert_int_equal(pread(fd, came, FILE_BYTES, 0), FILE_BYTES);
    assert_memory_equal(came, content, FILE_BYTES);
}

static void what_stalls_is_given_up_and_gone_on_with_later(void **state)
{
    (void)state;
    static const struct answer silent[] = {{0, 1000, true, "\"a\""}, {0, 0, true, NULL}};
    static const struct answer rest[] = {{1000, FILE_BYTES, false, "\"a\""}};
    struct server server;
    struct error err = {0};
    uint64_t size = 0;
    const int fd = make_file();
    const double began = seconds();
    start(&server, silent, ARRAY_LEN(silent));
    assert_int_equal(run(&server, fd, 0, &size, &err), E_IO);
    stop(&server);
    assert_int_equal(size, 1000);
    if (!strstr(err.text, "silent or slow for 1 seconds"))
        fail_msg("it says \"%s\"", err.text);
    assert_true(seconds() - began > 1.5 && seconds() - began < 30);
    assert_non_null(strstr(server.requests[1], "Range: bytes=1000-\r\n"));
    assert_non_null(strstr(server.requests[1], "If-Range: \"a\"\r\n"));
    start(&server, rest, ARRAY_LEN(rest));
    assert_int_equal(run(&server, fd, size, &size, &err), OK);
    stop(&server);
    assert_non_null(strstr(server.requests[0], "Range: bytes=1000-\r\n"));
    assert_whole(fd, size);
    close(fd);
}

/* Two answers give the whole file. */
static void fetch_in_two(const struct answer answers[2], struct server *server)
{
    uint64_t size = 0;
    const int fd = make_file();
    start(server, answers, 2);
    assert_ok(run(server, fd, 0, &size, err));
    stop(server);
    assert_whole(fd, size);
    close(fd);
}

static void a_second_try_goes_on_where_the_first_stalled(void **state)
{
    (void)state;
    static const struct answer answers[] = {{0, 1000, true, "\"a\""},
                                            {1000, FILE_BYTES, false, "\"a\""}};
    struct server server;
    fetch_in_two(answers, &server);
}

/* Nothing says that the rest would belong to what came: it begins anew. */
static void without_a_tag_a_second_try_begins_anew(void **state)
{
    (void)state;
    static const struct answer answers[] = {{0, 1000, false, NULL}, {0, FILE_BYTES, false, NULL}};
    struct server server;
    fetch_in_two(answers, &server);
    assert_null(strstr(server.requests[1], "Range:"));
}

static int begin(void **state)
{
    (void)state;
    struct error err = {0};
    for (size_t i = 0; i < FILE_BYTES; i++)
        content[i] = (char)(i * 31 % 251);
    return fetch_begin(&err) == OK ? 0 : -1;
}

int test_fetch(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_stalls_is_given_up_and_gone_on_with_later),
        cmocka_unit_test(a_second_try_goes_on_where_the_first_stalled),
        cmocka_unit_test(without_a_tag_a_second_try_begins_anew),
    };
    return cmocka_run_group_tests_name("fetch", tests, begin, NULL);
}
