"""Generators of tasks: the folder, what the user says, the ideal calls and answers, the check.

Each kind is a function of a `World`; calls are carried out by emulate.Folder while the transcript is
written, so every result text is the real one.
"""
import collections
import random
import re
import string

import emulate
import holt_profile as profile
import phrase
import wording
import wording_wide
import words
from looking import (list_folder, count_files, count_folders, count_lines, some_pairs, value_sentence, read_value,
                     show_file, read_line, first_line, last_line, planted, needle, find_file, count_matches, line_number,
                     find_then_read)
from world import HELD_OUT, OUTSIDE, Retry, SMALLTALK, World

# ------------------------------------------------------------------ computing
def amount(w):
    rng = w.rng
    return rng.choice([rng.randint(2, 12), rng.randint(2, 99), rng.randint(10, 999), rng.randint(100, 9999)])


def formula(w):
    """Returns (what the user says, the expression)."""
    rng = w.rng
    a, b, c = amount(w), amount(w), amount(w)
    if rng.random() < 0.12:
        a = round(rng.uniform(0.5, 99), rng.choice([1, 2]))
    how = rng.random()
    plus, minus = w.pick(["+", "plus", "plus", "and", "added to"]), w.pick(["-", "minus", "minus", "less"])
    times, by = w.pick(["*", "times", "times", "x", "multiplied by"]), w.pick(["/", "divided by", "divided by", "over"])
    if how < 0.16:
        if plus == "and":
            return f"the sum of {a} and {b}", f"{a} + {b}"
        return f"{a} {plus} {b}", f"{a} + {b}"
    if how < 0.30:
        return f"{a} {minus} {b}", f"{a} - {b}"
    if how < 0.46:
        return f"{a} {times} {b}", f"{a} * {b}"
    if how < 0.58:
        return f"{a} {by} {b}", f"{a} / {b}"
    if how < 0.66:
        p = rng.choice([5, 10, 12, 15, 20, 25, 30, 40, 50, 75, rng.randint(1, 99)])
        return w.pick([f"{p}% of {b}", f"{p} percent of {b}", f"{p} % of {b}"]), f"{b} * {p} / 100"
    if how < 0.70:
        return f"{a} {plus if plus != 'and' else '+'} {b} {plus if plus != 'and' else '+'} {c}", f"{a} + {b} + {c}"
    if how < 0.74:
        return f"({a} + {b}) * {c}", f"({a} + {b}) * {c}"
    if how < 0.78:
        return f"{a} {times} {b} {plus if plus != 'and' else '+'} {c}", f"{a} * {b} + {c}"
    if how < 0.81:
        return w.pick([f"{a} squared", f"the square of {a}", f"{a}^2", f"{a} to the power of 2"]), f"{a} ^ 2"
    if how < 0.83:
        n = rng.randint(3, 6)
        return w.pick([f"{b % 20} to the power of {n}", f"{b % 20}^{n}"]), f"{b % 20} ^ {n}"
    if how < 0.86:
        return w.pick([f"the average of {a} and {b}", f"the mean of {a} and {b}"]), f"({a} + {b}) / 2"
    if how < 0.88:
        return f"the average of {a}, {b} and {c}", f"({a} + {b} + {c}) / 3"
    if how < 0.90:
        return w.pick([f"half of {a}", f"{a} halved"]), f"{a} / 2"
    if how < 0.92:
        return w.pick([f"twice {a}", f"double {a}", f"two times {a}", f"{a} doubled"]), f"{a} * 2"
    if how < 0.94:
        return f"the product of {a} and {b}", f"{a} * {b}"
    if how < 0.96:
        return f"the difference between {a} and {b}", f"{a} - {b}"
    if how < 0.98:
        return w.pick([f"{a} modulo {b}", f"{a} mod {b}", f"the remainder of {a} divided by {b}"]), f"{a} % {b}"
    return f"{a} {minus} {b} {minus} {c}", f"{a} - {b} - {c}"


OPERATIONS = {"add": "{a} + {b}", "subtract": "{a} - {b}", "multiply": "{a} * {b}", "divide": "{a} / {b}", "percent": "{b} * {a} / 100"}


def operation(w):
    """(kind of phrase, its slots, expression)"""
    kind = w.pick(list(OPERATIONS))
    slots = {"a": amount(w), "b": amount(w)}
    return kind, slots, OPERATIONS[kind].format(**slots)


STORIES = [
    ("I have {a} boxes with {b} {noun}s each. How many {noun}s do I have?", "{a} * {b}"), ("a {noun} costs {a} dollars, how much are {b} of them?", "{a} * {b}"),
    ("We had {a} {noun}s and sold {b}. How many are left?", "{a} - {b}"), ("I earn {a} a month, how much is that in {b} months?", "{a} * {b}"),
    ("{a} {noun}s are shared by {b} people, how many does each get?", "{a} / {b}"), ("I drove {a} km and then {b} km more, how far in total?", "{a} + {b}"),
    ("There are {a} rows of {b} seats. How many seats?", "{a} * {b}"), ("If I save {a} each week, how much do I have after {b} weeks?", "{a} * {b}"),
    ("I bought things for {a} and {b}, what is the total?", "{a} + {b}"), ("My bill is {a} and I paid {b}, how much is missing?", "{a} - {b}"),
    ("A pack has {a} {noun}s. How many {noun}s in {b} packs?", "{a} * {b}"), ("I had {a} {noun}s and got {b} more, how many now?", "{a} + {b}"),
    ("{a} minutes per day for {b} days, how many minutes?", "{a} * {b}"), ("How many pieces of {b} cm can I cut from {a} cm?", "{a} / {b}"),
    ("the price is {a}, with {b} percent off how much do I save?", "{a} * {b} / 100"), ("how many minutes are {a} hours?", "{a} * 60"), ("how many hours are {a} days?", "{a} * 24"),
    ("how many seconds are in {a} minutes?", "{a} * 60"), ("how many days are {a} weeks?", "{a} * 7"), ("split {a} among {b} people", "{a} / {b}"),
]


def arithmetic(w):
    if w.given is not None:
        pattern = w.given_expression
        a, b = amount(w), amount(w)
        expression = pattern.format(a=a, b=b)
        w.say_user("arithmetic", a=a, b=b)
    elif w.chance(0.12):
        story, pattern = w.pick(words.split_of(STORIES, w.split))
        slots = {"a": amount(w), "b": w.rng.randint(2, 60), "noun": w.listed("nouns")}
        expression = pattern.format(**slots)
        w.user(phrase.shake(story.format(**slots), w.rng, "eval"))
    elif w.split == "train" and w.chance(0.5):
        kind, slots, expression = operation(w)
        w.say_user(kind, **slots)
    else:
        said, expression = formula(w)
        w.say_user("arithmetic", X=said)
    result = w.call("calculate", expression=expression)
    if result.startswith("error"):
        w.say("That is a division by zero.", answer_any=["zero"])
        return
    value = result.split(" = ")[-1]
    w.say(f"The result is {value}.", answer_contains=[value])


def number_value(w):
    return str(w.rng.choice([w.rng.randint(1, 50), w.rng.randint(10, 999), w.rng.randint(100, 9999)]))


def two_keys(w, kind=None):
    kind, sign = kind or w.pick([("sum_two_keys", "+"), ("sum_two_keys", "+"), ("difference_two_keys", "-"), ("product_two_keys", "*")])
    path = w.file_name()
    pairs = some_pairs(w, 0, 3) if w.chance(0.8) else []
    k, l = w.keys(2)
    a, b = number_value(w), number_value(w)
    pairs += [(k, a), (l, b)]
    w.rng.shuffle(pairs)
    w.pairs_file(path, pairs)
    w.filler(w.rng.randint(0, 2))
    w.say_user(kind, K=k, L=l, F=path)
    w.path_call("read_file", path=path)
    value = w.call("calculate", expression=f"{a} {sign} {b}").split(" = ")[-1]
    w.say(f"The result is {value}.", answer_contains=[value])


def two_files(w):
    kind, sign = w.pick([("sum_two_files", "+"), ("sum_two_files", "+"), ("difference_two_files", "-")]) if w.given is None else ("sum_two_files", "+")
    f, g = w.file_name(), w.file_name()
    key = w.fresh(w.key)
    values = []
    for path in (f, g):
        pairs = some_pairs(w, 0, 2) if w.chance(0.7) else []
        values.append(number_value(w))
        pairs.insert(w.rng.randint(0, len(pairs)), (key, values[-1]))
        w.pairs_file(path, pairs)
    w.say_user(kind, K=key, F=f, G=g)
    w.path_call("read_file", path=f)
    w.path_call("read_file", path=g)
    value = w.call("calculate", expression=f"{values[0]} {sign} {values[1]}").split(" = ")[-1]
    w.say(f"The result is {value}.", answer_contains=[value])


# ------------------------------------------------------------------ changing
REFUSED = "I was not allowed to do that, so nothing was changed."


def done(w, result, text, **check):
    """The last words of a change: a refusal is told."""
    if result == "error: the user did not allow this":
        w.say(REFUSED, answer_any=["not allowed", "did not allow", "refused", "permission", "not permitted"], files_unchanged=True)
    else:
        w.say(text, **check)


def write_file(w):
    path = w.file_name()
    text = w.short_text()
    w.filler(w.rng.randint(0, 2))
    if w.chance(0.15):
        w.put(path, w.text_lines(w.rng.randint(1, 3)))
    if w.given is None and w.chance(0.25):
        w.say_user("write_file_end", F=path, NF=path, R=text)
    else:
        w.say_user("write_file", F=path, NF=path, T=text)
    result = w.call("write_file", path=path, content=text)
    word = "replaced the content of" if result.startswith("replaced") else "created"
    done(w, result, f"I {word} {path}.", file_equals={path: text})


def look_first(w, path, old):
    """Reads the file unless the wording makes clear that old is a text, not the name of a setting.
    Returns the path of the file, or None when it was not read."""
    if re.search("[\"'`]" + re.escape(old) + "[\"'`]|(text|words?|phrase|string|part|bit|term|expression) " + re.escape(old), w.turns[-1]):
        return None
    w.path_call("read_file", path=path)
    return w.steps[-1][2]["path"]


def replace_text(w, asked=None):
    path = w.file_name()
    old = needle(w) if w.chance(0.5) else w.fresh(w.value)
    new = w.fresh(lambda: w.value() if w.chance(0.5) else w.word())
    lines = w.text_lines(w.rng.randint(0, 4)) if w.chance(0.6) else w.pair_lines(some_pairs(w, 1, 3))
    lines.insert(w.rng.randint(0, len(lines)), w.pick([old, f"{w.word()} {old}", f"{w.key()} = {old}", f"{w.word()} {old} {w.word()}", f"{w.key()}: {old}"]))
    if "\n".join(lines).lower().count(old.lower()) != 1:
        raise Retry
    w.put(path, lines)
    w.filler(w.rng.randint(0, 2))
    w.say_user("replace_text", F=asked or path, T=old, U=new)
    text = w.folder.files[path]
    result = w.path_call("edit_file", path=look_first(w, asked or path, old) or asked or path, old=old, new=new)
    done(w, result, f"I changed {old} to {new} in {path}.", file_equals={path: text.replace(old, new)})


def edit_absent(w):
    """The old text is not there: other case, or not at all."""
    path = w.file_name()
    old = w.fresh(w.plain)
    new = w.fresh(w.word)
    lines = [l for l in w.text_lines(w.rng.randint(1, 4)) if old.lower() not in l.lower()]
    cased = w.chance(0.5) and w.given is None
    real = old.capitalize() if w.chance(0.7) else old.upper()
    if cased:
        lines.insert(w.rng.randint(0, len(lines)), w.pick([real, f"{real} {w.word()}", f"{w.word()} {real}", f"{w.key()}: {real}"]))
    if not lines:
        raise Retry
    w.put(path, lines)
    w.filler(w.rng.randint(0, 2))
    w.say_user("replace_text", F=path, T=old, U=new)
    if not look_first(w, path, old):
        w.call("edit_file", path=path, old=old, new=new)
        w.call("read_file", path=path)
    if cased:
        text = w.folder.files[path]
        result = w.call("edit_file", path=path, old=real, new=new)
        if not result.startswith("edited"):
            raise Retry
        w.say(f"I changed {real} to {new} in {path}.", file_equals={path: text.replace(real, new)})
    else:
        w.say(f"{old} is not in {path}, so nothing was changed.", answer_any=["not in", "no ", "does not", "not contain", "not found"], files_unchanged=True)


def copy_value(w):
    f, g = w.file_name(), w.file_name()
    pairs = some_pairs(w)
    w.pairs_file(f, pairs)
    w.filler(w.rng.randint(0, 1))
    key, value = w.pick(pairs)
    w.say_user("copy_value", K=key, F=f, G=g, NG=g)
    w.path_call("read_file", path=f)
    result = w.call("write_file", path=g, content=value)
    done(w, result, f"I wrote {value} to {g}.", file_equals={g: value})


def set_value(w, asked=None):
    path = w.file_name()
    pairs = some_pairs(w, 1, 5)
    key, old = w.pick(pairs)
    new = w.fresh(lambda: w.value() if not old.isdigit() or w.chance(0.2) else w.number())
    if new == old:
        raise Retry
    lines = w.pairs_file(path, pairs)
    w.filler(w.rng.randint(0, 2))
    w.say_user("set_value", K=key, V=new, F=asked or path)
    w.path_call("read_file", path=asked or path)
    real = w.steps[-1][2]["path"]
    line = next(l for l in lines if l.lower().lstrip(' -"').startswith((key.lower(), "the " + key.lower())))
    at = line.lower().index(key.lower()) + len(key)
    changed = line[:at] + line[at:].replace(old, new)
    before, after = line.strip().rstrip(","), changed.strip().rstrip(",")
    text = w.folder.files[path]
    if text.count(before) != 1 or before == after or line[at:].count(old) != 1:
        raise Retry
    result = w.call("edit_file", path=real, old=before, new=after)
    done(w, result, f"The {key} in {path} is now {new}" + ("" if new.endswith(".") else "."), file_equals={path: text.replace(before, after)})


def append_line(w):
    path = w.file_name()
    lines = [w.fresh(w.sentence if w.chance(0.4) else w.word) for _ in range(w.rng.randint(1, 4))]
    new = w.fresh(w.short_text)
    last = lines[-1]
    if "\n".join(lines).count(last) != 1:
        raise Retry
    w.put(path, lines)
    w.filler(w.rng.randint(0, 2))
    w.say_user("append_line", F=path, T=new, R=new)
    w.path_call("read_file", path=path)
    text = w.folder.files[path]
    result = w.call("edit_file", path=path, old=last, new=last + "\n" + new)
    done(w, result, f"I added the line to {path}.", file_contains={path: last + "\n" + new})


def find_then_edit(w):
    old = w.fresh(lambda: w.word() if w.chance(0.6) else f"{w.word()} {w.word()}")
    if len(old) < 3:
        raise Retry
    new = w.fresh(w.word)
    path, _ = planted(w, old, w.rng.randint(1, 4))
    text = w.folder.files[path]
    if text.count(old) != 1:
        raise Retry
    w.say_user("find_then_edit", T=old, U=new)
    w.call("search_text", text=old)
    result = w.call("edit_file", path=path, old=old, new=new)
    done(w, result, f"I changed {old} to {new} in {path}.", file_equals={path: text.replace(old, new)})


def save_result(w):
    path = w.file_name()
    w.filler(w.rng.randint(0, 2))
    if w.given is not None:
        a, b = amount(w), amount(w)
        expression = w.given_expression.format(a=a, b=b)
        w.say_user("save_result", a=a, b=b, F=path)
    elif w.split == "train" and w.chance(0.35):
        a, b = amount(w), amount(w)
        expression = f"{a} * {b}"
        w.say_user("save_product", a=a, b=b, F=path, NF=path)
    else:
        said, expression = formula(w)
        w.say_user("save_result", X=said, F=path, NF=path)
    result = w.call("calculate", expression=expression)
    if result.startswith("error"):
        raise Retry
    value = result.split(" = ")[-1]
    result = w.call("write_file", path=path, content=value)
    done(w, result, f"I wrote {value} to {path}.", file_equals={path: value})


def count_save(w):
    f, g = w.file_name(), w.file_name()
    count = w.rng.choice([w.rng.randint(1, 9), w.rng.randint(5, 40), w.rng.randint(20, 300)])
    w.put(f, [str(w.rng.randint(1, 9)) if i else w.sentence() for i in range(count)])
    w.filler(w.rng.randint(0, 1))
    w.say_user("count_save", F=f, G=g, NG=g)
    w.path_call("read_file", path=f, line_count=1)
    result = w.call("write_file", path=g, content=str(count))
    done(w, result, f"I wrote {count} to {g}.", file_equals={g: str(count)})


# ------------------------------------------------------------------ running
def told_output(w, result):
    """What the answer says about a command's result."""
    if result.startswith("error"):
        done(w, result, "")
        return
    status, output = result.split("\n", 1)
    lines = output.split("\n")
    if status != "exit 0":
        text = f"It failed with {status}" + ("." if output == "(no output)" else f": {', '.join(lines)}")
        w.say(text, answer_contains=[status.split()[1]])
    elif output == "(no output)":
        w.say("It ran without output.", answer_any=["no output", "without output", "nothing"])
    else:
        w.say("It printed: " + ", ".join(lines), answer_contains=[l.strip() for l in lines if l.strip()])


def run_command(w):
    how = w.rng.random()
    path = w.file_name()
    w.put(path, w.text_lines(w.rng.randint(1, 3)))
    w.filler(w.rng.randint(0, 2), folder="")
    if how < 0.45:
        text = w.word() if w.chance(0.5) else f"{w.word()} {w.word()}"
        command = f"echo {text}" if w.chance(0.7) else f"echo '{text}'"
    elif how < 0.55:
        command = f"cat {path}"
    elif how < 0.65:
        command = f"head -n 1 {path}"
    elif how < 0.72:
        command = f"wc -l {path}"
    elif how < 0.78:
        command = f"tail -n 1 {path}"
    elif how < 0.84:
        command = f"sort {path}" if w.split == "eval" else f"cat {path}"
    elif how < 0.90:
        command = f"test -f {path}" if w.chance(0.5) else f"test -d {w.folder_name()}"
    elif how < 0.95:
        command = f"printf '{w.word()}'"
    else:
        command = f"wc -c {path}"
    w.say_user("run_command", C=command)
    told_output(w, w.call("run_command", command=command))


def run_script(w):
    path = w.file_name("sh")
    if not path.endswith(".sh"):
        raise Retry
    lines = []
    if w.chance(0.3):
        lines.append("#!/bin/sh")
    for _ in range(w.rng.choice([1, 1, 1, 2])):
        lines.append("echo " + (f"{w.word()} {w.word()}" if w.chance(0.5) else w.word()))
    if w.chance(0.12):
        lines.append(f"exit {w.rng.randint(1, 9)}")
    w.put(path, lines)
    w.filler(w.rng.randint(0, 2))
    w.say_user("run_script", S=path)
    told_output(w, w.call("run_command", command=f"sh {path}"))


def file_job(w):
    kind = w.pick(["delete_file", "rename_file", "copy_file", "make_folder"]) if w.given is None else w.given_kind
    f = w.file_name(folder="" if w.chance(0.7) else None)
    folder = f.rsplit("/", 1)[0] if "/" in f else ""
    g = w.file_name(folder=folder if w.chance(0.8) else "")
    w.put(f, w.text_lines(w.rng.randint(1, 3)))
    w.filler(w.rng.randint(0, 2))
    text = w.folder.files[f]
    if kind == "delete_file":
        w.say_user(kind, F=f)
        done(w, w.call("run_command", command=f"rm {f}"), f"I deleted {f}.", file_absent=[f])
    elif kind == "rename_file":
        w.say_user(kind, F=f, G=g)
        done(w, w.call("run_command", command=f"mv {f} {g}"), f"I renamed {f} to {g}.", file_equals={g: text}, file_absent=[f])
    elif kind == "copy_file":
        w.say_user(kind, F=f, G=g)
        done(w, w.call("run_command", command=f"cp {f} {g}"), f"I copied {f} to {g}.", file_equals={g: text, f: text})
    else:
        e = w.folder_name()
        w.say_user(kind, E=e)
        done(w, w.call("run_command", command=f"mkdir -p {e}"), f"I created the folder {e}.", folder_exists=[e])


# ------------------------------------------------------------------ notes
def remember(w):
    fact = w.fact()
    if w.chance(0.15):
        w.filler(w.rng.randint(1, 2))
    w.say_user("remember", R=fact)
    w.call("remember", note=fact)
    w.say("I will remember that.", notes_contains=[fact])


def recall(w, absent=False):
    count = w.rng.randint(1, 3)
    topic = w.fresh(w.word)
    if len(topic) < 3:
        raise Retry
    notes = [w.fact() for _ in range(count)]
    main = w.listed("facts")
    main = main.replace("{noun}", "{topic}").replace("{thing}", "{topic}")
    if "{topic}" not in main:
        raise Retry
    main = main.format(topic=topic, noun2=w.plain(), adj=w.listed("adjectives"), city=w.listed("cities"), color=w.listed("colors"),
                       day=w.pick(words.DAYS), key=w.listed("keys"), v=w.value(), n=w.rng.randint(1, 99), nn="30", r=w.letters())
    if any(topic.lower() in emulate.words_of(n) for n in notes):
        raise Retry
    if not absent:
        notes[w.rng.randrange(count)] = main
    w.folder.notes = notes
    w.say_user("recall", W=topic)
    result = w.call("recall", query=topic).split("\n")
    if absent:
        w.say(f"I have no note about {topic}.", answer_any=["no ", "not ", "nothing"])
    else:
        w.say(f"You told me: {result[1]}" + ("" if result[1].endswith(".") else "."), answer_contains=[main])


def recall_none(w):
    recall(w, True)


# ------------------------------------------------------------------ no tool
DECLINE = "I cannot do that: my tools are for files, search, commands, arithmetic and notes."
CANNOT = ["cannot", "can't", "unable", "not able", "no tool"]


def smalltalk(w):
    if w.chance(0.3):
        w.filler(2)
    phrases, answer = w.pick(SMALLTALK[w.split])
    if w.given is not None:
        text, answer = w.given, ""
    else:
        text = phrase.expand(w.pick(phrases), w.rng).strip(" ,")
        if w.split == "train" and text in HELD_OUT:
            raise Retry
        text = phrase.wrap("raw", text, w.rng, w.split) + w.pick(["", "", ".", "!", "?"])
        if answer[0] == "I" and w.chance(0.15):
            text = w.pick(["Hello, ", "Hi! ", "Hey, ", "hi "]) + text
    w.user(text)
    w.say(answer, no_calls=True)


def outside(w):
    if w.chance(0.3):
        w.filler(2)
    base = w.pick(wording_wide.OUTSIDE if w.split == "train" and w.chance(0.6) else OUTSIDE[w.split])
    text = phrase.expand(base, w.rng)
    if w.split == "train" and text in HELD_OUT:
        raise Retry
    text = text.replace("{city}", w.listed("cities")).replace("{noun2}", w.listed("nouns")).replace("{noun}", w.listed("nouns"))
    question = text.split()[0] in ("what", "will", "how", "is", "who", "which", "do", "should", "why", "when", "are", "can", "am")
    text = phrase.wrap("q" if question else "imp", text, w.rng, w.split)
    w.user(w.given if w.given is not None else text)
    w.say(DECLINE, answer_any=CANNOT, no_calls=True, files_unchanged=True)


# ------------------------------------------------------------------ recovery
def mistyped(w, path):
    """The path with one letter wrong in its base name."""
    folder, _, base = path.rpartition("/")
    stem, dot, tail = base.partition(".")
    if len(stem) < 3:
        raise Retry
    at = w.rng.randrange(1, len(stem))
    how = w.rng.random()
    if how < 0.35:
        stem = stem[:at] + stem[at + 1:]
    elif how < 0.65:
        stem = stem[:at] + w.pick(string.ascii_lowercase) + stem[at:]
    elif how < 0.85 and at + 1 < len(stem):
        stem = stem[:at] + stem[at + 1] + stem[at] + stem[at + 2:]
    else:
        stem = stem[:at] + w.pick(string.ascii_lowercase) + stem[at + 1:]
    name = (folder + "/" if folder else "") + stem + dot + tail
    if name == path:
        raise Retry
    return name


def missing_typo(w):
    real = w.file_name()
    asked = mistyped(w, real)
    how = w.rng.random()
    if how < 0.6 or w.given is not None:
        read_value(w, real, asked)
    elif how < 0.75:
        w.put(real, w.text_lines(w.rng.randint(1, 9)))
        w.say_user("count_lines", F=asked)
        head = w.path_call("read_file", path=asked, line_count=1).split("\n")[0]
        total = head.split(" of ")[-1]
        w.say(f"{real} has {emulate.plural(int(total), 'line')}.", answer_contains=[total])
    else:
        lines = w.text_lines(w.rng.choice([1, 1, 2]))
        w.put(real, lines)
        w.say_user("show_file", F=asked)
        w.path_call("read_file", path=asked)
        w.say(f"{real} says: " + "\n".join(lines), answer_contains=lines)
    calls = [s for s in w.steps if s[0] == "call"]
    if "did you mean" not in calls[0][3] or calls[1][2]["path"] != real:
        raise Retry


def missing_elsewhere(w):
    """The file is in a folder that the user did not name."""
    folder = w.folder_name()
    base = w.fresh(w.base)
    real = folder + "/" + base
    how = w.rng.random()
    if how < 0.8 or w.given is not None:
        read_value(w, real, base)
    else:
        lines = w.text_lines(w.rng.choice([1, 1, 2]))
        w.put(real, lines)
        w.filler(1)
        w.say_user("show_file", F=base)
        w.path_call("read_file", path=base)
        w.say(f"{real} says: " + "\n".join(lines), answer_contains=lines)
    calls = [s for s in w.steps if s[0] == "call"]
    if "did you mean" not in calls[0][3] or calls[1][2]["path"] != real:
        raise Retry


def missing_edit(w):
    """An edit of a mistyped file."""
    asked_of = {}
    original = w.file_name

    real = w.file_name()
    asked = mistyped(w, real)
    w.file_name = lambda *a, **k: asked_of.setdefault("path", real) if "path" not in asked_of else original(*a, **k)
    replace_text(w, asked) if w.chance(0.5) else set_value(w, asked)
    calls = [s for s in w.steps if s[0] == "call"]
    if "did you mean" not in calls[0][3] or calls[1][2]["path"] != real:
        raise Retry


def missing_none(w):
    """The file is nowhere; sometimes the list shows it under its name with an extension."""
    hidden = w.chance(0.3) and w.given is None
    asked = w.fresh(w.word) if hidden else w.file_name(folder="")
    if len(asked) < 3:
        raise Retry
    w.filler(w.rng.randint(1, 4), folder="")
    kind = w.pick(["read_value", "read_value", "show_file", "count_lines"]) if w.given is None else "read_value"
    key = w.fresh(w.key)
    pairs = some_pairs(w, 1, 2) + [(key, w.value())]
    w.rng.shuffle(pairs)
    real = None
    if hidden:
        kind = "read_value"
        real = asked + "." + w.pick(["conf", "json", "yaml", "toml", "text", "html"])
        w.pairs_file(real, pairs)
    w.say_user(kind, K=key, F=asked)
    extra = {"line_count": 1} if kind == "count_lines" else {}
    result = w.call("read_file", path=asked, **extra)
    if result != f"error: {asked} does not exist":
        raise Retry
    w.call("list_dir", path=".")
    if hidden:
        w.call("read_file", path=real)
        value = dict(pairs)[key]
        w.say(value_sentence(key, value), answer_contains=[value])
    else:
        w.say(f"{asked} does not exist.", answer_any=["does not exist", "no file", "not found", "doesn't exist", "not there", "no such"])


def missing_folder(w):
    """A folder that does not exist, or is mistyped."""
    real = w.folder_name()
    w.filler(w.rng.randint(1, 3), folder=real)
    w.filler(w.rng.randint(0, 1), folder="")
    if w.chance(0.6):
        asked = mistyped(w, real)
    else:
        asked = w.folder_name()
    counting = w.chance(0.4)
    if counting:
        w.say_user("count_files", IND=asked, D=asked)
    else:
        w.say_user("list_folder", D=asked)
    result = w.path_call("list_dir", path=asked)
    if result.startswith("error"):
        if "did you mean" in result or not result.endswith("not exist"):
            raise Retry
        w.say(f"{asked} does not exist.", answer_any=["does not exist", "no folder", "not found", "doesn't exist", "no such"])
        return
    if w.steps[-1][2]["path"] != real:
        raise Retry
    names = result.split("\n")[1:]
    if counting:
        number = result.split(" in ")[0].split(", ")[0]
        w.say(f"There {'is' if number.startswith('1 ') else 'are'} {number} in {real}.", answer_contains=[number.split()[0]])
    else:
        w.say(f"In {real}: " + ", ".join(names) + ".", answer_contains=names)


def refused(w):
    w.folder.allow = set()
    w.allow = []
    w.pick([write_file, write_file, replace_text, set_value, run_command, run_script, file_job, copy_value, append_line, save_result])(w)
    if not any(s[0] == "say" and s[1] == REFUSED for s in w.steps):
        raise Retry


# ------------------------------------------------------------------ several turns
AGAIN_FILE = ["and in {F}?", "and {F}?", "what about {F}?", "and what about {F}?", "now the same for {F}", "how about {F}?", "the same for {F} please", "and for {F}?", "what is it in {F}?", "now {F}", "same question for {F}", "ok, and in {F}?", "and in {F}", "also for {F}"]
AGAIN_KEY = ["and the {K}?", "what about the {K}?", "and {K}?", "and what is the {K}?", "how about the {K}?", "now the {K}", "and what about {K}?", "tell me the {K} too", "what about {K}?", "also the {K}", "and the {K} please", "the {K} as well", "what is the {K} there?", "ok, and the {K}?"]
AGAIN_MATH = [("now add {n}", "{r} + {n}"), ("plus {n}?", "{r} + {n}"), ("and times {n}?", "{r} * {n}"), ("multiply that by {n}", "{r} * {n}"), ("now subtract {n}", "{r} - {n}"), ("divide it by {n}", "{r} / {n}"), ("and minus {n}?", "{r} - {n}"), ("add {n} to that", "{r} + {n}"), ("now divide that by {n}", "{r} / {n}"), ("times {n}", "{r} * {n}"), ("what is that times {n}?", "{r} * {n}"), ("and half of it?", "{r} / 2"), ("double it", "{r} * 2"), ("now take away {n}", "{r} - {n}")]
AGAIN_SAVE = ["save it to {F}", "write it to {F}", "now write that to {F}", "put it in {F}", "please save this in {F}", "store it in {F}", "write that into {F}", "create {F} with it", "put that into {F} please", "ok, save that to {F}", "and write it into {F}", "now save that as {F}"]
AGAIN_FOLDER = ["and in {D}?", "and {D}?", "what about {D}?", "and what about {D}?", "now {D}", "how about {D}?", "same for {D}", "and the folder {D}?", "ok, and {D}?", "also for {D}", "now the same for {D}", "and for {D}?"]


def second(w, lines, **slots):
    text = w.pick(words.split_of(lines, w.split, 6))
    for name, value in slots.items():
        maker = {"F": w.file_ref, "D": w.folder_ref}.get(name, str)
        text = text.replace("{" + name + "}", maker(value) if "{" + name + "}" in text else "")
    if w.chance(0.5):
        text = text[:1].upper() + text[1:]
    w.user(text)


def follow_up(w):
    how = w.rng.random()
    if how < 0.25:
        f, g = w.file_name(), w.file_name()
        key = w.fresh(w.key)
        values = [w.value(), w.value()]
        for path, value in zip((f, g), values):
            pairs = some_pairs(w, 0, 2) if w.chance(0.8) else []
            pairs.insert(w.rng.randint(0, len(pairs)), (key, value))
            w.pairs_file(path, pairs)
        w.say_user("read_value", K=key, F=f)
        w.call("read_file", path=f)
        w.say(value_sentence(key, values[0]))
        second(w, AGAIN_FILE, F=g)
        w.call("read_file", path=g)
        w.say(value_sentence(key, values[1]), answer_contains=[values[1]])
    elif how < 0.5:
        f = w.file_name()
        pairs = some_pairs(w, 2, 5)
        w.pairs_file(f, pairs)
        (k, a), (l, b) = w.rng.sample(pairs, 2)
        w.say_user("read_value", K=k, F=f)
        w.call("read_file", path=f)
        w.say(value_sentence(k, a))
        second(w, AGAIN_KEY, K=l)
        w.call("read_file", path=f)
        w.say(value_sentence(l, b), answer_contains=[b])
    elif how < 0.65:
        d, e = w.folder_name(), w.folder_name()
        w.filler(w.rng.randint(1, 4), folder=d)
        w.filler(w.rng.randint(1, 4), folder=e)
        w.say_user("count_files", IND=d, D=d)
        for path in (d, e):
            if path == e:
                second(w, AGAIN_FOLDER, D=e)
            number = w.call("list_dir", path=path).split(", ")[0]
            w.say(f"There {'is' if number.startswith('1 ') else 'are'} {number} in {path}.", answer_contains=[number.split()[0]])
    elif how < 0.85:
        said, expression = formula(w)
        w.say_user("arithmetic", X=said)
        value = w.call("calculate", expression=expression).split(" = ")[-1]
        if not value.isdigit():
            raise Retry
        w.say(f"The result is {value}.")
        ask, pattern = w.pick(words.split_of(AGAIN_MATH, w.split, 6))
        n = amount(w)
        w.user(ask.format(n=n))
        value = w.call("calculate", expression=pattern.format(r=value, n=n)).split(" = ")[-1]
        w.say(f"The result is {value}.", answer_contains=[value])
    else:
        f, g = w.file_name(), w.file_name()
        pairs = some_pairs(w, 1, 4)
        w.pairs_file(f, pairs)
        key, value = w.pick(pairs)
        w.say_user("read_value", K=key, F=f)
        w.call("read_file", path=f)
        w.say(value_sentence(key, value))
        second(w, AGAIN_SAVE, F=g)
        w.call("write_file", path=g, content=value)
        w.say(f"I wrote {value} to {g}.", file_equals={g: value})


KINDS = {  # function, share in training, share in the held-out set
    "list_folder": (list_folder, 5), "count_files": (count_files, 4), "count_folders": (count_folders, 2), "count_lines": (count_lines, 4),
    "read_value": (read_value, 8), "show_file": (show_file, 4), "read_line": (read_line, 3), "first_line": (first_line, 1.5), "last_line": (last_line, 2),
    "find_file": (find_file, 5), "count_matches": (count_matches, 3.5), "line_number": (line_number, 3), "find_then_read": (find_then_read, 6),
    "arithmetic": (arithmetic, 6), "two_keys": (two_keys, 4), "two_files": (two_files, 5), "write_file": (write_file, 5), "replace_text": (replace_text, 5),
    "copy_value": (copy_value, 5), "set_value": (set_value, 6), "append_line": (append_line, 3.5), "find_then_edit": (find_then_edit, 3),
    "save_result": (save_result, 3), "count_save": (count_save, 2), "run_command": (run_command, 3), "run_script": (run_script, 2), "file_job": (file_job, 3),
    "remember": (remember, 3.5), "recall": (recall, 3.5), "recall_none": (recall_none, 1.5), "smalltalk": (smalltalk, 3), "outside": (outside, 5),
    "missing_typo": (missing_typo, 3), "missing_elsewhere": (missing_elsewhere, 2.5), "missing_edit": (missing_edit, 1.5), "missing_none": (missing_none, 3), "missing_folder": (missing_folder, 1.5),
    "edit_absent": (edit_absent, 2.5), "refused": (refused, 3), "follow_up": (follow_up, 6),
}


def make(kind, rng, split, prepare=None):
    """One finished World of the kind."""
    for _ in range(200):
        w = World(rng, split)
        if prepare:
            prepare(w)
        try:
            KINDS[kind][0](w)
        except (Retry, StopIteration):
            continue
        w.kind = kind
        if not prepare and any("{" + slot + "}" in t for t in w.turns for slot in ("F", "K", "T", "D")):
            raise AssertionError(w.turns)
        return w
    raise RuntimeError(f"cannot make a task of kind {kind}")


def word_counts():
    """Letter runs and their weights for the tokenizer."""
    import regex

    counts = collections.Counter()
    letters = regex.compile(r"\p{L}+")
    for word in letters.findall(profile.system_text(profile.TOOLS)):
        counts[word] += 400
    for items in (words.NOUNS, words.THINGS, words.KEYS, words.FOLDERS, words.STATES, words.VERBS, words.ADJECTIVES):
        for word in items:
            counts[word] += 60
    for items in (words.COLORS, words.CITIES, words.DAYS, words.EXTENSIONS):
        for word in items:
            counts[word] += 40
    import tokenizer

    for word in letters.findall(
            "assistant system user tool created replaced replacement byte bytes lines error exit exist mean output "
            "added allowed nothing changed kept notes note wrote copied renamed deleted folder printed welcome Hello "
            "holt agent The There Here In It I Line You told says result directory document please quick mentioned "
            "contains containing mentions called named which what where file files matches match last first second"):
        counts[word] += 3000
    for word in tokenizer.SPACED:
        if word.isalpha():
            counts[word] += 4000
    for kind in wording.PHRASES:
        for _, text in wording.PHRASES[kind]:
            for word in letters.findall(text):
                counts[word] += 30
    for text in wording.OUTSIDE + [t for ts, a in wording.SMALLTALK for t in ts + [a]]:
        for word in letters.findall(text):
            counts[word] += 15
    for text in sum((phrase.WRAP["train"][k] for k in phrase.WRAP["train"]), []):
        for word in letters.findall(text):
            counts[word] += 20
    rng = random.Random(5)
    for kind in KINDS:
        if kind in ("run_command", "run_script", "file_job", "refused"):
            continue
        for _ in range(40):
            for step in make(kind, rng, "train").steps:
                for word in letters.findall(" ".join(str(part) for part in step)):
                    counts[word] += 1
    return counts


if __name__ == "__main__":
    import sys
    import time

    rng = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    start = time.time()
    kinds = sys.argv[1].split(",") if len(sys.argv) > 1 and sys.argv[1] != "all" else KINDS
    for kind in kinds:
        for _ in range(2):
            print("##", kind)
            for step in make(kind, rng, "train").steps:
                print("   ", step)
    print(time.time() - start)
