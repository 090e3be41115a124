"""A turn of Codex as `holt launch` starts it: codex.py HOLT. Folder and home are scratch ones.

The built-in model is far too small for Codex's prompts: left alone it opens a call and never finds the end of its text. So
its part is held: something between Codex and the server narrows what Codex asks for, and the server's masks do the rest. The
first request of the turn must be answered by a call of Codex's own tool for commands, whose command can only be
`cat notes.txt`; the next one by one of two sentences. Everything else is Codex's: it must understand the call, carry it out, bring
what came of it in its next request, and end the turn.
"""
import http.client
import http.server
import json
import os
import re
import signal
import subprocess
import sys
import threading

holt = sys.argv[1]
SECONDS = 600
COMMAND = "cat notes.txt"
SECRET = "buy otter food\n"
ANSWERS = ["Food for the otter.", "Nothing."]
requests = []  # bodies of /v1/responses, as Codex sent them


def narrow(body):
    """The same request, in which the model has no choice but of its words. Its tools stay the same, and with them the prompt."""
    tool = next(t for t in body["tools"] if t.get("name") in ("exec_command", "shell", "shell_command"))
    name = "cmd" if "cmd" in tool["parameters"]["properties"] else "command"
    value = COMMAND.split() if tool["parameters"]["properties"][name].get("type") == "array" else COMMAND
    held = {**tool, "parameters": {"type": "object", "properties": {name: {"const": value}}, "required": [name],
                                   "additionalProperties": False}}
    body = {**body, "tools": [held], "parallel_tool_calls": False}
    if any(item["type"] == "function_call_output" for item in body["input"]):
        answer = {"type": "json_schema", "name": "answer", "schema": {"enum": ANSWERS}}
        return {**body, "tool_choice": "none", "text": {"format": answer}}
    return {**body, "tool_choice": "required"}


class Between(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def pass_on(self):
        data = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.path == "/v1/responses":
            requests.append(json.loads(data))
            data = json.dumps(narrow(requests[-1]))
        connection = http.client.HTTPConnection("127.0.0.1", server_port, timeout=SECONDS)
        connection.request(self.command, self.path, data, {"content-type": "application/json"})
        answer = connection.getresponse()
        self.send_response(answer.status)
        self.send_header("content-type", answer.getheader("content-type") or "text/plain")
        self.send_header("connection", "close")
        self.end_headers()
        while piece := answer.read1(65536):
            self.wfile.write(piece)
            self.wfile.flush()
        self.close_connection = True

    do_GET = do_POST = pass_on


def judge(events):
    """What Codex says it did, and what it told the model about it."""
    done = [e["item"] for e in events if e.get("type") == "item.completed"]
    commands = [i for i in done if i["type"] == "command_execution"]
    assert len(commands) == 1 and COMMAND in commands[0]["command"] and commands[0]["exit_code"] == 0, done
    assert commands[0]["aggregated_output"] == SECRET, commands
    assert len(requests) == 2, f"{len(requests)} requests"
    calls = [i for i in requests[1]["input"] if i["type"] == "function_call"]
    outputs = [i for i in requests[1]["input"] if i["type"] == "function_call_output"]
    assert len(calls) == len(outputs) == 1 and calls[0]["call_id"] == outputs[0]["call_id"], requests[1]["input"]
    assert SECRET.strip() in json.dumps(outputs[0]["output"]), outputs
    said = [i["text"] for i in done if i["type"] == "agent_message"]
    assert len(said) == 1 and json.loads(said[0]) in ANSWERS, said
    ends = [e for e in events if e.get("type") == "turn.completed"]
    assert len(ends) == 1 and ends[0]["usage"]["output_tokens"] > 0, events[-3:]
    assert ends[0]["usage"]["cached_input_tokens"] > ends[0]["usage"]["input_tokens"] / 3, ends  # the second begins with the first


with open("notes.txt", "w") as f:
    f.write(SECRET)
signal.signal(signal.SIGALRM, lambda *_: sys.exit(f"it took more than {SECONDS} s"))
signal.alarm(SECONDS)
server = subprocess.Popen([holt, "serve", "--prompt-store", "off", "--port", "0", "--context", "32768"], stdout=subprocess.PIPE, text=True)
try:
    server_port = int(re.search(r"http://127\.0\.0\.1:(\d+)", server.stdout.readline()).group(1))
    between = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Between)
    threading.Thread(target=between.serve_forever, daemon=True).start()
    codex = subprocess.run(
        [holt, "launch", "codex", "--port", str(between.server_address[1]), "--", "exec", "--json", "--skip-git-repo-check",
         "--dangerously-bypass-approvals-and-sandbox", "What is in notes.txt?"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    print(codex.stdout[:8000])
    assert codex.returncode == 0, codex.returncode
    judge([json.loads(line) for line in codex.stdout.splitlines() if line.startswith("{")])
finally:
    server.send_signal(signal.SIGINT)
    server.wait(20)
print("ok")
