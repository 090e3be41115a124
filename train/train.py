"""Trains the built-in model.

usage: train.py RUN_FOLDER [--export FILE.gguf] [--seed N] [--ranks N]

With --ranks N (default 1) it starts N processes of one thread each that share every step.

RUN_FOLDER/schedule.json is read before every step, so that a run can be extended, sped up or ended
while it goes on:
  stop        last step
  decay_from  step from which the rate falls linearly to zero at `stop`
  rate        peak rate of the matrices (Muon); adam_rate for embedding and norms
  tokens      tokens per step (without the prompt), pack those of one pass (a multiple of 768)
  prompt      share of steps with the full prompt (else a stub); of those,
  variants    share with a subset of the tools in another order
  copying     share of rows that are pure repetition
  kinds       null or a list of kinds
  eval_minutes, eval_each   how often, and with how many tasks of each kind, it is measured what the
              network gets right; kinds that it gets wrong more often are drawn more often
  finish_at   instead of decay_from and stop: a time "HH:MM"; the rate falls to zero over the last
              decay_minutes, and the last full_minutes see only the full prompt
SIGTERM saves and ends; the next start goes on where it stopped (weights, optimizer, data position).
"""
import bisect
import ctypes
import json
import os
import random
import signal
import subprocess
import sys
import time

import torch
import torch.distributed as dist

import evaluate
import export
import holt_profile as profile
import model
import render
import tasks
import tokenizer

WIDTHS = (128, 192, 256, 384)  # of rows
# A short prompt for most of the training: attention over the full one costs as much as all the rest.
DEFAULTS = {"stop": 4000, "decay_from": 3200, "rate": 0.02, "adam_rate": 0.003, "tokens": 6144, "warmup": 60, "pack": 3072,
            "prompt": 0.0, "variants": 0.4, "copying": 0.2, "kinds": None, "finish_at": None, "decay_minutes": 25, "full_minutes": 28, "save_minutes": 4, "eval_minutes": 6, "eval_each": 12}


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
        """Each rank orthogonalizes its share of every stack; the sum with zeros is exact."""
        self.count += 1
        rank, ranks = dist.get_rank(), dist.get_world_size()
        updates = {}
        for shape, group in self.groups.items():
            g = torch.stack([p.grad for p in group])
            m = self.momentum[shape]
            m.lerp_(g, 0.05)
            updates[shape] = torch.zeros(len(group), *shape)
            low, high = len(group) * rank // ranks, len(group) * (rank + 1) // ranks
            updates[shape][low:high] = orthogonal(torch.lerp(g[low:high], m[low:high], 0.95))
        flat = torch.cat([u.view(-1) for u in updates.values()])
        dist.all_reduce(flat)
        at = 0
        for shape, group in self.groups.items():
            scale = rate * max(1.0, shape[0] / shape[1]) ** 0.5
            for p in group:
                p.mul_(1 - rate * decay).add_(flat[at:at + p.numel()].view(shape), alpha=-scale)
                at += p.numel()
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
        """Ranks take turns in one numbered stream."""
        self.position += dist.get_world_size()
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
        for _ in range(round(schedule["tokens"] / size / dist.get_world_size())):
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
    ids = torch.zeros(count, width, dtype=torch.long)
    begins = torch.arange(width, dtype=torch.int32).repeat(count, 1)
    target, weights = torch.zeros(count, width, dtype=torch.int32), torch.zeros(count, width)
    for line in range(count):
        at = 0
        while True:  # the last token of a task predicts nothing
            chosen = bisect.bisect_right(pool, width - at + 1, key=lambda row: len(row[0])) - 1
            if chosen < 0:
                break
            row, w = pool.pop(chosen)
            end = at + len(row) - 1
            ids[line, at:end] = torch.tensor(row[:-1])
            begins[line, at:end] = at
            target[line, at:end] = torch.tensor(row[1:])
            weights[line, at:end] = torch.tensor(w[1:])
            at = end
    return ids, begins, target, weights


# ------------------------------------------------------------------ the run
def rate_share(schedule, step):
    if "share" in schedule:
        return schedule["share"]
    if step < schedule["warmup"]:
        return (step + 1) / schedule["warmup"]
    if step >= schedule["decay_from"]:
        return max(0.0, (schedule["stop"] - step) / max(1, schedule["stop"] - schedule["decay_from"]))
    return 1.0


def exact_by_kind(net, data, schedule, split, seed, each):
    """Share of fresh tasks per kind of which the network gets every free token right (told the ones before)."""
    prompt, _ = data.variant({**schedule, "variants": 0}, seed)
    result = {}
    for kind in schedule["kinds"] or tasks.KINDS:
        rows = [data.renderer.task(tasks.make(kind, random.Random(f"exact-{seed}-{kind}-{i}"), split)) for i in range(each)]
        right = net.exact(torch.tensor(prompt), rows)
        result[kind] = sum(right) / len(right)
    return result


def train_step(net, optimizer, data, schedule, step, stopping, need):
    """Returns loss, accuracy, tokens of all ranks, and whether any rank was asked to stop."""
    prompt, tools = data.variant(schedule, step)
    packs = list(data.packs(schedule, tools, need))
    loss, weight, hits, counted = net.gradients(torch.tensor(prompt), packs)
    worked = sum(int((ids > 0).sum()) for ids, _, _, _ in packs) + len(prompt)
    buffer = torch.cat([p.grad.reshape(-1) for p in net.parameters()] + [torch.tensor([loss, weight, hits, counted, worked, bool(stopping)])])
    dist.all_reduce(buffer)
    facts = buffer[-6:].tolist()
    buffer /= facts[1]
    at = 0
    for p in net.parameters():
        p.grad = buffer[at:at + p.numel()].view_as(p)
        at += p.numel()
    share = rate_share(schedule, step)
    optimizer.step(schedule["rate"] * share, schedule["adam_rate"] * share)
    net.zero_grad(set_to_none=True)
    return facts[0] / facts[1], facts[2] / max(1, facts[3]), facts[4], facts[5] > 0


def read_schedule(run):
    """Rank 0 reads, the others follow."""
    held = [dict(DEFAULTS)]
    if dist.get_rank() == 0:
        try:
            with open(os.path.join(run, "schedule.json"), encoding="utf-8") as file:
                held = [{**DEFAULTS, **json.load(file)}]
        except (OSError, ValueError) as error:
            print("schedule:", error, flush=True)
    schedule = held[0]
    if schedule["finish_at"]:  # rank 0's clock decides for all
        now = time.time()
        end = time.mktime(time.strptime(time.strftime("%Y-%m-%d ") + schedule["finish_at"], "%Y-%m-%d %H:%M"))
        left = (end - now) / 60
        schedule["share"] = min(1.0, max(0.0, left / schedule["decay_minutes"]))
        if left < schedule["full_minutes"]:
            schedule["prompt"] = 1.0
        if left <= 0:
            schedule["stop"] = 0
    dist.broadcast_object_list(held)
    return held[0]


def start_ranks(ranks):
    """Starts the other ranks as children of this process; returns this process's rank."""
    if "HOLT_RANK" in os.environ:
        return int(os.environ["HOLT_RANK"])
    os.environ["MASTER_ADDR"], os.environ["MASTER_PORT"] = "127.0.0.1", str(20000 + os.getpid() % 20000)
    for rank in range(1, ranks):
        subprocess.Popen([sys.executable] + sys.argv, env={**os.environ, "HOLT_RANK": str(rank)}, start_new_session=True)
    return 0


def main():
    run = sys.argv[1]
    option = lambda name, default: sys.argv[sys.argv.index(name) + 1] if name in sys.argv else default
    seed, export_path = int(option("--seed", 1)), option("--export", "")
    torch.set_num_threads(1)
    for setting, value in ((-1, 1 << 30), (-3, 32 << 20)):  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD: keep freed memory
        ctypes.CDLL(None).mallopt(setting, value)
    ranks = int(option("--ranks", 1))
    rank = start_ranks(ranks)
    dist.init_process_group("gloo", rank=rank, world_size=ranks)
    torch.manual_seed(seed)
    os.makedirs(run, exist_ok=True)
    t = tokenizer.Tokenizer.load(os.path.join(profile.HERE, "tokenizer.json"))
    net = model.Net(model.Config(vocab=len(t.tokens)))
    model.structured_init(net, seed)
    optimizer = Optimizer(net)
    data = Data(render.Renderer(t), seed)
    data.position = rank
    step, seconds, path = 0, 0.0, os.path.join(run, "checkpoint.pt")
    if os.path.exists(path):
        state = torch.load(path)
        net.load_state_dict(state["net"])
        optimizer.load(state["optimizer"])
        data.position, step, seconds = state["position"] + rank, state["step"], state["seconds"]
    stopping = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(1))
    signal.signal(signal.SIGINT, lambda *_: stopping.append(1))
    log = open(os.path.join(run, "log.jsonl"), "a", encoding="utf-8")

    def save():
        if rank:
            return
        torch.save({"net": net.state_dict(), "optimizer": optimizer.state(), "position": data.position, "step": step,
                    "seconds": seconds, "config": net.c.as_dict(), "seed": seed}, path + ".new")
        os.replace(path + ".new", path)
        if export_path:
            export.write(export_path, net, t)

    saved, evaluated, need = time.time(), 0.0, {}
    average, mark_tokens, mark_time = None, 0, time.time()
    if rank == 0:
        print(f"step {step}, {sum(p.numel() for p in net.parameters())} parameters, {len(t.tokens)} tokens", flush=True)
    while True:
        schedule = read_schedule(run)
        if step >= schedule["stop"]:
            break
        started = time.time()
        loss, accuracy, worked, ending = train_step(net, optimizer, data, schedule, step, stopping, need)
        seconds += time.time() - started
        step += 1
        if ending:
            break
        if rank:
            continue
        mark_tokens += worked
        average = (loss, accuracy) if average is None else tuple(0.9 * a + 0.1 * b for a, b in zip(average, (loss, accuracy)))
        if step % 10 == 0:
            speed = mark_tokens / (time.time() - mark_time)
            row = {"step": step, "loss": round(average[0], 4), "accuracy": round(average[1], 4), "tokens_per_second": round(speed),
                   "gflops": round(6 * 4.42e6 * speed / 1e9), "rate": rate_share(schedule, step), "rows": data.position, "hours": round(seconds / 3600, 4)}
            log.write(json.dumps(row) + "\n")
            log.flush()
            print(row, flush=True)
            mark_tokens, mark_time = 0, time.time()
        if time.time() - saved > 60 * schedule["save_minutes"]:
            save()
            saved = time.time()
        if time.time() - evaluated > 60 * schedule["eval_minutes"]:
            seen, unseen = (exact_by_kind(net, data, schedule, split, step, schedule["eval_each"]) for split in ("train", "eval"))
            need = {kind: min(3.0, 0.4 + 4 * (1 - share)) for kind, share in seen.items()}
            log.write(json.dumps({"step": step, "train": seen, "eval": unseen}) + "\n")
            log.flush()
            mean = lambda shares: sum(shares.values()) / len(shares)
            print(f"exact: train {mean(seen):.3f}, eval {mean(unseen):.3f};", " ".join(f"{kind}:{seen[kind]:.2f}/{unseen[kind]:.2f}" for kind in seen), flush=True)
            evaluated = mark_time = time.time()
            mark_tokens = 0
    save()
    if rank == 0:
        print("saved at step", step, flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
