#!/usr/bin/env python3
"""Judge the values of tests/golden/schema/verdicts.jsonl with Python's jsonschema.

Each line has a schema, texts that are valid and texts that are not. Needs the packages jsonschema
and rfc3339-validator (the tests do not). The exit code says whether a verdict differs.
"""
import json
import os
import sys

from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for


def main():
    wrong = 0
    total = 0
    for number, line in enumerate(open('tests/golden/schema/verdicts.jsonl', encoding='utf-8'), 1):
        row = json.loads(line)
        validator = validator_for(row['schema'], default=Draft202012Validator)(
            row['schema'], format_checker=Draft202012Validator.FORMAT_CHECKER)
        for want, texts in ((True, row['valid']), (False, row['invalid'])):
            for text in texts:
                total += 1
                if validator.is_valid(json.loads(text)) != want:
                    print(f'line {number}: {text} is {"in" if want else ""}valid')
                    wrong += 1
    print(f'{total} verdicts, {wrong} differ')
    return 1 if wrong else 0


if __name__ == '__main__':
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
    sys.exit(main())
