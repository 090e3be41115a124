/*
 * /proc/net/tcp and tcp6 tell the inode of the socket that listens (state 0A); the process is the
 * one that has "socket:[inode]" among its descriptors (proc(5)).
 */
#include "os/port_owner.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_BYTES = 512, STATE_LISTEN = 0x0a, NAME_BYTES = 32 };

static bool find_inode(const char *table, uint16_t port, uint64_t *out)
{
    FILE *file = fopen(table, "re");
    char line[LINE_BYTES];
    bool found = false;
    while (file && !found && fgets(line, sizeof(line), file)) {
        unsigned local_port = 0;
        unsigned state = 0;
        uint64_t inode = 0;
        if (sscanf(line, "%*d: %*[0-9A-Fa-f]:%x %*s %x %*s %*s %*s %*s %*s %" SCNu64, &local_port,
                   &state, &inode) == 3 &&
            local_port == port && state == STATE_LISTEN) {
            *out = inode;
            found = true;
        }
    }
    if (file)
        fclose(file);
    return found;
}

static bool holds(const char *process, const char *wanted)
{
    char path[LINE_BYTES];
    snprintf(path, sizeof(path), "/proc/%.20s/fd", process);
    DIR *folder = opendir(path);
    bool found = false;
    for (const struct dirent *entry; folder && !found && (entry = readdir(folder));) {
        char link[64];
        snprintf(path, sizeof(path), "/proc/%.20s/fd/%.20s", process, entry->d_name);
        const ssize_t size = readlink(path, link, sizeof(link) - 1);
        if (size <= 0)
            continue;
        link[size] = '\0';
        found = strcmp(link, wanted) == 0;
    }
    if (folder)
        closedir(folder);
    return found;
}

static void read_name(const char *process, char *out, size_t size)
{
    char path[LINE_BYTES];
    snprintf(path, sizeof(path), "/proc/%.20s/comm", process);
    FILE *file = fopen(path, "re");
    if (file && fgets(out, (int)size, file))
        out[strcspn(out, "\n")] = '\0';
    if (file)
        fclose(file);
}

bool port_owner_name(uint16_t port, char *out, size_t size)
{
    uint64_t inode = 0;
    if (!find_inode("/proc/net/tcp", port, &inode) && !find_inode("/proc/net/tcp6", port, &inode))
        return false;
    char wanted[64];
    snprintf(wanted, sizeof(wanted), "socket:[%" PRIu64 "]", inode);
    DIR *folder = opendir("/proc");
    bool found = false;
    for (const struct dirent *entry; folder && !found && (entry = readdir(folder));) {
        if (entry->d_name[0] < '0' || entry->d_name[0] > '9' || !holds(entry->d_name, wanted))
            continue;
        char name[NAME_BYTES] = "a program";
        read_name(entry->d_name, name, sizeof(name));
        snprintf(out, size, "%s (process %.20s)", name, entry->d_name);
        found = true;
    }
    if (folder)
        closedir(folder);
    return found;
}
