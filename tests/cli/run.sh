#!/bin/bash
# The command line exactly as a user sees it: tests/cli/run.sh [--update] [NAME...]
#
# A case NAME is a script NAME.sh, run by sh in an empty folder with a home of its own and nothing on
# standard input. Expected are NAME.stdout, NAME.stderr (missing: nothing) and NAME.exit (missing: 0).
# The temporary folder is written as @TMP@. --update writes what came; look at the difference.
# HOLT names the program (default build/holt). A case that prints "skip: WHY" first is skipped.
set -u
cd "$(dirname "$0")"
here=$PWD
HOLT=${HOLT:-$here/../../build/holt}
HOLT=$(realpath "$HOLT")
FIXTURES=${HOLT_FIXTURES:-$here/../../../shared/fixtures}
CASES=$here
ROOT=$(realpath "$here/../..")
export HOLT FIXTURES CASES ROOT
update=
[ "${1:-}" = --update ] && update=1 && shift
names=("$@")
if [ ${#names[@]} -eq 0 ]; then
    for script in *.sh; do
        [ "$script" = run.sh ] || names+=("${script%.sh}")
    done
fi
tmp=$(mktemp -d "${TMPDIR:-/tmp}/holt-cli-XXXXXX")
trap 'rm -rf "$tmp"' EXIT
passed=0 failed=0 skipped=0

expect() { # expect NAME KIND: compares $tmp/KIND with the expected file; prints the difference
    local wanted=$here/$1.$2
    [ -e "$wanted" ] || wanted=/dev/null
    cmp -s "$wanted" "$tmp/$2" && return 0
    echo "--- $1.$2"
    diff -u --label expected --label came "$wanted" "$tmp/$2" | head -40
    return 1
}

keep() { # keep NAME KIND: what came becomes what is expected
    if [ -s "$tmp/$2" ]; then cp "$tmp/$2" "$here/$1.$2"; else rm -f "$here/$1.$2"; fi
}

for name in "${names[@]}"; do
    rm -rf "$tmp/case"
    mkdir -p "$tmp/case/home" "$tmp/case/here"
    (
        cd "$tmp/case/here" || exit 99
        exec env -i PATH="$PATH" HOME="$tmp/case/home" TMPDIR="$tmp/case" LANG=C.UTF-8 TERM=xterm \
            HOLT="$HOLT" FIXTURES="$FIXTURES" CASES="$CASES" ROOT="$ROOT" \
            sh "$here/$name.sh" </dev/null >"$tmp/stdout" 2>"$tmp/stderr"
    )
    code=$?
    if grep -q '^skip: ' "$tmp/stdout"; then
        echo "[  SKIPPED ] $name: $(sed -n 's/^skip: //p' "$tmp/stdout")"
        skipped=$((skipped + 1))
        continue
    fi
    sed -i "s|$tmp/case|@TMP@|g" "$tmp/stdout" "$tmp/stderr"
    if [ "$code" -eq 0 ]; then : >"$tmp/exit"; else echo "$code" >"$tmp/exit"; fi
    if [ -n "$update" ]; then
        for kind in stdout stderr exit; do keep "$name" $kind; done
        continue
    fi
    good=1
    for kind in stdout stderr exit; do expect "$name" $kind || good=0; done
    if [ $good -eq 1 ]; then
        echo "[       OK ] $name"
        passed=$((passed + 1))
    else
        echo "[  FAILED  ] $name"
        failed=$((failed + 1))
    fi
done
[ -n "$update" ] || echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
