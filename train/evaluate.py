"""Plays tasks with the trained network through the emulated tools, and judges the results.

usage: evaluate.py CHECKPOINT [EACH [SPLIT [KIND,KIND...]]]  or  evaluate.py CHECKPOINT FILE.jsonl
"""
import json
import random
import sys

import torch

import emulate
import holt_profile as profile
import model
import tasks
import tokenizer

STUB = "<|im_start|>system\nYou are holt.<|im_end|>\n"
STEPS_MAX = 8
TOKENS_MAX = 160


def judge(check, answer, folder, before, calls):
    """None when the check holds, else the reason."""
    files, notes_before = before
    low = answer.lower()
    for text in check.get("answer_contains", []):
        if text.lower() not in low:
            return f"answer lacks {text!r}"
    if check.get("answer_any") and not any(text.lower() in low for text in check["answer_any"]):
        return "answer has none of the wanted"
    for text in check.get("answer_lacks", []):
        if text.lower() in low:
            return f"answer has {text!r}"
    for path, text in check.get("file_equals", {}).items():
        if folder.files.get(path, "").rstrip("\n") != text.rstrip("\n"):
            return f"file {path} is {folder.files.get(path)!r}"
    for path, text in check.get("file_contains", {}).items():
        if text not in folder.files.get(path, ""):
            return f"file {path} is {folder.files.get(path)!r}"
    for path in check.get("file_absent", []):
        if path in folder.files:
            return f"file {path} is still there"
    for path in check.get("folder_exists", []):
        if path not in folder.folders():
            return f"no folder {path}"
    if check.get("files_unchanged") and folder.files != files:
        return "files changed"
    if check.get("no_calls") and calls:
        return "called " + calls[0]
    for name in check.get("calls_include", []):
        if name not in calls:
            return f"no call of {name}"
    for note in check.get("notes_contains", []):
        if not any(note.lower() in kept.lower() for kept in folder.notes):
            return "note missing"
    return None


class Player:
    def __init__(self, net, t, tools):
        self.decoder = model.Decoder(net)
        self.t = t
        with torch.no_grad():
            self.prompt = self.decoder.step(t.encode_marked(STUB if tools is None else profile.system_text(tools)), [])[1]

    def play(self, turns, folder):
        """Returns (last answer, names of the calls, transcript)."""
        t, cache, calls, told, answer = self.t, self.prompt, [], [], ""
        ids = t.ids
        for turn in turns:
            told.append("user: " + turn)
            pending = t.encode_marked("<|im_start|>user\n") + t.encode(turn) + t.encode_marked("<|im_end|>\n")
            for _ in range(STEPS_MAX):
                pending += t.encode_marked("<|im_start|>assistant\n")
                out = []
                while len(out) < TOKENS_MAX:
                    logits, cache = self.decoder.step(pending, cache)
                    token = int(logits.argmax())
                    pending = [token]
                    if token == ids["<|im_end|>"]:
                        break
                    out.append(token)
                pending = ([] if token != ids["<|im_end|>"] else [token]) + t.encode("\n")
                text = t.decode(out)
                told.append("model: " + text)
                if not text.startswith("<tool_call>"):
                    answer = text
                    break
                try:
                    call = json.loads(text[len("<tool_call>"):-len("</tool_call>")])
                    result = folder.call(call["name"], call["arguments"])
                    calls.append(call["name"])
                except Exception as error:  # a malformed call; the real program's mask forbids it
                    return f"malformed: {error}", calls, told
                told.append("tool: " + result)
                pending += t.encode_marked("<|im_start|>tool\n") + t.encode(result) + t.encode_marked("<|im_end|>\n")
        return answer, calls, told


def play_world(player, world):
    files, notes = world.start
    folder = emulate.Folder(files, notes, world.allow, world.start_folders)
    answer, calls, told = player.play(world.turns, folder)
    return judge(world.check, answer, folder, (files, notes), calls), told


def by_kind(net, t, tools, each, seed, kinds=None, split="eval", show=False):
    player = Player(net, t, tools)
    result = {}
    for kind in kinds or tasks.KINDS:
        good = 0
        for number in range(each):
            world = tasks.make(kind, random.Random(f"{seed}-{kind}-{number}"), split)
            reason, told = play_world(player, world)
            good += reason is None
            if show and reason:
                print("##", kind, "|", reason)
                for text in told:
                    print("    " + text[:400].replace("\n", "\n        "))
        result[kind] = [good, each]
    return result


def line(result):
    good, total = sum(g for g, _ in result.values()), sum(n for _, n in result.values())
    return f"{good}/{total} " + " ".join(f"{kind}:{g}/{n}" for kind, (g, n) in result.items() if g < n)


def load(path):
    state = torch.load(path)
    t = tokenizer.Tokenizer.load(profile.HERE + "/tokenizer.json")
    net = model.Net(model.Config(**state["config"]))
    net.load_state_dict(state["net"])
    return net, t, state


def by_file(net, t, tools, path, show=True):
    player, result = Player(net, t, tools), {}
    with open(path, encoding="utf-8") as file:
        for text in file:
            task = json.loads(text)
            folder = emulate.Folder(task["files"], task.get("notes", []), task.get("allow", []), task.get("folders", []))
            before = (dict(folder.files), list(folder.notes))
            answer, calls, told = player.play(task["turns"], folder)
            reason = judge(task["check"], answer, folder, before, calls)
            count = result.setdefault(task["kind"], [0, 0])
            count[0] += reason is None
            count[1] += 1
            if show and reason:
                print("##", task["kind"], task["id"], "|", reason)
                for line_ in told:
                    print("    " + line_[:400].replace("\n", "\n        "))
    return result


if __name__ == "__main__":
    torch.set_num_threads(1)
    net, t, state = load(sys.argv[1])
    print("step", state["step"])
    tools = None if "--stub" in sys.argv else profile.TOOLS
    given = [a for a in sys.argv[2:] if not a.startswith("--")]
    if given and given[0].endswith(".jsonl"):
        result = by_file(net, t, tools, given[0])
    else:
        result = by_kind(net, t, tools, int(given[0]) if given else 2, 11, given[2].split(",") if len(given) > 2 else None,
                         given[1] if len(given) > 1 else "eval", True)
    print(line(result))
