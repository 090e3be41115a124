"""Turns a finished task into token ids, with a loss weight per token.

Only what the assistant chooses freely counts in full: the first token of a turn, the tool's name,
argument values and their end, optional argument names, answers and their end. Scaffolding that the
grammar mask forces gets a small weight; everything else none.
"""
import holt_profile as profile

SCAFFOLD = 0.05
REQUIRED = {tool["name"]: set(tool["parameters"]["required"]) for tool in profile.TOOLS}


def call_weights(name, arguments):
    """(text from <tool_call> to </tool_call>, weight per byte of the part between the markers)."""
    parts = [('\n{"name": ', SCAFFOLD), ('"', SCAFFOLD), (name, 1.0), ('"', 0.2), (', "arguments": {', SCAFFOLD)]
    for index, (key, value) in enumerate(arguments.items()):
        if index:
            parts.append((", ", SCAFFOLD))
        parts.append(('"', SCAFFOLD))
        parts.append((key, SCAFFOLD if key in REQUIRED[name] else 1.0))
        parts.append(('": ', SCAFFOLD))
        written = profile.dumps(value)
        if isinstance(value, str):
            parts += [('"', SCAFFOLD), (written[1:-1], 1.0), ('"', 1.0)]
        else:
            parts.append((written, 1.0))
    parts += [("}", 1.0 if arguments and not isinstance(list(arguments.values())[-1], str) else SCAFFOLD), ("}\n", SCAFFOLD)]
    text = "".join(part for part, _ in parts)
    assert "<tool_call>" + text + "</tool_call>" == profile.call_text(name, arguments)
    weights = []
    for part, weight in parts:
        weights += [weight] * len(part.encode())
    return text, weights


class Renderer:
    def __init__(self, tokenizer):
        self.t = tokenizer
        self.id = tokenizer.ids
        self.head = {role: tokenizer.encode_marked(f"<|im_start|>{role}\n") for role in ("user", "assistant", "tool")}
        self.newline = tokenizer.encode("\n")

    def message(self, role, text):
        return self.head[role] + self.t.encode(text) + [self.id["<|im_end|>"]] + self.newline

    def call(self, name, arguments):
        text, byte_weights = call_weights(name, arguments)
        ids, weights, at = [self.id["<tool_call>"]], [1.0], 0
        for token in self.t.encode(text):
            size = len(self.t.token_bytes(token))
            ids.append(token)
            weights.append(max(byte_weights[at:at + size]))
            at += size
        assert at == len(byte_weights)
        return ids + [self.id["</tool_call>"]], weights + [SCAFFOLD]

    def task(self, world):
        """Returns (ids, weights); weights[i] is the weight of predicting ids[i]."""
        ids, weights = [], []

        def add(more, weight):
            ids.extend(more)
            weights.extend(weight if isinstance(weight, list) else [weight] * len(more))

        for step in world.steps:
            if step[0] == "user":
                add(self.message("user", step[1]), 0.0)
                continue
            add(self.head["assistant"], 0.0)
            if step[0] == "call":
                add(*self.call(step[1], step[2]))
                add([self.id["<|im_end|>"]], 0.2)
                add(self.newline, 0.0)
                add(self.message("tool", step[3]), 0.0)
            else:
                add(self.t.encode(step[1]), 1.0)
                add([self.id["<|im_end|>"]], 1.0)
                add(self.newline, 0.0)
        return ids, weights


if __name__ == "__main__":
    import random
    import time

    import tasks
    import tokenizer

    t = tokenizer.Tokenizer.load("tokenizer.json")
    r = Renderer(t)
    rng = random.Random(1)
    lengths, free = [], 0
    kinds = list(tasks.KINDS)
    start = time.time()
    by_kind = {}
    for i in range(2000):
        kind = rng.choices(kinds, [tasks.KINDS[k][1] for k in kinds])[0]
        ids, weights = r.task(tasks.make(kind, rng, "train"))
        lengths.append(len(ids))
        by_kind.setdefault(kind, []).append(len(ids))
        free += sum(w >= 1 for w in weights)
    print("seconds", time.time() - start, "mean", sum(lengths) / len(lengths), "p50", sorted(lengths)[1000], "p95", sorted(lengths)[1900], "max", max(lengths), "free", free / sum(lengths))
    print({k: round(sum(v) / len(v)) for k, v in by_kind.items()})
    for kind in ("copy_value", "append_line"):
        w = tasks.make(kind, rng, "train")
        ids, weights = r.task(w)
        print("|".join(t.decode([i]).replace("\n", "⏎") + (f"[{x:g}]" if x else "") for i, x in zip(ids, weights)))
