#!/usr/bin/env python3
"""Render the cases of tests/golden/jinja with Python's Jinja2 and write down what it says.

Needs the package Jinja2 (the tests do not). With --check nothing is written; the exit code says
whether a case differs. A case whose first line holds "(ours)" differs on purpose and is left alone.
"""
import glob
import json
import os
import sys
from datetime import datetime

import jinja2
import jinja2.ext
import jinja2.nodes
import jinja2.sandbox

NOW = datetime(2026, 3, 14, 9, 26, 53)


class Generation(jinja2.ext.Extension):
    tags = {'generation'}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(('name:endgeneration',), drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method('_body'), [], [], body).set_lineno(line)

    def _body(self, caller):
        return caller()


def raise_exception(message):
    raise jinja2.TemplateError(message)


def to_json(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators,
                      sort_keys=sort_keys)


def environment():
    env = jinja2.sandbox.SandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, 'jinja2.ext.loopcontrols'])
    env.filters['tojson'] = to_json
    env.filters['from_json'] = json.loads
    env.globals['raise_exception'] = raise_exception
    env.globals['strftime_now'] = NOW.strftime
    return env


def sections(text):
    parts, name, lines = {}, None, []
    for line in text.split('\n')[:-1]:
        if line.startswith('--- '):
            if name is not None:
                parts[name] = '\n'.join(lines)
            name, lines = line[4:], []
        elif name is None:
            parts.setdefault('why', line)
        else:
            lines.append(line)
    parts[name] = '\n'.join(lines)
    return parts


def rendered(parts):
    try:
        text = environment().from_string(parts['template']).render(**json.loads(parts['variables']))
        return '--- text\n' + text + '\n'
    except Exception as error:
        return '--- error\n' + str(error) + '\n'


def main():
    changed = 0
    for path in sorted(glob.glob('tests/golden/jinja/*.case')):
        with open(path, encoding='utf-8', newline='') as file:
            old = file.read()
        parts = sections(old)
        if '(ours)' in parts['why']:
            continue
        head = old[:old.index('\n--- variables\n')]
        new = head + '\n--- variables\n' + parts['variables'] + '\n' + rendered(parts)
        if new != old:
            changed += 1
            print('differs:', path)
            if '--check' not in sys.argv:
                with open(path, 'w', encoding='utf-8', newline='') as file:
                    file.write(new)
    return 1 if changed and '--check' in sys.argv else 0


if __name__ == '__main__':
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
    sys.exit(main())
