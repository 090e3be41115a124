/* thread - see thread.h. Threads: any; no state outside the struct. */
#include "os/thread.h"

#include "base/check.h"
#include "base/mem.h"

#include <errno.h>
#include <fenv.h>
#include <signal.h>
#ifdef __SSE__
#    include <xmmintrin.h>
#endif

struct start {
    thread_fn *fn;
    void *context;
    char name[THREAD_NAME_MAX + 1];
};

static void *run(void *argument)
{
    const struct start start = *(struct start *)argument;
    mem_free(argument);
    (void)pthread_setname_np(pthread_self(), start.name);
    thread_reset_float_state();
    start.fn(start.context);
    return NULL;
}

static int create(pthread_t *handle, struct start *start)
{
    pthread_attr_t attributes;
    int failed = pthread_attr_init(&attributes);
    if (failed)
        return failed;
    failed = pthread_attr_setstacksize(&attributes, THREAD_STACK_BYTES);
    if (!failed)
        failed = pthread_create(handle, &attributes, run, start);
    (void)pthread_attr_destroy(&attributes);
    return failed;
}

enum status thread_start(struct thread *thread, const char *name, thread_fn *fn, void *context,
                         struct error *err)
{
    struct start *start = mem_zalloc(sizeof(*start));
    start->fn = fn;
    start->context = context;
    (void)snprintf(start->name, sizeof(start->name), "%s", name);

    /* The new thread inherits the mask: all blocked while it starts, then ours as it was. */
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    CHECK(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
    pthread_t handle;
    const int failed = create(&handle, start);
    CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    if (failed) {
        mem_free(start);
        errno = failed;
        return error_errno(err, "cannot start the thread '%s'", name);
    }
    *thread = (struct thread){.handle = handle, .is_started = true};
    return OK;
}

void thread_join(struct thread *thread)
{
    if (!thread->is_started)
        return;
    CHECK(pthread_join(thread->handle, NULL) == 0);
    thread->is_started = false;
}

void thread_reset_float_state(void)
{
    CHECK(fesetenv(FE_DFL_ENV) == 0);
}

bool thread_float_state_is_default(void)
{
#ifdef __SSE__
    const unsigned sticky_flags = 0x3f;
    const unsigned all_masked = 0x1f80; /* nearest even, no flush to zero, no traps */
    return (_mm_getcsr() & ~sticky_flags) == all_masked;
#else
    return fegetround() == FE_TONEAREST;
#endif
}
