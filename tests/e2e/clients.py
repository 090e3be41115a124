#!/usr/bin/env python3
"""What the big clients send, without the clients: clients.py PROGRAM. Prints what failed and "N passed, N failed".

tests/data/clients has the requests of one turn of Claude Code, Codex and OpenCode: their structure, tools and lengths, with other
words. Each must be answered in the order of its protocol, and every tool must be callable, with arguments that its schema allows,
whatever the model: models with random weights are asked, in three forms of calls. Standard library only.
"""
import json
import os
import sys
import tempfile

FOLDER = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(FOLDER), os.path.join(os.path.dirname(FOLDER), "clients"), FOLDER]
import protocols  # noqa: E402
import random_model  # noqa: E402
import reduce  # noqa: E402
from serve import Server  # noqa: E402

DATA = os.path.join(os.path.dirname(FOLDER), "data", "clients")
CLIENTS = ("claude", "codex", "opencode")
WORDS_MAX, CALL_MAX = 24, 400  # tokens of an answer, of a call


def requests(client):
    with open(os.path.join(DATA, client + ".json")) as file:
        return json.load(file)


def limit(request, count, **more):
    body = {**request["body"], **more}
    for name in ("max_tokens", "max_output_tokens"):
        if name in body or name == "max_output_tokens" and request["path"] == "/v1/responses":
            body[name] = count
    return body


def ask(server, request, body):
    status, text = server.ask("POST", request["path"], body, request["headers"])
    assert status == 200, f"{request['path']}: {status} {text[:500]}"
    said = protocols.read(request["path"], text)
    known = protocols.schemas(body)
    for name, arguments in said.calls:
        assert name in known, (name, list(known))
        wrong = protocols.faults(arguments, known[name])
        assert not wrong, f"{name}: {wrong}"
    return said


def chosen(path, name):
    if path == "/v1/chat/completions":
        return {"type": "function", "function": {"name": name}}
    return {"type": "function" if path == "/v1/responses" else "tool", "name": name}


def a_turn_is_answered(server, client):
    """As sent but for the length; the request that brings the tool's result begins with the one before."""
    turn = [(request, ask(server, request, limit(request, WORDS_MAX))) for request in requests(client)]
    assert all(0 < said.made <= WORDS_MAX for _, said in turn)
    (_, first), (_, second) = [pair for pair in turn if pair[0]["body"].get("tools")]
    assert second.prompt > first.prompt > 3000 and second.cached > first.prompt * 0.9, (first.prompt, second.prompt, second.cached)


def every_tool_can_be_called(server, client):
    request = next(request for request in requests(client) if request["body"].get("tools"))
    names = list(protocols.schemas(request["body"]))
    assert len(names) >= 8, names
    for name in names:
        said = ask(server, request, limit(request, CALL_MAX, tool_choice=chosen(request["path"], name)))
        assert said.calls and {called for called, _ in said.calls} == {name}, (name, said.calls, said.end, said.text)


def some_tool_is_called_if_one_must_be(server, client):
    request = [request for request in requests(client) if request["body"].get("tools")][-1]
    must = {"type": "any"} if request["path"].startswith("/v1/messages") else "required"
    for _ in range(4):
        assert ask(server, request, limit(request, CALL_MAX, tool_choice=must)).calls


def the_data_is_ours(client):
    others = reduce.others(None, requests(client))
    assert not others, others[:5]


def main(program):
    passed, failed = 0, 0

    def check(test, *arguments, name=""):
        nonlocal passed, failed
        try:
            test(*arguments)
            passed += 1
        except Exception as error:  # any failure is one failed test, and the others still run
            failed += 1
            print(f"FAILED {name} {test.__name__}: {type(error).__name__} {error}", flush=True)

    for client in CLIENTS:
        check(the_data_is_ours, client, name=client)
    with tempfile.TemporaryDirectory() as folder:
        for form in random_model.FORMS:
            model = os.path.join(folder, "model.gguf")  # as the requests name it
            random_model.write(model, form)
            server = Server(program, "-m", model, "--context", "65536")
            try:
                for client in CLIENTS:
                    for test in (a_turn_is_answered, every_tool_can_be_called, some_tool_is_called_if_one_must_be):
                        check(test, server, client, name=f"{form}, {client}:")
            finally:
                code = server.stop()
            assert code == 0, f"the server ended with {code}: {server.process.stderr.read()}"
    print(f"{passed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
