#include "os/memory.h"

#include "base/str.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 8192 };

/* The beginning of a small file, NUL-terminated; empty when it cannot be read. */
static struct str read_small(const char *path, char buffer[FILE_BYTES_MAX])
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return (struct str){0};
    const ssize_t got = read(fd, buffer, FILE_BYTES_MAX - 1);
    close(fd);
    return (struct str){buffer, got > 0 ? (size_t)got : 0};
}

/* The number of kibibytes behind `name` in meminfo's form, in bytes; 0 when it is not there. */
static uint64_t meminfo_bytes(struct str text, struct str name)
{
    while (text.ptr) {
        struct str line = str_split(&text, '\n');
        if (!str_starts_with(line, name))
            continue;
        line = str_trim(str_slice(line, name.len, line.len));
        int64_t kibibytes = 0;
        if (str_to_int(str_split(&line, ' '), &kibibytes) && kibibytes > 0)
            return (uint64_t)kibibytes * 1024;
    }
    return 0;
}

/* A file that holds one number; UINT64_MAX when it says "max" or cannot be read. */
static uint64_t number_in(const char *path)
{
    char buffer[FILE_BYTES_MAX];
    int64_t number = 0;
    if (!str_to_int(str_trim(read_small(path, buffer)), &number) || number < 0)
        return UINT64_MAX;
    return (uint64_t)number;
}

static uint64_t left_of(const char *limit_path, const char *used_path)
{
    const uint64_t limit = number_in(limit_path);
    const uint64_t used = number_in(used_path);
    if (limit == UINT64_MAX || used == UINT64_MAX)
        return UINT64_MAX;
    return limit > used ? limit - used : 0;
}

uint64_t memory_available_bytes(void)
{
    char buffer[FILE_BYTES_MAX];
    uint64_t bytes = meminfo_bytes(read_small("/proc/meminfo", buffer), STR("MemAvailable:"));
    const uint64_t groups[] = {
        left_of("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        left_of("/sys/fs/cgroup/memory/memory.limit_in_bytes",
                "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    };
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        if (groups[i] < bytes)
            bytes = groups[i];
    }
    return bytes;
}

void memory_own_read(struct memory_own *out)
{
    char buffer[FILE_BYTES_MAX];
    const struct str text = read_small("/proc/self/status", buffer);
    *out = (struct memory_own){
        .anonymous_bytes = meminfo_bytes(text, STR("RssAnon:")),
        .file_bytes = meminfo_bytes(text, STR("RssFile:")),
    };
}

/* About the whole pages inside. */
static void advise(const void *bytes, size_t size, int advice)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t start = ((uintptr_t)bytes + page - 1) / page * page;
    const uintptr_t end = ((uintptr_t)bytes + size) / page * page;
    if (end > start)
        (void)madvise((void *)start, end - start, advice);
}

void memory_advise_sparse(const void *bytes, size_t size)
{
    advise(bytes, size, MADV_RANDOM);
}

void memory_advise_unused(const void *bytes, size_t size)
{
    advise(bytes, size, MADV_DONTNEED);
}

void *memory_reserve(size_t size)
{
    if (size == 0)
        return NULL;
    void *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (bytes == MAP_FAILED)
        return NULL;
    (void)madvise(bytes, size, MADV_HUGEPAGE);
    return bytes;
}

void memory_release(void *bytes, size_t size)
{
    if (bytes)
        (void)munmap(bytes, size);
}

uint64_t memory_total_bytes(void)
{
    char buffer[FILE_BYTES_MAX];
    return meminfo_bytes(read_small("/proc/meminfo", buffer), STR("MemTotal:"));
}
