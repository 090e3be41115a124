#include "os/tty.h"

#include <sys/ioctl.h>
#include <unistd.h>

bool tty_is_terminal(int fd)
{
    return isatty(fd) == 1;
}

unsigned tty_width(int fd)
{
    struct winsize size = {0};
    if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return TTY_WIDTH_DEFAULT;
    return size.ws_col < TTY_WIDTH_MAX ? size.ws_col : TTY_WIDTH_MAX;
}

enum status tty_quiet_begin(struct tty_quiet *quiet, int fd, bool are_keys, struct error *err)
{
    *quiet = (struct tty_quiet){.fd = fd};
    if (!tty_is_terminal(fd))
        return OK;
    if (tcgetattr(fd, &quiet->before) != 0)
        return error_errno(err, "cannot read the terminal's settings");
    struct termios now = quiet->before;
    now.c_lflag &= ~(tcflag_t)(ICANON | ECHO | (are_keys ? ISIG : 0));
    now.c_cc[VMIN] = 1;
    now.c_cc[VTIME] = 0;
    if (tcsetattr(fd, TCSADRAIN, &now) != 0)
        return error_errno(err, "cannot change the terminal's settings");
    quiet->is_active = true;
    return OK;
}

void tty_quiet_end(struct tty_quiet *quiet)
{
    if (quiet->is_active)
        tcsetattr(quiet->fd, TCSADRAIN, &quiet->before);
    quiet->is_active = false;
}

void tty_discard_typed(int fd)
{
    if (tty_is_terminal(fd))
        tcflush(fd, TCIFLUSH);
}
