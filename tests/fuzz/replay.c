/*
 * replay - the main() of a fuzz target without the fuzzer: feeds each file named on the command
 * line to LLVMFuzzerTestOneInput, so that corpora and found inputs run in every build and compiler.
 *
 * Folders are read one level deep. Prints the number of inputs; crashing is the failure. Stands on
 * the C library alone.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static size_t replayed;

/* Whole content of a file; NULL when it cannot be read. */
static uint8_t *read_whole(const char *path, size_t *out_size)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    size_t size = 0;
    size_t capacity = 65536;
    uint8_t *bytes = malloc(capacity);
    while (bytes) {
        const size_t got = fread(bytes + size, 1, capacity - size, file);
        size += got;
        if (got == 0)
            break;
        if (size == capacity) {
            capacity *= 2;
            bytes = realloc(bytes, capacity);
        }
    }
    fclose(file);
    *out_size = size;
    return bytes;
}

/* Returns 0, or 1 when the file cannot be read. */
static int replay_file(const char *path)
{
    size_t size = 0;
    uint8_t *bytes = read_whole(path, &size);
    if (!bytes) {
        perror(path);
        return 1;
    }
    LLVMFuzzerTestOneInput(bytes, size);
    free(bytes);
    replayed++;
    return 0;
}

static int replay_folder(const char *path)
{
    DIR *folder = opendir(path);
    if (!folder) {
        perror(path);
        return 1;
    }
    int failed = 0;
    for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        char name[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        failed |= replay_file(name);
    }
    closedir(folder);
    return failed;
}

int main(int argument_count, char **arguments)
{
    int failed = 0;
    for (int i = 1; i < argument_count; i++) {
        struct stat info;
        const int is_folder = stat(arguments[i], &info) == 0 && S_ISDIR(info.st_mode);
        failed |= is_folder ? replay_folder(arguments[i]) : replay_file(arguments[i]);
    }
    printf("%zu passed, %d failed\n", replayed, failed);
    return failed;
}
