"""The exact result texts of the nine tools over a folder held in memory.

Byte-identical to the tools in src/tools. `Folder` owns files (path -> text), folders and notes.
"""
import re
import shlex
import subprocess
import tempfile
import os

LIST_MAX = 200
MATCH_MAX = 50
LINE_BYTES_MAX = 200
NOTES_MAX = 10


def plural(count, one):
    many = {"match": "matches", "entry": "entries"}.get(one, one + "s")
    return f"{count} {one if count == 1 else many}"


def lines_of(text):
    if text == "":
        return []
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    return lines


def distance(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        previous, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (x != y))
    return row[-1]


def clean(path):
    while path.startswith("./"):
        path = path[2:]
    return path.rstrip("/") or "."


class Folder:
    def __init__(self, files=None, notes=None, allow=("write", "run"), folders=()):
        self.files = dict(files or {})
        self.extra = set(folders)
        self.notes = list(notes or [])
        self.allow = set(allow)

    # ---- the tree
    def folders(self):
        found = {"."} | set(self.extra)
        for path in list(self.files) + [name + "/x" for name in self.extra]:
            while "/" in path:
                path = path.rsplit("/", 1)[0]
                found.add(path)
        return found

    def entries(self, folder):
        prefix = "" if folder == "." else folder + "/"
        names = {}
        for path in self.files:
            if path.startswith(prefix):
                rest = path[len(prefix):]
                head = rest.split("/")[0]
                names[head] = "/" in rest
        for path in self.folders() - {"."}:
            if path.startswith(prefix) and path != folder:
                names[path[len(prefix):].split("/")[0]] = True
        return names

    def missing(self, path):
        message = f"error: {path} does not exist"
        parent, _, base = path.rpartition("/")
        folder = parent or "."
        if folder in self.folders():
            close = [(distance(base.encode(), name.encode()), name.encode(), name)
                     for name in self.entries(folder)]
            close = sorted(item for item in close if item[0] <= 2)
            if close:
                name = close[0][2]
                return f"{message}; did you mean {parent + '/' if parent else ''}{name}?"
        elsewhere = sorted((p.encode(), p) for p in self.files
                           if p.split("/")[-1] == base and not p.startswith("."))
        if elsewhere:
            return f"{message}; did you mean {elsewhere[0][1]}?"
        return message

    def outside(self, path):
        depth = 0
        for part in path.split("/"):
            depth += -1 if part == ".." else 0 if part in ("", ".") else 1
            if depth < 0:
                return True
        return path.startswith("/")

    def locate(self, path, want):
        """Returns (clean path, error or None); want is "file", "folder" or "any"."""
        path = clean(path)
        if self.outside(path):
            return path, f"error: {path} is outside the workspace"
        if path in self.files:
            return path, f"error: {path} is a file" if want == "folder" else None
        if path in self.folders():
            return path, f"error: {path} is a folder" if want == "file" else None
        return path, self.missing(path)

    # ---- the tools
    def call(self, name, arguments):
        return getattr(self, "tool_" + name)(**arguments)

    def tool_list_dir(self, path):
        path, error = self.locate(path, "folder")
        if error:
            return error
        entries = self.entries(path)
        files = sum(not is_folder for is_folder in entries.values())
        head = f"{plural(files, 'file')}, {plural(len(entries) - files, 'folder')} in {path}"
        names = [name + ("/" if is_folder else "")
                 for name, is_folder in sorted(entries.items(), key=lambda item: item[0].encode())]
        if len(names) > LIST_MAX:
            cut = plural(len(names) - LIST_MAX, "more entry")
            cut = f"[cut: {len(names) - LIST_MAX} more {'entry' if len(names) - LIST_MAX == 1 else 'entries'}]"
            names = names[:LIST_MAX] + [cut]
        return "\n".join([head] + names)

    def tool_read_file(self, path, first_line=1, line_count=200):
        path, error = self.locate(path, "file")
        if error:
            return error
        lines = lines_of(self.files[path])
        if not lines and first_line == 1:
            return f"{path}: 0 lines"
        if first_line > len(lines):
            return f"error: {path} has {plural(len(lines), 'line')}"
        last = min(len(lines), first_line + line_count - 1)
        return "\n".join([f"{path}: lines {first_line}-{last} of {len(lines)}"]
                         + lines[first_line - 1:last])

    def tool_search_text(self, text, path="."):
        path, error = self.locate(path, "any")
        if error:
            return error
        if path in self.files:
            chosen = [path]
        else:
            prefix = "" if path == "." else path + "/"
            chosen = [p for p in self.files if p.startswith(prefix)
                      and not any(part.startswith(".") for part in p[len(prefix):].split("/")[:-1])]
        chosen.sort(key=lambda p: p.encode())
        low = lambda value: re.sub("[A-Z]", lambda m: m.group().lower(), value)
        found = [(p, number, line) for p in chosen
                 for number, line in enumerate(lines_of(self.files[p]), 1) if low(text) in low(line)]
        head = (f"{plural(len(found), 'match')} in {len({p for p, _, _ in found})} of "
                f"{plural(len(chosen), 'file')}")
        shown = []
        for p, number, line in found[:MATCH_MAX]:
            raw = line.encode()
            if len(raw) > LINE_BYTES_MAX:
                line = raw[:LINE_BYTES_MAX].decode(errors="ignore") + "..."
            shown.append(f"{p}:{number}: {line}")
        if len(found) > MATCH_MAX:
            more = len(found) - MATCH_MAX
            shown.append(f"[cut: {more} more {'match' if more == 1 else 'matches'}]")
        return "\n".join([head] + shown)

    def tool_write_file(self, path, content):
        path = clean(path)
        if self.outside(path):
            return f"error: {path} is outside the workspace"
        if "write" not in self.allow:
            return "error: the user did not allow this"
        if path in self.folders():
            return f"error: {path} is a folder"
        word = "replaced" if path in self.files else "created"
        self.files[path] = content
        size = len(content.encode())
        return f"{word} {path}: {plural(len(lines_of(content)), 'line')}, {plural(size, 'byte')}"

    def tool_edit_file(self, path, old, new):
        path, error = self.locate(path, "file")
        if error:
            return error
        text = self.files[path]
        if old == "":
            return "error: the old text is empty"
        count = text.count(old)
        if count == 0:
            return f"error: the old text is not in {path}"
        if count > 1:
            return f"error: the old text is in {path} {count} times; give more of it"
        if "write" not in self.allow:
            return "error: the user did not allow this"
        line = text[:text.index(old)].count("\n") + 1
        self.files[path] = text.replace(old, new)
        return f"edited {path}: 1 replacement in line {line}"

    def tool_run_command(self, command):
        if "run" not in self.allow:
            return "error: the user did not allow this"
        result = self.simple_command(command)
        return result if result is not None else self.shell(command)

    def output(self, status, text):
        text = text[:-1] if text.endswith("\n") else text
        return f"exit {status}\n{text or '(no output)'}"

    def simple_command(self, command):
        """The commands that generated tasks use, without starting a process; None for any other."""
        try:
            words = shlex.split(command)
        except ValueError:
            return None
        if not words or any(char in command for char in "|&;<>$`*?\\"):
            return None
        name, rest = words[0], words[1:]
        text = self.files.get(clean(rest[-1]), None) if rest else None
        if name == "echo":
            return self.output(0, " ".join(rest) + "\n")
        if name == "printf" and len(rest) == 1 and "%" not in rest[0]:
            return self.output(0, rest[0])
        if name == "cat" and len(rest) == 1 and text is not None:
            return self.output(0, text)
        if name in ("head", "tail") and rest[:2] == ["-n", "1"] and text:
            line = lines_of(text)[0 if name == "head" else -1]
            return self.output(0, line + "\n")
        if name == "wc" and rest[:1] == ["-l"] and text is not None:
            return self.output(0, f"{text.count(chr(10))} {rest[1]}\n")
        if name == "wc" and rest[:1] == ["-c"] and text is not None:
            return self.output(0, f"{len(text.encode())} {rest[1]}\n")
        if name == "test" and rest[:1] in (["-f"], ["-d"]) and len(rest) == 2:
            path = clean(rest[1])
            found = path in self.files if rest[0] == "-f" else path in self.folders()
            return self.output(0 if found else 1, "")
        if name == "rm" and len(rest) == 1 and text is not None:
            self.keep_folder(rest[0])
            del self.files[clean(rest[0])]
            return self.output(0, "")
        if name in ("mv", "cp") and len(rest) == 2 and clean(rest[0]) in self.files:
            source, target = clean(rest[0]), clean(rest[1])
            if target in self.folders() or (target.rpartition("/")[0] or ".") not in self.folders():
                return None
            self.files[target] = self.files[source]
            if name == "mv" and source != target:
                self.keep_folder(source)
                del self.files[source]
            return self.output(0, "")
        if name == "mkdir" and rest[:1] == ["-p"] and len(rest) == 2 and clean(rest[1]) not in self.files:
            self.extra.add(clean(rest[1]))
            return self.output(0, "")
        if name == "sh" and len(rest) == 1 and text is not None:
            printed = ""
            for line in lines_of(text):
                if line.startswith("exit "):
                    return self.output(int(line[5:]), printed)
                if line.startswith("#") or not line.strip():
                    continue
                if not line.startswith("echo ") or any(char in line for char in "|&;<>$`*?\\'\"~("):
                    return None
                printed += " ".join(line.split()[1:]) + "\n"
            return self.output(0, printed)
        return None

    def keep_folder(self, path):
        folder = clean(path).rpartition("/")[0]
        if folder:
            self.extra.add(folder)

    def shell(self, command):
        """Runs the command for real in a throw-away folder (used with trusted generated commands)."""
        with tempfile.TemporaryDirectory() as root:
            for folder in self.folders():
                os.makedirs(os.path.join(root, folder), exist_ok=True)
            for path, text in self.files.items():
                with open(os.path.join(root, path), "w", encoding="utf-8", newline="") as file:
                    file.write(text)
            done = subprocess.run(["sh", "-c", command], cwd=root, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, timeout=10, stdin=subprocess.DEVNULL)
            self.files, self.extra = {}, set()
            for where, folders, files in os.walk(root):
                base = os.path.relpath(where, root)
                for name in folders:
                    self.extra.add(os.path.normpath(os.path.join(base, name)))
                for name in files:
                    path = os.path.normpath(os.path.join(base, name))
                    with open(os.path.join(where, name), encoding="utf-8", errors="replace",
                              newline="") as file:
                        self.files[path] = file.read()
        return self.output(done.returncode, done.stdout.decode(errors="replace"))

    def tool_calculate(self, expression):
        return calculate(expression)

    def tool_remember(self, note):
        self.notes.append(note)
        return f"kept: {note}"

    def tool_recall(self, query):
        words = set(words_of(query))
        scored = []
        for age, note in enumerate(reversed(self.notes)):
            hits = len(words & set(words_of(note)))
            if hits:
                scored.append((-hits, age, note))
        found = [note for _, _, note in sorted(scored)[:NOTES_MAX]]
        return "\n".join([plural(len(found), "note")] + found)


def words_of(text):
    """Runs of letters and digits, ASCII lower-cased."""
    return re.sub("[A-Z]", lambda m: m.group().lower(), re.sub(r"[\W_]", " ", text)).split()


class _Parser:
    """+ - * / % ^ and parentheses; ^ binds tightest and to the right, unary minus below it."""

    def __init__(self, text):
        self.text, self.at = text, 0

    def peek(self):
        while self.at < len(self.text) and self.text[self.at] in " \t":
            self.at += 1
        return self.text[self.at:self.at + 1]

    def fail(self):
        self.peek()
        raise SyntaxError(self.text[self.at:])

    def add(self):
        value = self.multiply()
        while self.peek() in ("+", "-"):
            sign = self.peek()
            self.at += 1
            other = self.multiply()
            value = value + other if sign == "+" else value - other
        return value

    def multiply(self):
        value = self.unary()
        while self.peek() and self.peek() in "*/%":
            sign = self.peek()
            self.at += 1
            other = self.unary()
            if sign == "*":
                value = value * other
            elif other == 0:
                raise ZeroDivisionError
            elif sign == "%":
                value = value - other * int(value / other)
            else:
                exact = isinstance(value, int) and isinstance(other, int) and value % other == 0
                value = value // other if exact else value / other
        return value

    def unary(self):
        if self.peek() == "-":
            self.at += 1
            return -self.unary()
        return self.power()

    def power(self):
        value = self.atom()
        if self.peek() == "^":
            self.at += 1
            other = self.unary()
            value = value ** other
        return value

    def atom(self):
        if self.peek() == "(":
            self.at += 1
            value = self.add()
            if self.peek() != ")":
                self.fail()
            self.at += 1
            return value
        match = re.compile(r"\d+(\.\d+)?").match(self.text, self.at)
        if not match:
            self.fail()
        self.at = match.end()
        return float(match.group()) if match.group(1) else int(match.group())


def number_text(value):
    if isinstance(value, int) and abs(value) < 2 ** 53:
        return str(value)
    return "%.10g" % value


def calculate(expression):
    text = expression.strip()
    parser = _Parser(text)
    try:
        value = parser.add()
        if parser.peek():
            parser.fail()
    except ZeroDivisionError:
        return "error: division by zero"
    except SyntaxError as error:
        return f'error: cannot read the expression at "{error.msg}"'
    return f"{text} = {number_text(value)}"
