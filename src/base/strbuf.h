/*
 * strbuf - a growing byte buffer with a bound.
 *
 * Zeroed is a valid empty buffer without a bound. With `size_max` set, what would not fit is
 * dropped and `overflowed` stays true until strbuf_clear(): callers append freely and look once.
 * The bytes always have a NUL behind them once anything was added.
 *
 * Threads: one at a time.
 */
#pragma once

#include "base/attr.h"
#include "base/str.h"

struct strbuf {
    char *ptr;
    size_t len;
    size_t capacity;
    size_t size_max; /* 0: no bound */
    bool overflowed;
};

void strbuf_add(struct strbuf *buf, const void *bytes, size_t len);
void strbuf_add_char(struct strbuf *buf, char c);
void strbuf_add_c(struct strbuf *buf, const char *text);
void strbuf_add_str(struct strbuf *buf, struct str text);
void strbuf_addf(struct strbuf *buf, const char *fmt, ...) PRINTF_LIKE(2, 3);

void strbuf_clear(struct strbuf *buf);                /* empty, memory kept */
void strbuf_truncate(struct strbuf *buf, size_t len); /* no-op if already shorter */
void strbuf_done(struct strbuf *buf);                 /* releases memory; empty again */

/* A view of the bytes, valid until the next change. */
static inline struct str strbuf_view(const struct strbuf *buf)
{
    return (struct str){buf->ptr, buf->len};
}

/* NUL-terminated; "" when empty. Valid until the next change. */
static inline const char *strbuf_c(const struct strbuf *buf)
{
    return buf->ptr ? buf->ptr : "";
}

/* Hands the memory over (NUL-terminated, free with mem_free) and leaves an empty buffer. */
char *strbuf_take(struct strbuf *buf);
