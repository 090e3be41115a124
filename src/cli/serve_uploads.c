#include "cli/serve_uploads.h"

#include "api/field.h"
#include "base/mem.h"
#include "catalog/blob_upload.h"
#include "cli/state.h"

enum { UPLOADS_MAX = 8 };

struct upload {
    uint64_t id; /* 0: free */
    struct blob_upload blob;
};

struct serve_uploads {
    const struct state *state;
    struct upload uploads[UPLOADS_MAX];
};

struct serve_uploads *serve_uploads_new(const struct state *state)
{
    struct serve_uploads *uploads = mem_zalloc(sizeof(*uploads));
    uploads->state = state;
    return uploads;
}

static void end(struct upload *upload)
{
    blob_upload_done(&upload->blob);
    upload->id = 0;
}

void serve_uploads_free(struct serve_uploads *uploads)
{
    if (!uploads)
        return;
    for (size_t i = 0; i < UPLOADS_MAX; i++)
        end(&uploads->uploads[i]);
    mem_free(uploads);
}

/* The one of that id, or NULL; 0: a free one. */
static struct upload *find(struct serve_uploads *uploads, uint64_t id)
{
    for (size_t i = 0; i < UPLOADS_MAX; i++)
        if (uploads->uploads[i].id == id)
            return &uploads->uploads[i];
    return NULL;
}

enum status serve_uploads_begin(struct serve_uploads *uploads, uint64_t id, const json_t *body,
                                struct error *err)
{
    struct upload *upload = find(uploads, 0);
    struct blob_digest digest;
    struct str text = {0};
    int64_t size = 0;
    if (!upload || !id || find(uploads, id))
        return error_set(err, E_BUSY, "%d files are being uploaded already", UPLOADS_MAX);
    TRY(field_str(body, "digest", &text, err));
    TRY(field_int(body, "size", 0, (int64_t)BLOB_STORE_BYTES_MAX, &size, err));
    TRY(blob_store_digest(text, &digest, err));
    TRY(blob_upload_open(uploads->state->models, &digest, (uint64_t)size, &upload->blob, err));
    upload->id = id;
    return OK;
}

static enum status find_open(struct serve_uploads *uploads, uint64_t id, struct upload **out,
                             struct error *err)
{
    *out = id ? find(uploads, id) : NULL;
    return *out ? OK : error_set(err, E_NOT_FOUND, "there is no such upload");
}

enum status serve_uploads_add(struct serve_uploads *uploads, uint64_t id, struct str bytes,
                              struct error *err)
{
    struct upload *upload = NULL;
    TRY(find_open(uploads, id, &upload, err));
    const enum status status = blob_upload_add(&upload->blob, bytes, err);
    if (status != OK)
        end(upload);
    return status;
}

enum status serve_uploads_finish(struct serve_uploads *uploads, uint64_t id, struct error *err)
{
    struct upload *upload = NULL;
    TRY(find_open(uploads, id, &upload, err));
    const enum status status = blob_upload_finish(&upload->blob, err);
    end(upload);
    return status;
}

void serve_uploads_stop(struct serve_uploads *uploads, uint64_t id)
{
    struct upload *upload = id ? find(uploads, id) : NULL;
    if (upload)
        end(upload);
}
