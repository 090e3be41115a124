#include "os/lock.h"

#include "base/check.h"

#include <errno.h>
#include <time.h>

void lock_init(struct lock *lock)
{
    pthread_mutexattr_t attributes;
    CHECK(pthread_mutexattr_init(&attributes) == 0);
    CHECK(pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK) == 0);
    CHECK(pthread_mutex_init(&lock->mutex, &attributes) == 0);
    pthread_mutexattr_destroy(&attributes);
}

void lock_done(struct lock *lock)
{
    CHECK(pthread_mutex_destroy(&lock->mutex) == 0);
}

void lock_take(struct lock *lock)
{
    CHECK(pthread_mutex_lock(&lock->mutex) == 0);
}

void lock_give(struct lock *lock)
{
    CHECK(pthread_mutex_unlock(&lock->mutex) == 0);
}

void lock_signal_init(struct lock_signal *signal)
{
    pthread_condattr_t attributes;
    CHECK(pthread_condattr_init(&attributes) == 0);
    CHECK(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    CHECK(pthread_cond_init(&signal->condition, &attributes) == 0);
    pthread_condattr_destroy(&attributes);
}

void lock_signal_done(struct lock_signal *signal)
{
    CHECK(pthread_cond_destroy(&signal->condition) == 0);
}

bool lock_signal_wait(struct lock_signal *signal, struct lock *lock, int timeout_ms)
{
    if (timeout_ms < 0) {
        CHECK(pthread_cond_wait(&signal->condition, &lock->mutex) == 0);
        return true;
    }
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    const int result = pthread_cond_timedwait(&signal->condition, &lock->mutex, &until);
    CHECK(result == 0 || result == ETIMEDOUT);
    return result == 0;
}

void lock_signal_send(struct lock_signal *signal)
{
    CHECK(pthread_cond_broadcast(&signal->condition) == 0);
}
