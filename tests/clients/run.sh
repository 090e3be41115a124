#!/bin/bash
# Unmodified published clients drive the server, offline but for loopback: tests/clients/run.sh.
# What they need comes from PyPI and npm into build/clients; without it the test says what it skips.
set -u
cd "$(dirname "$0")/../.."
holt=build/holt
home=build/clients
passed=0
failed=0
skipped=0
mkdir -p "$home/home" build/test-logs

check() { # check NAME COMMAND...
    local name=$1 log
    shift
    log=build/test-logs/client-$(echo "$name" | tr ' /' '__').log
    if "$@" >"$log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $name"
        tail -n 15 "$log"
    fi
}

python_sdks() {
    [ -x "$home/python/bin/python" ] || python3 -m venv "$home/python" || return 1
    "$home/python/bin/python" -c 'import openai, anthropic, ollama' 2>/dev/null ||
        "$home/python/bin/pip" install -q openai anthropic ollama
}

node_sdks() {
    command -v node >/dev/null && command -v npm >/dev/null || return 1
    [ -d "$home/node/node_modules/ollama" ] ||
        npm install --silent --no-fund --no-audit --prefix "$home/node" openai @anthropic-ai/sdk ollama
}

address_in() { # address_in FILE: of the server that writes it
    local address
    for _ in $(seq 100); do
        address=$(sed -n 's/^holt serves .* at \(.*\)$/\1/p' "$1")
        [ -n "$address" ] && break
        sleep 0.1
    done
    echo "$address"
}

"$holt" serve --prompt-store off --port 0 >"$home/address" 2>"$home/server.log" &
server=$!
"$holt" serve --prompt-store off --port 0 --pooling last >"$home/address-vectors" 2>"$home/server-vectors.log" &
vectors=$!
trap 'kill -INT $server $vectors 2>/dev/null; wait $server $vectors 2>/dev/null' EXIT
address=$(address_in "$home/address")
address_vectors=$(address_in "$home/address-vectors")
run() { # a scratch home, no keys, no way out but loopback
    env -i PATH="$PATH" HOME="$PWD/$home/home" HOLT="$address" HOLT_VECTORS="$address_vectors" no_proxy='*' "$@"
}

if python_sdks >build/test-logs/clients-python.log 2>&1; then
    check "python openai" run "$home/python/bin/python" tests/clients/sdk.py openai
    check "python anthropic" run "$home/python/bin/python" tests/clients/sdk.py anthropic
    check "python ollama" run "$home/python/bin/python" tests/clients/sdk.py ollama
    check "python embeddings" run "$home/python/bin/python" tests/clients/sdk.py embeddings
else
    skipped=$((skipped + 4))
    echo "skipped: the Python SDKs cannot be installed (build/test-logs/clients-python.log)"
fi
if node_sdks >build/test-logs/clients-node.log 2>&1; then
    check "node openai" run node tests/clients/sdk.mjs "$home/node" openai
    check "node anthropic" run node tests/clients/sdk.mjs "$home/node" anthropic
    check "node ollama" run node tests/clients/sdk.mjs "$home/node" ollama
else
    skipped=$((skipped + 3))
    echo "skipped: the JavaScript SDKs cannot be installed (build/test-logs/clients-node.log)"
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
