#include "os/interrupt.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

static sigset_t only_interrupt(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    return set;
}

enum status interrupt_open(int *out_fd, struct error *err)
{
    const sigset_t set = only_interrupt();
    const int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0)
        return error_errno(err, "cannot watch for Ctrl-C");
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    *out_fd = fd;
    return OK;
}

bool interrupt_take(int fd)
{
    struct signalfd_siginfo info;
    bool came = false;
    while (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        came = true;
    return came;
}

void interrupt_close(int fd)
{
    const sigset_t set = only_interrupt();
    interrupt_take(fd);
    close(fd);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

void interrupt_ignore(void)
{
    signal(SIGINT, SIG_IGN);
    signal(SIGQUIT, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}
