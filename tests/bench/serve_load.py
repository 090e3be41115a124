#!/usr/bin/env python3
"""The server under load, as figures: serve_load.py PROGRAM [-m MODEL] [--peer URL]... [part ...]

Parts (all without --peer):
  streams   200 open streams, 8 worked on at a time: nothing is lost or mixed; what the server costs beside the model's steps
  turn      the second request of a long conversation: the time to its first token over the model's time for its new tokens
  session   30 calls of an agent with tools and an 8K prompt: each request generates the recorded number of tokens, end tokens ignored,
            and the next carries the recorded text; with --peer the same on a server that runs already (llama-server, ...), alternated
Prints one JSON object a part. Nothing is judged by time but printed; what is lost or mixed ends with 1.
"""
import argparse
import concurrent.futures
import http.client
import json
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import time
import urllib.parse

WORDS = ("the otter swims down a cold river and reads each file of the old mill before it writes one line about water wheels that turn "
         "slowly under snow while seven herons count fish and a miller keeps his books in order for the spring").split()


def prose(seed, count):
    rng = random.Random(seed)
    return " ".join(rng.choice(WORDS) for _ in range(count))


class Server:
    """One that runs already (`url`), or holt's own."""

    def __init__(self, url=None, program=None, options=()):
        self.process = None
        if program:
            self.process = subprocess.Popen([program, "serve", "--port", "0", *options], stdout=subprocess.PIPE, text=True)
            url = re.search(r"http://[\d.]+:\d+", self.process.stdout.readline()).group(0)
        self.url = url
        self.host = urllib.parse.urlparse(url).netloc

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(60)

    def connect(self, body):
        connection = http.client.HTTPConnection(self.host, timeout=1800)
        connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
        return connection

    def stream(self, body):
        """(text, seconds to the first piece, seconds in all, pieces)"""
        began, first, text, pieces = time.monotonic(), None, [], 0
        connection = self.connect({**body, "stream": True})
        response = connection.getresponse()
        assert response.status == 200, response.read()
        for line in response:
            if not line.startswith(b"data: {"):
                continue
            event = json.loads(line[6:])
            for choice in event.get("choices", []):
                delta = choice["delta"]
                piece = (delta.get("content") or "") + (delta.get("reasoning_content") or "")
                piece += "".join(c["function"].get("arguments", "") for c in delta.get("tool_calls") or [])
                if piece:
                    first = first or time.monotonic() - began
                    pieces += 1
                    text.append(piece)
        connection.close()
        return "".join(text), first, time.monotonic() - began, pieces

    def metrics(self):
        connection = http.client.HTTPConnection(self.host, timeout=60)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        return {name: float(value) for name, value in re.findall(r"^holt_(\S+) (\S+)$", text, re.M)}

    def settled(self):
        """Metrics once nothing is worked on."""
        while True:
            metrics = self.metrics()
            if metrics["requests_active"] == 0 and metrics["requests_waiting"] == 0:
                time.sleep(0.1)
                return self.metrics()
            time.sleep(0.05)


def ask(text, tokens, **more):
    return {"messages": [{"role": "user", "content": text}], "max_tokens": tokens, "temperature": 1, "ignore_eos": True, **more}


def streams(server):
    bodies = [ask(f"tell me about number {i} and {prose(i, 8)}", 40, seed=i) for i in range(200)]
    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        together = list(pool.map(server.stream, bodies))
    wrong = sum(server.stream(bodies[i])[0] != together[i][0] for i in range(0, 200, 5))
    before = server.settled()
    began = time.monotonic()
    long = [ask(f"go on about {prose(i, 8)}", 300, seed=i) for i in range(8)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(server.stream, long))
    wall = time.monotonic() - began
    after = server.settled()
    tokens = after["generated_tokens_total"] - before["generated_tokens_total"]
    steps = after["step_seconds_total"] - before["step_seconds_total"]
    print(json.dumps({"part": "streams", "open": 200, "empty": sum(not t[0] for t in together), "compared_alone": 40, "different": wrong,
                      "tokens_per_s_8": round(tokens / wall, 1), "step_share": round(steps / wall, 4),
                      "overhead_us_per_token": round((wall - steps) / tokens * 1e6, 1)}))
    return wrong + sum(not t[0] for t in together)


def turn(server, words):
    messages = [{"role": "user", "content": prose(1, words)}]
    body = {"messages": messages, "max_tokens": 16, "temperature": 1, "ignore_eos": True, "seed": 1}
    answer, cold, _, _ = server.stream(body)
    rows = []
    for i in range(5):
        messages += [{"role": "assistant", "content": answer}, {"role": "user", "content": prose(2 + i, 180)}]
        before = server.settled()
        answer, first, _, _ = server.stream({**body, "max_tokens": 1})
        after = server.settled()
        steps = after["step_seconds_total"] - before["step_seconds_total"]
        rows.append((first, steps, after["prompt_tokens_total"] - before["prompt_tokens_total"],
                     after["cached_tokens_total"] - before["cached_tokens_total"]))
    ratios = [first / steps for first, steps, _, _ in rows]
    print(json.dumps({"part": "turn", "cold_s": round(cold, 2), "cached_tokens": [r[3] for r in rows], "new_tokens": [r[2] for r in rows],
                      "first_token_s": [round(r[0], 3) for r in rows], "over_the_models_time": round(statistics.median(ratios), 3)}))
    return 0


TOOLS = [{"type": "function", "function": {"name": name, "description": prose(name, 40), "parameters": {
    "type": "object", "properties": {key: {"type": "string", "description": prose(key + name, 12)} for key in ("path", "text", "mode")},
    "required": ["path"]}}} for name in ("read_file", "write_file", "search_text", "run_command", "list_dir", "edit_file")]


def session(server, calls, words, number):
    """Seconds of all calls together. Another number is another prompt: a server that stays has not seen it."""
    messages = [{"role": "system", "content": prose(f"system {number}", words)}, {"role": "user", "content": "mend the wheel of the mill"}]
    rng = random.Random(7)
    began = time.monotonic()
    for i in range(calls):
        tokens = rng.randrange(20, 90)
        connection = server.connect({"messages": messages, "tools": TOOLS, "tool_choice": "none", "max_tokens": tokens,
                                     "temperature": 0, "ignore_eos": True, "stream": False})
        response = connection.getresponse()
        data = json.loads(response.read())
        assert response.status == 200, data
        assert data["usage"]["completion_tokens"] >= tokens - 1, data["usage"]
        connection.close()
        messages += [{"role": "assistant", "content": prose(100 + i, tokens * 3 // 4)},
                     {"role": "user", "content": "result: " + prose(200 + i, rng.randrange(30, 150))}]
    return time.monotonic() - began


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("-m", "--model")
    parser.add_argument("--threads", default=str(os.cpu_count()))
    parser.add_argument("--context", default="16384")
    parser.add_argument("--peer", action="append", default=[], metavar="URL")
    parser.add_argument("--calls", type=int, default=30)
    parser.add_argument("--words", type=int, default=0, help="of the long prompt (default: about 8K tokens, less on the built-in model)")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("parts", nargs="*", choices=["streams", "turn", "session", []])
    args = parser.parse_intermixed_args()
    options = ["--threads", args.threads, "--prompt-store", "off"] + (["-m", args.model, "--context", args.context] if args.model else [])
    parts = args.parts or (["session"] if args.peer else ["streams", "turn"] + (["session"] if args.model else []))
    words = args.words or (6000 if args.model else 700)
    failed = 0
    for part in parts:
        if part == "session":
            for number in range(args.rounds):
                # A model of random weights repeats itself, so that guessing would gain more than it does on real text.
                own = Server(program=args.program, options=options + ["--speculate", "off"])
                seconds = {"holt": session(own, args.calls, words, number)}
                own.stop()
                for url in args.peer:
                    seconds[url] = session(Server(url), args.calls, words, number)
                print(json.dumps({"part": "session", "calls": args.calls, "words": words, "seconds": {k: round(v, 1) for k, v in seconds.items()},
                                  "ratio": {k: round(v / seconds["holt"], 2) for k, v in seconds.items() if k != "holt"}}), flush=True)
            continue
        server = Server(program=args.program, options=options)
        try:
            failed += streams(server) if part == "streams" else turn(server, words)
        finally:
            server.stop()
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
