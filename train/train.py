"""Trains the built-in model.

usage: train.py RUN_FOLDER [--export FILE.gguf] [--seed N]

One thread for the network and a second process that makes the data. RUN_FOLDER/schedule.json is read
before every step, so that a run can be extended, sped up or ended while it goes on:
  stop        last step
  decay_from  step from which the rate falls linearly to zero at `stop`
  finish_at   instead of decay_from and stop: a time "HH:MM"; the rate falls to zero over the last
              decay_minutes, and the last full_minutes see only the full prompt
  rate        peak rate of the matrices (Muon); adam_rate for embedding and norms
  tokens      tokens per step (without the prompt), pack those of one pass (a multiple of 768)
  prompt      share of steps with the full prompt (else a stub); of those,
  variants    share with a subset of the tools in another order
  copying     share of rows that are pure repetition
  kinds       null or a list of kinds
  eval_minutes, eval_each   how often, and with how many tasks of each kind, it is measured what the
              network gets right; kinds that it gets wrong more often are drawn more often
SIGTERM saves and ends; the next start goes on where it stopped (weights, optimizer, data position).
"""
import bisect
import ctypes
import json
import multiprocessing
import os
import random
import signal
import sys
import time

import numpy as np
import torch

import evaluate
import export
import holt_profile as profile
import model
import render
import tasks
import tokenizer

WIDTHS = (128, 192, 256, 384)  # of rows
# A short prompt for most of the training: attention over the full one costs as much as all the rest.
DEFAULTS = {"stop": 4000, "decay_from": 3200, "finish_at": None, "decay_minutes": 25, "full_minutes": 28, "warmup": 40,
            "rate": 0.016, "adam_rate": 0.003, "tokens": 6144, "pack": 3072, "prompt": 0.05, "variants": 0.3, "copying": 0.04, "kinds": None,
            "save_minutes": 4, "eval_minutes": 8, "eval_each": 10}


# ------------------------------------------------------------------ optimizer
def orthogonal(g, steps=5):
    """Newton-Schulz iteration of a stack of matrices, bf16."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = g.to(torch.bfloat16)
    tall = x.shape[-2] > x.shape[-1]
    if tall:
        x = x.transpose(-1, -2)
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        s = x @ x.transpose(-1, -2)
        x = torch.baddbmm(x, torch.baddbmm(s, s, s, beta=b, alpha=c), x, beta=a)
    return (x.transpose(-1, -2) if tall else x).float()


class Optimizer:
    """Muon for the matrices of the blocks, Adam for the rest."""

    def __init__(self, net):
        self.groups = {}
        for block in net.blocks:
            for name in ("q", "k", "v", "o", "gate", "up", "down"):
                p = getattr(block, name)
                self.groups.setdefault(tuple(p.shape), []).append(p)
        matrices = {id(p) for group in self.groups.values() for p in group}
        self.rest = [p for p in net.parameters() if id(p) not in matrices]
        self.momentum = {shape: torch.zeros(len(group), *shape) for shape, group in self.groups.items()}
        self.adam = [(torch.zeros_like(p), torch.zeros_like(p)) for p in self.rest]
        self.count = 0

    def state(self):
        return {"momentum": self.momentum, "adam": self.adam, "count": self.count}

    def load(self, state):
        self.momentum, self.adam, self.count = state["momentum"], state["adam"], state["count"]

    @torch.no_grad()
    def step(self, rate, adam_rate, decay=0.02):
        self.count += 1
        for shape, group in self.groups.items():
            g = torch.stack([p.grad for p in group])
            m = self.momentum[shape]
            m.lerp_(g, 0.05)
            scale = rate * max(1.0, shape[0] / shape[1]) ** 0.5
            for p, update in zip(group, orthogonal(g.lerp_(m, 0.95))):
                p.mul_(1 - rate * decay).add_(update, alpha=-scale)
        for p, (first, second) in zip(self.rest, self.adam):
            first.lerp_(p.grad, 0.1)
            second.lerp_(p.grad.square(), 0.05)
            a, b = first / (1 - 0.9 ** self.count), second / (1 - 0.95 ** self.count)
            p.add_(a / (b.sqrt() + 1e-8), alpha=-adam_rate)


# ------------------------------------------------------------------ data
class Data:
    """The stream of training rows; its position is one number."""

    def __init__(self, renderer, seed, position=0):
        self.renderer, self.seed, self.position = renderer, seed, position
        self.pool = []  # tasks not used yet, by length

    def rng(self):
        self.position += 1
        return random.Random(f"{self.seed}-{self.position}")

    def copying(self, rng):
        """Random tokens, then pieces of them again, in order or shuffled."""
        vocabulary = len(self.renderer.t.tokens)
        first = [rng.randrange(5, vocabulary) for _ in range(rng.randint(12, 70))]
        if rng.random() < 0.5:
            again = first
        else:
            size = rng.randint(4, 12)
            pieces = [first[i:i + size] for i in range(0, len(first), size)]
            rng.shuffle(pieces)
            again = sum(pieces, [])
        return first + again, [0.0] * (len(first) + 1) + [0.5] * (len(again) - 1)

    def draw(self, schedule, tools, need, tokens):
        """New rows; tools limits what the tasks may call (None: all); need: how much more or less of a
        kind than its share."""
        kinds = schedule["kinds"] or list(tasks.KINDS)
        shares = [tasks.KINDS[kind][1] * need.get(kind, 1.0) for kind in kinds]
        rows, total = [], 0
        while total < tokens:
            rng = self.rng()
            if rng.random() < schedule["copying"]:
                row = self.copying(rng)
            else:
                world = tasks.make(rng.choices(kinds, shares)[0], rng, "train")
                used = {step[1] for step in world.steps if step[0] == "call"}
                if tools is not None and not used <= set(tools):
                    first = next(step[1] for step in world.steps if step[0] == "call")
                    if first in tools or rng.random() > 0.15:
                        continue
                    world.steps = [world.steps[0], ("say", tasks.DECLINE)]
                row = self.renderer.task(world)
            if len(row[0]) <= WIDTHS[-1]:
                rows.append(row)
                total += len(row[0])
        return rows

    def packs(self, schedule, tools, need):
        """The packs of one step. All have the same size and few shapes: a new shape costs time."""
        pool = self.pool if tools is None else []
        size = schedule["pack"]
        for _ in range(round(schedule["tokens"] / size)):
            pool += self.draw(schedule, tools, need, 8 * size - sum(len(row[0]) for row in pool))
            pool.sort(key=lambda row: len(row[0]))
            place = random.Random(self.position).random() * sum(len(row[0]) for row in pool)
            for row in pool:  # long tasks are chosen more often, as they take more rows
                place -= len(row[0])
                if place <= 0:
                    break
            width = next(width for width in WIDTHS if width >= len(row[0]))
            yield pack(pool, width, size // width)

    def variant(self, schedule, step):
        """(prompt ids, tools) of a step."""
        rng = random.Random(f"prompt-{self.seed}-{step}")
        encode = self.renderer.t.encode_marked
        if rng.random() >= schedule["prompt"]:
            return encode(evaluate.STUB), None
        if rng.random() >= schedule["variants"]:
            return encode(profile.system_text(profile.TOOLS)), None
        chosen = rng.sample(profile.TOOLS, rng.choice([4, 5, 6, 7, 8, 9, 9]))
        return encode(profile.system_text(chosen)), [tool["name"] for tool in chosen]


def pack(pool, width, count):
    """Takes tasks out of the pool (sorted by length) and lays them into count rows of the width, longest
    first. Returns (ids, begins, target, weights), each [count,width]; begins: see model.Layout."""
    ids, begins = np.zeros((count, width), np.int64), np.tile(np.arange(width, dtype=np.int32), (count, 1))
    target, weights = np.zeros((count, width), np.int32), np.zeros((count, width), np.float32)
    for line in range(count):
        at = 0
        while True:  # the last token of a task predicts nothing
            chosen = bisect.bisect_right(pool, width - at + 1, key=lambda row: len(row[0])) - 1
            if chosen < 0:
                break
            row, w = pool.pop(chosen)
            end = at + len(row) - 1
            ids[line, at:end] = row[:-1]
            begins[line, at:end] = at
            target[line, at:end] = row[1:]
            weights[line, at:end] = w[1:]
            at = end
    return ids, begins, target, weights


def serve(data, requests, answers):
    """The other process: makes the data of a step while the network works on the step before."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for step, schedule, need in iter(requests.get, None):
        prompt, tools = data.variant(schedule, step)
        answers.put((prompt, list(data.packs(schedule, tools, need)), data.position))


# ------------------------------------------------------------------ the run
def read_schedule(run, step):
    """The schedule of a step; "share" is the part of the peak rate, "stop" tells when to end."""
    schedule = dict(DEFAULTS)
    try:
        with open(os.path.join(run, "schedule.json"), encoding="utf-8") as file:
            schedule.update(json.load(file))
    except (OSError, ValueError) as error:
        print("schedule:", error, flush=True)
    schedule["share"] = min(1.0, (step + 1) / schedule["warmup"])
    if schedule["finish_at"]:
        now = time.time()
        left = (time.mktime(time.strptime(time.strftime("%Y-%m-%d ") + schedule["finish_at"], "%Y-%m-%d %H:%M")) - now) / 60
        schedule["share"] = min(schedule["share"], max(0.0, left / schedule["decay_minutes"]))
        schedule["prompt"] = 1.0 if left < schedule["full_minutes"] else schedule["prompt"]
        schedule["stop"] = 0 if left <= 0 else step + 1
    elif step >= schedule["decay_from"]:
        schedule["share"] = max(0.0, (schedule["stop"] - step) / max(1, schedule["stop"] - schedule["decay_from"]))
    return schedule


def exact_by_kind(net, data, schedule, split, seed):
    """Share of fresh tasks per kind of which the network gets every free token right (told the ones before)."""
    prompt, _ = data.variant({**schedule, "variants": 0}, seed)
    result = {}
    for kind in schedule["kinds"] or tasks.KINDS:
        rows = [data.renderer.task(tasks.make(kind, random.Random(f"exact-{seed}-{kind}-{i}"), split)) for i in range(schedule["eval_each"])]
        right = net.exact(torch.tensor(prompt), rows)
        result[kind] = sum(right) / len(right)
    return result


def main():
    run = sys.argv[1]
    option = lambda name, default: sys.argv[sys.argv.index(name) + 1] if name in sys.argv else default
    seed, export_path = int(option("--seed", 1)), option("--export", "")
    torch.set_num_threads(1)
    for setting, value in ((-1, 1 << 30), (-3, 32 << 20)):  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD: keep freed memory
        ctypes.CDLL(None).mallopt(setting, value)
    os.makedirs(run, exist_ok=True)
    t = tokenizer.Tokenizer.load(os.path.join(profile.HERE, "tokenizer.json"))
    net = model.Net(model.Config(vocab=len(t.tokens)))
    model.structured_init(net, seed)
    optimizer = Optimizer(net)
    data = Data(render.Renderer(t), seed)
    step, seconds, need, path = 0, 0.0, {}, os.path.join(run, "checkpoint.pt")
    if os.path.exists(path):
        state = torch.load(path)
        net.load_state_dict(state["net"])
        optimizer.load(state["optimizer"])
        data.position, step, seconds, need = state["position"], state["step"], state["seconds"], state.get("need", {})
    requests, answers = multiprocessing.Queue(), multiprocessing.Queue()
    maker = multiprocessing.Process(target=serve, args=(data, requests, answers), daemon=True)
    maker.start()
    stopping = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(1))
    signal.signal(signal.SIGINT, lambda *_: stopping.append(1))
    log = open(os.path.join(run, "log.jsonl"), "a", encoding="utf-8")
    position = data.position

    def save():
        torch.save({"net": net.state_dict(), "optimizer": optimizer.state(), "position": position, "step": step, "seconds": seconds,
                    "need": need, "config": net.c.as_dict(), "seed": seed}, path + ".new")
        os.replace(path + ".new", path)
        if export_path:
            export.write(export_path, net, t)

    def tell(row):
        log.write(json.dumps(row) + "\n")
        log.flush()
        print(row, flush=True)

    print(f"step {step}, {sum(p.numel() for p in net.parameters())} parameters, {len(t.tokens)} tokens", flush=True)
    schedule = read_schedule(run, step)
    requests.put((step, schedule, need))
    saved = evaluated = mark_time = time.time()
    average, mark_tokens = None, 0
    while step < schedule["stop"] and not stopping:
        started = time.time()
        prompt, packs, position = answers.get()
        following = read_schedule(run, step + 1)
        requests.put((step + 1, following, need))
        packs = [[torch.from_numpy(part) for part in one] for one in packs]
        loss, weight, hits, counted = net.gradients(torch.tensor(prompt), packs)
        for p in net.parameters():
            p.grad /= weight
        optimizer.step(schedule["rate"] * schedule["share"], schedule["adam_rate"] * schedule["share"])
        seconds += time.time() - started
        mark_tokens += sum(int((one[0] > 0).sum()) for one in packs) + len(prompt)
        now = (loss / weight, hits / max(1, counted))
        average = now if average is None else tuple(0.9 * a + 0.1 * b for a, b in zip(average, now))
        step += 1
        if step % 10 == 0:
            speed = mark_tokens / (time.time() - mark_time)
            tell({"step": step, "loss": round(average[0], 4), "accuracy": round(average[1], 4), "tokens_per_second": round(speed),
                  "gflops": round(6 * 4.42e6 * speed / 1e9), "rate": round(schedule["share"], 3), "rows": position, "hours": round(seconds / 3600, 4)})
            mark_tokens, mark_time = 0, time.time()
        if time.time() - saved > 60 * schedule["save_minutes"]:
            save()
            saved = time.time()
        if time.time() - evaluated > 60 * schedule["eval_minutes"]:
            seen, unseen = (exact_by_kind(net, data, schedule, split, step) for split in ("train", "eval"))
            need = {kind: min(3.0, 0.4 + 4 * (1 - share)) for kind, share in seen.items()}
            mean = lambda shares: round(sum(shares.values()) / len(shares), 3)
            tell({"step": step, "exact_train": mean(seen), "exact_eval": mean(unseen), "train": seen, "eval": unseen})
            evaluated = mark_time = time.time()
            mark_tokens = 0
        schedule = following
    requests.put(None)
    save()
    print("saved at step", step, flush=True)


if __name__ == "__main__":
    main()
