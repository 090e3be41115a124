"""Compares emulate.py with the real tools of a built holt, call by call.

usage: compare_tools.py HOLT [COUNT] [SEED]

Every call of COUNT generated tasks is carried out by `holt tools call` in a real folder; the text
must be the one the transcripts of the training hold, byte for byte. Prints the differences and a
line "N passed, N failed"; exits 1 on any.
"""
import os
import random
import subprocess
import sys
import tempfile

import holt_profile as profile
import tasks


def lay_out(folder, world):
    files, notes = world.start
    for path, content in files.items():
        full = os.path.join(folder, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8", newline="") as file:
            file.write(content)
    for path in world.start_folders:
        os.makedirs(os.path.join(folder, path), exist_ok=True)
    return notes


def call(holt, folder, state, name, arguments):
    command = [holt, "tools", "call", name, profile.dumps(arguments), "-w", folder, "--state", state, "--allow", "write,run"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.rstrip("\n") if done.stdout else "(nothing) " + done.stderr


def main():
    holt = os.path.abspath(sys.argv[1])
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 100
    seed = sys.argv[3] if len(sys.argv) > 3 else "1"
    passed = failed = 0
    for number in range(count):
        rng = random.Random(f"compare-{seed}-{number}")
        kind = rng.choice(list(tasks.KINDS))
        world = tasks.make(kind, rng, "train")
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as state:
            for note in lay_out(folder, world):
                call(holt, folder, state, "remember", {"note": note})
            for step in world.steps:
                if step[0] != "call":
                    continue
                _, name, arguments, wanted = step
                if wanted == "error: the user did not allow this":
                    break  # the command line above allows everything
                got = call(holt, folder, state, name, arguments)
                if got == wanted.rstrip("\n"):
                    passed += 1
                else:
                    failed += 1
                    print(f"{kind}: {name} {profile.dumps(arguments)}\n  wanted {wanted!r}\n  got    {got!r}")
                    break
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
