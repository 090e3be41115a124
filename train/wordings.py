"""Turns wordings written by people into tasks with fresh names and contents.

usage: wordings.py WORDINGS_SOURCE.jsonl OUT.jsonl
Each line of the source: {"kind": "count_files", "text": "how many files does {D} have?"}; the kinds and
their placeholders are in tests/eval/KINDS.md.
"""
import json
import random
import sys

import make_eval
import tasks

EXPRESSIONS = {"arithmetic_add": "{a} + {b}", "arithmetic_subtract": "{a} - {b}", "arithmetic_multiply": "{a} * {b}",
               "arithmetic_divide": "{a} / {b}", "arithmetic_percent": "{b} * {a} / 100", "save_product": "{a} * {b}"}
MAKERS = {"sum_two_keys": lambda w: tasks.two_keys(w, ("sum_two_keys", "+")), "sum_two_files": tasks.two_files, "save_product": tasks.save_result,
          "delete_file": tasks.file_job, "rename_file": tasks.file_job, "copy_file": tasks.file_job, "make_folder": tasks.file_job}
SLOTS = ("D", "F", "G", "K", "L", "T", "U", "N", "NTH", "V", "R", "W", "C", "S", "E", "a", "b")


def task(kind, text, seed):
    maker = MAKERS.get(kind) or tasks.KINDS["arithmetic" if kind.startswith("arithmetic_") else kind][0]
    for attempt in range(500):
        world = tasks.World(random.Random(f"wording-{seed}-{attempt}"), "eval", text)
        world.given_expression, world.given_kind = EXPRESSIONS.get(kind), kind
        try:
            maker(world)
        except (tasks.Retry, StopIteration):
            continue
        if any("{" + slot + "}" in world.turns[0] for slot in SLOTS):
            raise SystemExit(f"{kind}: a placeholder is left over in {world.turns[0]!r}")
        return world
    raise SystemExit(f"{kind}: cannot make a task for {text!r}")


def main():
    counts = {}
    with open(sys.argv[1], encoding="utf-8") as source, open(sys.argv[2], "w", encoding="utf-8") as out:
        for row in source:
            if not row.strip():
                continue
            row = json.loads(row)
            kind = row["kind"]
            counts[kind] = counts.get(kind, 0) + 1
            world = task(kind, row["text"], f"{kind}-{counts[kind]}")
            out.write(make_eval.line(world, kind, f"{kind}-{counts[kind]:02d}") + "\n")
    print(sum(counts.values()), "tasks of", len(counts), "kinds")


if __name__ == "__main__":
    main()
