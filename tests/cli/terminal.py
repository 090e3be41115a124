#!/usr/bin/env python3
"""Drive holt as a person at a terminal does: keys in, screen out. Run by terminal.sh.

usage: terminal.py HOLT

Prints "ok NAME" or "FAILED NAME: what came" per check. Standard library only.
"""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

HOLT = sys.argv[1]
WAIT_S = 60


class Terminal:
    """One run of holt on a terminal of its own."""

    def __init__(self, *arguments, **environment):
        self.text = ""
        self.seen = 0
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ["ASAN_OPTIONS"] = "detect_leaks=0"  # libedit keeps the names of its functions
            os.environ.update(environment)
            os.execv(HOLT, [HOLT, *arguments])
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 0, 0))

    def read(self, seconds):
        ready, _, _ = select.select([self.fd], [], [], seconds)
        if not ready:
            return False
        try:
            piece = os.read(self.fd, 65536)
        except OSError:
            piece = b""
        self.text += piece.decode("utf-8", "replace")
        return bool(piece)

    def wait_for(self, pattern):
        """The screen from what was seen last up to the pattern."""
        end = time.monotonic() + WAIT_S
        while True:
            found = re.search(pattern, self.text[self.seen:])
            if found:
                part = self.text[self.seen:self.seen + found.end()]
                self.seen += found.end()
                return part
            if time.monotonic() > end or not self.read(1) and time.monotonic() > end:
                raise AssertionError(f"no {pattern!r} in {self.text[self.seen:]!r} after {self.text[:self.seen][-200:]!r}")

    def stays_quiet(self, seconds):
        before = len(self.text)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.read(0.1)
        return len(self.text) == before

    def type(self, text):
        os.write(self.fd, text.encode())

    def exit_code(self):
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            self.read(0.1)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                os.close(self.fd)
                return os.waitstatus_to_exitcode(status)
        os.kill(self.pid, signal.SIGKILL)
        raise AssertionError(f"it does not end: {self.text!r}")


def same(came, wanted):
    if came != wanted:
        raise AssertionError(f"{came!r} is not {wanted!r}")


WRITE = '{"path": "n.txt", "content": "a\\u001b[2Jb\\u202e"}'


def a_question_shows_everything_and_no_means_no():
    t = Terminal("tools", "call", "write_file", WRITE)
    question = t.wait_for(r"in this session")
    same("\\x1b[2J" in question and "\\u202e" in question, True)
    same("\x1b[2J" in question or "\u202e" in question, False)
    t.type("n")
    t.wait_for(r"error: the user did not allow this")
    same(t.exit_code(), 1)
    same(os.path.exists("n.txt"), False)


def yes_means_yes_and_other_keys_nothing():
    t = Terminal("tools", "call", "write_file", '{"path": "y.txt", "content": "x"}')
    t.wait_for(r"in this session")
    t.type("q\r ")
    same(t.stays_quiet(0.5), True)
    t.type("y")
    t.wait_for(r"created y.txt")
    same(t.exit_code(), 0)
    same(open("y.txt").read(), "x")


def keys_from_before_the_question_do_not_answer_it():
    t = Terminal("tools", "call", "write_file", '{"path": "z.txt", "content": "x"}')
    t.type("yyyy")
    t.wait_for(r"in this session")
    same(t.stays_quiet(0.5), True)
    t.type("n")
    same(t.exit_code(), 1)
    same(os.path.exists("z.txt"), False)


def ctrl_c_at_a_question_is_a_no():
    t = Terminal("tools", "call", "write_file", '{"path": "c.txt", "content": "x"}')
    t.wait_for(r"in this session")
    t.type("\x03")
    same(t.exit_code() in (1, 130), True)
    same(os.path.exists("c.txt"), False)


def ctrl_c_ends_a_running_command():
    t = Terminal("tools", "call", "run_command", '{"command": "echo $$ > pid; sleep 300"}', "--allow", "run,write")
    end = time.monotonic() + WAIT_S
    while not os.path.exists("pid") and time.monotonic() < end:
        t.read(0.1)
    begin = time.monotonic()
    t.type("\x03")
    same(t.exit_code() in (1, 130), True)
    same(time.monotonic() - begin < 20, True)
    left = subprocess.run(["pgrep", "-f", "sleep 300"], capture_output=True, text=True).stdout
    same(left, "")


def a_conversation():
    t = Terminal(NO_COLOR="1")
    t.wait_for(r"holt in .*here")
    t.wait_for(r"> ")
    t.type("/help\r")
    t.wait_for(r"/sessions +list the sessions")
    t.wait_for(r"> ")
    t.type("/nosuch\r")
    t.wait_for(r"There is no such command")
    t.wait_for(r"> ")
    t.type("a line that is dropped\x03")
    t.wait_for(r"\^C")
    t.wait_for(r"> ")
    t.type("\x1b[200~first \xe4\nsecond\x1b[201~")
    t.wait_for(r"first \xe4\r*\n+second")
    t.type("\x03")
    t.wait_for(r"\^C")
    t.wait_for(r"> ")
    t.type("/sessions\r")
    t.wait_for(r"No session was kept yet")
    t.wait_for(r"> ")
    t.type("\x04")
    same(t.exit_code(), 0)
    colour = re.search(r"\x1b\[[0-9;]*3[0-7]m", t.text)
    same(colour, None)


def a_turn_can_be_stopped_and_the_conversation_goes_on():
    t = Terminal("--allow", "write,run", "--threads", "1", "--cpu-mask", "baseline", NO_COLOR="1")  # slow enough to be stopped
    t.wait_for(r"> ")
    t.type("Which files are in this folder?\r")
    t.wait_for(r"reading \d+ of \d+ tokens")
    t.type("\x03")
    t.wait_for(r"Stopped\. The session goes on")
    t.wait_for(r"> ")
    t.type("/quit\r")
    t.wait_for(r"holt resume [a-z0-9]{6} goes on")
    same(t.exit_code(), 0)
    history = os.path.expanduser("~/.local/share/holt/history")
    same(oct(os.stat(history).st_mode & 0o777), "0o600")


def main():
    failed = 0
    for check in (a_question_shows_everything_and_no_means_no, yes_means_yes_and_other_keys_nothing,
                  keys_from_before_the_question_do_not_answer_it, ctrl_c_at_a_question_is_a_no,
                  ctrl_c_ends_a_running_command, a_conversation,
                  a_turn_can_be_stopped_and_the_conversation_goes_on):
        name = check.__name__.replace("_", " ")
        try:
            check()
            print(f"ok {name}")
        except AssertionError as error:
            failed = 1
            print(f"FAILED {name}: {error}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
