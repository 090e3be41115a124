/*
 * A store of prefixes promises: what one process computed the next one does not compute again, and
 * gets the same bits; all files together stay within their bound; and whatever happens to the
 * folder - damage, a full disk, other processes, a kill - costs time, never an answer.
 */
#include "base/mem.h"
#include "chat/chat_spans.h"
#include "engine/engine_internal.h"
#include "engine/prefix_store.h"
#include "engine/session_internal.h"
#include "infer/infer.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/path.h"
#include "tests/holt_test.h"
#include "tests/unit/engine/recurrent_engine.h"

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const uint8_t *owner; /* of what ask() keeps of whole conversations */

enum { CONTEXT = 1024, PROCESSES = 2, KILLS = 24 };

static const char *const families[] = {"builtin", "qwen35", "nemotron_h", "nemotron_h-alone",
                                       "lfm2"};

static char *new_folder(const char *name)
{
    char *path = path_join(test_folder(), name);
    assert_ok(file_make_folder(path, err));
    return path;
}

/* `folder` NULL: without a store. */
static struct engine *open_family(const char *name, const char *folder, uint64_t bytes_max)
{
    struct engine *engine = NULL;
    const struct engine_config config = {.context_tokens = CONTEXT,
                                         .thread_count = 1,
                                         .prefix_folder = folder,
                                         .prefix_bytes_max = bytes_max};
    if (strcmp(name, "builtin") == 0)
        assert_ok(engine_open(&config, &engine, err));
    else
        assert_int_equal(recurrent_engine_open_as(name, &config, &engine), 0);
    assert_string_equal(engine->prefix_problem, "");
    return engine;
}

static struct prefix_store_facts facts_of(const struct engine *engine)
{
    struct prefix_store_facts facts;
    engine_prefix_facts(engine, &facts);
    return facts;
}

static const char system_text[] =
    "You are careful. You look before you answer, and you answer in one sentence. When you do not "
    "know, you say so. Files are in the folder of the user; what is outside is not yours. Numbers "
    "are added with the calculator. Nothing is sent anywhere. Notes are kept when they are asked "
    "for, and forgotten when they are asked to be forgotten. A name is a name and stays as it is.";

static void add_turn(struct chat_spans *spans, const char *role, const char *text,
                     enum segment_origin origin)
{
    chat_spans_add(spans, STR("<|im_start|>"), SEGMENT_TEMPLATE);
    chat_spans_add(spans, str_from_c(role), SEGMENT_TEMPLATE);
    chat_spans_add(spans, STR("\n"), SEGMENT_TEMPLATE);
    chat_spans_add(spans, str_from_c(text), origin);
    chat_spans_add(spans, STR("<|im_end|>\n"), SEGMENT_TEMPLATE);
}

/* System message, `turns` turns, and one of the user. */
static struct chat_spans conversation(const char *user, int turns)
{
    struct chat_spans spans = {0};
    add_turn(&spans, "system", system_text, SEGMENT_SYSTEM);
    for (int i = 0; i < turns; i++) {
        char text[64];
        snprintf(text, sizeof(text), "what is in the file number %d of them?", i);
        add_turn(&spans, "user", text, SEGMENT_USER);
        add_turn(&spans, "assistant", "There is nothing in it that matters to you.", SEGMENT_MODEL);
    }
    add_turn(&spans, "user", user, SEGMENT_USER);
    return spans;
}

struct answer {
    float *logits;
    uint32_t count, pending, prefix;
};

/* Syncs a new session and computes it; `keep`: stores it. */
static struct answer ask(struct engine *engine, const char *user, int turns, bool keep)
{
    struct answer answer = {0};
    struct session *session = NULL;
    const float *logits = NULL;
    struct chat_spans spans = conversation(user, turns);
    assert_ok(session_new(engine, &(struct sampler_options){0}, &session, err));
    assert_ok(session_sync(session, &spans, NULL, err));
    answer.count = session_token_count(session);
    answer.pending = session_pending(session);
    answer.prefix = session->prefix_count;
    assert_ok(session_logits(session, &logits, err));
    answer.logits = mem_copy(logits, engine_get_info(engine)->vocab_size * sizeof(float));
    if (keep) {
        struct session_keep_options options = {.what = SESSION_KEEP_PREFIX, .new_tokens_min = 1};
        assert_ok(session_keep(session, &options, err));
        options.what = SESSION_KEEP_ALL;
        options.owner = owner;
        assert_ok(session_keep(session, &options, err));
    }
    session_free(session);
    chat_spans_done(&spans);
    return answer;
}

static void assert_same(const struct engine *engine, struct answer a, struct answer b)
{
    assert_memory_equal(a.logits, b.logits, engine_get_info(engine)->vocab_size * sizeof(float));
    mem_free(a.logits);
    mem_free(b.logits);
}

static uint32_t count_files(const char *folder, uint64_t *out_bytes)
{
    uint32_t count = 0;
    prefix_store_measure(folder, out_bytes, &count);
    return count;
}

static void the_next_process_computes_nothing_again(void **state)
{
    (void)state;
    for (size_t f = 0; f < ARRAY_LEN(families); f++) {
        test_case(families[f]);
        char *folder = new_folder(families[f]);
        uint64_t bytes = 0;
        struct engine *plain = open_family(families[f], NULL, 0);
        struct engine *first = open_family(families[f], folder, 0);
        struct answer one = ask(first, "how many lines are in notes.txt?", 2, true);
        assert_int_equal(one.pending, one.count);
        assert_true(one.prefix > 100);
        assert_int_equal(count_files(folder, &bytes), 2);
        assert_same(plain, one, ask(plain, "how many lines are in notes.txt?", 2, false));
        engine_close(first);

        struct engine *second = open_family(families[f], folder, 0);
        /* Another conversation with the same system message: only what is its own. */
        struct answer two = ask(second, "sum up the file", 0, false);
        assert_int_equal(two.prefix, one.prefix);
        assert_true(two.pending <= two.count - two.prefix);
        assert_same(plain, two, ask(plain, "sum up the file", 0, false));
        /* The same one: nothing at all. */
        struct answer again = ask(second, "how many lines are in notes.txt?", 2, false);
        assert_int_equal(again.pending, 0);
        assert_same(plain, again, ask(plain, "how many lines are in notes.txt?", 2, false));
        assert_int_equal(facts_of(second).recall_count, 2);
        assert_string_equal(facts_of(second).problem, "");
        engine_close(second);
        engine_close(plain);
        mem_free(folder);
    }
}

static void what_goes_on_adds_its_new_pages_only(void **state)
{
    (void)state;
    char *folder = new_folder("deltas");
    struct engine *engine = open_family("builtin", folder, 0);
    struct engine *plain = open_family("builtin", NULL, 0);
    uint64_t before = 0;
    uint64_t after = 0;
    const uint64_t page = infer_page_bytes(engine->infer);
    mem_free(ask(engine, "first", 6, true).logits);
    count_files(folder, &before);
    mem_free(ask(engine, "first", 6, true).logits); /* nothing new */
    count_files(folder, &after);
    assert_int_equal(before, after);
    struct answer longer = ask(engine, "second", 10, true);
    count_files(folder, &after);
    const uint64_t new_pages = (after - before) / page;
    assert_true(longer.count > 400 && longer.pending < 200);
    assert_true(new_pages <= longer.pending / 64 + 2);
    engine_close(engine);
    engine = open_family("builtin", folder, 0);
    struct answer put_together = ask(engine, "second", 10, false);
    assert_int_equal(put_together.pending, 0);
    assert_same(plain, put_together, longer);
    engine_close(engine);
    engine_close(plain);
    mem_free(folder);
}

static void files_are_the_users_alone(void **state)
{
    (void)state;
    char *folder = new_folder("modes");
    struct engine *engine = open_family("builtin", folder, 0);
    mem_free(ask(engine, "first", 0, true).logits);
    struct folder_list names;
    struct stat info;
    folder_list_read(folder, 100, &names);
    assert_true(names.count > 0);
    for (size_t i = 0; i < names.count; i++) {
        char *path = path_join(folder, names.names[i]);
        assert_int_equal(stat(path, &info), 0);
        assert_int_equal(info.st_mode & 0777, 0600);
        mem_free(path);
    }
    assert_int_equal(stat(folder, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    folder_list_done(&names);
    engine_close(engine);
    mem_free(folder);
}

static void the_bound_holds_and_what_is_used_stays(void **state)
{
    (void)state;
    char *folder = new_folder("bound");
    struct engine *engine = open_family("builtin", NULL, 0);
    const uint64_t bytes_max = infer_page_bytes(engine->infer) * 24;
    engine_close(engine);
    engine = open_family("builtin", folder, bytes_max);
    for (int i = 0; i < 30; i++) {
        char user[64];
        uint64_t bytes = 0;
        snprintf(user, sizeof(user), "question number %d, and nothing else", i);
        struct answer answer = ask(engine, user, i % 7, true);
        if (i > 0) /* what all of them begin with is never evicted */
            assert_true(answer.pending <= answer.count - answer.prefix);
        mem_free(answer.logits);
        count_files(folder, &bytes);
        assert_true(bytes <= bytes_max);
    }
    assert_true(facts_of(engine).kept_count > 20);
    assert_string_equal(facts_of(engine).problem, "");
    engine_close(engine);
    mem_free(folder);
}

static void a_damaged_file_is_computed_again_and_goes(void **state)
{
    (void)state;
    for (size_t f = 0; f < 2; f++) {
        test_case(families[f]);
        char *folder = new_folder(f ? "damage-r" : "damage");
        struct engine *engine = open_family(families[f], folder, 0);
        struct answer right = ask(engine, "first", 3, true);
        struct folder_list names;
        folder_list_read(folder, 100, &names);
        for (size_t i = 0; i < names.count; i++) {
            char *path = path_join(folder, names.names[i]);
            struct file_facts facts;
            assert_true(file_look(path, &facts));
            file_poke(path, facts.size - 5000, "oops", 4); /* in a page, a state or the logits */
            mem_free(path);
        }
        struct answer again = ask(engine, "first", 3, false);
        assert_same(engine, right, again);
        assert_true(facts_of(engine).refused_count > 0);
        assert_non_null(strstr(facts_of(engine).problem, "damaged"));
        uint64_t bytes = 0;
        assert_true(count_files(folder, &bytes) < names.count);
        folder_list_done(&names);
        engine_close(engine);
        mem_free(folder);
    }
}

static void a_full_disk_costs_nothing_but_the_file(void **state)
{
    (void)state;
    char *folder = new_folder("full-disk");
    struct engine *engine = open_family("builtin", folder, 0);
    struct rlimit old;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    const struct rlimit tiny = {.rlim_cur = 20000, .rlim_max = old.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tiny), 0);
    mem_free(ask(engine, "first", 3, true).logits);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_non_null(strstr(facts_of(engine).problem, "cannot write"));
    uint64_t bytes = 0;
    assert_int_equal(count_files(folder, &bytes), 0);
    mem_free(ask(engine, "first", 3, true).logits); /* there is room again */
    assert_int_equal(count_files(folder, &bytes), 2);
    engine_close(engine);
    mem_free(folder);
}

static bool never(void *context)
{
    (void)context;
    return false;
}

static void a_stop_leaves_nothing_half(void **state)
{
    (void)state;
    char *folder = new_folder("stopped");
    struct engine *engine = open_family("builtin", folder, 0);
    struct session *session = NULL;
    const float *logits = NULL;
    struct chat_spans spans = conversation("first", 5);
    assert_ok(session_new(engine, &(struct sampler_options){0}, &session, err));
    assert_ok(session_sync(session, &spans, NULL, err));
    assert_ok(session_logits(session, &logits, err));
    struct error reason = {0};
    const struct session_keep_options options = {
        .what = SESSION_KEEP_ALL, .new_tokens_min = 1, .goes_on = never};
    assert_int_equal(session_keep(session, &options, &reason), E_CANCELLED);
    uint64_t bytes = 0;
    assert_int_equal(count_files(folder, &bytes), 0);
    session_free(session);
    chat_spans_done(&spans);
    engine_close(engine);
    mem_free(folder);
}

static void what_belongs_to_one_goes_with_it(void **state)
{
    (void)state;
    char *folder = new_folder("owned");
    uint8_t mine[SNAPSHOT_OWNER_BYTES];
    uint8_t yours[SNAPSHOT_OWNER_BYTES];
    uint64_t bytes = 0;
    prefix_store_owner(STR("mine"), mine);
    prefix_store_owner(STR("yours"), yours);
    struct engine *engine = open_family("builtin", folder, 0);
    owner = mine;
    mem_free(ask(engine, "first", 3, true).logits);
    owner = yours;
    mem_free(ask(engine, "second", 5, true).logits);
    owner = NULL;
    assert_int_equal(count_files(folder, &bytes), 3); /* and what both begin with is nobody's */
    assert_int_equal(prefix_store_forget(folder, mine), 1);
    assert_int_equal(prefix_store_forget(folder, mine), 0);
    assert_int_equal(count_files(folder, &bytes), 2);
    assert_int_equal(prefix_store_forget("/nowhere/at/all", yours), 0);
    const struct answer answer = ask(engine, "third", 0, false);
    assert_true(answer.pending <= answer.count - answer.prefix);
    mem_free(answer.logits);
    engine_close(engine);
    mem_free(folder);
}

/* ---------------------------------------------------------------- other processes */

/* Talks until it is killed; leaves with 1 when an answer is not what it is without a store. */
static void talk(const char *folder, uint64_t bytes_max, unsigned seed)
{
    struct engine *engine = open_family("builtin", folder, bytes_max);
    struct engine *plain = open_family("builtin", NULL, 0);
    for (unsigned i = seed;; i += 7) {
        char user[64];
        snprintf(user, sizeof(user), "question %u", i % 5);
        const struct answer a = ask(engine, user, (int)(i % 4), true);
        const struct answer b = ask(plain, user, (int)(i % 4), false);
        if (memcmp(a.logits, b.logits, engine_get_info(plain)->vocab_size * sizeof(float)) != 0)
            _exit(1);
        mem_free(a.logits);
        mem_free(b.logits);
    }
}

static void kills_and_neighbours_lose_nothing(void **state)
{
    (void)state;
    char *folder = new_folder("shared");
    struct engine *engine = open_family("builtin", NULL, 0);
    const uint64_t bytes_max = infer_page_bytes(engine->infer) * 20;
    engine_close(engine);
    for (int round = 0; round < KILLS; round++) {
        pid_t children[PROCESSES];
        for (int i = 0; i < PROCESSES; i++) {
            children[i] = fork();
            assert_true(children[i] >= 0);
            if (children[i] == 0)
                talk(folder, bytes_max, (unsigned)(round * PROCESSES + i));
        }
        const struct timespec pause = {.tv_nsec = 150000000 + round * 17000000L};
        nanosleep(&pause, NULL);
        for (int i = 0; i < PROCESSES; i++) {
            int status = 0;
            kill(children[i], SIGKILL);
            assert_int_equal(waitpid(children[i], &status, 0), children[i]);
            assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        }
    }
    /* Whole files only, and what was half is swept by the next that writes. */
    engine = open_family("builtin", folder, bytes_max);
    assert_int_equal(facts_of(engine).refused_count, 0);
    mem_free(ask(engine, "something else altogether", 5, true).logits);
    assert_string_equal(facts_of(engine).problem, "");
    struct folder_list names;
    folder_list_read(folder, 1000, &names);
    uint64_t bytes = 0;
    assert_int_equal(count_files(folder, &bytes), names.count);
    assert_true(bytes <= bytes_max && names.count > 0);
    folder_list_done(&names);
    engine_close(engine);
    mem_free(folder);
}

int test_prefix_store(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_next_process_computes_nothing_again),
        cmocka_unit_test(what_goes_on_adds_its_new_pages_only),
        cmocka_unit_test(files_are_the_users_alone),
        cmocka_unit_test(the_bound_holds_and_what_is_used_stays),
        cmocka_unit_test(a_damaged_file_is_computed_again_and_goes),
        cmocka_unit_test(a_full_disk_costs_nothing_but_the_file),
        cmocka_unit_test(a_stop_leaves_nothing_half),
        cmocka_unit_test(what_belongs_to_one_goes_with_it),
        cmocka_unit_test(kills_and_neighbours_lose_nothing),
    };
    return cmocka_run_group_tests_name("prefix store", tests, NULL, NULL);
}
