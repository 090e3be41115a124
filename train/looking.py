"""Kinds of tasks that only look: folders, files, lines, values, searches."""
import emulate
from world import Retry, joined


def list_folder(w):
    root = w.chance(0.35) and w.given is None
    path = "." if root else w.folder_name()
    if not root and w.chance(0.12):
        path += "/" + w.folder_name()
    if not root and w.chance(0.08):
        w.folder.extra.add(path)
        w.filler(w.rng.randint(0, 2), folder="")
    else:
        w.filler(w.rng.randint(1, 5), folder="" if root else path)
        if w.chance(0.4):
            sub = w.folder_name()
            w.filler(1, folder=sub if root else path + "/" + sub)
    if not root:
        w.filler(w.rng.randint(0, 2), folder="")
        w.say_user("list_folder", D=path)
    else:
        w.say_user("list_root")
    names = w.call("list_dir", path=path).split("\n")[1:]
    where = "here" if root else path
    if not names:
        w.say(f"{path} is empty.", answer_any=["empty", "no files", "nothing", "0 files"])
    else:
        w.say(("Here: " if root else f"In {path}: ") + ", ".join(names) + ".", answer_contains=[n.rstrip("/") for n in names])


def count_files(w, folders=False):
    root = w.chance(0.3) and w.given is None
    path = "." if root else w.folder_name()
    prefix = "" if root else path
    w.filler(w.rng.choice([0, 1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 9, 12]), folder=prefix)
    if not w.folder.files:
        w.filler(1, folder=prefix)
    for _ in range(w.rng.choice([0, 0, 1, 2] if not folders else [0, 1, 1, 2, 2, 3, 4])):
        sub = w.folder_name()
        w.filler(1, folder=sub if root else path + "/" + sub)
    if not root:
        w.filler(w.rng.randint(0, 2), folder="")
    kind = "count_folders" if folders else "count_files"
    if root:
        w.say_user(kind, IND=path)
    else:
        w.say_user(kind, IND=path, D=path)
    head = w.call("list_dir", path=path).split("\n")[0]
    number = head.split(" in ")[0].split(", ")[1 if folders else 0]
    w.say(f"There {'is' if number.startswith('1 ') else 'are'} {number}{' here' if root else ' in ' + path}.", answer_contains=[number.split()[0]])


def count_folders(w):
    count_files(w, True)


def count_lines(w):
    path = w.file_name()
    count = w.rng.choice([w.rng.randint(1, 9), w.rng.randint(5, 40), w.rng.randint(20, 300)])
    w.put(path, [str(w.rng.randint(1, 9)) if i else w.sentence() for i in range(count)])
    if w.chance(0.6):
        w.filler(w.rng.randint(1, 3))
    w.say_user("count_lines", F=path)
    head = w.path_call("read_file", path=path, line_count=1).split("\n")[0]
    total = head.split(" of ")[-1]
    w.say(f"{path} has {emulate.plural(int(total), 'line')}.", answer_contains=[total])


def some_pairs(w, low=2, high=6):
    keys = w.keys(w.rng.randint(low, high))
    return [(key, w.value()) for key in keys]


def value_sentence(key, value):
    return f"The {key} is {value}" + ("" if value.endswith(".") else ".")


def read_value(w, path=None, asked=None):
    path = path or w.file_name()
    pairs = some_pairs(w)
    w.pairs_file(path, pairs)
    w.filler(w.rng.randint(0, 3))
    key, value = w.pick(pairs)
    if w.given is None and w.chance(0.05):
        key, value = w.fresh(w.key), None
    w.say_user("read_value", K=key, F=asked or path)
    result = w.path_call("read_file", path=asked or path)
    if value is None:
        if key in result:
            raise Retry
        w.say(f"There is no {key} in {path}.", answer_any=["no ", "not "])
    else:
        w.say(value_sentence(key, value), answer_contains=[value])


def show_file(w):
    path = w.file_name()
    lines = w.text_lines(w.rng.choice([1, 1, 1, 2, 2, 3])) if w.chance(0.7) else w.pair_lines(some_pairs(w, 1, 3))
    if w.given is None and w.chance(0.05):
        lines = []
    w.put(path, lines)
    if not lines:
        w.folder.files[path] = ""
    w.filler(w.rng.randint(0, 3))
    w.say_user("show_file", F=path)
    w.path_call("read_file", path=path)
    if not lines:
        w.say(f"{path} is empty.", answer_any=["empty", "0 lines", "nothing"])
    else:
        w.say(f"{path} says: " + "\n".join(lines), answer_contains=[line.strip() for line in lines])


ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth".split()


def read_line(w):
    path = w.file_name()
    lines = w.text_lines(w.rng.randint(2, 9))
    w.put(path, lines)
    w.filler(w.rng.randint(0, 2))
    number = w.rng.randint(2, len(lines))
    nth = ORDINALS[number - 1] if w.chance(0.6) else f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number, 'th')}"
    w.say_user("read_line", F=path, N=number, NTH=nth)
    w.path_call("read_file", path=path, first_line=number, line_count=1)
    w.say(f"Line {number} says: {lines[number - 1]}", answer_contains=[lines[number - 1]])


def first_line(w):
    path = w.file_name()
    lines = w.text_lines(w.rng.randint(2, 9))
    w.put(path, lines)
    w.filler(w.rng.randint(0, 2))
    w.say_user("first_line", F=path)
    w.path_call("read_file", path=path, line_count=1)
    w.say(f"The first line says: {lines[0]}", answer_contains=[lines[0]])


def last_line(w):
    path = w.file_name()
    lines = w.text_lines(w.rng.randint(2, 30))
    w.put(path, lines)
    w.filler(w.rng.randint(0, 2))
    w.say_user("last_line", F=path)
    w.path_call("read_file", path=path, line_count=1)
    real = w.steps[-1][2]["path"]
    w.call("read_file", path=real, first_line=len(lines), line_count=1)
    w.say(f"The last line says: {lines[-1]}", answer_contains=[lines[-1]])


def planted(w, text, count, folder=None):
    """count files, of which one line in one of them contains text; returns its path."""
    w.filler(count - 1, folder=folder)
    path = w.file_name(folder=folder)
    lines = w.text_lines(w.rng.randint(1, 5))
    how = w.rng.random()
    line = text if how < 0.2 else f"{w.word()} {text} {w.word()}" if how < 0.5 else f"{w.key()}: {text}" if how < 0.7 else w.sentence().rstrip(".") + " " + text
    lines.insert(w.rng.randint(0, len(lines)), line)
    w.put(path, lines)
    low = text.lower()
    others = [p for p, c in w.folder.files.items() if p != path and low in c.lower()]
    if others or sum(low in l.lower() for l in lines) != 1:
        raise Retry
    return path, lines.index(line) + 1


def needle(w):
    """A text to look for: a word, a value or two words."""
    how = w.rng.random()
    text = w.letters() if how < 0.4 else w.plain() if how < 0.65 else f"{w.word()} {w.word()}" if how < 0.85 else w.value()
    if len(text) < 3:
        raise Retry
    return w.fresh(lambda: text)


def find_file(w, absent=False):
    text = needle(w)
    scoped = w.chance(0.2) and w.given is None
    folder = w.folder_name() if scoped else None
    path, _ = planted(w, text, w.rng.randint(1, 4), folder)
    found = [path]
    if absent or (w.given is None and w.chance(0.08)):
        del w.folder.files[path]
        found = []
        w.filler(2, folder=folder)
    elif w.chance(0.12):
        other = w.file_name(folder=folder)
        w.put(other, [w.sentence(), f"{text} {w.word()}"])
        found = sorted([path, other], key=lambda p: p.encode())
    if any((text.lower() in c.lower()) != (p in found) for p, c in w.folder.files.items()):
        raise Retry
    if scoped:
        w.filler(1, folder="")
        if text.lower() in list(w.folder.files.values())[-1].lower():
            raise Retry
        w.say_user("find_file_in", T=text, D=folder)
        w.call("search_text", text=text, path=folder)
    else:
        w.say_user("find_file", T=text)
        w.call("search_text", text=text)
    if not found:
        w.say(f"No file contains {text}.", answer_any=["no ", "not ", "nothing", "none"])
    else:
        w.say(f"It is in {joined(found)}.", answer_contains=found)


def count_matches(w):
    text = w.fresh(w.word)
    if len(text) < 3:
        raise Retry
    count = w.rng.randint(0, 5)
    inside = w.chance(0.5) or w.given is not None
    path = w.file_name()
    lines = [l for l in w.text_lines(w.rng.randint(1, 5)) if text.lower() not in l.lower()]
    for _ in range(count):
        lines.insert(w.rng.randint(0, len(lines)), f"{w.word()} {text} {w.word()}" if w.chance(0.7) else f"{text} {w.word()}")
    if not lines:
        raise Retry
    w.put(path, lines)
    w.filler(w.rng.randint(1, 2))
    if inside:
        w.say_user("count_matches_in", T=text, F=path)
        head = w.path_call("search_text", text=text, path=path)
    else:
        w.say_user("count_matches", T=text)
        head = w.call("search_text", text=text)
    number = head.split(" in ")[0].split()[0]
    w.say(f"{text} is in {emulate.plural(int(number), 'line')}.", answer_contains=[number] if number != "0" else [],
          **({"answer_any": ["0", "no ", "not "]} if number == "0" else {}))


def line_number(w):
    text = needle(w)
    path, line = planted(w, text, w.rng.randint(1, 3))
    w.say_user("line_number", T=text, F=path)
    w.path_call("search_text", text=text, path=path)
    w.say(f"It is in line {line}.", answer_contains=[str(line)])


def find_then_read(w):
    mark = w.fresh(lambda: w.word() if w.chance(0.8) else f"{w.word()} {w.word()}")
    if len(mark) < 3:
        raise Retry
    key = w.fresh(w.key)
    path, answer = None, None
    for _ in range(w.rng.randint(1, 3)):
        p = w.file_name()
        pairs = some_pairs(w, 1, 3)
        pairs.insert(w.rng.randint(0, len(pairs)), (key, w.value()))
        lines = w.pair_lines(pairs)
        if path is None:
            path, answer = p, dict(pairs)[key]
            line = w.pick([mark, f"{w.key()}: {mark}", f"# {mark}", f"{w.sentence().rstrip('.')} {mark}"])
            lines.insert(0 if w.chance(0.6) else len(lines), line)
        w.put(p, lines)
    if sum(mark.lower() in c.lower() for c in w.folder.files.values()) != 1 or key.lower() in mark.lower():
        raise Retry
    w.say_user("find_then_read", T=mark, K=key)
    w.call("search_text", text=mark)
    w.call("read_file", path=path)
    w.say(value_sentence(key, answer), answer_contains=[answer])
