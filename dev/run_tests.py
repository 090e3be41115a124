#!/usr/bin/env python3
"""Run test suites, one for each processor at a time, and print one total.

    dev/run_tests.py NAME=COMMAND ... [--alone NAME=COMMAND ...]

They begin in the order given: put the longest first. Those behind --alone run one after the other
when the rest has ended. Each command's output goes to build/test-logs/NAME.log. Results are counted from cmocka's lines
("[       OK ] name", "[  FAILED  ] name", "[  SKIPPED ] name") or, where a suite has none, from its
last line of the form "N passed, N failed". A suite that ends badly counts at least one failure. The
last line printed is "N passed, N failed, N skipped"; exit 1 on any failure. Standard library only.
"""
import concurrent.futures
import os
import re
import subprocess
import sys
import time

LOGS = 'build/test-logs'
TAIL_LINES = 40
JOBS_MAX = 8


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


def run(suite):
    name, command = suite.split('=', 1)
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
    lines = [f'  {name:<16} {passed:>5} passed, {failed} failed{note}  ({time.monotonic() - start:.1f} s)']
    if failed:
        lines += [f'--- {path}, last lines'] + text.rstrip().split('\n')[-TAIL_LINES:]
    print('\n'.join(lines), flush=True)
    return passed, failed, skipped


def run_all(suites, jobs):
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        return [sum(column) for column in zip((0, 0, 0), *pool.map(run, suites))]


def main():
    os.makedirs(LOGS, exist_ok=True)
    together, alone = sys.argv[1:], []
    if '--alone' in together:
        at = together.index('--alone')
        together, alone = together[:at], together[at + 1:]
    jobs = min(len(os.sched_getaffinity(0)), JOBS_MAX)
    totals = [sum(column) for column in zip(run_all(together, jobs), run_all(alone, 1))]
    print(f'{totals[0]} passed, {totals[1]} failed, {totals[2]} skipped')
    return 1 if totals[1] or not totals[0] else 0


if __name__ == '__main__':
    sys.exit(main())
