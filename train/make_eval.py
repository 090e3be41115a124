"""Writes the held-out tasks: other seeds, other words and other phrases than training.

usage: make_eval.py OUT.jsonl [TASKS_PER_KIND]
"""
import json
import random
import sys

import tasks


def line(world, kind, identity):
    files, notes = world.start
    folders = sorted(folder for folder in world.start_folders if folder != ".")
    row = {"id": identity, "kind": kind, "files": files, "turns": world.turns, "allow": world.allow, "check": world.check}
    if folders:
        row["folders"] = folders
    if notes:
        row["notes"] = notes
    return json.dumps(row, ensure_ascii=False)


def main():
    each = int(sys.argv[2]) if len(sys.argv) > 2 else 16
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        for kind in tasks.KINDS:
            for number in range(each):
                world = tasks.make(kind, random.Random(f"held-out-{kind}-{number}"), "eval")
                file.write(line(world, kind, f"{kind}-{number + 1:02d}") + "\n")


if __name__ == "__main__":
    main()
