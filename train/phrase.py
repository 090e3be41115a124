"""Small phrase grammars: `(a|b)` alternatives, `[x]` optional, `{slot}` filled later.

Slots become private characters while the wording is shaken (case, typos, dropped words), so that
names and values stay exact.
"""
import functools
import itertools
import re

import wording_wide


def parse(text):
    """Returns a node: list of str | ("alt", [nodes])."""
    def sequence(at, closing):
        items, alternatives, literal = [], [], ""
        while at < len(text):
            char = text[at]
            if char in "([":
                node, at = sequence(at + 1, ")" if char == "(" else "]")
                if literal:
                    items.append(literal)
                literal = ""
                items.append(("alt", node if char == "(" else node + [[""]]))
                continue
            if char == closing:
                break
            if char == "|" and closing:
                items.append(literal)
                literal = ""
                alternatives.append(items)
                items = []
            else:
                literal += char
            at += 1
        items.append(literal)
        alternatives.append(items)
        return alternatives, at + 1

    return sequence(0, "")[0][0]


parse_cached = functools.lru_cache(None)(parse)


def expand(text, rng):
    def walk(items):
        return "".join(item if isinstance(item, str) else walk(rng.choice(item[1]))
                       for item in items)
    return re.sub(" +", " ", walk(parse_cached(text))).strip()


def every(text):
    """All that a phrase can become."""
    def walk(items):
        parts = [[item] if isinstance(item, str) else sum((walk(node) for node in item[1]), []) for item in items]
        return ["".join(chosen) for chosen in itertools.product(*parts)]
    return {re.sub(" +", " ", one).strip() for one in walk(parse_cached(text))}


def ing(text):
    """An imperative with its first verb in the -ing form."""
    verb, _, rest = text.partition(" ")
    if verb in ("get", "put", "set", "swap", "run", "cut", "dig", "drop", "pop", "tag", "log", "jot", "let", "scan", "bin", "scrap", "stop", "begin", "trim", "wrap", "grab", "zap", "nab", "rub", "spot", "reset"):
        verb += verb[-1]
    elif verb.endswith("e") and not verb.endswith(("ee", "oe", "ye")):
        verb = verb[:-1]
    return f"{verb}ing {rest}"


WRAP = {
    "train": {
        "imp": ["{X}"] * 14 + ["[please|hey|ok|hi,] {X}", "please {X}", "{X} please", "{X}, please", "can you {X}",
                "could you {X}", "would you {X}", "can you please {X}", "could you please {X}",
                "can you {X} for me", "could you {X} for me", "I want you to {X}", "I need you to {X}",
                "I'd like you to {X}", "hey, {X}", "hi, {X}", "hello, (can|could) you {X}",
                "holt, {X}", "hey holt, {X}", "your (task|job): {X}", "go ahead and {X}",
                "now {X}", "next, {X}", "ok, {X}", "I would like you to {X}", "(help|assist) me: {X}",
                "would you mind (helping|having a look): {X}", "{X} (thanks|thank you|thx|cheers)",
                "{X}, (thanks|ok)", "let's {X}", "quickly {X}", "just {X}", "simply {X}",
                "you (should|must|have to) {X}", "time to {X}", "would you be so kind and {X}",
                "first of all, {X}", "it is time to {X}", "pls {X}", "kindly {X}", "task: {X}"],
        "q": ["{X}"] * 14 + ["hey, {X}", "hi, {X}", "please tell me, {X}", "tell me: {X}", "(quick|simple) question: {X}",
              "question: {X}", "(one|another) question, {X}", "holt, {X}", "{X} (please|thanks)",
              "I (wonder|am wondering), {X}", "so, {X}", "ok, {X}", "say, {X}", "well, {X}", "and {X}",
              "(do you know|any idea), {X}", "excuse me, {X}", "look and tell me, {X}"],
        "iq": ["(tell|show) me {X}", "please tell me {X}", "can you tell me {X}", "could you tell me {X}",
               "I (want|need|would like) to know {X}", "I'd like to know {X}", "do you know {X}", "find out {X}",
               "check {X}", "can you (check|find out|see) {X}", "(could|would) you (check|find out|see) {X}", "(let me know|say) {X}",
               "any idea {X}", "I wonder {X}", "I am (trying|looking) to (see|find out) {X}", "(look up|determine|report) {X}",
               "I (can't|cannot) remember {X}", "I forgot {X}", "help me (see|find out) {X}", "(see|verify|confirm) {X}"],
        "np": ["tell me {X}", "what is {X}", "what's {X}", "whats {X}", "show me {X}", "give me {X}", "{X}", "{X} please",
               "I'd like to know {X}", "I (need|want) {X}", "find {X}", "(report|state|print|output) {X}", "look up {X}", "check {X}",
               "can you (get|give|tell|find) me {X}", "could you (get|give|tell|find|look up) me {X}", "I want to know {X}",
               "get {X}", "fetch {X}", "(get|fetch|bring) me {X}", "I am (looking for|after|interested in) {X}",
               "please (give me|find|tell me|look up|get) {X}", "what (was|would be|might be) {X}", "(do you know|remind me of|let me see) {X}",
               "I (require|would like) {X}", "retrieve {X}", "return {X}", "determine {X}", "could you (check|look up) {X}",
               "what exactly is {X}", "let me know {X}", "let me have {X}", "I have to know {X}", "read out {X}"],
        "before": ["I am cleaning up. ", "I have a question about the files here. ", "This is for a report. ", "Good morning! ",
                   "I am in a hurry. ", "Here is a task. ", "Hi there. ", "Hello! ", "We have a demo soon. ",
                   "My boss asked me. ", "I lost track. ", "One more thing: ", "Sorry to bother you. ", "Next task. ",
                   "I don't remember this. ", "I'm not sure about this. ", "Let's see. ", "Look at my files. ", "Ok. ", "Right. "],
        "after": [" It is for a report.", " Thanks!", " Thank you.", " I need it today.", " Be brief.", " That's all.", " Cheers.",
                  " It's urgent.", " Thanks in advance.", " Keep it short.", " I am curious.", " No rush."],
    },
    "eval": {
        "imp": ["{X}"] * 4 + ["{X} please", "might you {X}", "be so good as to {X}", "hello holt, please {X}",
                "I was hoping you could {X}", "{X} when you can", "a small job: {X}", "could I ask you to {X}"],
        "q": ["{X}"] * 4 + ["hello, {X}", "can you say {X}", "I'm curious, {X}", "listen, {X}"],
        "iq": ["can you work out {X}", "I'm curious {X}", "I need to find out {X}", "please let me know {X}", "have a look and tell me {X}"],
        "np": ["I'm trying to find {X}", "can you read me {X}", "please report {X}", "could I have {X}", "what do we have as {X}", "tell me about {X}"],
        "before": ["Good evening. ", "I'm back. ", "Small thing. "],
        "after": [" Much appreciated.", " Thanks a lot!"],
    },
}

for _kind, _forms in wording_wide.WRAP.items():
    WRAP["train"][_kind] = WRAP["train"][_kind] + _forms
PLAIN, BEFORE, AFTER = {"train": 0.25, "eval": 0.0}, {"train": 0.10, "eval": 0.05}, {"train": 0.08, "eval": 0.05}

DROPPABLE = {"the", "a", "an", "please", "of", "is", "are", "there", "me", "to"}
SYNONYMS = {"folder": ["directory", "dir"], "file": ["document", "doc"], "show": ["display"], "create": ["make"],
            "replace": ["swap", "substitute"], "inside": ["within"], "many": ["many"], "write": ["put"],
            "contains": ["includes", "has"], "contain": ["include", "have"], "text": ["string", "phrase"]}


def shake(text, rng, split):
    """Case, punctuation, typos, dropped words; private characters are left alone."""
    words = text.split(" ")
    if split == "train" and rng.random() < 0.10:
        words = [w for w in words if w.lower() not in DROPPABLE or rng.random() < 0.4] or words
    if rng.random() < 0.06:
        words = [rng.choice(SYNONYMS[w]) if w in SYNONYMS and rng.random() < 0.5 else w for w in words]
    if rng.random() < 0.03:
        index = rng.randrange(len(words))
        word = words[index]
        if word.isalpha() and word.isascii() and len(word) > 3:
            at = rng.randrange(1, len(word) - 1)
            how = rng.random()
            if how < 0.4:
                word = word[:at] + word[at + 1] + word[at] + word[at + 2:]
            elif how < 0.7:
                word = word[:at] + word[at + 1:]
            else:
                word = word[:at] + word[at] + word[at:]
            words[index] = word
    text = " ".join(words)
    how = rng.random()
    if how < 0.45:
        text = text[:1].upper() + text[1:]
    elif how < 0.47:
        text = text.upper()
    elif how < 0.60:
        text = text.lower()
    return text


def wrap(kind, text, rng, split):
    """kind: imp, q, iq, np or raw; returns the sentence with its punctuation, slots still private."""
    table = WRAP[split]
    if kind == "raw":
        return shake(text, rng, split)
    form = "{X}" if rng.random() < PLAIN[split] else expand(rng.choice(table[kind]), rng)
    text = form.replace("{X}", text).replace("{I}", ing(text))
    question = kind == "q" or re.match(
        r"(what|can|could|would|do you|how|any|which|is|are|where|might|whats|hello, c)", text)
    how = rng.random()
    if question:
        mark = "?" if how < 0.75 else "" if how < 0.95 else "."
    else:
        mark = "." if how < 0.42 else "" if how < 0.94 else "!" if how < 0.97 else ":"
        mark = "" if mark == ":" else mark
    text = shake(text, rng, split) + mark
    if rng.random() < BEFORE[split]:
        text = rng.choice(table["before"]) + text
    if mark and rng.random() < AFTER[split]:
        text += rng.choice(table["after"])
    return text
