#!/bin/bash
# End to end, on the built program: kills, held-out tasks, the demonstration. Counts like the rest.
set -u
cd "$(dirname "$0")/../.."
holt=build/holt
passed=0
failed=0
check() { # check NAME COMMAND...
    local name=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $name"
    fi
}

answered() { # answered TEXT: the demonstration printed it
    grep -qF -- "$1" build/test-logs/demo.log
}

# In a mount namespace of its own, so that root meets a disk that cannot be written, too.
readonly_disk() {
    unshare -rm true 2>/dev/null || { echo "not run: a read-only disk (no namespaces here)"; return 0; }
    rm -rf build/disk && mkdir -p build/disk
    unshare -rm sh -c 'mount -t tmpfs -o ro none build/disk &&
        build/holt agent --state build/disk/state -w share/demo "hello" 2>&1;
        build/holt agent -w build/disk --state build/disk-state --allow write \
            "Create greeting.txt with the text hello" 2>&1' >build/test-logs/readonly.log
    [ "$(grep -c 'Read-only file system' build/test-logs/readonly.log)" = 2 ]
}

installed() {
    rm -rf build/installed
    make -s install DESTDIR="$PWD/build/installed" >build/test-logs/install.log 2>&1 &&
        build/installed/usr/local/bin/holt --version | grep -q '^holt ' &&
        grep -q 'ExecStart=/usr/local/bin/holt agent' build/installed/usr/local/lib/systemd/user/holt@.service
    local ok=$?
    make -s uninstall DESTDIR="$PWD/build/installed" >>build/test-logs/install.log 2>&1 &&
        [ -z "$(find build/installed -type f)" ] && [ $ok = 0 ]
}

mkdir -p build/test-logs
check "20 kills" python3 tests/e2e/kill9.py "$holt" 20
check "the demonstration runs" sh -c 'dev/demo.sh >build/test-logs/demo.log 2>&1'
check "it looked into a folder" answered "In orders: april.txt, may.txt."
check "it read a file" answered "The port is 8080."
check "it searched" answered "It is in notes.txt and orders/may.txt."
check "it computed and wrote the result" test "$(cat build/demo/total.txt)" = 408
check "it wrote what was asked for" test "$(cat build/demo/greeting.txt)" = hello
check "the demonstration runs where no tool can be confined" sh -c \
    'HOLT_WITHOUT_LANDLOCK=1 HOLT_WITHOUT_NAMESPACES=1 dev/demo.sh >build/test-logs/demo.log 2>&1'
check "it said so" answered "This system can confine no tools"
check "it computed without a child" answered "408"
check "it remembered without a child" answered "4711"
# Below the goal of 95 on purpose: it guards what the model of today can do (models/README.md).
eval_log=build/test-logs/eval.log
check "60 held-out tasks, within 10 seconds each" sh -c \
    "$holt eval builtin --limit 60 --timeout 10 --min ${EVAL_MIN:-70} >$eval_log"
cat $eval_log
check "no malformed calls" grep -q "calls that were none: 0" $eval_log
check "a read-only disk is said" readonly_disk
check "installed and uninstalled" installed
check "the model's file is what the program holds" python3 tests/e2e/embedded.py "$holt" models/builtin.gguf
check "show says what memory a run takes" python3 tests/e2e/memory.py "$holt"
check "pulling models" python3 tests/e2e/pull.py "$holt"
check "making models" python3 tests/e2e/create.py "$holt"
check "stored prompts" python3 tests/e2e/stored_prompts.py "$holt"
check "the server" python3 tests/e2e/serve.py "$holt"
check "clients that are slow, greedy or foreign" python3 tests/e2e/serve_edges.py "$holt"
check "what the big clients send" python3 tests/e2e/clients.py "$holt"
check "what few clients ask the server" python3 tests/e2e/extras.py "$holt"
check "programs on a server of their own" python3 tests/e2e/launch.py "$holt"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
