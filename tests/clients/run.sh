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

agents() { # LangChain and CrewAI; hundreds of packages
    [ -x "$home/agents/bin/python" ] || python3 -m venv "$home/agents" || return 1
    "$home/agents/bin/python" -c 'import langchain_ollama, langchain_openai, langgraph, crewai' 2>/dev/null ||
        "$home/agents/bin/pip" install -q langchain langchain-ollama langchain-openai langgraph crewai
}

coding() {
    command -v node >/dev/null && command -v npm >/dev/null || return 1
    [ -x "$home/coding/node_modules/.bin/opencode" ] && [ -x "$home/coding/node_modules/.bin/codex" ] ||
        npm install --silent --no-fund --no-audit --prefix "$home/coding" @anthropic-ai/claude-code opencode-ai @openai/codex
}

hermes() {
    [ -x "$home/hermes/bin/python" ] || python3 -m venv "$home/hermes" || return 1
    [ -x "$home/hermes/bin/hermes" ] || "$home/hermes/bin/pip" install -q hermes-agent
}

# In a network of its own that has nothing but loopback, where the system lets users make one.
alone() {
    if unshare -rn true 2>/dev/null && command -v ip >/dev/null; then
        unshare -rn sh -c 'ip link set lo up && exec "$@"' alone "$@"
    else
        "$@"
    fi
}

in_scratch() { # in_scratch NAME COMMAND...: in an empty folder and home, with no keys
    local folder=$PWD/$home/scratch/$1
    shift
    rm -rf "$folder"
    mkdir -p "$folder/home" "$folder/work"
    (
        cd "$folder/work" || exit 1
        alone env -i PATH="$OLDPWD/$home/coding/node_modules/.bin:$OLDPWD/$home/hermes/bin:$PATH" HOME="$folder/home" LANG=C.UTF-8 TERM=xterm \
            no_proxy='*' OTEL_SDK_DISABLED=true CREWAI_DISABLE_TELEMETRY=true CREWAI_TRACING_ENABLED=false "$@"
    )
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

rm -rf "$home/state" && mkdir -p "$home/state"
"$holt" serve --state "$home/state" --prompt-store off --port 0 >"$home/address" 2>"$home/server.log" &
server=$!
"$holt" serve --prompt-store off --port 0 --pooling last >"$home/address-vectors" 2>"$home/server-vectors.log" &
vectors=$!
trap 'kill -INT $server $vectors 2>/dev/null; wait $server $vectors 2>/dev/null' EXIT
address=$(address_in "$home/address")
address_vectors=$(address_in "$home/address-vectors")
run() { # a scratch home, no keys, no way out but loopback
    env -i PATH="$PATH" HOME="$PWD/$home/home" HOLT="$address" HOLT_VECTORS="$address_vectors" HOLT_MODEL="$PWD/models/builtin.gguf" no_proxy='*' "$@"
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
if agents >build/test-logs/clients-agents.log 2>&1; then
    for name in langchain-ollama langchain-openai langgraph crewai; do
        check "$name" in_scratch "$name" "$PWD/$home/agents/bin/python" "$PWD/tests/clients/agents.py" "$PWD/$holt" "$name"
    done
else
    skipped=$((skipped + 4))
    echo "skipped: LangChain and CrewAI cannot be installed (build/test-logs/clients-agents.log)"
fi
if coding >build/test-logs/clients-coding.log 2>&1; then
    check "claude code" in_scratch claude python3 "$PWD/tests/clients/coding.py" "$PWD/$holt" claude
    check "opencode" in_scratch opencode python3 "$PWD/tests/clients/coding.py" "$PWD/$holt" opencode
    check "codex" in_scratch codex python3 "$PWD/tests/clients/codex.py" "$PWD/$holt"
else
    skipped=$((skipped + 3))
    echo "skipped: the coding agents cannot be installed (build/test-logs/clients-coding.log)"
fi
if hermes >build/test-logs/clients-hermes.log 2>&1; then
    check "hermes" in_scratch hermes python3 "$PWD/tests/clients/coding.py" "$PWD/$holt" hermes
else
    skipped=$((skipped + 1))
    echo "skipped: Hermes cannot be installed (build/test-logs/clients-hermes.log)"
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
