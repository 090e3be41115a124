#!/usr/bin/env python3
"""Run test suites one after the other and print one total.

    dev/run_tests.py NAME=COMMAND ...

Each command's output goes to build/test-logs/NAME.log. Results are counted from cmocka's lines
("[       OK ] name", "[  FAILED  ] name", "[  SKIPPED ] name") or, where a suite has none, from its
last line of the form "N passed, N failed". A suite that ends badly counts at least one failure. The
last line printed is "N passed, N failed, N skipped"; exit 1 on any failure. Standard library only.
"""
import os
import re
import subprocess
import sys
import time

LOGS = 'build/test-logs'
TAIL_LINES = 40


def count(text):
    passed = len(re.findall(r'^\[       OK \] ', text, re.M))
    skipped = len(re.findall(r'^\[  SKIPPED \] (?!\d+ test)', text, re.M))
    failed = len(set(re.findall(r'^\[  FAILED  \] (?!\d+ test)(.+)$', text, re.M)))
    if passed or failed or skipped:
        return passed, failed, skipped
    totals = re.findall(r'^(?:\w+: )?(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$', text, re.M)
    if totals:
        return tuple(int(n or 0) for n in totals[-1])
    return 0, 0, 0


def run(name, command):
    os.makedirs(LOGS, exist_ok=True)
    path = os.path.join(LOGS, name + '.log')
    start = time.monotonic()
    with open(path, 'wb') as log:
        code = subprocess.run(['bash', '-c', command], stdout=log, stderr=subprocess.STDOUT,
                              stdin=subprocess.DEVNULL).returncode
    text = open(path, encoding='utf-8', errors='replace').read()
    passed, failed, skipped = count(text)
    if code and not failed:
        failed = 1
    if not code and not passed and not failed and not skipped:
        text += '\n(the suite ran no test)\n'
        failed = 1
    note = f', {skipped} skipped' if skipped else ''
    print(f'  {name:<16} {passed:>5} passed, {failed} failed{note}  ({time.monotonic() - start:.1f} s)', flush=True)
    if failed:
        print(f'--- {path}, last lines')
        print('\n'.join(text.rstrip().split('\n')[-TAIL_LINES:]), flush=True)
    return passed, failed, skipped


def main():
    totals = [0, 0, 0]
    for argument in sys.argv[1:]:
        name, command = argument.split('=', 1)
        for i, n in enumerate(run(name, command)):
            totals[i] += n
    print(f'{totals[0]} passed, {totals[1]} failed, {totals[2]} skipped')
    return 1 if totals[1] or not totals[0] else 0


if __name__ == '__main__':
    sys.exit(main())
