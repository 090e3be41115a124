"""holt launch and its server: whatever ends the one ends the other, and nobody is left behind."""
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

holt = os.path.abspath(sys.argv[1])
SECONDS = 30


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def serves(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/ps", timeout=5) as answer:
            return json.load(answer)["models"][0]["context_length"]
    except OSError:
        return None


def wait_for(condition, what):
    for _ in range(SECONDS * 10):
        if condition():
            return
        time.sleep(0.1)
    sys.exit(f"in vain waited for: {what}")


with tempfile.TemporaryDirectory() as home:
    programs = os.path.join(home, "bin")
    os.mkdir(programs)
    told = os.path.join(home, "told")
    with open(os.path.join(programs, "opencode"), "w") as f:
        f.write(f"#!/bin/sh\necho \"$OPENCODE_CONFIG_CONTENT\" > {told}.new\nmv {told}.new {told}\n"
                "trap 'exit 5' INT\nwhile :; do sleep 0.1; done\n")
    os.chmod(os.path.join(programs, "opencode"), 0o700)
    env = {"PATH": programs + ":" + os.environ["PATH"], "HOME": home, "TERM": "xterm"}

    def launch(port, *options):
        if os.path.exists(told):
            os.remove(told)
        process = subprocess.Popen([holt, "launch", "opencode", "--port", str(port), *options], env=env,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True, start_new_session=True)
        wait_for(lambda: os.path.exists(told) or process.poll() is not None, "the program")
        if process.poll() is not None:
            sys.exit(f"launch ended: {process.stdout.read()}")
        return process

    # Ctrl-C is for the program; its exit code comes back, and the server ends.
    port = free_port()
    process = launch(port)
    assert serves(port) == 4096
    limit = json.loads(open(told).read())["provider"]["holt"]["models"]["builtin"]["limit"]
    assert limit == {"context": 4096, "output": 1024}, limit
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(SECONDS) == 5, process.returncode
    assert serves(port) is None, "the server outlived the program"

    # Killed, it leaves no server behind.
    process = launch(port, "--context", "2048")
    assert serves(port) == 2048
    process.kill()
    process.wait()
    wait_for(lambda: serves(port) is None, "the end of a server whose launch was killed")
    os.killpg(process.pid, signal.SIGKILL)

    # A server that runs is used, and goes on running.
    server = subprocess.Popen([holt, "serve", "--port", str(port)], env=env, stdout=subprocess.DEVNULL)
    wait_for(lambda: serves(port), "the server")
    process = launch(port)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(SECONDS) == 5
    assert serves(port) == 4096, "a server of somebody else was ended"
    server.send_signal(signal.SIGINT)
    server.wait(SECONDS)

    # A server that cannot start says why.
    process = subprocess.run([holt, "launch", "opencode", "--port", str(port), "--context", "16000000"], env=env,
                             stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert process.returncode == 1 and re.search("context of 16000000 tokens", process.stderr), process.stderr
