/*
 * chat_loop - a conversation at the terminal: read a line, let the agent work, show, again.
 *
 * Threads: main thread, without others. Used by: cmd_chat.c, cmd_resume.c.
 */
#pragma once

struct agent_setup;
struct command_common;

/* Returns the exit code of the program. */
int chat_loop(const struct agent_setup *setup, const struct command_common *common);
