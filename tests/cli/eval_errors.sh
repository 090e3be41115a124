"$HOLT" eval nosuch 2>&1 | sed 's|and /.*|and DATA|'
echo '{"id": "a"}' >bad.jsonl
"$HOLT" eval bad.jsonl
: >empty.jsonl
"$HOLT" eval ./empty.jsonl
"$HOLT" eval --kind nosuch "$ROOT/tests/eval/builtin.jsonl" 2>&1 | sed "s|$ROOT/||"
