"""Coding agents as `holt launch` starts them: coding.py HOLT claude|opencode|hermes. Folder and home are scratch ones.

Nothing stands between the agent and the server here, and nothing is chosen for the model; but the agents are told to offer one
tool and to say little, because the built-in model is far too small for their prompts (turn.py has those). It must call the tool by
itself, with the file that was asked about, the agent must carry the call out and bring the file's content back. A sensible last
answer is more than this model can do with results in the agents' own forms, so none is asked for.
"""
import json
import os
import signal
import socket
import subprocess
import sys

holt, name = sys.argv[1:3]
SECONDS = 240
TRIES = 5  # Claude Code lets the model choose its words by chance
with socket.socket() as s:
    s.bind(("127.0.0.1", 0))
    PORT = str(s.getsockname()[1])
TASK = "What is in notes.txt?"
CONTENT = "buy milk"


class Claude:
    options = []
    arguments = ["--output-format", "stream-json", "--verbose", "--tools", "Read", "--system-prompt", "You are an assistant.",
                 "--max-turns", "4", "-p", TASK]
    settings = {}

    def __init__(self):
        self.calls, self.results = [], 0

    def ended(self, code):
        return False

    def take(self, event):
        for block in (event.get("message") or {}).get("content") or []:
            if isinstance(block, dict) and block.get("type") == "tool_use":
                assert block["name"] == "Read", block
                self.calls.append(block["input"]["file_path"])
            self.results += isinstance(block, dict) and block.get("type") == "tool_result" and CONTENT in json.dumps(block["content"])
        return event.get("type") == "result" and event["usage"]["output_tokens"] > 0 and self.calls and self.results


class OpenCode:
    options = []
    arguments = ["run", "--format", "json", TASK]
    settings = {"opencode.json": json.dumps({
        "agent": {"build": {"prompt": "You are an assistant.", "temperature": 0, "tools": {"*": False, "read": True}}},
        "provider": {"holt": {"models": {"builtin": {"temperature": True}}}},  # or it sends none
        "share": "disabled", "autoupdate": False})}

    def __init__(self):
        self.calls, self.steps = [], 0

    def ended(self, code):
        return False

    def take(self, event):
        part = event.get("part") or {}
        if event.get("type") == "tool_use":
            assert part["tool"] == "read" and isinstance(part["state"]["input"]["filePath"], str), part
            if part["state"]["status"] == "completed" and CONTENT in part["state"]["output"]:
                self.calls.append(part["callID"])
        if event.get("type") == "step_finish":
            assert part["tokens"]["output"] > 0, part
            self.steps += 1
        return self.calls and self.steps >= 2  # the second step has seen the result


class Hermes:
    """Has its settings in a file: they are read as they are meant, and the file is as it was afterwards."""
    options = ["--context", "65536"]  # it does not start with less
    arguments = ["config", "show"]
    settings = {os.path.expanduser("~/.hermes/config.yaml"): "# mine\ndisplay:\n  compact: true"}

    def __init__(self):
        self.calls = []

    def take(self, event):
        return False

    def ended(self, code):
        path = next(iter(self.settings))
        with open(path) as f:
            assert "context_length: 65536" in f.read()
        subprocess.run([holt, "launch", "hermes", "--restore"], check=True)
        with open(path) as f:
            assert f.read() == self.settings[path]
        return code == 0 and "builtin" in self.said and f"127.0.0.1:{PORT}/v1" in self.said


def turn(agent):
    """True when it went as it should; ends everything that was started."""
    process = subprocess.Popen([holt, "launch", name, "--port", PORT, *agent.options, "--", *agent.arguments],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, start_new_session=True)
    agent.said = ""
    try:
        for line in process.stdout:
            print(line[:2000], end="")
            agent.said += line
            if line.startswith("{") and agent.take(json.loads(line)):
                return True
        return agent.ended(process.wait())
    finally:
        try:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(20)
        except ProcessLookupError:
            pass  # all have ended
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


kind = {"claude": Claude, "opencode": OpenCode, "hermes": Hermes}[name]
for path, value in kind.settings.items():
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, "w") as f:
        f.write(value)
with open("notes.txt", "w") as f:
    f.write(CONTENT + "\n")
signal.signal(signal.SIGALRM, lambda *_: sys.exit(f"it took more than {SECONDS} s"))  # and ends what was started
signal.alarm(SECONDS)
if not any(turn(kind()) for _ in range(TRIES)):
    sys.exit("it did not happen")
print("ok")
