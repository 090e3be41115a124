"""A turn of a coding agent with everything it sends: turn.py HOLT claude|opencode|codex MODEL [RECORD]. Folder and home are scratch ones.

MODEL is "builtin", or the form of a model with random weights (tests/random_model.py). Neither could do anything with prompts of
9,000 to 36,000 tokens, so the model's part is held to what the test needs (relay.py): its first answer is a call of the client's own
tool that reads notes.txt, its second one repeats what the client brings back. What is shown is therefore this and no more: the client
is started by `holt launch`, the server takes every request of it, with all its tools and texts, the client understands the call,
carries it out, brings what the file holds in its next request, understands the answer, which has it again, and ends the turn. That a
model would choose to do this is not shown here.

With RECORD, what the client sent is written there, for tests/clients/reduce.py.
"""
import json
import os
import random
import re
import signal
import subprocess
import sys

FOLDER = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [FOLDER, os.path.dirname(FOLDER)]
import random_model  # noqa: E402
from relay import Relay, narrow  # noqa: E402

SECONDS = 600
TASK = "What is in notes.txt?"
SECRET = f"buy {random.randrange(1000, 10000)} apples"


class Claude:
    arguments = ["--output-format", "stream-json", "--verbose", "-p", TASK]
    tools = ("Read",)

    @staticmethod
    def judge(events, requests):
        blocks = [b for e in events if e["type"] in ("assistant", "user") for b in e["message"]["content"]]
        calls = [b for b in blocks if b["type"] == "tool_use"]
        results = [b for b in blocks if b["type"] == "tool_result"]
        assert len(calls) == len(results) == 1 and calls[0]["name"] == "Read", blocks
        assert results[0]["tool_use_id"] == calls[0]["id"] and SECRET in results[0]["content"], results
        sent = [b for m in requests[-1]["messages"] if isinstance(m["content"], list) for b in m["content"]]
        assert [b["id"] for b in sent if b["type"] == "tool_use"] == [calls[0]["id"]], sent
        assert [SECRET in json.dumps(b["content"]) for b in sent if b["type"] == "tool_result"] == [True], sent
        end = events[-1]
        assert end["type"] == "result" and end["subtype"] == "success" and end["num_turns"] == 2, end
        assert end["usage"]["cache_read_input_tokens"] > end["usage"]["input_tokens"] / 2 and end["usage"]["output_tokens"] > 0, end
        return end["result"]


class OpenCode:
    arguments = ["run", "--format", "json", TASK]
    tools = ("read",)

    @staticmethod
    def judge(events, requests):
        parts = [e["part"] for e in events if "part" in e]
        calls = [p for p in parts if p["type"] == "tool"]
        assert len(calls) == 1 and calls[0]["tool"] == "read" and calls[0]["state"]["status"] == "completed", calls
        assert SECRET in calls[0]["state"]["output"], calls
        messages = requests[-1]["messages"]
        assert [c["id"] for m in messages for c in m.get("tool_calls", [])] == [calls[0]["callID"]], messages
        results = [m for m in messages if m["role"] == "tool"]
        assert len(results) == 1 and results[0]["tool_call_id"] == calls[0]["callID"] and SECRET in json.dumps(results[0]["content"]), results
        ends = [p for p in parts if p["type"] == "step-finish"]
        assert [p["reason"] for p in ends] == ["tool-calls", "stop"] and all(p["tokens"]["output"] > 0 for p in ends), ends
        assert ends[1]["tokens"]["cache"]["read"] > 0, ends  # the second begins with the first
        return "".join(p["text"] for p in parts if p["type"] == "text")


class Codex:
    arguments = ["exec", "--json", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", TASK]
    tools = ("exec_command", "shell", "shell_command")

    @staticmethod
    def judge(events, requests):
        done = [e["item"] for e in events if e.get("type") == "item.completed"]
        commands = [i for i in done if i["type"] == "command_execution"]
        assert len(commands) == 1 and "cat notes.txt" in commands[0]["command"] and commands[0]["exit_code"] == 0, done
        assert commands[0]["aggregated_output"] == SECRET + "\n", commands
        calls = [i for i in requests[-1]["input"] if i["type"] == "function_call"]
        outputs = [i for i in requests[-1]["input"] if i["type"] == "function_call_output"]
        assert len(calls) == len(outputs) == 1 and calls[0]["call_id"] == outputs[0]["call_id"], requests[-1]["input"]
        assert SECRET in json.dumps(outputs[0]["output"]), outputs
        ends = [e for e in events if e.get("type") == "turn.completed"]
        assert len(ends) == 1 and ends[0]["usage"]["output_tokens"] > 0, events[-3:]
        assert ends[0]["usage"]["cached_input_tokens"] > ends[0]["usage"]["input_tokens"] / 3, ends
        said = [i["text"] for i in done if i["type"] == "agent_message"]
        assert len(said) == 1, said
        return said[0]


def main(holt, name, model, record=None):
    kind = {"claude": Claude, "opencode": OpenCode, "codex": Codex}[name]
    with open("notes.txt", "w") as f:
        f.write(SECRET + "\n")
    signal.signal(signal.SIGALRM, lambda *_: sys.exit(f"it took more than {SECONDS} s"))
    signal.alarm(SECONDS)
    if model != "builtin":
        random_model.write("random.gguf", model)
        model = "random.gguf"
    path = os.path.abspath("notes.txt")
    arguments = {"file_path": path, "filePath": path, "cmd": "cat notes.txt", "command": "cat notes.txt"}
    server = subprocess.Popen([holt, "serve", "-m", model, "--prompt-store", "off", "--port", "0", "--context", "65536"],
                              stdout=subprocess.PIPE, text=True)
    try:
        port = int(re.search(r"http://127\.0\.0\.1:(\d+)", server.stdout.readline()).group(1))
        relay = Relay(port, lambda path, body: narrow(path, body, kind.tools, arguments))
        client = subprocess.run([holt, "launch", name, "--port", str(relay.port), "--", *kind.arguments],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        print(client.stdout[:8000])
        assert client.returncode == 0, client.returncode
        assert all(r["status"] == 200 for r in relay.requests), [r["status"] for r in relay.requests]
        if record:
            with open(record, "w") as f:
                json.dump(relay.requests, f)
        with_tools = [r["body"] for r in relay.requests if r["body"].get("tools")]
        assert len(with_tools) == 2, f"{len(with_tools)} requests"
        said = kind.judge([json.loads(line) for line in client.stdout.splitlines() if line.startswith("{")], with_tools)
        assert SECRET in json.loads(said), said
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(20)
    print("ok")


if __name__ == "__main__":
    main(*sys.argv[1:])
