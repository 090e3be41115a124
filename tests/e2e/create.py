#!/usr/bin/env python3
"""Makes models of models as Ollama's clients do: create.py PROGRAM. Prints what failed and "N passed, N failed"."""
import hashlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading

from serve import Server, wait_until

PROGRAM = os.path.abspath(sys.argv[1])
MODEL = open(os.path.join(os.path.dirname(__file__), "../../models/builtin.gguf"), "rb").read()
DIGEST = "sha256:" + hashlib.sha256(MODEL).hexdigest()
HELLO = [{"role": "user", "content": "hello"}]


class Home:
    """A state folder and a server on it."""

    def __init__(self, *options):
        self.path = tempfile.mkdtemp(prefix="holt-create-")
        self.models = os.path.join(self.path, "models")
        self.server = Server(PROGRAM, "--state", self.path, "--prompt-store", "off", *options)
        self.ask, self.json = self.server.ask, self.server.json

    def __enter__(self):
        return self

    def __exit__(self, *_):
        code = self.server.stop()
        assert code == 0, (code, self.server.process.stderr.read())
        shutil.rmtree(self.path)

    def files(self):
        found = [os.path.relpath(os.path.join(at, name), self.models) for at, _, names in os.walk(self.models) for name in names]
        return sorted(found)

    def upload(self, data=MODEL, digest=DIGEST, headers=None):
        return self.ask("POST", "/api/blobs/" + digest, data, headers)

    def create(self, name, want="success", **more):
        status, text = self.ask("POST", "/api/create", {"model": name, **more})
        lines = [json.loads(line) for line in text.splitlines()]
        assert status == 200 and lines[-1] == {"status": want}, (status, text)
        return lines

    def refuses(self, words, want=400, path="/api/create", method="POST", **body):
        before = self.files()
        status, text = self.ask(method, path, body)
        assert status == want and words in json.loads(text)["error"], (status, text)
        assert self.files() == before, self.files()

    def counted(self, name, **more):
        return self.json("/v1/messages/count_tokens", {"model": name, "messages": HELLO, **more})["input_tokens"]


# ------------------------------------------------------------------ the tests
def settings_hold_in_every_protocol():
    with Home() as home:
        home.create("miller", **{"from": "builtin", "system": "You are a miller.", "stream": True, "license": "free",
                                 "messages": [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "A miller."}],
                                 "parameters": {"temperature": 0, "num_predict": 3, "stop": ["zebra", "emu"], "num_gpu": 1}})
        prompt = home.json("/apply-template", {"model": "miller", "messages": HELLO})["prompt"]
        whole = home.json("/apply-template", {"model": "builtin", "messages": [
            {"role": "system", "content": "You are a miller."}, {"role": "user", "content": "Who?"},
            {"role": "assistant", "content": "A miller."}, *HELLO]})["prompt"]
        assert prompt == whole, prompt
        own = home.json("/apply-template", {"model": "miller", "messages": [{"role": "system", "content": "Be brief."}, *HELLO]})["prompt"]
        assert "Be brief." in own and "You are a miller." not in own and own.index("Be brief.") < own.index("A miller."), own
        assert home.counted("miller") > home.counted("builtin")
        # lengths: as the model has it, and as the client says
        asked = {"model": "miller", "messages": HELLO}
        assert home.json("/v1/chat/completions", asked)["usage"]["completion_tokens"] == 3
        assert home.json("/v1/chat/completions", {**asked, "max_tokens": 2})["usage"]["completion_tokens"] == 2
        assert home.json("/v1/messages", {**asked, "max_tokens": 2})["usage"]["output_tokens"] == 2
        assert home.json("/v1/responses", {"model": "miller", "input": "hello"})["usage"]["output_tokens"] == 3
        assert home.json("/api/chat", {**asked, "stream": False})["eval_count"] == 3
        assert home.json("/api/chat", {**asked, "stream": False, "options": {"num_predict": 1}})["eval_count"] == 1
        assert home.json("/api/generate", {"model": "miller", "prompt": "hello", "stream": False})["eval_count"] == 3
        assert home.json("/completion", {"model": "miller", "prompt": "once"})["tokens_predicted"] == 3
        # draws: greedy unless the client says otherwise
        said = {home.json("/v1/chat/completions", {**asked, "seed": seed})["choices"][0]["message"]["content"] for seed in range(4)}
        assert len(said) == 1, said
        # the name itself
        assert home.json("/v1/chat/completions", asked)["model"] == "miller"
        rows = {row["name"]: row for row in home.json("/api/tags")["models"]}
        assert rows["miller"]["digest"] != rows["builtin"]["digest"] and set(rows) == {"builtin", "miller"}, rows
        assert {row["name"] for row in home.json("/api/ps")["models"]} == {"builtin", "miller"}, "they share what is loaded"
        assert home.server.metric("uptime_seconds") > 0


def show_tells_what_was_made():
    with Home() as home:
        home.create("miller:v2", **{"from": "builtin", "system": "You are a miller.\nYou grind.", "license": ["one", "two"],
                                    "parameters": {"temperature": 0.5, "stop": ["x", "y"], "top_k": 7}})
        shown = home.json("/api/show", {"model": "miller:v2"})
        assert shown["system"] == "You are a miller.\nYou grind." and shown["details"]["parent_model"] == "builtin", shown
        assert shown["parameters"] == 'temperature 0.5\nstop "x"\nstop "y"\ntop_k 7\n' and shown["license"] == "one\ntwo", shown
        assert "im_start" in shown["template"] and shown["modelfile"].startswith("FROM builtin\n"), shown["modelfile"]
        # the Modelfile makes the same model again
        path = os.path.join(home.path, "Modelfile")
        with open(path, "w") as file:
            file.write(shown["modelfile"])
        made = subprocess.run([PROGRAM, "create", "--state", home.path, "-f", path, "again"], capture_output=True, text=True)
        assert made.returncode == 0 and "again is at hand" in made.stdout, made
        again = home.json("/api/show", {"model": "again"})
        assert {k: again[k] for k in ("system", "parameters", "license", "modelfile")} == {
            k: shown[k] for k in ("system", "parameters", "license", "modelfile")}, again
        # from a made one: what is left open comes from there
        home.create("baker", **{"from": "miller:v2", "system": "You bake.", "parameters": {"top_k": 9}})
        shown = home.json("/api/show", {"model": "baker"})
        assert shown["system"] == "You bake." and "temperature 0.5" in shown["parameters"] and "top_k 9" in shown["parameters"], shown
        home.create("miller:v2", **{"from": "builtin"})
        assert "system" not in home.json("/api/show", {"model": "miller:v2"})


def a_file_is_uploaded_and_used():
    with Home() as home:
        assert home.ask("HEAD", "/api/blobs/" + DIGEST)[0] == 404
        status, text = home.upload(MODEL[:-1])
        assert status == 400 and "digest" in json.loads(text)["error"] and home.files() == [], (status, text)
        assert home.upload()[0] == 201 and home.ask("HEAD", "/api/blobs/" + DIGEST)[0] == 200
        assert home.files() == ["blobs/" + DIGEST.replace(":", "-")], home.files()
        os.remove(os.path.join(home.models, home.files()[0]))
        connection = http.client.HTTPConnection("127.0.0.1", home.server.port, timeout=60)  # no length is said
        connection.request("POST", "/api/blobs/" + DIGEST.replace(":", "-"), (MODEL[i:i + 100000] for i in range(0, len(MODEL), 100000)),
                           encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
        assert connection.getresponse().status == 201
        home.create("otter", files={"otter.gguf": DIGEST}, parameters={"temperature": 0})
        answer = home.json("/api/chat", {"model": "otter", "messages": HELLO, "stream": False})
        own = home.json("/api/chat", {"model": "builtin", "messages": HELLO, "stream": False, "options": {"temperature": 0}})
        assert answer["message"] == own["message"], answer
        assert home.ask("POST", "/api/copy", {"source": "otter", "destination": "heron/one"})[0] == 200
        assert home.ask("DELETE", "/api/delete", {"model": "otter"})[0] == 200
        assert home.json("/api/chat", {"model": "heron/one", "messages": HELLO, "stream": False})["message"] == own["message"]
        assert home.ask("DELETE", "/api/delete", {"model": "heron/one"})[0] == 200 and home.files() == [], home.files()


def what_is_wrong_is_refused_and_leaves_nothing():
    with Home() as home:
        text = hashlib.sha256(b"no model").hexdigest()
        assert home.upload(b"no model", "sha256:" + text)[0] == 201
        home.refuses("not a model file", files={"a.gguf": "sha256:" + text}, model="a")
        home.refuses("was not uploaded", 404, files={"a.gguf": DIGEST}, model="a")
        home.refuses("one file", files={"a.gguf": DIGEST, "b.gguf": DIGEST}, model="a")
        home.refuses("digest", files={"a.gguf": "../../etc/passwd"}, model="a")
        home.refuses("neither", model="a")
        home.refuses("not both", model="a", files={"a.gguf": DIGEST}, **{"from": "builtin"})
        home.refuses("to make it from", 404, model="a", **{"from": "absent"})
        home.refuses("to make it from", 404, model="a", **{"from": "/etc/passwd"})
        for name in ("builtin", "", "../a", "/a", "a b", "claude-x", "a.gguf", "x" * 300, 3):
            home.refuses("", model=name, **{"from": "builtin"})
        for wrong, words in (({"adapters": {"a": DIGEST}}, "adapters"), ({"quantize": "q4_K_M"}, "quantize"), ({"parameters": {"hop": 1}}, "hop"),
                             ({"parameters": {"top_p": 7}}, "top_p"), ({"parameters": {"stop": [1]}}, "stop"), ({"parameters": []}, "parameters"),
                             ({"messages": [{"role": "king", "content": "x"}]}, "king"), ({"license": 3}, "license"), ({"system": 3}, "system"),
                             ({"template": "{% if %}"}, "template"), ({"template": "plain"}, "Jinja"), ({"system": "x" * (2 << 20)}, "bytes"),
                             ({"messages": [{"role": "user", "content": "x", "images": ["aa"]}]}, "more than a text")):
            home.refuses(words, model="a", **{"from": "builtin"}, **wrong)
        for digest in ("x", "sha256:..%2F..%2Fetc", "md5:" + "0" * 32, "sha256:" + "A" * 64, "sha256:" + "0" * 63):
            assert home.upload(digest=digest)[0] == 400 and home.ask("HEAD", "/api/blobs/" + digest)[0] == 400, digest
        assert home.ask("GET", "/api/blobs/" + DIGEST)[0] == 405
        assert home.upload(b"x", headers={"Origin": "https://evil.example"})[0] == 403
        too_large = socket.create_connection(("127.0.0.1", home.server.port))
        too_large.sendall(f"POST /api/blobs/{DIGEST} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {1 << 50}\r\n\r\n".encode())
        assert b" 400 " in too_large.recv(4096).split(b"\r\n")[0]
        too_large.close()
        assert home.files() == ["blobs/sha256-" + text]


def who_hangs_up_leaves_nothing():
    with Home() as home:
        uploads = []
        for _ in range(3):
            upload = socket.create_connection(("127.0.0.1", home.server.port))
            upload.sendall(f"POST /api/blobs/{DIGEST} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(MODEL)}\r\n\r\n".encode() + MODEL[:300000])
            uploads.append(upload)
        wait_until(lambda: len(home.files()) == 3)
        assert home.json("/v1/chat/completions", {"messages": HELLO, "max_tokens": 2})["usage"]["completion_tokens"] == 2
        for upload in uploads:
            upload.close()
        wait_until(lambda: home.files() == [])
        threads = [threading.Thread(target=home.upload) for _ in range(6)]  # the same file at the same time
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert home.files() == ["blobs/" + DIGEST.replace(":", "-")], home.files()


def templates_are_jinja():
    with Home() as home:
        lines = home.create("go", **{"from": "builtin", "template": "{{ if .System }}{{ .System }}{{ end }}{{ .Prompt }}"})
        assert "Go" in lines[0]["status"], lines
        asked = {"messages": HELLO}
        assert home.json("/apply-template", {**asked, "model": "go"}) == home.json("/apply-template", {**asked, "model": "builtin"})
        home.create("own", **{"from": "builtin", "template": "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}"})
        assert home.json("/apply-template", {**asked, "model": "own"})["prompt"].startswith("<user>hello<")
        assert home.json("/api/show", {"model": "own"})["template"].startswith("{% for m")
        assert home.json("/apply-template", {**asked, "model": "builtin"})["prompt"].startswith("<|im_start|>")
        assert {row["name"] for row in home.json("/api/ps")["models"]} == {"builtin", "go", "own"}


def what_others_are_made_of_stays():
    with Home() as home:
        shutil.copy(os.path.join(os.path.dirname(__file__), "../../models/builtin.gguf"), os.path.join(home.models, "river.gguf"))
        home.create("otter", **{"from": "river"})
        assert home.files() == ["otter.manifest.json", "river.gguf"]
        status, text = home.ask("DELETE", "/api/delete", {"model": "river"})
        assert status == 503 and "otter" in text and home.files() == ["otter.manifest.json", "river.gguf"], (status, text)
        home.refuses("already", model="river", **{"from": "builtin"})
        assert home.ask("DELETE", "/api/delete", {"model": "otter"})[0] == 200
        assert home.ask("DELETE", "/api/delete", {"model": "river"})[0] == 200 and home.files() == []
        home.create("otter", **{"from": "builtin", "system": "You swim."})
    with Home() as home:
        home.create("otter", **{"from": "builtin", "system": "You swim.", "parameters": {"num_predict": 2}})
        first = Server(PROGRAM, "--state", home.path, "--prompt-store", "off", "-m", "otter")
        try:
            assert "You swim." in first.json("/apply-template", {"messages": HELLO})["prompt"]
            assert first.json("/v1/chat/completions", {"messages": HELLO})["usage"]["completion_tokens"] == 2
            assert "You swim." not in first.json("/apply-template", {"model": "builtin", "messages": HELLO})["prompt"]
            assert len([row for row in first.json("/api/ps")["models"]]) == 2
        finally:
            assert first.stop() == 0


def an_agent_uses_what_a_model_has_of_its_own():
    with Home() as home, tempfile.TemporaryDirectory() as folder:
        home.create("brief", **{"from": "builtin", "parameters": {"num_predict": 2, "num_ctx": 2048}})
        home.create("told", **{"from": "builtin", "system": "You are a miller. " * 5})
        home.create("own", **{"from": "builtin", "template": "{{ raise_exception('a template of its own') }}"})

        def agent(name, *options):
            done = subprocess.run([PROGRAM, "agent", "--state", home.path, "--json", "--no-session", "--prompt-store", "off", "-w", folder,
                                   "-m", name, *options, "hello"], capture_output=True, text=True, timeout=120)
            return json.loads(done.stdout), done.stderr
        plain, _ = agent("builtin")
        brief, _ = agent("brief")
        told, _ = agent("told")
        assert brief["generated_tokens"] == 2 < plain["generated_tokens"], (brief, plain)
        assert told["prompt_tokens"] > plain["prompt_tokens"] + 10 and told["end"] == "answer", (told, plain)
        own, said = agent("own")
        assert "a template of its own" in json.dumps(own) + said, (own, said)
        home.create("hot", **{"from": "builtin", "parameters": {"temperature": 1.9, "seed": 3, "num_predict": 20}})
        hot, again = agent("hot")[0], agent("brief", "-t", "1.9", "--seed", "3")[0]
        assert hot["answer"] != plain["answer"] and hot["answer"].startswith(again["answer"]), (hot, again, plain)


def only_the_same_user_or_a_key_changes_models():
    if os.getuid() == 0:
        with Home() as home:
            script = ("import os, sys, http.client, encodings.idna; os.setgid(65534); os.setuid(65534)\n"
                      "for method, path, body in (('POST', '/api/create', '{\"model\": \"a\", \"from\": \"builtin\"}'), ('POST', sys.argv[2], 'x'), "
                      "('HEAD', sys.argv[2], None)):\n"
                      "    c = http.client.HTTPConnection('127.0.0.1', int(sys.argv[1])); c.request(method, path, body)\n"
                      "    r = c.getresponse(); print(r.status, r.read().decode())")
            said = subprocess.run([sys.executable, "-c", script, str(home.server.port), "/api/blobs/" + DIGEST], capture_output=True, text=True,
                                  timeout=60).stdout.splitlines()
            assert [line[:3] for line in said] == ["403"] * 3 and home.files() == [], said
    with tempfile.NamedTemporaryFile("w") as key:
        key.write("a-key-of-some-length")
        key.flush()
        with Home("--key-file", key.name) as home:
            bearer = {"Authorization": "Bearer a-key-of-some-length"}
            assert home.upload(b"x")[0] == 401 and home.files() == []
            assert home.upload(headers=bearer)[0] == 201 and len(home.files()) == 1


TESTS = [settings_hold_in_every_protocol, show_tells_what_was_made, a_file_is_uploaded_and_used, what_is_wrong_is_refused_and_leaves_nothing,
         who_hangs_up_leaves_nothing, templates_are_jinja, an_agent_uses_what_a_model_has_of_its_own,
         what_others_are_made_of_stays, only_the_same_user_or_a_key_changes_models]


def main():
    failed = 0
    for test in TESTS:
        try:
            test()
        except Exception as error:  # any failure is one failed test, and the others still run
            failed += 1
            print(f"FAILED {test.__name__}: {type(error).__name__} {error}", flush=True)
    print(f"{len(TESTS) - failed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
