#!/usr/bin/env python3
"""Clients that are slow, greedy or foreign, on `holt serve`: serve_edges.py PROGRAM. Prints what failed and "N passed, N failed"."""
import concurrent.futures
import http.client
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time

from serve import Server, chat, events, run_tests, wait_until

PROGRAM = sys.argv[1]


def open_stream(server, body):
    """A stream whose client reads only what it is asked to."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(60)
    connection.connect(("127.0.0.1", server.port))
    data = json.dumps(body).encode()
    connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n"
                       b"Content-Type: application/json\r\nConnection: close\r\n\r\n%s" % (len(data), data))
    return connection


def who_reads_slowly_pauses_alone(server):
    tokens = 3000  # of about 3 KB each with twenty alternatives: far more than sockets hold
    body = chat("hello", stream=True, max_tokens=tokens, ignore_eos=True, logprobs=True, top_logprobs=20)
    slow = open_stream(server, body)
    before = server.metric("generated_tokens_total")
    wait_until(lambda: server.metric("requests_held") == 1, 60)
    paused = server.metric("generated_tokens_total")
    assert 0 < paused - before < tokens, (before, paused)
    assert server.json("/v1/chat/completions", chat("hello"))["choices"][0]["message"]["content"]
    time.sleep(0.3)  # figures are behind the answers by a step
    other = server.metric("generated_tokens_total")
    time.sleep(0.3)
    assert server.metric("generated_tokens_total") == other, "it goes on though nobody reads"
    response = http.client.HTTPResponse(slow)
    response.begin()
    parts = events(response.read().decode())
    slow.close()
    choices = [p["choices"][0] for p in parts[:-1] if p["choices"]]
    assert sum(len(c["logprobs"]["content"]) for c in choices if c.get("logprobs")) == tokens
    assert choices[-1]["finish_reason"] == "length" and parts[-1] == "[DONE]", parts[-2:]
    assert server.metric("requests_held") == 0


def who_reads_slowly_and_hangs_up_is_forgotten(server):
    slow = open_stream(server, chat("hello", stream=True, max_tokens=3000, ignore_eos=True, logprobs=True, top_logprobs=20))
    wait_until(lambda: server.metric("requests_held") == 1, 60)
    slow.close()
    wait_until(lambda: server.metric("requests_held") == 0 and server.metric("requests_active") == 0)


def listings_show_the_context_in_force_of_what_is_not_loaded(_):
    with tempfile.TemporaryDirectory() as state:
        os.mkdir(state + "/models")
        shutil.copy(os.path.join(os.path.dirname(__file__), "../../models/builtin.gguf"), state + "/models/other.gguf")
        for asked in (1024, None):
            server = Server(PROGRAM, "--state", state, *(["--context", str(asked)] if asked else []))
            try:
                shown = lambda: [
                    {r["id"]: r["context_length"] for r in server.json("/v1/models")["data"]}["other"],
                    {r["name"]: r["details"]["context_length"] for r in server.json("/api/tags")["models"]}["other"],
                    server.json("/api/show", {"model": "other"})["model_info"]["qwen3.context_length"]]
                before = shown()
                assert before == [asked or 4096] * 3, before
                refused = server.json("/v1/completions", {"model": "other", "prompt": "word " * 6000}, 400)["error"]
                assert refused["n_ctx"] == (asked or 4096), refused
                assert shown() == before
            finally:
                assert server.stop() == 0


def answer_to(server, method, path, headers, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response, text


def models_are_swapped_where_memory_is_short(_):
    with tempfile.TemporaryDirectory() as state:
        os.mkdir(state + "/models")
        for name in ("second", "third"):
            shutil.copy(os.path.join(os.path.dirname(__file__), "../../models/builtin.gguf"), f"{state}/models/{name}.gguf")
        server = Server(PROGRAM, "--state", state, "--parallel", "1", "--context", "1024", "--memory", "1G")
        one = server.json("/api/ps")["models"][0]["size"]
        assert server.stop() == 0
        server = Server(PROGRAM, "--state", state, "--parallel", "1", "--context", "1024", "--memory", f"{int(2.5 * one) >> 10}K")
        try:
            loaded = lambda: sorted(m["name"] for m in server.json("/api/ps")["models"])
            ask = lambda model: server.json("/v1/chat/completions", chat("hello", model=model))["choices"][0]["message"]["content"]
            want = ask("builtin")
            assert ask("second") == want and loaded() == ["builtin", "second"]
            assert ask("third") == want and loaded() == ["second", "third"], loaded()  # who was idle longest goes
            with concurrent.futures.ThreadPoolExecutor(9) as pool:
                answers = list(pool.map(lambda i: ask(["builtin", "second", "third"][i % 3]), range(18)))
            assert answers == [want] * 18 and len(loaded()) == 2, loaded()
            taken = sum(m["size"] for m in server.json("/api/ps")["models"])
            assert taken <= 2.5 * one, (taken, one)
        finally:
            assert server.stop() == 0
        small = subprocess.run([PROGRAM, "serve", "--port", "0", "--state", state, "-m", "second", "--context", "4000", "--memory", "16M"],
                               capture_output=True, text=True)
        assert small.returncode == 1 and "a context of 4000 tokens takes" in small.stderr, small
        wrong = subprocess.run([PROGRAM, "serve", "--port", "0", "--memory", "lots"], capture_output=True, text=True)
        assert wrong.returncode == 2 and "lots" in wrong.stderr, wrong


def requests_have_numbers(server):
    response, _ = answer_to(server, "GET", "/v1/models", {})
    first = response.getheader("x-request-id")
    assert re.fullmatch(r"req_[0-9a-f]{32}", first), first
    assert answer_to(server, "GET", "/v1/models", {})[0].getheader("x-request-id") != first
    for body in ("{", json.dumps({"model": "builtin", "messages": []}), json.dumps(chat("word " * 9000))):
        response, text = answer_to(server, "POST", "/v1/messages", {}, body)
        error = json.loads(text)
        assert response.status == 400 and error["type"] == "error", text
        assert error["request_id"] == response.getheader("request-id"), (error, response.headers)
    response, text = answer_to(server, "GET", "/v1/models/none", {"anthropic-version": "2023-06-01"})
    assert response.status == 404 and json.loads(text)["request_id"] == response.getheader("request-id"), text
    response, text = answer_to(server, "POST", "/v1/messages", {}, json.dumps(chat("hello")))
    assert response.status == 200 and response.getheader("request-id"), text


def what_is_not_there_is_told_in_the_protocols_form(server):
    for path, is_told in (("/api/push", lambda e: isinstance(e["error"], str)), ("/v1/none", lambda e: e["error"]["message"]),
                          ("/v1/messages/batches", lambda e: e["type"] == "error" and e["request_id"])):
        response, text = answer_to(server, "POST", path, {}, "{}")
        assert response.status == 404 and is_told(json.loads(text)), (path, response.status, text)
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
        assert b" 400 " in connection.recv(4096).split(b"\r\n")[0]


def what_is_too_much_is_refused_in_the_protocols_form(server):
    response, text = answer_to(server, "GET", "/v1/models", {"X-Much": "a" * 70000})
    assert response.status == 431 and "64 KiB" in json.loads(text)["error"]["message"], (response.status, text)
    response, text = answer_to(server, "POST", "/api/chat", {f"X-Much-{i}": "b" * 4000 for i in range(20)}, "{}")
    assert response.status == 431 and "64 KiB" in json.loads(text)["error"], (response.status, text)
    many = [{"role": "user", "content": "a"}] * 10001
    tool = {"type": "function", "function": {"name": "t", "parameters": {"type": "object"}}}
    deep = "[" * 5000 + "]" * 5000
    for path in ("/v1/chat/completions", "/v1/messages", "/api/chat", "/v1/responses"):
        told = lambda body: json.loads(answer_to(server, "POST", path, {}, body)[1])["error"]
        text = lambda error: error if isinstance(error, str) else error["message"]
        body = {"model": "builtin", "max_tokens": 5, "input" if path.endswith("responses") else "messages": many}
        assert "10001" in text(told(json.dumps(body))) or "10000" in text(told(json.dumps(body))), (path, told(json.dumps(body)))
        tools = [{"name": "t", "input_schema": {"type": "object"}}] * 1025 if path == "/v1/messages" else \
            [{"type": "function", "name": "t"}] * 1025 if path == "/v1/responses" else [tool] * 1025
        body = {**chat("hello"), "input": "hello", "tools": tools}
        assert "1024" in text(told(json.dumps(body))) or "1025" in text(told(json.dumps(body))), (path, told(json.dumps(body)))
        assert "deep" in text(told('{"model": "builtin", "messages": %s}' % deep)).lower() or \
            "nested" in text(told('{"model": "builtin", "messages": %s}' % deep)).lower(), (path, told('{"a": %s}' % deep))
    assert server.json("/health") == {"status": "ok"}


def pages_from_elsewhere_ask_only_where_the_user_allows_it(server):
    page, other = "https://app.example", "https://other.example"
    asks = {"Origin": page, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    response, text = answer_to(server, "OPTIONS", "/v1/chat/completions", asks)
    assert response.status == 403 and not response.getheader("Access-Control-Allow-Origin"), text
    response, _ = answer_to(server, "GET", "/v1/models", {"Origin": "http://localhost:3000"})
    assert response.status == 200 and not response.getheader("Access-Control-Allow-Origin")
    for origin in ("http://localhost:9999", "http://evil.localhost:9999"):  # pages of others on this machine
        response, text = answer_to(server, "POST", "/api/copy", {"Origin": origin, "Content-Type": "text/plain"},
                                   json.dumps({"source": "builtin", "destination": "mine"}))
        assert response.status == 403 and "its key" in text, (response.status, text)
    allowing = Server(PROGRAM, "--cors", f"http://a.example:8080, {page}")
    try:
        response, _ = answer_to(allowing, "OPTIONS", "/v1/chat/completions", asks)
        assert response.status == 204 and response.getheader("Access-Control-Allow-Origin") == page, response.headers
        assert "POST" in response.getheader("Access-Control-Allow-Methods")
        assert response.getheader("Access-Control-Allow-Headers") == "content-type"
        for body in (chat("hello"), chat("hello", stream=True), "{"):
            response, _ = answer_to(allowing, "POST", "/v1/chat/completions", {"Origin": page}, body if body == "{" else json.dumps(body))
            assert response.getheader("Access-Control-Allow-Origin") == page, response.headers
        response, _ = answer_to(allowing, "GET", "/v1/models", {"Origin": other})
        assert response.status == 403 and not response.getheader("Access-Control-Allow-Origin")
        response, text = answer_to(allowing, "DELETE", "/api/delete", {"Origin": page}, json.dumps({"model": "builtin"}))
        assert response.status == 403 and "its key" in text, "a page changes models"
        response, _ = answer_to(allowing, "GET", "/v1/models", {})
        assert response.status == 200 and not response.getheader("Access-Control-Allow-Origin")
    finally:
        assert allowing.stop() == 0
    wrong = subprocess.run([PROGRAM, "serve", "--port", "0", "--cors", "app.example"], capture_output=True, text=True)
    assert wrong.returncode == 2 and "app.example" in wrong.stderr, wrong


def as_nobody(work):
    """What it comes to when a process of another user does it, as text."""
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            os.write(writes, repr(work()).encode())
        finally:
            os._exit(0)
    os.close(writes)
    with open(reads) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    return text


def the_generated_key_changes_models_for_others(_):
    if os.getuid() != 0:
        return  # nobody else can be asked from here
    with tempfile.TemporaryDirectory() as state:
        os.mkdir(state + "/models")
        shutil.copy(os.path.join(os.path.dirname(__file__), "../../models/builtin.gguf"), state + "/models/other.gguf")
        server = Server(PROGRAM, "--state", state)
        try:
            path = state + "/server.key"
            key = open(path).read().strip()
            assert stat.S_IMODE(os.stat(path).st_mode) == 0o600 and re.fullmatch(r"[0-9a-z]{48}", key), key
            stranger = lambda headers: as_nobody(lambda: server.ask("DELETE", "/api/delete", {"model": "other"}, headers))
            assert stranger({}).startswith("(403,"), stranger({})
            assert stranger({"Authorization": "Bearer " + key[:-1] + "!"}).startswith("(403,")
            assert os.path.exists(state + "/models/other.gguf")
            told = stranger({"Authorization": "Bearer " + key})
            assert told.startswith("(200,") and not os.path.exists(state + "/models/other.gguf"), told
        finally:
            assert server.stop() == 0


def beyond_this_machine_a_key_is_made_and_a_warning_given(_):
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen([PROGRAM, "serve", "--host", "0.0.0.0", "--port", "0", "--threads", "1", "--prompt-store", "off",
                                    "--key-file", folder + "/key"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        port = int(re.search(r":(\d+)$", process.stdout.readline().strip()).group(1))
        server = Server.__new__(Server)
        server.port = port
        key = open(folder + "/key").read().strip()
        try:
            assert server.ask("GET", "/v1/models")[0] == 401
            assert server.ask("GET", "/v1/models", headers={"Authorization": "Bearer " + key})[0] == 200
        finally:
            process.send_signal(signal.SIGINT)
            said = process.stderr.read()
            assert process.wait(20) == 0
        assert "not encrypted" in said and "a key was made: " + folder + "/key" in said, said


TESTS = [who_reads_slowly_pauses_alone, who_reads_slowly_and_hangs_up_is_forgotten,
         listings_show_the_context_in_force_of_what_is_not_loaded, models_are_swapped_where_memory_is_short, requests_have_numbers,
         what_is_not_there_is_told_in_the_protocols_form, what_is_too_much_is_refused_in_the_protocols_form, pages_from_elsewhere_ask_only_where_the_user_allows_it,
         the_generated_key_changes_models_for_others, beyond_this_machine_a_key_is_made_and_a_warning_given]


if __name__ == "__main__":
    sys.exit(run_tests(TESTS))
