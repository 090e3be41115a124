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
    echo "fuzz: $name for $seconds s"
    build/fuzz/tests/fuzz_"$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
        -artifact_prefix="$work/" -print_final_stats=0 -verbosity=0 "$work" tests/fuzz/corpus/"$name"
done
