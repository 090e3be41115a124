#!/bin/bash
# Run each fuzz target for some seconds on its corpus: dev/fuzz.sh SECONDS NAME ...
# New inputs stay in build/fuzz/corpus; a crash leaves its input there and ends the run.
set -eu
cd "$(dirname "$0")/.."
seconds=$1
shift
for name in "$@"; do
    work=build/fuzz/corpus/$name
    mkdir -p "$work"
    log=build/test-logs/fuzz-$name.log
    mkdir -p build/test-logs
    if ! build/fuzz/tests/fuzz_"$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
        -artifact_prefix="$work/" -print_final_stats=1 -verbosity=0 \
        "$work" tests/fuzz/corpus/"$name" >"$log" 2>&1; then
        tail -n 40 "$log"
        echo "fuzz: $name FAILED; the input is in $work, the whole log in $log"
        exit 1
    fi
    echo "fuzz: $name, $seconds s, $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs, nothing found"
done
