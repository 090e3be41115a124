#include "os/same_user.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINE_BYTES_MAX = 512 };

static const char loopback_v4[] = "0100007F";
/* "::1", and 127.0.0.1 written as a version 6 address. */
static const char loopback_v6[] = "00000000000000000000000001000000";
static const char mapped_v4[] = "0000000000000000FFFF00000100007F";

static bool is_loopback(const char *address)
{
    return strcmp(address, loopback_v4) == 0 || strcmp(address, loopback_v6) == 0 ||
           strcmp(address, mapped_v4) == 0;
}

/* One line: "sl: local:port remote:port state queues timer retransmits uid ..." */
static bool is_ours(const char *line, uint16_t own_port, uint16_t peer_port)
{
    char local[33];
    char remote[33];
    unsigned local_port = 0;
    unsigned remote_port = 0;
    unsigned uid = 0;
    if (sscanf(line, " %*u: %32[0-9A-F]:%4x %32[0-9A-F]:%4x %*x %*x:%*x %*x:%*x %*x %u", local,
               &local_port, remote, &remote_port, &uid) != 5)
        return false;
    return local_port == peer_port && remote_port == own_port && uid == getuid() &&
           is_loopback(local) && is_loopback(remote);
}

static bool is_in(const char *path, uint16_t own_port, uint16_t peer_port)
{
    char line[LINE_BYTES_MAX];
    bool found = false;
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    while (!found && fgets(line, sizeof(line), file))
        found = is_ours(line, own_port, peer_port);
    fclose(file);
    return found;
}

bool same_user_at(uint16_t own_port, uint16_t peer_port)
{
    return is_in("/proc/net/tcp", own_port, peer_port) ||
           is_in("/proc/net/tcp6", own_port, peer_port);
}
