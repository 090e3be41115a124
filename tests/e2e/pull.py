#!/usr/bin/env python3
"""Pulls models from a server that drops, delays, lies and leads astray: pull.py PROGRAM. Prints "N passed, N failed"."""
import concurrent.futures
import hashlib
import http.client
import http.server
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

PROGRAM = os.path.abspath(sys.argv[1])
MODEL = open(os.path.join(os.path.dirname(__file__), "../../models/builtin.gguf"), "rb").read()
DIGEST = hashlib.sha256(MODEL).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def send(self, status, body, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        s = self.server
        s.asked.append((self.path, dict(self.headers)))
        if self.path.startswith("/api/models/acme/Otter/tree"):
            files = [{"type": "file", "path": name, "size": len(MODEL), "lfs": {"oid": s.digest, "size": len(MODEL)}}
                     for name in ("Otter-Q4_K_M.gguf", "Otter-Q8_0.gguf", "../../evil.gguf", "mmproj-Otter-F16.gguf")]
            return self.send(200, json.dumps(files + [{"type": "file", "path": "README.md", "size": 3}]).encode())
        if self.path.startswith("/v2/library/otter/manifests/4b"):
            layers = [{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:" + s.digest, "size": len(MODEL)}]
            return self.send(200, json.dumps({"layers": layers}).encode())
        if "Q8_0" in self.path or "/blobs/" in self.path or self.path.endswith("/direct.gguf"):
            return s.serve(self)
        self.send(404, b"")


def whole(handler):
    handler.send(200, MODEL, ETag='"one"')


def range_of(handler):
    wanted = handler.headers.get("Range")
    return int(wanted[6:-1]) if wanted else 0


def dropping(handler):
    """Sends a third and hangs up, and goes on from there the next time."""
    at = range_of(handler)
    rest = MODEL[at:]
    part = rest[: len(MODEL) // 3]
    handler.send_response(206 if at else 200)
    handler.send_header("ETag", '"one"')
    if at:
        handler.send_header("Content-Range", f"bytes {at}-{len(MODEL) - 1}/{len(MODEL)}")
    handler.send_header("Content-Length", str(len(rest)))
    handler.end_headers()
    handler.wfile.write(part)
    handler.wfile.flush()
    if len(part) < len(rest):
        handler.connection.close()
        handler.close_connection = True


def pausing(handler):
    """Stops for a moment every now and then; all of it comes in one go."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(MODEL)))
    handler.end_headers()
    for i in range(0, len(MODEL), len(MODEL) // 8 + 1):
        handler.wfile.write(MODEL[i:i + len(MODEL) // 8 + 1])
        handler.wfile.flush()
        time.sleep(0.25)


def stalling_once(handler):
    """Sends a third, then nothing more, and holds the line; who comes again gets the rest."""
    if range_of(handler):
        return handler.send(206, MODEL[range_of(handler):], ETag='"one"')
    handler.send_response(200)
    handler.send_header("ETag", '"one"')
    handler.send_header("Content-Length", str(len(MODEL)))
    handler.end_headers()
    handler.wfile.write(MODEL[: len(MODEL) // 3])
    handler.wfile.flush()
    handler.server.over.wait(120)


def breaking(handler):
    """Sends a third; whoever comes again is hung up on."""
    if range_of(handler):
        handler.connection.close()
        handler.close_connection = True
    else:
        dropping(handler)


def deaf_to_ranges(handler):
    """Drops once, then sends all of it whatever was asked for."""
    if range_of(handler):
        return whole(handler)
    dropping(handler)


def changing(handler):
    """The file changes in the middle: If-Range fails, all of the new one comes."""
    if range_of(handler):
        assert handler.headers.get("If-Range") == '"one"'
        return handler.send(200, MODEL, ETag='"two"')
    dropping(handler)


def corrupt(handler):
    body = bytearray(MODEL)
    body[len(body) // 2] ^= 1
    handler.send(200, bytes(body), ETag='"one"')


def short(handler):
    handler.send(200, MODEL[:1000], ETag='"one"')


def endless(handler):
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(b"10000\r\n" + b"GGUF" * 16384 + b"\r\n")
    except OSError:
        pass


def lies_about_length(handler):
    try:
        handler.send(200, MODEL + b"x" * 10, Content_Length=str(len(MODEL) + 10))
    except OSError:
        pass


def not_a_model(handler):
    handler.send(200, b"<html>" + b" " * (len(MODEL) - 6))


def redirecting(to):
    def serve(handler):
        handler.send(302, b"", Location=to)
    return serve


def loop(handler):
    handler.send(302, b"", Location=handler.path)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True


def start(serve, digest=DIGEST):
    server = Server(("127.0.0.1", 0), Handler)
    server.serve, server.digest, server.asked, server.over = serve, digest, [], threading.Event()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class Home:
    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="holt-pull-")
        self.models = os.path.join(self.path, "models")

    def pull(self, server, name="acme/Otter:Q8_0", *options, **environment):
        base = f"http://127.0.0.1:{server.server_port}"
        return subprocess.run([PROGRAM, "pull", "--state", self.path, "--hub", base, "--registry", base, name, *options],
                              capture_output=True, text=True, timeout=120, env={**os.environ, **environment})

    def pull_on_small_disk(self, server, size, name="acme/Otter:Q8_0"):
        """In a mount namespace of its own, where the folder of models is a disk of that size with what is in .part; says
        what is on it afterwards."""
        base = f"http://127.0.0.1:{server.server_port}"
        script = (f"mount -t tmpfs -o size={size} none {self.models} && cp -a {self.path}/kept/. {self.models}/ || exit 99; "
                  f"{PROGRAM} pull --state {self.path} --hub {base} --registry {base} {name}; r=$?; "
                  f"cd {self.models} && stat -c '%n %s' .[!.]* * 2>/dev/null; exit $r")
        os.makedirs(self.models, exist_ok=True)
        os.makedirs(os.path.join(self.path, "kept"), exist_ok=True)
        return subprocess.run(["unshare", "-rm", "sh", "-c", script], capture_output=True, text=True, timeout=120)

    def files(self):
        return sorted(os.listdir(self.models)) if os.path.isdir(self.models) else []

    def holds(self, name="Otter-Q8_0.gguf"):
        with open(os.path.join(self.models, name), "rb") as file:
            return file.read() == MODEL


def gets(serve):
    home, server = Home(), start(serve)
    result = home.pull(server)
    assert result.returncode == 0, result.stderr
    assert home.files() == ["Otter-Q8_0.gguf"] and home.holds()
    shutil.rmtree(home.path)
    return server


def refuses(serve, words, name="acme/Otter:Q8_0", options=(), digest=DIGEST):
    home, server = Home(), start(serve, digest)
    result = home.pull(server, name, *options)
    assert result.returncode != 0 and words in result.stderr, result
    assert home.files() == [], home.files()
    shutil.rmtree(home.path)


def a_whole_file_comes():
    server = gets(whole)
    assert all("Authorization" not in headers for _, headers in server.asked)


def what_breaks_is_gone_on_with():
    server = gets(dropping)
    assert [h.get("Range") for p, h in server.asked if "resolve" in p] == [None] + [
        f"bytes={i * (len(MODEL) // 3)}-" for i in range(1, 1 + len(server.asked) - 2)]


def a_server_without_ranges_is_taken_at_its_word():
    gets(deaf_to_ranges)
    gets(changing)


def a_second_pull_goes_on_with_the_first():
    home, server = Home(), start(whole)
    os.makedirs(home.models)
    with open(os.path.join(home.models, ".Otter-Q8_0.gguf.part"), "wb") as file:
        file.write(MODEL[:100000])
    server.serve = lambda handler: handler.send(206, MODEL[range_of(handler):], ETag='"one"')
    assert home.pull(server).returncode == 0 and home.holds()
    assert server.asked[-1][1]["Range"] == "bytes=100000-"
    again = home.pull(server)
    assert again.returncode == 0 and "here already" in again.stdout
    used = subprocess.run([PROGRAM, "tokenize", "--state", home.path, "-m", "Otter-Q8_0", "an otter"], capture_output=True)
    assert used.returncode == 0
    shutil.rmtree(home.path)


def a_broken_line_says_what_is_kept():
    home, server = Home(), start(breaking)
    result = home.pull(server)
    assert result.returncode != 0 and f"{len(MODEL) // 3 / (1 << 20):.1f} MiB are kept, pull it again" in result.stderr, result
    assert home.files() == [".Otter-Q8_0.gguf.part"]
    server.serve = stalling_once
    assert home.pull(server).returncode == 0 and home.holds()
    shutil.rmtree(home.path)


def delays_are_waited_for():
    server = gets(pausing)
    assert sum("resolve" in path for path, _ in server.asked) == 1, server.asked


def a_server_that_stalls_is_asked_again():
    server = gets(stalling_once)  # after half a minute
    server.over.set()
    assert [h.get("Range") for p, h in server.asked if "resolve" in p] == [None, f"bytes={len(MODEL) // 3}-"], server.asked


def a_pull_that_is_killed_is_gone_on_with():
    home, server = Home(), start(stalling_once)
    part = os.path.join(home.models, ".Otter-Q8_0.gguf.part")
    base = f"http://127.0.0.1:{server.server_port}"
    process = subprocess.Popen([PROGRAM, "pull", "--state", home.path, "--hub", base, "acme/Otter:Q8_0"], stderr=subprocess.DEVNULL)
    until = time.time() + 20
    while not os.path.exists(part) or os.path.getsize(part) < len(MODEL) // 3:
        assert time.time() < until and process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.wait(20)
    server.over.set()
    assert home.files() == [".Otter-Q8_0.gguf.part"], home.files()
    assert home.pull(server).returncode == 0 and home.holds() and home.files() == ["Otter-Q8_0.gguf"]
    assert server.asked[-1][1]["Range"] == f"bytes={len(MODEL) // 3}-"
    shutil.rmtree(home.path)


def a_disk_that_is_too_small_is_said_before():
    home, server = Home(), start(whole)
    os.makedirs(os.path.join(home.path, "kept"))
    with open(os.path.join(home.path, "kept", ".Otter-Q8_0.gguf.part"), "wb") as file:
        file.write(MODEL[:100000])
    if subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode:
        print("not run: a small disk (no namespaces here)")
        return
    missing = f"{(len(MODEL) - 100000) / (1 << 20):.1f} MiB"
    for size, free in (("1m", "0.9 MiB"), ("200m", "199.9 MiB")):  # 256 MiB are for everybody else
        result = home.pull_on_small_disk(server, size)
        assert result.returncode not in (0, 99) and missing in result.stderr and free in result.stderr, result
        assert "256 MiB" in result.stderr, result.stderr
        assert result.stdout == ".Otter-Q8_0.gguf.part 100000\n", result  # what has come is not thrown away
    assert not any("resolve" in path for path, _ in server.asked), server.asked
    assert home.pull_on_small_disk(server, "400m").returncode == 0
    shutil.rmtree(home.path)


def progress_is_shown():
    """On a terminal as one line that is gone in the end, elsewhere as a line for every tenth."""
    home, server = Home(), start(pausing)
    base = f"http://127.0.0.1:{server.server_port}"
    master, slave = pty.openpty()
    process = subprocess.Popen([PROGRAM, "pull", "--state", home.path, "--hub", base, "acme/Otter:Q8_0"],
                               stdout=subprocess.PIPE, stderr=slave)
    os.close(slave)
    shown = b""
    try:
        while piece := os.read(master, 4096):
            shown += piece
    except OSError:  # nobody has the other end any more
        pass
    assert process.wait(20) == 0 and home.holds()
    lines = re.findall(r"Otter-Q8_0\.gguf  (\d+) of (\d+) MiB, (\d+) %, ([\d.]+) MiB/s", shown.decode())
    assert len(lines) > 3 and {line[1] for line in lines} == {f"{len(MODEL) / (1 << 20):.0f}"}, shown
    shares = [int(line[2]) for line in lines]
    assert shares == sorted(shares) and shares[0] < 60 and shares[-1] > 60 and any(float(line[3]) > 0 for line in lines), lines
    assert shown.endswith(b"\r\x1b[K") and b"\n" not in shown, shown
    os.unlink(os.path.join(home.models, "Otter-Q8_0.gguf"))
    told = [int(share) for share in re.findall(r"^Otter-Q8_0\.gguf: (\d+) % of", home.pull(server).stderr, re.M)]
    assert len(told) > 3 and told == sorted(set(told)) and all(share % 10 == 0 for share in told), told
    shutil.rmtree(home.path)


def clients_of_a_server_see_how_far_it_is():
    home, origin = Home(), start(pausing)
    serving = Serving(home, origin, "--allow-pull")
    try:
        status, text = serving.ask("POST", "/api/pull", {"model": "acme/Otter:Q8_0"})
        lines = [json.loads(line) for line in text.splitlines()]
        told = [line for line in lines if "completed" in line]
        assert status == 200 and lines[-1] == {"status": "success"} and home.holds(), text
        assert all(line["total"] == len(MODEL) and line["status"] == "pulling Otter-Q8_0.gguf" and line["digest"] for line in told), told
        done = [line["completed"] for line in told]
        assert len(done) > 3 and done == sorted(done) and 0 < done[0] < done[-1] == len(MODEL), done
    finally:
        serving.stop()
    shutil.rmtree(home.path)


def what_is_wrong_never_appears():
    refuses(corrupt, "thrown away")
    refuses(whole, "thrown away", digest="0" * 64)
    refuses(not_a_model, "not a model file")
    refuses(short, "should have")
    refuses(lies_about_length, "limit")
    refuses(endless, "bytes came")


def nobody_is_led_astray():
    refuses(loop, "redirects")
    refuses(redirecting("file:///etc/passwd"), "rotocol")
    refuses(redirecting("ftp://127.0.0.1/x"), "rotocol")
    refuses(whole, "https", name="http://192.0.2.1/model.gguf")
    refuses(whole, "not ORG/REPO", name="../Otter:Q8_0")
    refuses(whole, "say which", name="acme/Otter:Q2_K")
    refuses(whole, "nothing at", name="acme/Heron:Q8_0")


class Serving:
    """`holt serve` in a home, pulling from a server of ours."""

    def __init__(self, home, origin, *options):
        base = f"http://127.0.0.1:{origin.server_port}"
        self.process = subprocess.Popen([PROGRAM, "serve", "--port", "0", "--threads", "1", "--state", home.path, "--hub", base, "--registry", base, *options],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.port = int(re.search(r"127\.0\.0\.1:(\d+)", self.process.stdout.readline()).group(1))

    def ask(self, method, path, body, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, json.dumps(body), headers)
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        return response.status, text

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(20) == 0


def clients_of_a_server_pull_copy_and_delete():
    home, origin = Home(), start(dropping)
    serving = Serving(home, origin)
    try:
        status, text = serving.ask("POST", "/api/pull", {"model": "acme/Otter:Q8_0"})
        assert status == 403 and "--allow-pull" in text and not origin.asked, text
    finally:
        serving.stop()
    serving = Serving(home, origin, "--allow-pull")
    try:
        status, text = serving.ask("POST", "/api/pull", {"model": "acme/Otter:Q8_0"})
        lines = [json.loads(line) for line in text.splitlines()]
        assert status == 200 and lines[-1] == {"status": "success"} and home.holds(), text
        assert len(lines) > 1 and lines[-2]["total"] == len(MODEL) and lines[0]["status"].startswith("pulling"), lines
        assert serving.ask("POST", "/api/pull", {"name": "acme/Otter:Q8_0", "stream": False}) == (200, '{"status":"success"}\n')
        body = {"model": "Otter-Q8_0", "prompt": "hello", "stream": False, "options": {"num_predict": 3}}
        assert json.loads(serving.ask("POST", "/api/generate", body)[1])["done"] is True
        assert serving.ask("POST", "/api/copy", {"source": "Otter-Q8_0", "destination": "heron:latest"}) == (200, "")
        assert home.files() == ["Otter-Q8_0.gguf", "heron.gguf"] and home.holds("heron.gguf")
        assert json.loads(serving.ask("POST", "/api/generate", {**body, "model": "heron"})[1])["done"] is True
        assert serving.ask("DELETE", "/api/delete", {"model": "heron"}) == (200, "") and home.files() == ["Otter-Q8_0.gguf"]
        assert serving.ask("DELETE", "/api/delete", {"model": "heron"})[0] == 404
        assert serving.ask("DELETE", "/api/delete", {"model": "builtin"})[0] == 404
        for name in ("../heron", "a/b", "builtin", ".x", ""):
            assert serving.ask("POST", "/api/copy", {"source": "Otter-Q8_0", "destination": name})[0] == 400, name
        assert home.files() == ["Otter-Q8_0.gguf"]
        status, text = serving.ask("POST", "/api/pull", {"model": "acme/Heron:Q8_0"})
        assert status == 404 and "nothing at" in json.loads(text)["error"], (status, text)
        assert serving.ask("POST", "/api/pull", [])[0] == 400 and serving.ask("GET", "/api/pull", {})[0] == 405
        assert serving.ask("POST", "/api/pull", {"model": "acme/Otter:Q8_0"}, Origin="https://evil.example")[0] == 403
    finally:
        serving.stop()
    shutil.rmtree(home.path)


def only_the_same_user_changes_models():
    if os.getuid() != 0:
        return  # another user cannot be tried
    home, origin = Home(), start(whole)
    serving = Serving(home, origin, "--allow-pull")
    script = ("import os, sys, http.client, encodings.idna; os.setgid(65534); os.setuid(65534)\n"
              "c = http.client.HTTPConnection('127.0.0.1', int(sys.argv[1])); c.request('POST', '/api/pull', '{\"model\": \"acme/Otter:Q8_0\"}')\n"
              "r = c.getresponse(); print(r.status, r.read().decode())")
    try:
        said = subprocess.run([sys.executable, "-c", script, str(serving.port)], capture_output=True, text=True, timeout=60).stdout
        assert said.startswith("403") and "user" in said and home.files() == [] and not origin.asked, said
    finally:
        serving.stop()
    key = os.path.join(home.path, "key")
    with open(key, "w") as file:
        file.write("a-key-of-some-length")
    serving = Serving(home, origin, "--allow-pull", "--key-file", key)
    try:
        assert serving.ask("POST", "/api/pull", {"model": "acme/Otter:Q8_0"})[0] == 401
        assert serving.ask("POST", "/api/pull", {"model": "acme/Otter:Q8_0"}, Authorization="Bearer a-key-of-some-length")[0] == 200
        assert home.holds()
    finally:
        serving.stop()
    shutil.rmtree(home.path)


def an_address_is_checked_where_a_digest_is_given():
    home, server = Home(), start(whole)
    address = f"http://127.0.0.1:{server.server_port}/files/direct.gguf"
    wrong = home.pull(server, address, "--sha256", "0" * 64)
    assert wrong.returncode != 0 and home.files() == []
    right = home.pull(server, address)
    assert right.returncode == 0 and DIGEST in right.stdout and home.holds("direct.gguf")
    shutil.rmtree(home.path)


def ollamas_library_has_its_names():
    home, server = Home(), start(whole)
    assert home.pull(server, "otter:4b", HF_TOKEN="secret-token").returncode == 0 and home.holds("otter:4b.gguf")
    assert all("Authorization" not in headers for _, headers in server.asked), "the hub's token went to another service"
    assert subprocess.run([PROGRAM, "tokenize", "--state", home.path, "-m", "otter:4b", "x"], capture_output=True).returncode == 0
    assert home.pull(server, "acme/Otter", HF_TOKEN="secret-token").returncode != 0  # Q4_K_M is not served
    assert any(headers.get("Authorization") == "Bearer secret-token" for _, headers in server.asked)
    shutil.rmtree(home.path)


TESTS = [a_whole_file_comes, clients_of_a_server_pull_copy_and_delete, only_the_same_user_changes_models, what_breaks_is_gone_on_with, a_server_without_ranges_is_taken_at_its_word,
         a_second_pull_goes_on_with_the_first, a_pull_that_is_killed_is_gone_on_with, a_broken_line_says_what_is_kept, delays_are_waited_for,
         a_disk_that_is_too_small_is_said_before, progress_is_shown, clients_of_a_server_see_how_far_it_is, what_is_wrong_never_appears, nobody_is_led_astray,
         an_address_is_checked_where_a_digest_is_given, ollamas_library_has_its_names]
SLOW_TESTS = [a_server_that_stalls_is_asked_again]  # they wait, and run beside the others


def succeeds(test):
    try:
        test()
        return True
    except Exception as error:  # any failure is one failed test, and the others still run
        print(f"FAILED {test.__name__}: {type(error).__name__} {error}", flush=True)
        return False


def main():
    with concurrent.futures.ThreadPoolExecutor() as pool:
        slow = [pool.submit(succeeds, test) for test in SLOW_TESTS]
        results = [succeeds(test) for test in TESTS] + [test.result() for test in slow]
    print(f"{sum(results)} passed, {results.count(False)} failed")
    return not all(results)


if __name__ == "__main__":
    sys.exit(main())
