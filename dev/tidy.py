#!/usr/bin/env python3
"""Check what clang-format cannot: the rules of docs/STYLE.md that a script can see.

Reads every tracked or new .c and .h file below src/, tests/ and bench/, prints one line per
finding (file:line: text) and exits 1 if there is any. dev/tidy-allow.txt lists the exceptions,
one `rule path [name]` per line; the list may only shrink. Standard library only.
"""
import os
import re
import subprocess
import sys

LINE_MAX, FILE_MAX, FUNCTION_MAX, FUNCTION_MAX_SIMD = 100, 1000, 70, 120
# Families of models may be named only in these files.
FAMILIES = re.compile(r'"(llama|qwen2|qwen3|qwen35|gemma3|gpt-oss|deepseek2)"')
FAMILY_FILES = re.compile(r'src/model/arch_')
# What a call may be made from: pattern -> folders (prefixes) where it is allowed.
CALLS = {
    r'(?<![\w.>])(malloc|calloc|realloc|free|strdup|strndup|asprintf)\(': ('src/base/mem.c',),
    r'(?<![\w.>])(open|openat|creat|fopen|opendir|mmap|fork|vfork|execve?|execvp|posix_spawn|socketpair|pipe2?)\(':
        ('src/os/', 'src/sandbox/'),
    r'(?<![\w.>])(socket|connect|bind|listen)\(': ('src/os/', 'src/sandbox/', 'src/server/', 'src/fetch/'),
    r'(?<![\w.>])(printf|puts|putchar|perror)\(|(?<![\w.>])fprintf\((stdout|stderr)': ('src/cli/', 'src/main.c', 'src/base/check.c'),
    r'(?<![\w.>])exit\(': ('src/cli/', 'src/main.c'),
    r'(?<![\w.>])sqlite3_\w+\(': ('src/store/', 'src/cli/cmd_doctor.c'),
    r'(?<![\w.>])(sin|cos|exp|log|tanh|expf|logf|sinf|cosf|tanhf|powf)\(': (),
    r'(?<![\w.>])(system|sprintf|vsprintf|setjmp|longjmp|alloca)\(': (),
}
MARKS = re.compile(r'\b(TODO|FIXME|XXX|HACK)\b')
CODE_DIRS = ('src', 'tests', 'bench')


def tracked():
    out = subprocess.run(['git', 'ls-files', '-co', '--exclude-standard', *CODE_DIRS],
                         capture_output=True, text=True, check=True).stdout.split('\n')
    return sorted(p for p in out if p.endswith(('.c', '.h')) and os.path.exists(p))


def layers():
    allowed = {}
    for line in open('dev/layers.txt'):
        line = line.split('#')[0].strip()
        if line:
            folder, below = line.split(':')
            allowed[folder] = set(below.split()) | {folder}
    return allowed


def strip_comments(text):
    """The same text with comments and string contents blanked, line numbers kept."""
    def blank(match):
        s = match.group(0)
        if s[0] in '"\'':
            return s[0] + ' ' * (len(s) - 2) + s[-1]
        return re.sub(r'[^\n]', ' ', s)
    return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text,
                  flags=re.S)


def functions(code):
    """(name, first line, last line) of every function body at column 0."""
    lines = code.split('\n')
    start = None
    for i, line in enumerate(lines):
        if line == '{':
            head, j = '', i - 1
            while j >= 0 and lines[j].strip() and not lines[j].rstrip().endswith((';', '}')):
                head = lines[j] + ' ' + head
                j -= 1
            match = re.search(r'(\w+)\s*\(', head)
            start = (match.group(1) if match else '?', i + 1) if match else None
        elif line == '}' and start:
            yield start[0], start[1], i + 1
            start = None


class Tidy:
    def __init__(self):
        self.found = []
        self.allow = set()
        if os.path.exists('dev/tidy-allow.txt'):
            for line in open('dev/tidy-allow.txt'):
                words = line.split('#')[0].split()
                if words:
                    self.allow.add(tuple(words))
        self.used = set()

    def report(self, rule, path, line, text, name=None):
        for key in ((rule, path), (rule, path, name)):
            if key in self.allow:
                self.used.add(key)
                return
        self.found.append(f'{path}:{line}: {rule}: {text}')

    def check_lines(self, path, text, code):
        table = path.endswith(('_tables.c', '_tables.h'))
        lines = text.split('\n')
        if len(lines) > FILE_MAX and not table:
            self.report('file-length', path, len(lines), f'{len(lines)} lines (limit {FILE_MAX})')
        for i, line in enumerate(lines, 1):
            if len(line) > LINE_MAX and not table:
                self.report('line-length', path, i, f'{len(line)} columns (limit {LINE_MAX})')
            if '\t' in line or line != line.rstrip():
                self.report('spaces', path, i, 'tab or trailing space')
            if MARKS.search(line):
                self.report('marks', path, i, 'a mark of unfinished work')
        has_header = path.endswith('.c') and os.path.exists(path[:-2] + '.h')
        if not has_header and not text.lstrip().startswith('/*'):
            self.report('file-comment', path, 1, 'the file does not begin with a comment')
        if not path.startswith('src/'):
            return
        for i, line in enumerate(code.split('\n'), 1):
            for pattern, where in CALLS.items():
                match = re.search(pattern, line)
                if match and not path.startswith(where or ('\0',)) and not line.startswith('#'):
                    self.report('banned-call', path, i, match.group(0).strip('('))
            if re.search(r'\bgoto\b', line) and not path.startswith('src/kernel/'):
                self.report('goto', path, i, 'goto outside of kernels')
        if not FAMILY_FILES.match(path):
            for i, line in enumerate(text.split('\n'), 1):
                if FAMILIES.search(line) and not path.startswith('src/tokenizer/'):
                    self.report('family', path, i, 'a model family is named outside of arch_*')

    def check_functions(self, path, code):
        simd = path.startswith('src/kernel/')
        for name, first, last in functions(code):
            limit = FUNCTION_MAX_SIMD if simd else FUNCTION_MAX
            if last - first + 1 > limit:
                self.report('function-length', path, first, f'{name}: {last - first + 1} lines (limit {limit})', name)

    def check_layers(self, path, text, allowed):
        folder = path.split('/')[1] if path.startswith('src/') and path.count('/') > 1 else None
        if folder is None:
            return
        if folder not in allowed:
            self.report('layers', path, 1, f'folder {folder} is not in dev/layers.txt')
            return
        for i, line in enumerate(text.split('\n'), 1):
            match = re.match(r'\s*#\s*include "(\w+)/', line)
            if match and match.group(1) not in allowed[folder]:
                self.report('layers', path, i, f'{folder}/ may not include {match.group(1)}/')

    def check_prefixes(self, path, code):
        """Functions declared in src/x/ start with the name of a file of src/x/."""
        if not path.startswith('src/') or not path.endswith('.h') or path.endswith('banned.h'):
            return
        folder = os.path.dirname(path)
        stems = {re.sub(r'_internal$', '', name[:-2]) for name in os.listdir(folder) if name.endswith(('.c', '.h'))}
        for match in re.finditer(r'^(?!static|typedef|struct \w+ \{|#|enum \w* ?\{)[\w][\w \*]*?\b(\w+)\((?=[^;{]*\)[^;{]*;)', code, re.M):
            name = match.group(1)
            if name in ('CLEANUP', 'PRINTF_LIKE', '_Static_assert', '__attribute__'):
                continue
            if not any(name.startswith(s + '_') or name == s for s in stems):
                line = code[:match.start()].count('\n') + 1
                self.report('prefix', path, line, f'{name} does not start with the name of a file here', name)

    def run(self):
        allowed, seen = layers(), {}
        for path in tracked():
            text = open(path, encoding='utf-8').read()
            code = strip_comments(text)
            self.check_lines(path, text, code)
            self.check_functions(path, code)
            self.check_layers(path, text, allowed)
            self.check_prefixes(path, code)
            if path.startswith('src/'):
                name = os.path.basename(path)
                if name in seen:
                    self.report('file-name', path, 1, f'also {seen[name]}')
                seen[name] = path
        for key in sorted(self.allow - self.used):
            self.found.append(f'dev/tidy-allow.txt: no longer needed: {" ".join(key)}')
        for line in self.found:
            print(line)
        return 1 if self.found else 0


if __name__ == '__main__':
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
    sys.exit(Tidy().run())
