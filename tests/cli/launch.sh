# Programs that say what they were given stand in for the real ones (make test-clients has those).
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
show() { sed -E "s/:[0-9]+/:PORT/g; s/--port [0-9]+/--port N/; s/port [0-9]+$/port N/; s/[0-9.]+ MiB/N MiB/"; }
mkdir bin
for name in claude codex opencode hermes openclaw; do
    cat > bin/$name <<'EOF'
#!/bin/sh
echo "$(basename "$0") $*"
env | grep -E '^(ANTHROPIC|CLAUDE|HOLT_API|OPENCODE_CONFIG)' | sort
test -n "$ASK" && "$HOLT" ps --port "$ASK"
exit ${CODE:-0}
EOF
    chmod +x bin/$name
done
PATH="$PWD/bin:$PATH"
port=$(free_port)
"$HOLT" launch
"$HOLT" launch nosuch
"$HOLT" launch copilot
"$HOLT" launch codex --dry-run --print
for name in claude codex opencode openclaw hermes copilot; do
    echo "== $name"
    "$HOLT" launch $name --port $port --context 65536 --dry-run -- --flag "two words" | show
done
for name in codex opencode hermes; do
    echo "== settings of $name"
    "$HOLT" launch $name --port $port --print | show
done
echo "== a server of its own"
ANTHROPIC_API_KEY=secret ASK=$port CODE=7 "$HOLT" launch claude --port $port --context 65536 -- -p hello | show
echo "exit $?"
ANTHROPIC_API_KEY=secret CODE=7 "$HOLT" launch claude --port $port --context 65536 >/dev/null
echo "exit $?"
"$HOLT" ps --port $port 2>&1 | show
echo "== a file that changes"
mkdir -p "$HOME/.hermes"
printf '# mine\nmodel: old # why\ntheme: dark' > "$HOME/.hermes/config.yaml"
cp "$HOME/.hermes/config.yaml" before
chmod 640 "$HOME/.hermes/config.yaml"
"$HOLT" launch hermes --port $port --context 65536 2>&1 | show
show < "$HOME/.hermes/config.yaml"
"$HOLT" launch hermes --port $port --context 65536 2>&1 | show
"$HOLT" launch hermes --restore
cmp before "$HOME/.hermes/config.yaml" && stat -c %a "$HOME/.hermes/config.yaml"
"$HOLT" launch hermes --restore
"$HOLT" launch openclaw --port $port --context 65536 2>&1 | show
"$HOLT" launch openclaw --restore
ls "$HOME/.openclaw"
echo "== files that are left alone"
openclaw() { "$HOLT" launch openclaw --port $port --context 65536; }
config="$HOME/.openclaw/openclaw.json"
echo '{ // mine' > "$config"; openclaw; cat "$config"
echo '{"models": []}' > "$config"; openclaw; cat "$config"
mv "$config" real; ln -s "$PWD/real" "$config"; openclaw; cat "$config"
rm "$config"; ln real "$config"; openclaw
rm "$config"; mkdir "$config"; openclaw
rmdir "$config"; head -c 2000000 /dev/zero > "$config"; openclaw
rm "$config"
printf '{model: x}\n' > "$HOME/.hermes/config.yaml"; "$HOLT" launch hermes --port $port --dry-run --context 65536
"$HOLT" launch openclaw --port $port --context 65536 >/dev/null 2>&1
echo '{}' > "$config"
"$HOLT" launch openclaw --restore 2>&1 | sed -E 's/before-[0-9a-f]+/before-X/'
cat "$config"
"$HOLT" launch claude --model nosuch
"$HOLT" launch claude --port 0
