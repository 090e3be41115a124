"""The world of a task: its folder, what is drawn into it, and the words it is asked with.

tasks.py makes the kinds of tasks from it; the lists below keep what training sees apart from what is
held out.
"""
import json
import re
import string

import emulate
import holt_profile as profile
import phrase
import wording
import wording_more
import wording_wide
import words


class Retry(Exception):
    """The drawn world does not suit the task; draw again."""


class World:
    """One task being made: its random source, folder, transcript and check."""

    def __init__(self, rng, split, given=None):
        self.rng, self.split = rng, split
        self.given = given  # a wording written by a person, or None
        self.folder = emulate.Folder()
        self.turns = []  # user texts
        self.steps = []  # ("user", text) | ("call", name, arguments, result) | ("say", text)
        self.check = {}
        self.allow = ["write", "run"]
        self.names = {}  # placeholder -> value, for wordings
        self.used = set()
        self.start = None

    # ---- drawing words
    def pick(self, items):
        return self.rng.choice(items)

    def chance(self, share):
        return self.rng.random() < share

    def listed(self, items):
        return self.pick(LISTS[self.split][items])

    def letters(self):
        if self.split == "train" and self.chance(0.2):  # any word, also those that requests are made of
            return self.pick(VOCABULARY)
        rng, how = self.rng, self.rng.random()
        size = rng.randint(3, 7)
        if how < 0.45:
            return "".join(rng.choice(string.ascii_lowercase) for _ in range(size))
        if how < 0.65:
            text = "".join(rng.choice(string.ascii_lowercase + "0123456789") for _ in range(size))
            return rng.choice(string.ascii_lowercase) + text[1:]
        if how < 0.9:
            return "".join(rng.choice(words.SYLLABLES) for _ in range(rng.randint(2, 4)))
        if how < 0.96:
            return "".join(rng.choice(string.ascii_uppercase) for _ in range(min(size, 5)))
        return self.letters().capitalize()

    def plain(self):
        return self.listed(self.pick(["nouns", "things", "nouns"]))

    def word(self):
        """A name of one piece: half random letters."""
        return self.letters() if self.chance(0.5) else self.plain()

    def ident(self):
        how = self.rng.random()
        if how < 0.75:
            return self.word()
        joint = self.pick("__--.")if how < 0.95 else ""
        if joint == ".":
            joint = "_"
        tail = str(self.rng.randint(1, 2030)) if self.chance(0.35) else self.word()
        return self.word() + joint + tail

    def fresh(self, make):
        for _ in range(60):
            value = make()
            if value and value.lower() not in self.used:
                self.used.add(value.lower())
                return value
        raise Retry

    def base(self, extension=None):
        if extension is None:
            extension = self.pick(words.EXTENSIONS)
        name = self.ident()
        if self.chance(0.03):
            name = name.upper()
        return name + "." + extension if extension and not self.chance(0.03) else name

    def folder_name(self):
        return self.fresh(lambda: self.listed("folders") if self.chance(0.5) else self.ident())

    def file_name(self, extension=None, folder=None):
        if folder is None:
            folder = "" if self.chance(0.6) else self.folder_name()
            if folder and self.chance(0.12):
                folder += "/" + self.folder_name()
        name = self.fresh(lambda: self.base(extension))
        return folder + "/" + name if folder else name

    def number(self):
        return str(self.rng.choice([self.rng.randint(0, 20), self.rng.randint(10, 999),
                                    self.rng.randint(1000, 99999), self.rng.randint(2, 99)]))

    def value(self):
        rng, how = self.rng, self.rng.random()
        if how < 0.30:
            return self.number()
        if how < 0.36:
            return f"{rng.randint(0, 99)}.{rng.randint(0, 99)}"
        if how < 0.40:
            return f"{rng.randint(0, 12)}.{rng.randint(0, 20)}.{rng.randint(0, 9)}"
        if how < 0.45:
            return f"{rng.randint(1999, 2031)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"
        if how < 0.50:
            return f"{self.number()} {self.pick('MB GB kg cm km ms s minutes hours days dollars euros items'.split())}"
        if how < 0.53:
            return f"{self.word()}@{self.word()}.{self.pick(['com', 'org', 'net', 'example'])}"
        if how < 0.56:
            return f"/{self.word()}/{self.word()}"
        if how < 0.60:
            return f"{self.word()}.{self.word()}"
        if how < 0.64:
            return f"{self.word()}-{self.word()}"
        if how < 0.70:
            return self.listed("states")
        if how < 0.78:
            return self.listed(self.pick(["colors", "cities"]))
        if how < 0.84:
            return f"{self.listed('adjectives')} {self.plain()}"
        if how < 0.87:
            return f"{self.letters().capitalize()} {self.letters().capitalize()}"
        return self.word()

    def key(self):
        how = self.rng.random()
        if how < 0.60:
            return self.listed("keys")
        if how < 0.72:
            return self.listed("keys") + self.pick("__ -") + self.listed("keys")
        if how < 0.80:
            return self.plain()
        return self.letters() if how < 0.95 else self.letters() + "_" + self.letters()

    def keys(self, count):
        return [self.fresh(self.key) for _ in range(count)]

    def sentence(self):
        w, rng = self, self.rng
        how = rng.random()
        if how < 0.55:
            text = (f"the {w.listed('adjectives')} {w.word()} {w.listed('verbs')} "
                    f"{w.pick(['the', 'a', 'every', 'one'])} {w.word()}")
        elif how < 0.8:
            text = self.fact()
        else:
            text = " ".join(w.word() for _ in range(rng.randint(2, 5)))
        return text[:1].upper() + text[1:] + "." if self.chance(0.6) else text

    def fact(self):
        rng = self.rng
        is_other = self.split == "train" and self.chance(0.7)
        text = self.pick(words.MORE_FACTS) if is_other else self.listed("facts")
        return text.format(noun=self.word(), noun2=self.plain(), adj=self.listed("adjectives"),
                           city=self.listed("cities"), color=self.listed("colors"), day=self.pick(words.DAYS),
                           key=self.listed("keys"), v=self.value(), n=rng.randint(1, 99),
                           nn=f"{rng.randint(0, 59):02d}", r=self.letters(), thing=self.plain())

    def short_text(self):
        """A few words that a user may ask to write or look for."""
        how = self.rng.random()
        if how < 0.35:
            return self.word()
        if how < 0.55:
            return f"{self.word()} {self.word()}"
        if how < 0.70:
            return self.value()
        if how < 0.80:
            return f"{self.listed('adjectives')} {self.plain()}"
        return self.sentence()

    # ---- file contents
    def pair_lines(self, pairs):
        style = self.rng.randrange(12)
        out = []
        for key, value in pairs:
            out.append([f"{key} = {value}", f"{key}: {value}", f"{key}={value}", f"{key}: {value}",
                        f"The {key} is {value}.", f"{key},{value}", f"- {key}: {value}", f"{key} -> {value}",
                        f'  "{key}": "{value}",', f"{key} {value}", f"{key.capitalize()}: {value}",
                        f"{key} is {value}"][style])
        if style == 5 and self.chance(0.5):
            out.insert(0, "name,value")
        if style == 8:
            out[-1] = out[-1][:-1]
            out = ["{"] + out + ["}"]
        return out

    def pairs_file(self, path, pairs, noise=True):
        lines = self.pair_lines(pairs)
        if noise and self.chance(0.35):
            head = self.pick([f"# {self.plain()} {self.plain()}", f"[{self.word()}]", self.sentence(), f"# {self.word()}"])
            lines.insert(0, head)
        if noise and self.chance(0.15):
            lines.append(self.sentence())
        self.put(path, lines)
        return lines

    def put(self, path, lines):
        end = "" if self.chance(0.12) else "\n"
        self.folder.files[path] = "\n".join(lines) + end

    def text_lines(self, count):
        how = self.rng.random()
        if how < 0.5:
            return [self.sentence() for _ in range(count)]
        if how < 0.75:
            return [self.fresh(self.word) for _ in range(count)]
        if how < 0.9:
            return [f"{self.rng.randint(2020, 2029)}-{self.rng.randint(1, 12):02d}-{self.rng.randint(1, 28):02d} "
                    f"{self.pick(['info', 'error', 'warning', 'ok', 'failed'])} {self.word()} {self.word()}" for _ in range(count)]
        return [f"{self.word()},{self.number()}" for _ in range(count)]

    def filler(self, count, folder=None):
        """Files that are not asked about."""
        for _ in range(count):
            try:
                path = self.file_name(folder=folder)
            except Retry:
                continue
            if self.chance(0.5):
                self.pairs_file(path, [(k, self.value()) for k in self.keys(self.rng.randint(1, 3))])
            else:
                self.put(path, self.text_lines(self.rng.randint(1, 5)))

    # ---- wording
    def file_ref(self, path):
        return self.pick([path] * 10 + [f"the file {path}"] * 2 + [f"`{path}`", f'"{path}"', f"'{path}'", f"file {path}",
                                                               f"the {path} file", f"my file {path}", f"./{path}"])

    def new_ref(self, path):
        return self.pick([path] * 4 + [f"a file {path}", f"a file called {path}", f"a new file {path}", f"the file {path}",
                                       f"a file named {path}", f"a new file called {path}", f"a new file named {path}", f"file {path}", f'"{path}"', f"`{path}`"])

    def folder_ref(self, path):
        if path == ".":
            return self.pick(["this folder", "the workspace", "the current folder", "here", "this directory", "the current directory"])
        return self.pick([path] * 5 + [f"the folder {path}", f"the {path} folder", f"{path}/", f"folder {path}", f"the directory {path}",
                                       f"the {path} directory", f"`{path}`", f'"{path}"', f"my {path} folder", f"./{path}", f"directory {path}", f"the {path} dir"])

    def text_ref(self, text, bare=True):
        one = text.replace("_", "").replace("-", "").isalnum()
        options = [f'"{text}"'] * 6 + ([f"'{text}'"] * 4 if "'" not in text else []) + [f"`{text}`"] * 2
        if bare and one:
            options += [text] * 8 + [f"the word {text}", f'the word "{text}"', f"the text {text}"]
        elif bare and len(text) < 24 and text[-1].isalnum():
            options += [text] * 3
        return self.pick(options)

    def say_user(self, kind, **slots):
        """Adds the user's turn; slots hold finished texts."""
        self.names.update(slots)
        if self.given is not None and not self.turns:
            text = self.given
            for key, value in slots.items():
                text = text.replace("{" + key + "}", str(value))
        else:
            form, base = self.phrase(kind, slots)
            text = self.fill(form, base, slots)
        self.user(text)

    def phrase(self, kind, slots):
        """(form, base phrase); in training never one that the held-out set can say."""
        while True:
            form, base = self.pick(WIDE[kind] if self.split == "train" and kind in WIDE and self.chance(0.6) else PHRASES[self.split][kind])
            base = phrase.expand(base, self.rng)
            if (self.split == "eval" or base not in HELD_OUT) and all(name in slots for name in SLOT.findall(base)):
                return form, base

    def fill(self, form, base, slots):
        makers = {"F": self.file_ref, "G": self.file_ref, "NF": self.new_ref, "NG": self.new_ref, "D": self.folder_ref,
                  "E": lambda v: v, "K": lambda v: v if self.chance(0.93) else f'"{v}"', "L": lambda v: v,
                  "T": self.text_ref, "U": self.text_ref, "V": lambda v: v if self.chance(0.85) else f'"{v}"', "S": lambda v: v,
                  "C": lambda v: self.pick([f"`{v}`"] * 4 + [v, f'"{v}"', f"'{v}'" if "'" not in v else f"`{v}`"]),
                  "IND": lambda v: ("in " + self.folder_ref(v)).replace("in here", "here")}
        held = {}
        for name in sorted(slots, key=len, reverse=True):
            mark = "{" + name + "}"
            while mark in base:
                char = chr(0xE000 + len(held))
                held[char] = makers.get(name, str)(str(slots[name]))
                base = base.replace(mark, char, 1)
        text = phrase.wrap(form, base, self.rng, self.split)
        for char, value in held.items():
            text = text.replace(char, value)
        return text

    def user(self, text):
        self.turns.append(text)
        self.steps.append(("user", text))
        if self.start is None:
            self.start = (dict(self.folder.files), list(self.folder.notes))
            self.start_folders = sorted(self.folder.extra)

    def call(self, name, **arguments):
        result = self.folder.call(name, arguments)
        self.steps.append(("call", name, arguments, result))
        return result

    def path_call(self, name, **arguments):
        """A call that follows the error's suggestion when the path does not exist."""
        result = self.call(name, **arguments)
        if "; did you mean " in result and result.startswith("error: "):
            arguments["path"] = result.split("; did you mean ")[1][:-1]
            result = self.call(name, **arguments)
        return result

    def say(self, text, **check):
        self.steps.append(("say", text))
        self.check.update(check)


with open(profile.HERE + "/tokenizer.json", encoding="utf-8") as _file:
    _joined = {left + right for left, right in json.load(_file)["merges"]}
VOCABULARY = sorted(word for word in _joined if word.isascii() and word.isalpha() and len(word) > 2)

LISTS = {split: {"nouns": words.split_of(words.NOUNS, split), "things": words.split_of(words.THINGS, split),
                 "keys": words.split_of(words.KEYS, split), "folders": words.split_of(words.FOLDERS, split),
                 "colors": words.split_of(words.COLORS, split), "cities": words.split_of(words.CITIES, split),
                 "states": words.split_of(words.STATES, split), "verbs": words.split_of(words.VERBS, split),
                 "adjectives": words.split_of(words.ADJECTIVES, split), "facts": words.split_of(words.FACTS, split)}
         for split in ("train", "eval")}

SLOT = re.compile(r"\{(\w+)\}")
WIDE = wording_wide.WIDE
PHRASES = {"train": {}, "eval": {}}
for _kind, _phrases in wording.PHRASES.items():
    PHRASES["train"][_kind] = [p for i, p in enumerate(_phrases) if i % 6 != 5]
    PHRASES["eval"][_kind] = [p for i, p in enumerate(_phrases) if i % 6 == 5] or _phrases[-1:]
for _kind, _phrases in wording_more.MORE.items():
    PHRASES["train"][_kind] = PHRASES["train"][_kind] + _phrases
HELD_OUT = set().union(*(phrase.every(_base) for _phrases in PHRASES["eval"].values() for _, _base in _phrases))
for _kind in ("add", "subtract", "multiply", "divide", "percent", "save_product"):
    PHRASES["train"][_kind] = WIDE[_kind]
SMALLTALK = {"train": [(words.split_of(_said, "train", 6), _answer) for _said, _answer in wording.SMALLTALK],
             "eval": [(words.split_of(_said, "eval", 6), _answer) for _said, _answer in wording.SMALLTALK]}
for _said, _index in wording_more.MORE_SMALLTALK:
    SMALLTALK["train"][_index][0].extend(_said)
for _said, _index in wording_wide.SMALLTALK:
    SMALLTALK["train"].append((_said, SMALLTALK["train"][_index][1]))
OUTSIDE = {"train": words.split_of(wording.OUTSIDE, "train", 6) + wording_more.MORE_OUTSIDE, "eval": words.split_of(wording.OUTSIDE, "eval", 6)}
HELD_OUT |= set().union(*(phrase.every(_base) for _base in OUTSIDE["eval"])) | {_base for _said, _ in SMALLTALK["eval"] for _base in _said}


def joined(names):
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
