#!/bin/bash
# Unmodified published clients drive the server: tests/clients/run.sh, or run.sh record.
#
# What they need comes from PyPI and npm into build/clients. Then everything, the servers too, runs in a network that has nothing but
# loopback, each client in an empty folder and home, with a cleared environment and a dummy key. What cannot be installed is counted
# as skipped; the SDKs and one coding agent must not be, or this fails. `record` writes tests/data/clients anew.
set -u
cd "$(dirname "$0")/../.."
holt=$PWD/build/holt
home=$PWD/build/clients
logs=$PWD/build/test-logs
mkdir -p "$home" "$logs"

# ------------------------------------------------------------------ installing, with the network
venv() { # venv FOLDER TEST PACKAGE...: TEST is Python that succeeds when all are there
    local folder=$home/$1 test=$2
    shift 2
    [ -x "$folder/bin/python" ] || python3 -m venv "$folder" || return 1
    "$folder/bin/python" -c "$test" 2>/dev/null || "$folder/bin/pip" install -q "$@"
}

packages() { # packages FOLDER PROOF PACKAGE...: PROOF is a file below node_modules that is there when all are
    local folder=$home/$1 proof=$2
    shift 2
    command -v node >/dev/null && command -v npm >/dev/null || return 1
    [ -e "$folder/node_modules/$proof" ] || npm install --silent --no-fund --no-audit --prefix "$folder" "$@"
    [ -e "$folder/node_modules/$proof" ]
}

install() { # install NAME COMMAND...
    local name=$1
    shift
    rm -f "$home/$name.installed"
    "$@" >"$logs/install-$name.log" 2>&1 && touch "$home/$name.installed"
}

if [ "${1:-}" != alone ]; then
    install python venv python 'import openai, anthropic, ollama' openai anthropic ollama
    install node packages node ollama/package.json openai @anthropic-ai/sdk ollama
    install claude packages claude .bin/claude @anthropic-ai/claude-code
    install opencode packages opencode .bin/opencode opencode-ai
    install codex packages codex .bin/codex @openai/codex
    install agents venv agents 'import langchain_ollama, langchain_openai, langgraph, crewai' \
        langchain langchain-ollama langchain-openai langgraph crewai
    install hermes venv hermes 'import hermes_cli' hermes-agent
    for flags in -rn -n; do
        if unshare $flags python3 tests/clients/loopback.py true 2>"$logs/loopback.log"; then
            exec unshare $flags python3 tests/clients/loopback.py "$0" alone isolated "$@"
        fi
    done
    echo "NOT ISOLATED: this system gives no network of its own, so the clients could reach other machines ($logs/loopback.log)"
    exec "$0" alone open "$@"
fi

# ------------------------------------------------------------------ running, with loopback only
isolation=$2
mode=${3:-test}
passed=0
failed=0
skipped=0
missed=() # what must not be skipped and was

in_scratch() { # in_scratch NAME COMMAND...: in an empty folder and home, with no keys
    local folder=$home/scratch/$1 path=$PATH name
    shift
    for name in claude opencode codex; do
        path=$home/$name/node_modules/.bin:$path
    done
    rm -rf "$folder"
    mkdir -p "$folder/home" "$folder/work"
    (
        cd "$folder/work" || exit 1
        exec env -i PATH="$home/hermes/bin:$path" HOME="$folder/home" LANG=C.UTF-8 TERM=xterm no_proxy='*' HOLT="${address:-}" \
            HOLT_VECTORS="${address_vectors:-}" HOLT_RANDOM="${address_random:-}" HOLT_MODEL="$holt_model" \
            OTEL_SDK_DISABLED=true CREWAI_DISABLE_TELEMETRY=true CREWAI_TRACING_ENABLED=false "$@"
    )
}

check() { # check NAME COMMAND...
    local name=$1 word
    word=$(echo "$name" | tr ' ,' '--')
    shift
    if in_scratch "$word" "$@" >"$logs/client-$word.log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $name"
        tail -n 15 "$logs/client-$word.log" | cut -c1-2000
    fi
}

has() { # has NAME COUNT WORDS: whether it was installed; else COUNT tests of WORDS are skipped
    [ -e "$home/$1.installed" ] && return 0
    skipped=$((skipped + $2))
    echo "skipped: $3 cannot be installed ($logs/install-$1.log)"
    return 1
}

serve() { # serve NAME OPTIONS...: sets `served` to the address
    local name=$1
    shift
    : >"$home/$name.address" # what an earlier run left would be taken for the address
    env -i PATH="$PATH" HOME="$home/server" "$holt" serve --prompt-store off --port 0 "$@" >"$home/$name.address" 2>"$logs/client-server-$name.log" &
    servers+=($!)
    for _ in $(seq 100); do
        served=$(sed -n 's/^holt serves .* at \(.*\)$/\1/p' "$home/$name.address")
        [ -n "$served" ] && return
        sleep 0.1
    done
    echo "the server $name does not start"
    exit 1
}

record() {
    local name
    for name in claude opencode codex; do
        has $name 1 "$name" || exit 1
        in_scratch $name python3 "$tests/turn.py" "$holt" $name hermes record.json >"$logs/record-$name.log" 2>&1 &&
            python3 "$tests/reduce.py" "$home/scratch/$name/work/record.json" "tests/data/clients/$name.json" || {
            echo "no record of $name ($logs/record-$name.log)"
            exit 1
        }
    done
}

tests=$PWD/tests/clients
holt_model=$PWD/models/builtin.gguf
if [ "$mode" = record ]; then
    record
    exit
fi
servers=()
trap 'kill -INT "${servers[@]}" 2>/dev/null; wait "${servers[@]}" 2>/dev/null' EXIT
rm -rf "$home/state" "$home/random" "$home/server" && mkdir -p "$home/state" "$home/random/models" "$home/server"
for form in hermes qwen3_coder harmony; do
    python3 tests/random_model.py "$home/random/models/$form.gguf" $form || exit 1
done
serve builtin --state "$home/state"
address=$served
serve vectors --pooling last
address_vectors=$served
serve random --state "$home/random" -m hermes
address_random=$served

if [ "$isolation" = isolated ]; then
    passed=$((passed + 1)) # loopback.py has looked
else
    skipped=$((skipped + 1))
fi
if has python 10 "the Python SDKs"; then
    for name in openai responses anthropic ollama embeddings random-openai random-responses random-anthropic random-ollama; do
        check "python $name" "$home/python/bin/python" "$tests/sdk.py" $name
    done
    check "python guides" "$home/python/bin/python" "$tests/guide.py" python - openai.md anthropic.md
else
    missed+=("the Python SDKs")
fi
if has node 10 "the JavaScript SDKs"; then
    for name in openai responses anthropic ollama embeddings random-openai random-responses random-anthropic random-ollama; do
        check "node $name" node "$tests/sdk.mjs" "$home/node" $name
    done
    check "node guides" python3 "$tests/guide.py" js "$home/node" openai.md anthropic.md ollama.md embeddings.md
else
    missed+=("the JavaScript SDKs")
fi
if has agents 5 "LangChain and CrewAI"; then
    for name in langchain-ollama langchain-openai langgraph crewai; do
        check "$name" "$home/agents/bin/python" "$tests/agents.py" "$holt" $name
    done
    check "guides of frameworks" "$home/agents/bin/python" "$tests/guide.py" python - ollama.md langchain.md crewai.md embeddings.md
fi
coding=0
if has claude 2 "Claude Code"; then
    coding=$((coding + 1))
    check "claude" python3 "$tests/coding.py" "$holt" claude
    check "claude, whole" python3 "$tests/turn.py" "$holt" claude qwen3_coder
fi
if has opencode 2 "OpenCode"; then
    coding=$((coding + 1))
    check "opencode" python3 "$tests/coding.py" "$holt" opencode
    check "opencode, whole" python3 "$tests/turn.py" "$holt" opencode hermes
fi
if has codex 2 "Codex"; then
    coding=$((coding + 1))
    check "codex, whole" python3 "$tests/turn.py" "$holt" codex hermes
    check "codex, built-in model" python3 "$tests/turn.py" "$holt" codex builtin
fi
[ $coding -gt 0 ] || missed+=("every coding agent")
if has hermes 1 "Hermes"; then
    check "hermes" python3 "$tests/coding.py" "$holt" hermes
fi
for name in "${missed[@]}"; do
    echo "FAILED: $name must not be skipped"
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ ${#missed[@]} -eq 0 ]
