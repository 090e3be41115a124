#include "base/strbuf.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>

enum { CAPACITY_MIN = 64 };

/* Makes room for `more` bytes and a NUL. False if the bound forbids it. */
static bool reserve(struct strbuf *buf, size_t more)
{
    if (buf->size_max && (more > buf->size_max || buf->len > buf->size_max - more)) {
        buf->overflowed = true;
        return false;
    }
    const size_t needed = buf->len + more + 1;
    if (needed <= buf->capacity)
        return true;
    size_t capacity = buf->capacity ? buf->capacity : CAPACITY_MIN;
    while (capacity < needed)
        capacity *= 2;
    buf->ptr = mem_realloc(buf->ptr, capacity);
    buf->capacity = capacity;
    return true;
}

void strbuf_add(struct strbuf *buf, const void *bytes, size_t len)
{
    if (!reserve(buf, len))
        return;
    if (len)
        memcpy(buf->ptr + buf->len, bytes, len);
    buf->len += len;
    buf->ptr[buf->len] = '\0';
}

void strbuf_add_char(struct strbuf *buf, char c)
{
    strbuf_add(buf, &c, 1);
}

void strbuf_add_c(struct strbuf *buf, const char *text)
{
    strbuf_add(buf, text, strlen(text));
}

void strbuf_add_str(struct strbuf *buf, struct str text)
{
    strbuf_add(buf, text.ptr, text.len);
}

void strbuf_addf(struct strbuf *buf, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    va_list again;
    va_copy(again, args);
    const int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (len >= 0 && reserve(buf, (size_t)len)) {
        vsnprintf(buf->ptr + buf->len, (size_t)len + 1, fmt, again);
        buf->len += (size_t)len;
    }
    va_end(again);
}

void strbuf_clear(struct strbuf *buf)
{
    strbuf_truncate(buf, 0);
    buf->overflowed = false;
}

void strbuf_truncate(struct strbuf *buf, size_t len)
{
    if (len > buf->len || !buf->ptr)
        return;
    buf->len = len;
    buf->ptr[len] = '\0';
}

void strbuf_done(struct strbuf *buf)
{
    mem_free(buf->ptr);
    *buf = (struct strbuf){.size_max = buf->size_max};
}

char *strbuf_take(struct strbuf *buf)
{
    char *text = buf->ptr ? buf->ptr : mem_copy_str("");
    *buf = (struct strbuf){.size_max = buf->size_max};
    return text;
}
