/* catalog_internal - how stores add what they find; inside catalog/ only. */
#pragma once

#include "catalog/catalog.h"

/* Adds a model if `path` is a regular file and there is room; copies both texts. */
void catalog_add(struct catalog *catalog, enum catalog_store store, const char *name,
                 const char *path);

/* "NAME.gguf" (or the first file of a split model) in a folder: the length of what it is called,
 * 0 if it is no model. */
size_t catalog_stem(const char *file_name);

void catalog_read_folder(struct catalog *catalog, enum catalog_store store, const char *folder);
void catalog_read_ollama(struct catalog *catalog, const char *folder);
void catalog_read_hub(struct catalog *catalog, const char *folder);
