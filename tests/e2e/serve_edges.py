#!/usr/bin/env python3
"""Clients that are slow, greedy or foreign, on `holt serve`: serve_edges.py PROGRAM. Prints what failed and "N passed, N failed"."""
import http.client
import json
import socket
import sys
import time

from serve import Server, chat, events, wait_until

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


TESTS = [who_reads_slowly_pauses_alone, who_reads_slowly_and_hangs_up_is_forgotten]


def main():
    server, failed = Server(PROGRAM), 0
    for test in TESTS:
        try:
            test(server)
        except Exception as error:  # any failure is one failed test, and the others still run
            failed += 1
            print(f"FAILED {test.__name__}: {type(error).__name__} {error}", flush=True)
    code = server.stop()
    if code != 0:
        failed += 1
        print("FAILED the server ended with", code, server.process.stderr.read())
    print(f"{len(TESTS) - failed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
