#include "server/turn.h"

void turn_init(struct turn *turn)
{
    *turn = (struct turn){0};
    lock_init(&turn->lock);
    lock_signal_init(&turn->signal);
}

void turn_done(struct turn *turn)
{
    lock_signal_done(&turn->signal);
    lock_done(&turn->lock);
}

void turn_take(struct turn *turn)
{
    lock_take(&turn->lock);
    const uint64_t own = turn->next++;
    while (turn->serving != own)
        (void)lock_signal_wait(&turn->signal, &turn->lock, -1);
    lock_give(&turn->lock);
}

void turn_give(struct turn *turn)
{
    lock_take(&turn->lock);
    turn->serving++;
    lock_signal_send(&turn->signal);
    lock_give(&turn->lock);
}
