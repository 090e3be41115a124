#include "cli/model_file.h"

#include "engine/builtin_model.h"
#include "gguf/gguf.h"

enum status model_file_blame(const char *path, struct error *err)
{
    const char *name = path ? strrchr(path, '/') : NULL;
    name = name ? name + 1 : path;
    if (!name || strstr(err->text, name))
        return err->status;
    char text[ERROR_TEXT_MAX];
    snprintf(text, sizeof(text), "%.100s: %.400s", name, err->text);
    memcpy(err->text, text, sizeof(err->text));
    return err->status;
}

enum status model_file_open(const char *path, struct gguf **out, struct error *err)
{
    if (path)
        return gguf_open(path, out, err);
    size_t size = 0;
    const void *bytes = builtin_model_bytes(&size);
    return gguf_open_memory(bytes, size, out, err);
}
