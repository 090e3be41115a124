/* Files under their own digests: they appear whole and true or not at all, and no digest leads
 * elsewhere. */
#include "catalog/blob_upload.h"

#include "base/mem.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/path.h"
#include "tests/holt_test.h"

#include <unistd.h>

#define HEX_OF_GGUF "1a2c0b7a5f2e8c3d4e5f60718293a4b5c6d7e8f9000000000000000000000000"

static const char TEXT[] = "GGUF and more";

static struct blob_digest digest_of(const char *text)
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    struct blob_digest digest;
    crypto_hash_sha256(hash, (const unsigned char *)text, strlen(text));
    sodium_bin2hex(digest.hex, sizeof(digest.hex), hash, sizeof(hash));
    return digest;
}

static size_t count_files(const char *models)
{
    CLEANUP(mem_freep) char *folder = blob_store_folder(models);
    struct folder_list names = {0};
    folder_list_read(folder, 100, &names);
    const size_t count = names.count;
    folder_list_done(&names);
    return count;
}

static char *new_models(const char *name)
{
    return path_join(test_folder(), name);
}

static void digests_are_digits_and_nothing_else(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "sha256:",
        "sha256:" HEX_OF_GGUF "0",
        "sha256:../../../../../../../../../../../../../../../../etc/passwd00000",
        "sha512:" HEX_OF_GGUF,
        HEX_OF_GGUF,
        "sha256:1A2c0b7a5f2e8c3d4e5f60718293a4b5c6d7e8f9000000000000000000000000",
        "sha256/" HEX_OF_GGUF,
    };
    struct blob_digest digest;
    assert_ok(blob_store_digest(STR("sha256:" HEX_OF_GGUF), &digest, err));
    assert_string_equal(digest.hex, HEX_OF_GGUF);
    assert_ok(blob_store_digest(STR("sha256-" HEX_OF_GGUF), &digest, err));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        test_case(bad[i]);
        assert_int_equal(blob_store_digest(str_from_c(bad[i]), &digest, NULL), E_INVALID);
    }
    assert_true(blob_store_is_blob("/m", "/m/blobs/sha256-" HEX_OF_GGUF, &digest));
    assert_false(blob_store_is_blob("/m", "/m/other/sha256-" HEX_OF_GGUF, &digest));
    assert_false(blob_store_is_blob("/m", "/m/blobs/../sha256-" HEX_OF_GGUF, &digest));
    assert_false(blob_store_is_blob("/m", "/m/blobs", &digest));
}

static void uploads_appear_whole_and_true(void **state)
{
    (void)state;
    CLEANUP(mem_freep) char *models = new_models("uploads");
    const struct blob_digest digest = digest_of(TEXT);
    struct blob_upload upload = {0};
    assert_ok(blob_upload_open(models, &digest, 0, &upload, err));
    assert_ok(blob_upload_add(&upload, STR("GGUF and"), err));
    assert_false(blob_store_has(models, &digest));
    assert_ok(blob_upload_add(&upload, STR(" more"), err));
    assert_ok(blob_upload_finish(&upload, err));
    assert_true(blob_store_has(models, &digest));
    CLEANUP(mem_freep) char *path = blob_store_path(models, &digest);
    assert_string_equal(test_read_file(path).ptr, TEXT);
    assert_int_equal(count_files(models), 1);
}

static void what_is_wrong_leaves_nothing(void **state)
{
    (void)state;
    CLEANUP(mem_freep) char *models = new_models("wrong");
    const struct blob_digest digest = digest_of(TEXT);
    struct blob_upload upload = {0};
    assert_ok(blob_upload_open(models, &digest, sizeof(TEXT) - 1, &upload, err));
    assert_ok(blob_upload_add(&upload, STR("GGUF and less"), err));
    assert_int_equal(blob_upload_finish(&upload, NULL), E_FORMAT); /* another digest */
    assert_ok(blob_upload_open(models, &digest, 100, &upload, err));
    assert_ok(blob_upload_add(&upload, str_from_c(TEXT), err));
    assert_int_equal(blob_upload_finish(&upload, NULL), E_FORMAT); /* too short */
    assert_ok(blob_upload_open(models, &digest, 0, &upload, err));
    assert_ok(blob_upload_add(&upload, str_from_c(TEXT), err));
    blob_upload_done(&upload); /* given up */
    assert_int_equal(blob_upload_open(models, &digest, UINT64_MAX, &upload, NULL), E_LIMIT);
    assert_int_equal(blob_upload_open(models, &digest, BLOB_STORE_BYTES_MAX, &upload, NULL),
                     E_LIMIT); /* no disk here has room for it */
    assert_false(blob_store_has(models, &digest));
    assert_int_equal(count_files(models), 0);
}

static bool is_used(void *context, const struct blob_digest *digest)
{
    return strcmp(((const struct blob_digest *)context)->hex, digest->hex) == 0;
}

static void files_are_taken_and_pruned(void **state)
{
    (void)state;
    CLEANUP(mem_freep) char *models = new_models("taken");
    CLEANUP(mem_freep) char *first = path_join(test_folder(), "first.gguf");
    CLEANUP(mem_freep) char *second = path_join(test_folder(), "second.gguf");
    CLEANUP(mem_freep) char *other = path_join(test_folder(), "other.txt");
    struct blob_digest kept;
    struct blob_digest digest;
    assert_ok(file_write(first, str_from_c(TEXT), err));
    assert_ok(file_write(second, STR("GGUF two"), err));
    assert_ok(file_write(other, STR("text"), err));
    assert_ok(blob_store_take(models, first, &kept, err));
    assert_ok(blob_store_take(models, first, &kept, err));
    assert_ok(blob_store_take(models, second, &digest, err));
    assert_string_equal(kept.hex, digest_of(TEXT).hex);
    assert_int_equal(blob_store_take(models, other, &digest, NULL), E_FORMAT);
    assert_int_equal(count_files(models), 2);
    blob_store_prune(models, 3600, is_used, &kept); /* too young */
    assert_int_equal(count_files(models), 2);
    blob_store_prune(models, 0, is_used, &kept);
    assert_int_equal(count_files(models), 1);
    assert_true(blob_store_has(models, &kept));
    assert_string_equal(test_read_file(second).ptr, "GGUF two"); /* the file itself is the user's */
}

int test_blob_store(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_are_digits_and_nothing_else),
        cmocka_unit_test(uploads_appear_whole_and_true),
        cmocka_unit_test(what_is_wrong_leaves_nothing),
        cmocka_unit_test(files_are_taken_and_pruned),
    };
    return cmocka_run_group_tests_name("blob_store", tests, NULL, NULL);
}
