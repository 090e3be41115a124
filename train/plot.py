"""Draws the loss curve of a run.

usage: plot.py RUN_FOLDER OUT.png
"""
import json
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt


def main():
    rows = []
    with open(sys.argv[1] + "/log.jsonl", encoding="utf-8") as file:
        for text in file:
            row = json.loads(text)
            if "loss" in row:
                rows.append(row)
    steps = [row["step"] for row in rows]
    figure, left = plt.subplots(figsize=(7, 3.6), dpi=110)
    left.plot(steps, [row["loss"] for row in rows], color="#1f5fa8", linewidth=1.4)
    left.set_yscale("log")
    left.set_xlabel("step")
    left.set_ylabel("loss per weighted token", color="#1f5fa8")
    right = left.twinx()
    right.plot(steps, [100 * (1 - row["accuracy"]) for row in rows], color="#b5541c", linewidth=1.0)
    right.set_yscale("log")
    right.set_ylabel("wrong free tokens, %", color="#b5541c")
    left.grid(True, which="major", alpha=0.3)
    left.set_title("Training of the built-in model")
    figure.tight_layout()
    figure.savefig(sys.argv[2])


if __name__ == "__main__":
    main()
