#include "server/guard.h"

#include <sodium.h>

enum { HTTP_UNAUTHORIZED = 401, HTTP_FORBIDDEN = 403 };

/* "name", "name:port", "[v6]:port": without the port and the brackets. */
static struct str host_of(struct str text)
{
    if (str_starts_with(text, STR("["))) {
        const size_t end = str_find_char(text, ']', 0);
        return end == SIZE_MAX ? text : str_slice(text, 1, end);
    }
    const size_t colon = str_find_char(text, ':', 0);
    return colon == SIZE_MAX ? text : str_slice(text, 0, colon);
}

static bool is_loopback_name(struct str host)
{
    return str_equal_c(host, "localhost") || str_equal_c(host, "127.0.0.1") ||
           str_equal_c(host, "::1") || str_equal_c(host, "0.0.0.0") ||
           str_ends_with(host, STR(".localhost"));
}

static bool host_is_fine(const struct guard *guard, struct str text)
{
    const struct str host = host_of(text);
    return guard->any_host || is_loopback_name(host) ||
           (guard->address.len > 0 && str_equal(host, guard->address));
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
