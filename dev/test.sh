#!/bin/bash
# Run what `make test` built: dev/test.sh [quick]. Prints one line per suite and the total.
set -eu
cd "$(dirname "$0")/.."
quick=${1:-}
suites=()
alone=()
add_unit() { suites+=("unit-$1=build/dev/tests/test_$1"); }

add_unit infer # the longest first
suites+=("kernels=build/release/tests/checkkernel")
add_unit engine
suites+=("cli=tests/cli/run.sh")
for program in build/dev/tests/test_*; do
    name=${program##*/test_}
    case $name in infer|engine|*.d|*.o|*.c) continue ;; esac
    [ -x "$program" ] && add_unit "$name"
done
for program in build/dev/tests/replay_*; do
    name=${program##*/replay_}
    case $name in *.d|*.o) continue ;; esac
    [ -x "$program" ] && suites+=("fuzz-$name=$program tests/fuzz/corpus/$name/*")
done
if [ "$quick" != quick ]; then
    alone+=("e2e=tests/e2e/run.sh")
fi
exec dev/run_tests.py "${suites[@]}" --alone "${alone[@]}"
