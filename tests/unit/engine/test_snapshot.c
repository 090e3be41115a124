/*
 * A snapshot promises: restored = never stopped, bit for bit, for every way of keeping keys and
 * values and every family of layers; and that a file which is damaged, cut short or of another
 * model is refused with its reason, so that nobody goes on from a state that never was.
 */
#include "base/mem.h"
#include "engine/engine_internal.h"
#include "engine/session_internal.h"
#include "engine/snapshot.h"
#include "infer/infer.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/path.h"
#include "tests/holt_test.h"
#include "tests/unit/engine/recurrent_engine.h"

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

enum { CONTEXT = 768 };

static const char *const families[] = {"builtin",    "qwen35",           "qwen35-draft",
                                       "nemotron_h", "nemotron_h-alone", "lfm2"};

static struct engine *open_family(const char *name, enum kv_kind kv, uint32_t threads)
{
    struct engine *engine = NULL;
    const struct engine_config config = {
        .context_tokens = CONTEXT, .thread_count = threads, .kv = kv};
    if (strcmp(name, "builtin") == 0)
        assert_ok(engine_open(&config, &engine, err));
    else
        assert_int_equal(recurrent_engine_open_as(name, &config, &engine), 0);
    return engine;
}

static void append(struct session *session, const char *text, int times)
{
    const struct session_segment segment = {str_from_c(text), SEGMENT_TEMPLATE};
    for (int i = 0; i < times; i++)
        assert_ok(session_append(session, &segment, 1, err));
}

static struct session *new_session(struct engine *engine)
{
    struct session *session = NULL;
    assert_ok(session_new(engine, &(struct sampler_options){0}, &session, err));
    return session;
}

static float *logits_of(struct session *session)
{
    const float *logits = NULL;
    assert_ok(session_logits(session, &logits, err));
    return mem_copy(logits, engine_get_info(session->engine)->vocab_size * sizeof(float));
}

static void assert_same(const struct session *session, float *a, float *b)
{
    assert_memory_equal(a, b, engine_get_info(session->engine)->vocab_size * sizeof(float));
    mem_free(a);
    mem_free(b);
}

static const char line[] = "<|im_start|>user\nhow many lines are in notes.txt?<|im_end|>\n";
static const char more[] = "<|im_start|>assistant\nThere are 12 lines in it.<|im_end|>\n";

static char *path_of(const char *name)
{
    return path_join(test_folder(), name);
}

static struct session *restored(struct engine *engine, const char *path)
{
    struct session *session = NULL;
    assert_ok(session_restore(engine, path, &(struct sampler_options){0}, &session, err));
    return session;
}

/* `engine` wrote the file; `fresh` never saw the session. */
static void compare(struct engine *engine, struct engine *fresh, const char *path)
{
    struct session *kept = new_session(engine);
    append(kept, line, 7);
    float *before = logits_of(kept);
    assert_ok(session_snapshot(kept, path, err));
    struct session *back = restored(fresh, path);
    assert_int_equal(session_token_count(back), session_token_count(kept));
    assert_int_equal(session_pending(back), 0); /* not even the newest token is computed again */
    assert_same(kept, before, logits_of(back));
    append(kept, more, 1);
    append(back, more, 1);
    assert_same(kept, logits_of(kept), logits_of(back));
    /* Beyond the page that was partly filled, and back behind what was restored. */
    append(kept, line, 6);
    append(back, line, 6);
    assert_same(kept, logits_of(kept), logits_of(back));
    assert_ok(session_rewind(kept, 70, err));
    assert_ok(session_rewind(back, 70, err));
    append(kept, more, 3);
    append(back, more, 3);
    assert_same(kept, logits_of(kept), logits_of(back));
    session_free(back);
    session_free(kept);
}

static void restored_is_never_stopped(void **state)
{
    (void)state;
    char *path = path_of("same.kv");
    for (size_t f = 0; f < ARRAY_LEN(families); f++) {
        for (int kv = 0; kv < KV_KIND_COUNT; kv++) {
            test_case(families[f]);
            struct engine *engine = open_family(families[f], (enum kv_kind)kv, 1);
            struct engine *fresh = open_family(families[f], (enum kv_kind)kv, 2);
            compare(engine, fresh, path);
            engine_close(fresh);
            engine_close(engine);
        }
    }
    mem_free(path);
}

static void what_was_not_computed_is_computed_later(void **state)
{
    (void)state;
    char *path = path_of("pending.kv");
    for (size_t f = 0; f < ARRAY_LEN(families); f++) {
        test_case(families[f]);
        struct engine *engine = open_family(families[f], KV_KIND_F16, 1);
        struct session *kept = new_session(engine);
        append(kept, line, 5);
        mem_free(logits_of(kept));
        append(kept, more, 2);
        assert_true(session_pending(kept) > 1);
        assert_ok(session_snapshot(kept, path, err));
        struct session *back = restored(engine, path);
        assert_int_equal(session_pending(back), session_pending(kept));
        assert_same(kept, logits_of(kept), logits_of(back));
        session_free(back);
        session_free(kept);
        engine_close(engine);
    }
    mem_free(path);
}

/* What others left in a page that is not full does not get into the file. */
static void a_file_depends_on_its_session_alone(void **state)
{
    (void)state;
    char *first = path_of("first.kv");
    char *second = path_of("second.kv");
    for (size_t f = 0; f < ARRAY_LEN(families); f++) {
        test_case(families[f]);
        struct engine *engine = open_family(families[f], KV_KIND_Q8, 1);
        struct engine *fresh = open_family(families[f], KV_KIND_Q8, 1);
        struct session *other = new_session(engine);
        append(other, more, 20);
        mem_free(logits_of(other));
        session_free(other);
        struct session *one = new_session(engine);
        struct session *two = new_session(fresh);
        append(one, line, 4);
        append(two, line, 4);
        assert_same(one, logits_of(one), logits_of(two));
        assert_ok(session_snapshot(one, first, err));
        assert_ok(session_snapshot(two, second, err));
        const struct str a = test_read_file(first);
        const struct str b = test_read_file(second);
        assert_int_equal(a.len, b.len);
        assert_memory_equal(a.ptr, b.ptr, a.len);
        session_free(one);
        session_free(two);
        engine_close(fresh);
        engine_close(engine);
    }
    mem_free(first);
    mem_free(second);
}

/* ---------------------------------------------------------------- files that are refused */

static enum status try_restore(struct engine *engine, const char *path, struct error *err)
{
    struct session *session = NULL;
    const enum status status =
        session_restore(engine, path, &(struct sampler_options){0}, &session, err);
    session_free(session);
    return status;
}

static void put(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static struct str make_file(struct engine *engine, const char *path)
{
    struct session *session = new_session(engine);
    append(session, line, 5);
    mem_free(logits_of(session));
    assert_ok(session_snapshot(session, path, err));
    session_free(session);
    return test_read_file(path);
}

static void damage_is_found_wherever_it_is(void **state)
{
    (void)state;
    char *path = path_of("damaged.kv");
    struct engine *engine = open_family("qwen35", KV_KIND_F16, 1);
    const uint32_t free_pages = infer_free_page_count(engine->infer);
    struct str file = make_file(engine, path);
    struct snapshot whole = {0};
    assert_ok(snapshot_parse(file.ptr, file.len, file.len, &whole, err));
    assert_true(whole.state_count > 0 && whole.has_logits && whole.page_count > 1);
    const size_t states = whole.header_bytes + whole.page_count * whole.facts.page_bytes;
    char *bytes = mem_copy(file.ptr, file.len);
    for (size_t i = 0; i < file.len; i += i < whole.header_bytes ? 1 : 1009) {
        if (i >= SNAPSHOT_USES_OFFSET && i < SNAPSHOT_FIRST_BYTES)
            continue; /* how often it was used, and room: stands for nothing that is computed */
        if (i >= states && i < states + (whole.state_count - 1) * whole.facts.state_bytes)
            continue; /* older states are not loaded */
        bytes[i] = (char)(bytes[i] ^ 0x10);
        struct error err = {0};
        struct snapshot parsed = {0};
        if (i < whole.header_bytes) {
            assert_true(snapshot_parse(bytes, file.len, file.len, &parsed, &err) != OK);
        } else {
            put(path, bytes, file.len);
            assert_int_equal(try_restore(engine, path, &err), E_FORMAT);
            assert_non_null(strstr(err.text, "damaged: the digest of"));
        }
        bytes[i] = file.ptr[i];
    }
    assert_int_equal(infer_free_page_count(engine->infer), free_pages);
    mem_free(bytes);
    snapshot_done(&whole);
    engine_close(engine);
    mem_free(path);
}

static void a_file_cut_short_is_refused(void **state)
{
    (void)state;
    char *path = path_of("short.kv");
    struct engine *engine = open_family("builtin", KV_KIND_F16, 1);
    const struct str file = make_file(engine, path);
    for (size_t size = 0; size < file.len; size += size < 2048 ? 61 : file.len / 23) {
        struct error err = {0};
        put(path, file.ptr, size);
        assert_int_equal(try_restore(engine, path, &err), E_FORMAT);
        assert_non_null(strstr(err.text, "cut short"));
    }
    char *longer = mem_zalloc(file.len + 1);
    memcpy(longer, file.ptr, file.len);
    put(path, longer, file.len + 1);
    assert_int_equal(try_restore(engine, path, &(struct error){0}), E_FORMAT);
    mem_free(longer);
    engine_close(engine);
    mem_free(path);
}

static void a_foreign_file_is_refused_with_the_reason(void **state)
{
    (void)state;
    char *path = path_of("foreign.kv");
    struct engine *engine = open_family("builtin", KV_KIND_F16, 1);
    make_file(engine, path);
    struct error err = {0};
    struct engine *other = open_family("builtin", KV_KIND_Q8, 1);
    assert_int_equal(try_restore(other, path, &err), E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "keys and values are of the kind f16 (here q8)"));
    engine_close(other);
    other = open_family("lfm2", KV_KIND_F16, 1);
    assert_int_equal(try_restore(other, path, &err), E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "made with another model"));
    engine_close(other);
    const struct engine_config small = {.context_tokens = 64, .thread_count = 1};
    assert_int_equal(engine_open(&small, &other, &err), OK);
    assert_int_equal(try_restore(other, path, &err), E_LIMIT);
    engine_close(other);
    put(path, "GGUF is something else, and long enough to be looked at as if it were one. ....",
        80);
    assert_int_equal(try_restore(engine, path, &err), E_FORMAT);
    assert_int_equal(try_restore(engine, test_folder(), &err), E_INVALID);
    assert_int_equal(try_restore(engine, "/nowhere/at/all.kv", &err), E_NOT_FOUND);
    engine_close(engine);
    mem_free(path);
}

static void a_part_of_a_session_is_no_session(void **state)
{
    (void)state;
    char *path = path_of("part.kv");
    struct engine *engine = open_family("builtin", KV_KIND_F16, 1);
    struct session *session = new_session(engine);
    append(session, line, 10);
    mem_free(logits_of(session));
    const struct snapshot_plan plan = {.token_count = 100, .computed_count = 100, .first_page = 1};
    assert_ok(snapshot_write(session, &plan, path, err));
    struct error err = {0};
    assert_int_equal(try_restore(engine, path, &err), E_INVALID);
    assert_non_null(strstr(err.text, "its first 64 tokens are in other files"));
    session_free(session);
    engine_close(engine);
    mem_free(path);
}

/* ---------------------------------------------------------------- disks that fill up */

static void a_full_disk_keeps_the_old_file(void **state)
{
    (void)state;
    char *folder = path_of("full");
    assert_ok(file_make_folder(folder, err));
    char *path = path_join(folder, "one.kv");
    struct engine *engine = open_family("builtin", KV_KIND_F32, 1);
    const struct str before = make_file(engine, path);
    struct session *session = new_session(engine);
    append(session, more, 20);
    mem_free(logits_of(session));
    struct rlimit old;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    const struct rlimit tiny = {.rlim_cur = 40000, .rlim_max = old.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tiny), 0);
    struct error err = {0};
    const enum status status = session_snapshot(session, path, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(status, E_IO);
    assert_non_null(strstr(err.text, "cannot write"));
    const struct str after = test_read_file(path);
    assert_int_equal(before.len, after.len);
    assert_memory_equal(before.ptr, after.ptr, after.len);
    struct folder_list names;
    folder_list_read(folder, 10, &names);
    assert_int_equal(names.count, 1); /* and nothing half */
    folder_list_done(&names);
    session_free(session);
    engine_close(engine);
    mem_free(path);
    mem_free(folder);
}

int test_snapshot(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(restored_is_never_stopped),
        cmocka_unit_test(what_was_not_computed_is_computed_later),
        cmocka_unit_test(a_file_depends_on_its_session_alone),
        cmocka_unit_test(damage_is_found_wherever_it_is),
        cmocka_unit_test(a_file_cut_short_is_refused),
        cmocka_unit_test(a_foreign_file_is_refused_with_the_reason),
        cmocka_unit_test(a_part_of_a_session_is_no_session),
        cmocka_unit_test(a_full_disk_keeps_the_old_file),
    };
    return cmocka_run_group_tests_name("snapshot", tests, NULL, NULL);
}
