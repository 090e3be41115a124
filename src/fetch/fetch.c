#include "fetch/fetch.h"

#include "base/mem.h"
#include "base/str.h"

#include <curl/curl.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

/* One transfer, over all its tries. */
struct transfer {
    const struct fetch_request *request;
    CURL *curl;
    uint64_t at;             /* where the next byte goes */
    uint64_t total;          /* 0: unknown */
    char tag[FETCH_TAG_MAX]; /* ETag of the first answer, strong; empty: none */
    char answer_tag[FETCH_TAG_MAX];
    bool is_checked; /* the answer's beginning was looked at */
    bool has_moved;  /* bytes came in this try */
    enum status refusal;
    struct error why;
};

static const char *const local_hosts[] = {"127.0.0.1", "localhost", "[::1]"};

/* http://HOST with a host of this machine. */
static bool is_local(const char *url)
{
    struct str rest = str_from_c(url);
    const struct str scheme = STR("http://");
    if (!str_starts_with(rest, scheme))
        return false;
    rest = str_slice(rest, scheme.len, rest.len);
    for (size_t i = 0; i < ARRAY_LEN(local_hosts); i++) {
        const struct str host = str_from_c(local_hosts[i]);
        const char next = rest.len > host.len ? rest.ptr[host.len] : '/';
        if (str_starts_with(rest, host) && (next == '/' || next == ':'))
            return true;
    }
    return false;
}

static size_t refuse(struct transfer *t, enum status status)
{
    t->refusal = status;
    return 0; /* less than was handed over: libcurl ends the transfer */
}

/* The answer's status decides what its bytes are. */
static bool check_answer(struct transfer *t)
{
    long code = 0;
    curl_off_t length = -1;
    curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &code);
    curl_easy_getinfo(t->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    t->is_checked = true;
    if (code == 200 && t->at > 0) { /* the whole file again */
        t->at = 0;
        if (ftruncate(t->request->out_fd, 0) != 0) {
            refuse(t, error_errno(&t->why, "the file cannot be emptied"));
            return false;
        }
    } else if (code != 200 && code != 206) {
        refuse(t, error_set(&t->why, E_IO, "the server answered %ld", code));
        return false;
    }
    if (!t->tag[0])
        memcpy(t->tag, t->answer_tag, sizeof(t->tag));
    t->total = length >= 0 ? t->at + (uint64_t)length : 0;
    if (t->total > t->request->size_max) {
        refuse(t,
               error_set(&t->why, E_LIMIT, "%llu bytes are offered (limit %llu)",
                         (unsigned long long)t->total, (unsigned long long)t->request->size_max));
        return false;
    }
    return true;
}

static size_t on_bytes(char *bytes, size_t one, size_t count, void *context)
{
    struct transfer *t = context;
    const size_t size = one * count;
    if (!t->is_checked && !check_answer(t))
        return 0;
    if (size > t->request->size_max - t->at)
        return refuse(t, error_set(&t->why, E_LIMIT, "more than %llu bytes came",
                                   (unsigned long long)t->request->size_max));
    for (size_t done = 0; done < size;) {
        const ssize_t put = pwrite(t->request->out_fd, bytes + done, size - done, (off_t)t->at);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return refuse(t, error_errno(&t->why, "the file cannot be written"));
        done += (size_t)put;
        t->at += (uint64_t)put;
    }
    t->has_moved = true;
    return size;
}

/* "ETag: ..." of the newest answer; weak ones promise nothing about bytes. */
static size_t on_header(char *line, size_t one, size_t count, void *context)
{
    struct transfer *t = context;
    struct str text = str_trim((struct str){line, one * count});
    if (str_starts_with(text, STR("HTTP/")))
        t->answer_tag[0] = '\0';
    if (text.len > 5 && strncasecmp(text.ptr, "etag:", 5) == 0) {
        text = str_trim(str_slice(text, 5, text.len));
        if (text.len < sizeof(t->answer_tag) && text.len > 2 && text.ptr[0] == '"')
            snprintf(t->answer_tag, sizeof(t->answer_tag), "%.*s", STR_ARG(text));
    }
    return one * count;
}

static int on_progress(void *context, curl_off_t total, curl_off_t now, curl_off_t up_total,
                       curl_off_t up)
{
    struct transfer *t = context;
    (void)total, (void)now, (void)up_total, (void)up;
    const struct fetch_request *request = t->request;
    if (!request->progress || request->progress(request->context, t->at, t->total))
        return 0;
    refuse(t, error_set(&t->why, E_CANCELLED, "stopped"));
    return 1;
}

/* Connected, nothing sent yet: what is not encrypted stays on this machine. */
static int on_connected(void *context, char *address, char *own_address, int port, int own_port)
{
    struct transfer *t = context;
    const char *scheme = NULL;
    (void)own_address, (void)port, (void)own_port;
    curl_easy_getinfo(t->curl, CURLINFO_SCHEME, &scheme);
    const bool is_here = strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
    if (!scheme || strcasecmp(scheme, "http") != 0 || is_here || t->request->allows_http)
        return CURL_PREREQFUNC_OK;
    refuse(t,
           error_set(&t->why, E_DENIED, "the server leads to %.64s without encryption", address));
    return CURL_PREREQFUNC_ABORT;
}

static unsigned slow_seconds(const struct transfer *t)
{
    return t->request->slow_seconds ? t->request->slow_seconds : FETCH_SLOW_SECONDS;
}

/* There is no connection yet. */
static bool is_connecting(const struct transfer *t)
{
    curl_off_t connected_us = 0;
    curl_easy_getinfo(t->curl, CURLINFO_CONNECT_TIME_T, &connected_us);
    return connected_us == 0;
}

static void set_options(struct transfer *t, const char *protocols)
{
    CURL *curl = t->curl;
    curl_easy_setopt(curl, CURLOPT_URL, t->request->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, protocols);
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, protocols);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)FETCH_REDIRECTS_MAX);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)FETCH_CONNECT_SECONDS);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, (long)FETCH_SPEED_MIN);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)slow_seconds(t));
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "holt/" HOLT_VERSION);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, t);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_PREREQFUNCTION, on_connected);
    curl_easy_setopt(curl, CURLOPT_PREREQDATA, t);
    if (is_local(t->request->url))
        curl_easy_setopt(curl, CURLOPT_NOPROXY, "*"); /* whatever the environment says */
    if (t->request->token) {                          /* not sent on to other hosts */
        curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
        curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, t->request->token);
    }
}

static enum status status_of_code(struct transfer *t, struct error *err)
{
    long code = 0;
    curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &code);
    if (code == 404)
        return error_set(err, E_NOT_FOUND, "there is nothing at %.300s", t->request->url);
    if (code == 401 || code == 403)
        return error_set(err, E_DENIED, "the server does not give out %.300s (%ld)",
                         t->request->url, code);
    if (code >= 400)
        return error_set(err, E_IO, "the server answered %ld", code);
    return OK;
}

/* One try. *out_again: it broke in a way that another may mend. */
static enum status try_once(struct transfer *t, bool *out_again, struct error *err)
{
    char reason[CURL_ERROR_SIZE] = "";
    char range[32];
    char line[FETCH_TAG_MAX + 16];
    struct curl_slist *headers = NULL;
    t->is_checked = t->has_moved = false;
    if (t->request->accept) {
        snprintf(line, sizeof(line), "Accept: %.200s", t->request->accept);
        headers = curl_slist_append(headers, line);
    }
    if (t->request->json) {
        headers = curl_slist_append(headers, "Content-Type: application/json");
        curl_easy_setopt(t->curl, CURLOPT_POSTFIELDS, t->request->json);
    }
    if (t->at > 0 && t->tag[0]) {
        snprintf(line, sizeof(line), "If-Range: %s", t->tag);
        headers = curl_slist_append(headers, line);
    }
    snprintf(range, sizeof(range), "%llu-", (unsigned long long)t->at);
    curl_easy_setopt(t->curl, CURLOPT_RANGE, t->at > 0 ? range : NULL);
    curl_easy_setopt(t->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(t->curl, CURLOPT_ERRORBUFFER, reason);
    curl_easy_setopt(t->curl, CURLOPT_FAILONERROR, 1L);
    const CURLcode code = curl_easy_perform(t->curl);
    curl_slist_free_all(headers);
    *out_again = false;
    if (t->refusal != OK) {
        *err = t->why;
        return t->refusal;
    }
    TRY(status_of_code(t, err));
    if (code == CURLE_OK)
        return OK;
    *out_again = code == CURLE_PARTIAL_FILE || code == CURLE_RECV_ERROR ||
                 code == CURLE_OPERATION_TIMEDOUT || code == CURLE_GOT_NOTHING ||
                 code == CURLE_COULDNT_CONNECT || code == CURLE_HTTP2_STREAM ||
                 code == CURLE_COULDNT_RESOLVE_HOST;
    const bool is_unreached = code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST;
    if (code == CURLE_OPERATION_TIMEDOUT && !is_connecting(t))
        return error_set(err, E_IO, "%.200s was silent or slow for %u seconds", t->request->url,
                         slow_seconds(t));
    return error_set(err, E_IO, "%.200s: %s%s", t->request->url,
                     reason[0] ? reason : curl_easy_strerror(code),
                     is_unreached ? "; check the name and this machine's connection" : "");
}

enum status fetch_begin(struct error *err)
{
    struct addrinfo *found = NULL;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return error_set(err, E_IO, "the HTTP library cannot start");
    if (getaddrinfo("localhost", NULL, NULL, &found) == 0) /* loads the resolver's parts */
        freeaddrinfo(found);
    return OK;
}

enum status fetch_run(const struct fetch_request *request, uint64_t *out_size, struct error *err)
{
    const bool allows_http = request->allows_http || is_local(request->url);
    const struct str url = str_from_c(request->url);
    struct transfer t = {.request = request, .at = request->resume_at};
    enum status status = OK;
    bool again = true;
    if (url.len > FETCH_URL_MAX || !(str_starts_with(url, STR("https://")) ||
                                     (allows_http && str_starts_with(url, STR("http://")))))
        return error_set(err, E_INVALID, "%.200s is not an https address", request->url);
    if (request->json && !is_local(request->url))
        return error_set(err, E_INVALID, "nothing is sent to %.200s", request->url);
    t.curl = curl_easy_init();
    if (!t.curl)
        return error_set(err, E_NO_MEMORY, "no memory for the HTTP library");
    set_options(&t, allows_http ? "http,https" : "https");
    const unsigned tries = request->try_count ? request->try_count : FETCH_TRIES_MAX;
    for (unsigned left = tries; again && left > 0; left--) {
        status = try_once(&t, &again, err);
        again = again && status != OK;
        if (again && t.at > 0 && !t.tag[0])
            t.at = 0; /* nothing says that the rest would belong to it */
        if (again && left > 1)
            sleep(t.has_moved ? 0 : tries - left + 1);
    }
    curl_easy_cleanup(t.curl);
    *out_size = t.at;
    return status;
}
