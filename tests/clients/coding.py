"""Coding agents as `holt launch` starts them: coding.py HOLT claude|opencode. The folder is a scratch one.

The built-in model is far too small for their prompts: what is asked here is that a real turn takes place. The agent gets
a call of one of its tools from the model, valid for the tool's schema, carries it out, and gives the result back.
"""
import json
import os
import signal
import socket
import subprocess
import sys

holt, name = sys.argv[1:3]
SECONDS = 240
TRIES = 3  # these programs let the model choose its words by chance
with socket.socket() as s:
    s.bind(("127.0.0.1", 0))
    PORT = str(s.getsockname()[1])
TASK = "What is in notes.txt?"


class Claude:
    arguments = ["--output-format", "stream-json", "--verbose", "--tools", "Read", "--system-prompt", "You are an assistant.",
                 "--max-turns", "4", "-p", TASK]
    settings = {}

    def __init__(self):
        self.calls, self.results = [], 0

    def take(self, event):
        for block in (event.get("message") or {}).get("content") or []:
            if isinstance(block, dict) and block.get("type") == "tool_use":
                assert block["name"] == "Read", block
                self.calls.append(block["input"]["file_path"])
            self.results += isinstance(block, dict) and block.get("type") == "tool_result"
        return event.get("type") == "result" and event["usage"]["output_tokens"] > 0 and self.calls and self.results


class OpenCode:
    arguments = ["run", "--format", "json", TASK]
    settings = {"opencode.json": {
        "agent": {"build": {"prompt": "You are an assistant.", "temperature": 0, "tools": {"*": False, "read": True}}},
        "share": "disabled", "autoupdate": False}}

    def __init__(self):
        self.calls, self.steps = [], 0

    def take(self, event):
        part = event.get("part") or {}
        if event.get("type") == "tool_use":
            assert part["tool"] == "read" and isinstance(part["state"]["input"]["filePath"], str), part
            self.calls.append(part["callID"])
        if event.get("type") == "step_finish":
            assert part["tokens"]["output"] > 0, part
            self.steps += 1
        return self.calls and self.steps >= 2  # the second step has seen the result


def turn(agent):
    """True when one took place; ends everything that was started."""
    process = subprocess.Popen([holt, "launch", name, "--port", PORT, "--", *agent.arguments], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        for line in process.stdout:
            print(line[:2000], end="")
            if line.startswith("{") and agent.take(json.loads(line)):
                return True
        return False
    finally:
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


kind = {"claude": Claude, "opencode": OpenCode}[name]
for path, value in kind.settings.items():
    with open(path, "w") as f:
        json.dump(value, f)
with open("notes.txt", "w") as f:
    f.write("buy milk\n")
signal.alarm(SECONDS)  # a turn that hangs ends this test
if not any(turn(kind()) for _ in range(TRIES)):
    sys.exit("no turn with a call took place")
print("ok")
