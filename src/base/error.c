#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum status error_set(struct error *err, enum status status, const char *fmt, ...)
{
    if (!err)
        return status;

    va_list args;
    va_start(args, fmt);
    err->status = status;
    vsnprintf(err->text, sizeof(err->text), fmt, args);
    va_end(args);
    return status;
}

/* What helps, where something does. */
static const char *advice(int number)
{
    switch (number) {
    case ENOENT:
    case ENOTDIR: return "; check the path";
    case EACCES:
    case EPERM: return "; check who owns it, or choose another place";
    case ENOSPC:
    case EDQUOT: return "; make room there, or choose another place";
    case EROFS: return "; choose another place";
    case EMFILE:
    case ENFILE: return "; close other programs, or allow more open files (ulimit -n)";
    case ENOMEM: return "; close other programs";
    default: return "";
    }
}

enum status error_errno(struct error *err, const char *fmt, ...)
{
    const int number = errno;
    const enum status status = number == ENOENT ? E_NOT_FOUND : E_IO;
    if (!err)
        return status;

    va_list args;
    va_start(args, fmt);
    err->status = status;
    vsnprintf(err->text, sizeof(err->text), fmt, args);
    va_end(args);

    char reason[128];
    const size_t used = strlen(err->text);
    snprintf(err->text + used, sizeof(err->text) - used, ": %s%s",
             strerror_r(number, reason, sizeof(reason)), advice(number));
    return status;
}

const char *error_status_name(enum status status)
{
    switch (status) {
    case OK: return "ok";
    case E_INVALID: return "invalid";
    case E_FORMAT: return "bad format";
    case E_IO: return "input/output error";
    case E_NO_MEMORY: return "out of memory";
    case E_LIMIT: return "limit";
    case E_NOT_FOUND: return "not found";
    case E_UNSUPPORTED: return "unsupported";
    case E_DENIED: return "denied";
    case E_CANCELLED: return "cancelled";
    case E_BUSY: return "busy";
    }
    return "unknown";
}
