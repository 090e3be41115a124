cp "$ROOT/models/builtin.gguf" otter.gguf
"$HOLT" import otter.gguf --name otter >/dev/null
"$HOLT" serve --port 0 > out 2> errors &
server=$!
for i in $(seq 100); do
    port=$(sed -n 's/^holt serves .*:\([0-9]*\)$/\1/p' out 2>/dev/null)
    [ -n "$port" ] && break
    sleep 0.1
done
show() { sed -E "s/:[0-9]+/:PORT/g; s/[0-9.]+ MiB/N MiB/; s/bytes\": [0-9]+/bytes\": N/; s/on port [0-9]+/on port N/; s/--port [0-9]+/--port N/"; }
show < out
"$HOLT" ps --port $port | show
http_proxy=http://127.0.0.1:1 "$HOLT" ps --port $port --json | show
"$HOLT" launch codex --port $port --dry-run 2>/dev/null | head -n 1 | show
"$HOLT" launch codex --port $port --print --model builtin 2>/dev/null | grep window
"$HOLT" launch codex --port $port --print --model otter 2>/dev/null | grep -E 'window|^model ='
"$HOLT" launch codex --port $port --print --model ./otter.gguf 2>&1 | show
mkdir bin
printf '#!/bin/sh\necho "$*" | grep -o "model=.*"\n' > bin/codex
chmod +x bin/codex
PATH="$PWD/bin:$PATH" "$HOLT" launch codex --port $port --model otter 2>/dev/null
"$HOLT" ps --port $port | show | sed -E 's/20[0-9-]+T[0-9:A-Z]+Z/LATER/'
kill -INT $server
wait $server
"$HOLT" ps --port $port 2>&1 | show
python3 -c '
import http.server
class Other(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{\"version\": \"0.32.0\"}")
    def log_message(self, *args): pass
server = http.server.HTTPServer(("127.0.0.1", 0), Other)
print(server.server_port, flush=True)
server.timeout = 20
server.handle_request(); server.handle_request()' > other &
for i in $(seq 100); do port=$(cat other 2>/dev/null); [ -n "$port" ] && break; sleep 0.1; done
"$HOLT" ps --port $port 2>&1 | show
"$HOLT" launch codex --port $port --print 2>&1 | show
wait
echo 0123456789abcdef > key
"$HOLT" serve --port 0 --key-file key > out2 2> errors2 &
server=$!
for i in $(seq 100); do
    port=$(sed -n 's/^holt serves .*:\([0-9]*\)$/\1/p' out2 2>/dev/null)
    [ -n "$port" ] && break
    sleep 0.1
done
"$HOLT" ps --port $port 2>&1 | show
"$HOLT" ps --port $port --key-file key | head -n 1 | show
kill -INT $server
wait $server
