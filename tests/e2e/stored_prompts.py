#!/usr/bin/env python3
"""Stored prompts survive a restart: stored_prompts.py PROGRAM. Prints what failed and "N passed, N failed".

The second start of an agent computes nothing of the core prompt, the second start of a server nothing of a
conversation it had; `off` and --no-session store nothing; a damaged store and a kill cost no answer.
Standard library only.
"""
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from serve import Server, wait_until  # noqa: E402

LONG = ("You answer in one sentence. The folder belongs to the user. " * 12).strip()


def agent(program, state, task, *options):
    """The counts of one task."""
    with tempfile.TemporaryDirectory() as work:
        with open(os.path.join(work, "notes.txt"), "w") as file:
            file.write("one\ntwo\n")
        done = subprocess.run([program, "agent", "--state", state, "-w", work, "--json", *options, task], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=120)
        assert done.returncode in (0, 3), f"exit {done.returncode}: {done.stderr}"
        return json.loads(done.stdout)


def files(state):
    folder = os.path.join(state, "prompts")
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


def counts(answer):
    found = {}
    def walk(value):
        if isinstance(value, dict):
            for key, inner in value.items():
                if key in ("prompt_tokens", "cached_tokens", "steps"):
                    found[key] = inner
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)
    walk(answer)
    return found


def the_second_agent_computes_nothing_of_the_core_prompt(program, folder):
    state = os.path.join(folder, "agent")
    task = "How many lines are in notes.txt?"
    first = counts(agent(program, state, task, "--max-steps", "1"))
    assert first["cached_tokens"] == 0, first
    assert len(files(state)) == 1, files(state)
    second = counts(agent(program, state, task, "--max-steps", "1"))
    # Of a whole prompt only the user's message and the generation prompt are new: a few tokens.
    assert second["prompt_tokens"] + second["cached_tokens"] == first["prompt_tokens"], (first, second)
    assert second["prompt_tokens"] < 40, second
    assert second["cached_tokens"] > 300, second
    assert len(files(state)) == 1, files(state)
    for name in files(state):
        assert os.stat(os.path.join(state, "prompts", name)).st_mode & 0o777 == 0o600
    assert os.stat(os.path.join(state, "prompts")).st_mode & 0o777 == 0o700
    shown = json.loads(subprocess.run([program, "doctor", "--state", state, "--json"], capture_output=True, text=True).stdout)
    assert shown["state"]["prompts"]["files"] == 1 and shown["state"]["prompts"]["bytes"] > 10000, shown["state"]


def off_stores_nothing(program, folder):
    state = os.path.join(folder, "off")
    agent(program, state, "hello", "--prompt-store", "off", "--max-steps", "1")
    agent(program, state, "hello", "--no-session", "--max-steps", "1")
    assert files(state) == [], files(state)
    wrong = subprocess.run([program, "agent", "--state", state, "--prompt-store", "much", "hello"], capture_output=True, text=True)
    assert wrong.returncode == 2 and "no size" in wrong.stderr, wrong


def a_damaged_store_costs_no_answer(program, folder):
    state = os.path.join(folder, "damaged")
    task = "Which files are in this folder?"
    first = agent(program, state, task, "--max-steps", "1")
    path = os.path.join(state, "prompts", files(state)[0])
    with open(path, "r+b") as file:
        file.seek(os.path.getsize(path) // 2)
        file.write(b"damage")
    second = agent(program, state, task, "--max-steps", "1")
    assert counts(second) == counts(first), (first, second)
    assert second.get("answer") == first.get("answer")
    third = counts(agent(program, state, task, "--max-steps", "1"))
    assert third["cached_tokens"] > 300, third


def a_resumed_session_is_not_computed_again_and_goes_when_it_is_removed(program, folder):
    state = os.path.join(folder, "resume")
    first = agent(program, state, "Remember each of these words, please. " * 60 + "What is 2 and 3?", "--max-steps", "1")
    assert len(files(state)) == 2, files(state)
    work = os.path.join(folder, "work")
    os.makedirs(work)
    done = subprocess.run([program, "resume", first["session"], "and 4 and 5?", "--state", state, "-w", work, "--json", "--max-steps", "1"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    assert done.returncode in (0, 3), done.stderr
    again = counts(json.loads(done.stdout))
    assert again["cached_tokens"] >= first["prompt_tokens"] and again["prompt_tokens"] < 150, (counts(first), again)
    gone = subprocess.run([program, "sessions", "--remove", first["session"], "--state", state], capture_output=True, text=True)
    assert gone.returncode == 0, gone.stderr
    assert len(files(state)) == 1, files(state)


def ask(server, text, history=()):
    messages = [{"role": "system", "content": LONG}, *history, {"role": "user", "content": text}]
    return server.json("/v1/chat/completions", {"model": "builtin", "temperature": 0, "max_tokens": 24, "messages": messages})


def said_by(answer):
    message = answer["choices"][0]["message"]
    return message["content"], [call["function"] for call in message.get("tool_calls") or []]


def a_server_goes_on_after_a_restart(program, folder):
    state = os.path.join(folder, "server")
    server = Server(program, "--state", state)
    long = "remember the number of each of them, please. " * 20 + "what is 2 and 3?"
    first = ask(server, long)
    wait_until(lambda: len([n for n in files(state) if n.endswith(".kv")]) == 2)
    assert server.stop() == 0
    server = Server(program, "--state", state, "--verbose")
    try:
        again = ask(server, long)
        assert said_by(again) == said_by(first), (first, again)
        usage = again["usage"]
        cached = usage["prompt_tokens_details"]["cached_tokens"]
        assert usage["prompt_tokens"] - cached <= 1, usage
        other = ask(server, "and what is 4 and 5?")["usage"]
        left = other["prompt_tokens"] - other["prompt_tokens_details"]["cached_tokens"]
        assert left < 40 and other["prompt_tokens"] > 150, other
        assert server.metric("stored_tokens_total") >= cached - 1
        assert server.metric("stored_bytes") > 10000
    finally:
        server.stop()
    said = server.process.stderr.read()
    assert re.search(r"cache: \d+ of \d+ prompt tokens were there, \d+ from the disk", said), said
    assert re.search(r"token \d+ differs, in a user's message: \".+\" was kept, \".+\" is asked", said), said


def a_killed_server_leaves_a_store_that_works(program, folder):
    state = os.path.join(folder, "killed")
    for round_ in range(6):
        server = Server(program, "--state", state, "--prompt-store", "8M")
        for number in range(3):
            ask(server, f"round {round_}, number {number}")
        time.sleep(0.003 * round_)
        below = [int(pid) for pid in subprocess.run(["pgrep", "-P", str(server.process.pid)], capture_output=True,
                                                    text=True).stdout.split()]
        for pid in [*below, server.process.pid]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        server.process.wait(20)
        total = sum(os.path.getsize(os.path.join(state, "prompts", name)) for name in files(state) if name.endswith(".kv"))
        assert total <= 8 << 20, total
    server = Server(program, "--state", state, "--prompt-store", "8M")
    try:
        usage = ask(server, "and one more")["usage"]
        assert usage["prompt_tokens_details"]["cached_tokens"] > 100, usage
        wait_until(lambda: all(name.endswith(".kv") for name in files(state)))
    finally:
        assert server.stop() == 0


TESTS = [
    the_second_agent_computes_nothing_of_the_core_prompt,
    off_stores_nothing,
    a_damaged_store_costs_no_answer,
    a_resumed_session_is_not_computed_again_and_goes_when_it_is_removed,
    a_server_goes_on_after_a_restart,
    a_killed_server_leaves_a_store_that_works,
]


def main():
    program = os.path.abspath(sys.argv[1])
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for test in TESTS:
            try:
                test(program, folder)
                passed += 1
            except (AssertionError, SystemExit, KeyError, subprocess.TimeoutExpired) as error:
                failed += 1
                print(f"{test.__name__}: {error!r}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
