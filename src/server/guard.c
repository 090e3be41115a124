#include "server/guard.h"

#include <sodium.h>
#include <strings.h>

enum { HTTP_UNAUTHORIZED = 401, HTTP_FORBIDDEN = 403 };

static bool is_port(struct str text)
{
    bool is_number = text.len > 1 && text.len <= 6 && text.ptr[0] == ':';
    for (size_t i = 1; i < text.len; i++)
        is_number &= text.ptr[i] >= '0' && text.ptr[i] <= '9';
    return is_number;
}

/* "name", "name:port", "[v6]:port": without the port, the brackets and the dot that ends a name;
 * "": it is none of these. */
static struct str host_of(struct str text)
{
    struct str host = text;
    struct str rest = {0};
    if (str_starts_with(text, STR("["))) {
        const size_t end = str_find_char(text, ']', 0);
        if (end == SIZE_MAX)
            return (struct str){0};
        host = str_slice(text, 1, end);
        rest = str_slice(text, end + 1, text.len);
    } else if (str_find_char(text, ':', 0) != SIZE_MAX) {
        const size_t colon = str_find_char(text, ':', 0);
        host = str_slice(text, 0, colon);
        rest = str_slice(text, colon, text.len);
    }
    if (rest.len > 0 && !is_port(rest))
        return (struct str){0};
    return str_ends_with(host, STR(".")) ? str_slice(host, 0, host.len - 1) : host;
}

/* Names of machines are the same in any case. */
static bool ends_in_name(struct str host, struct str name)
{
    return host.len >= name.len &&
           strncasecmp(host.ptr + host.len - name.len, name.ptr, name.len) == 0;
}

static bool is_name(struct str host, struct str name)
{
    return host.len == name.len && ends_in_name(host, name);
}

static bool is_loopback_name(struct str host)
{
    return is_name(host, STR("localhost")) || is_name(host, STR("127.0.0.1")) ||
           is_name(host, STR("::1")) || is_name(host, STR("0.0.0.0")) ||
           ends_in_name(host, STR(".localhost"));
}

static bool host_is_fine(const struct guard *guard, struct str text)
{
    const struct str host = host_of(text);
    return host.len > 0 && (guard->any_host || is_loopback_name(host) ||
                            (guard->address.len > 0 && is_name(host, guard->address)));
}

/* Pages of this machine, and programs that show pages of their own. */
static bool origin_is_fine(struct str origin)
{
    static const char *const programs[] = {"app://", "file://", "tauri://", "vscode-webview://"};
    const struct str schemes[] = {STR("http://"), STR("https://")};
    for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
        if (str_starts_with(origin, str_from_c(programs[i])))
            return true;
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
        if (str_starts_with(origin, schemes[i]))
            return is_loopback_name(host_of(str_slice(origin, schemes[i].len, origin.len)));
    return false;
}

bool guard_is_page(struct str origin)
{
    return str_starts_with(origin, STR("http://")) || str_starts_with(origin, STR("https://"));
}

bool guard_allows_page(const struct guard *guard, struct str origin)
{
    struct str left = guard->pages;
    while (left.len > 0 && origin.len > 0) {
        const size_t comma = str_find_char(left, ',', 0);
        const size_t len = comma == SIZE_MAX ? left.len : comma;
        const struct str page = str_trim(str_slice(left, 0, len));
        if (str_equal(page, origin) || str_equal_c(page, "*"))
            return true;
        left = str_slice(left, len + (comma != SIZE_MAX), left.len);
    }
    return false;
}

bool guard_key_is(struct str key, struct str given)
{
    unsigned char wanted_hash[crypto_generichash_BYTES];
    unsigned char given_hash[crypto_generichash_BYTES];
    crypto_generichash(wanted_hash, sizeof(wanted_hash), (const unsigned char *)key.ptr, key.len,
                       NULL, 0);
    crypto_generichash(given_hash, sizeof(given_hash), (const unsigned char *)given.ptr, given.len,
                       NULL, 0);
    return sodium_memcmp(wanted_hash, given_hash, sizeof(wanted_hash)) == 0;
}

struct str guard_given_key(const struct guard_headers *headers)
{
    const struct str bearer = STR("Bearer ");
    if (headers->api_key.len == 0 && str_starts_with(headers->authorization, bearer))
        return str_slice(headers->authorization, bearer.len, headers->authorization.len);
    return headers->api_key;
}

static bool has_key(const struct guard *guard, const struct guard_headers *headers)
{
    return guard_key_is(guard->key, guard_given_key(headers));
}

bool guard_admits(const struct guard *guard, const struct guard_headers *headers, bool needs_key,
                  struct api_failure *out_failure)
{
    if (!host_is_fine(guard, headers->host)) {
        *out_failure =
            api_failure_make(HTTP_FORBIDDEN, "the Host header does not name this machine");
        return false;
    }
    if (headers->origin.len > 0 && !origin_is_fine(headers->origin) &&
        !guard_allows_page(guard, headers->origin)) {
        *out_failure =
            api_failure_make(HTTP_FORBIDDEN, "requests of pages from elsewhere are refused");
        return false;
    }
    if (guard->key.len > 0 && needs_key && !has_key(guard, headers)) {
        *out_failure = api_failure_make(
            HTTP_UNAUTHORIZED, "the key is missing or wrong (Authorization: Bearer, or x-api-key)");
        return false;
    }
    return true;
}
