#!/bin/bash
# Run what `make test` built: dev/test.sh [quick]. Prints one line per suite and the total.
set -eu
cd "$(dirname "$0")/.."
quick=${1:-}
suites=()

for program in build/dev/tests/test_*; do
    case $program in *.d|*.o|*.c) continue ;; esac
    [ -x "$program" ] && suites+=("unit-${program##*/test_}=$program")
done
suites+=("kernels=build/release/tests/checkkernel")
for program in build/dev/tests/replay_*; do
    name=${program##*/replay_}
    case $name in *.d|*.o) continue ;; esac
    [ -x "$program" ] && suites+=("fuzz-$name=$program tests/fuzz/corpus/$name/*")
done
suites+=("cli=tests/cli/run.sh")
if [ "$quick" != quick ]; then
    suites+=("e2e=tests/e2e/run.sh")
fi
exec dev/run_tests.py "${suites[@]}"
