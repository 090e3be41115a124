#!/usr/bin/env python3
"""Kill a working agent at any point: nothing that was shown may be lost, nothing may be left behind.

usage: kill9.py HOLT COUNT [SEED]

COUNT times: start `holt agent` on a task, kill one of its processes or all of them with SIGKILL after
a random time, then look: the database is whole, every tool call that was shown is recorded, no
process is left, and the session can be taken up again. Prints one line "N passed, N failed".
Standard library only.
"""
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

TASKS = [
    "Which files are in this folder?",
    "How many lines are in notes.txt?",
    "What is the port in config.txt?",
    "Create done.txt with the text finished",
    "Which file mentions zorbat?",
]
WAIT_MAX_S, LEFT_OVER_WAIT_S = 60, 10


def children(pid):
    """All processes below `pid`, itself first."""
    found, parents = [pid], {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat") as file:
                    parents.setdefault(int(file.read().rsplit(")", 1)[1].split()[1]), []).append(int(name))
            except OSError:
                continue
    for one in found:
        found += parents.get(one, [])
    return found


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def kill_some(rng, pid, how):
    """`how`: all at once, the front, or one of the others."""
    below = children(pid)
    targets = below if how == "all" else below[:1] if how == "front" else [rng.choice(below)]
    for target in targets:
        try:
            os.kill(target, signal.SIGKILL)
        except ProcessLookupError:
            pass
    return below


def recorded(state):
    """(sessions, calls) of the database, which must be whole."""
    path = os.path.join(state, "holt.db")
    if not os.path.exists(path):
        return 0, 0
    database = sqlite3.connect(path)
    if database.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
        raise AssertionError("the database is damaged")
    tables = {row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if "entry" not in tables:
        return 0, 0
    calls = 0
    for (text,) in database.execute("SELECT message FROM entry"):
        calls += len(json.loads(text).get("tool_calls", []))
    sessions = database.execute("SELECT count(*) FROM session").fetchone()[0]
    database.close()
    return sessions, calls


def one(holt, rng, state, workspace, number):
    before = recorded(state)[1]
    task = rng.choice(TASKS)
    with open(os.path.join(state, "..", "shown"), "w+b") as shown:
        agent = subprocess.Popen([holt, "agent", "--state", state, "-w", workspace, "--allow", "write", "--json", task],
                                 stdin=subprocess.DEVNULL, stdout=shown, stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0.0, 1.2))
        below = kill_some(rng, agent.pid, ("all", "front", "other")[number % 3])
        try:
            agent.wait(WAIT_MAX_S)
        except subprocess.TimeoutExpired:
            agent.kill()
            raise AssertionError("it went on after one of its processes was killed")
        shown.seek(0)
        text = shown.read().decode("utf-8", "replace")
    end = time.monotonic() + LEFT_OVER_WAIT_S
    while any(is_alive(pid) for pid in below):
        if time.monotonic() > end:
            raise AssertionError(f"left behind: {[pid for pid in below if is_alive(pid)]}")
        time.sleep(0.02)
    sessions, calls = recorded(state)
    if text.count('"arguments"') > calls - before:
        raise AssertionError(f"{text.count(chr(34) + 'arguments' + chr(34))} calls shown, {calls - before} recorded")
    if sessions and number % 5 == 0:
        listed = subprocess.run([holt, "sessions", "--state", state, "--json"], capture_output=True, text=True, timeout=WAIT_MAX_S)
        newest = json.loads(listed.stdout)[0]["id"]
        done = subprocess.run([holt, "resume", newest, "hello", "--state", state], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=WAIT_MAX_S)
        if done.returncode not in (0, 3):
            raise AssertionError(f"resume: exit {done.returncode}: {done.stderr.strip()}")


def main():
    holt, count = os.path.abspath(sys.argv[1]), int(sys.argv[2])
    seed = sys.argv[3] if len(sys.argv) > 3 else "1"
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        state, workspace = os.path.join(folder, "state"), os.path.join(folder, "work")
        os.makedirs(state, 0o700)
        os.makedirs(workspace)
        for name, text in {"notes.txt": "one\ntwo\nthree\n", "config.txt": "port = 8080\nname = zorbat\n"}.items():
            with open(os.path.join(workspace, name), "w") as file:
                file.write(text)
        for number in range(count):
            try:
                one(holt, random.Random(f"{seed}-{number}"), state, workspace, number)
                passed += 1
            except (AssertionError, subprocess.TimeoutExpired) as error:
                failed += 1
                print(f"kill {number}: {error}")
        print(f"sessions and calls kept: {recorded(state)}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
