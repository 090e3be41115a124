/*
 * process - start, wait for and end other processes, so that none is ever left behind.
 *
 * Threads: process_fork() wants a process with one thread, as the child gets only that one.
 * Used by: sandbox/, cli/.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* *out_pid is 0 in the child. */
MUST_USE enum status process_fork(pid_t *out_pid, struct error *err);

/* A pipe for a child: ends[0] to read, ends[1] to write; neither outlives a program's start. */
MUST_USE enum status process_pipe(int ends[2], struct error *err);

/* The calling process gets `signal_number` when the thread that forked it ends. It ends at once
 * (exit code 1) when `parent`, the process that forked it, is gone already. */
void process_die_with(pid_t parent, int signal_number);

/* Waits for the end of a child, at most timeout_ms (-1: as long as it takes). False when it still
 * runs. *out_status is as waitpid() gives it; a child that cannot be waited for counts as ended
 * with 0. */
bool process_wait(pid_t pid, int timeout_ms, int *out_status);

/* SIGKILL and wait. No effect for pid <= 0. */
void process_kill(pid_t pid);

/* Standard input, output and, if `also_errors`, standard error become /dev/null. */
void process_silence(bool also_errors);

/* Closes every descriptor from `first` on. */
void process_close_from(int first);

/* Number of threads of all processes of `uid`: what RLIMIT_NPROC counts. 0 when /proc is absent. */
uint64_t process_thread_count(uid_t uid);

/* Number of processes below `proc_fd`, the open folder of a /proc; 0 when it cannot be read. */
uint64_t process_count_in(int proc_fd);

/* Number of threads the system runs, modulo 65536. */
uint64_t process_system_thread_count(void);

/*
 * Ends processes whose parents are gone. After process_sweep_open() orphans below the caller become
 * its children instead of the system's (a "subreaper"), and process_sweep() kills and waits for
 * every child and its process group, and theirs, until none is left. Zeroed does nothing.
 */
struct process_sweep {
    int children_fd; /* the kernel's list of our children; -1: /proc is searched instead */
    bool is_open;
};

void process_sweep_open(struct process_sweep *sweep);
void process_sweep_close(struct process_sweep *sweep);

/* False when some are still there after timeout_ms. */
bool process_sweep(const struct process_sweep *sweep, int timeout_ms);
