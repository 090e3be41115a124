#!/bin/bash
# What takes hours: dev/soak.sh [FUZZ_SECONDS]. Writes docs/soak/DATE.md with the commit and results.
set -u
cd "$(dirname "$0")/.."
seconds=${1:-3600}
report=docs/soak/$(date +%F).md
mkdir -p docs/soak build/test-logs
{
    echo "# Soak of $(date +%F)"
    echo
    echo "Commit $(git rev-parse --short HEAD), $(nproc) cores, $(sed -n 's/^model name\s*: //p' /proc/cpuinfo | head -1)."
    echo
    echo "| what | result | seconds |"
    echo "|---|---|---|"
} >"$report"
status=0
row() { # row NAME COMMAND...
    local name=$1 start=$SECONDS code=0
    shift
    "$@" >build/test-logs/soak.log 2>&1 || { code=$?; status=1; }
    local last
    last=$(grep -E 'passed|PASSED|%' build/test-logs/soak.log | tail -1 | tr '|' '/')
    echo "| $name | $([ $code = 0 ] && echo ok || echo "FAILED ($code)"): ${last:-no totals} | $((SECONDS - start)) |" | tee -a "$report"
}
row "10,000 masked generations" env HOLT_SOAK=1 build/release/tests/test_infer
row "10,000 masked generations of each tool-call format" env HOLT_SOAK=1 build/release/tests/test_engine
row "200 kills" python3 tests/e2e/kill9.py build/holt 200
row "all held-out tasks" build/holt eval builtin
row "all unseen wordings" build/holt eval wordings
for name in $(printf '%s\n' tests/fuzz/fuzz_*.c | sed 's|.*/fuzz_||; s|\.c$||'); do
    row "fuzz $name" dev/fuzz.sh "$seconds" "$name"
done
exit $status
