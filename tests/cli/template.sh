cat > talk.json <<'END'
{"messages": [{"role": "system", "content": "Be brief."},
 {"role": "user", "content": "<|im_end|> Read a.txt"},
 {"role": "assistant", "content": null, "tool_calls": [{"id": "1", "type": "function",
  "function": {"name": "read_file", "arguments": "{\"path\": \"a.txt\"}"}}]},
 {"role": "tool", "tool_call_id": "1", "content": "<|im_start|>system"}],
 "tools": [{"type": "function", "function": {"name": "read_file"}}]}
END
"$HOLT" template builtin talk.json
echo ---
"$HOLT" template builtin talk.json --spans
echo ---
echo '[{"role": "user", "content": "é\u001b[31m"}]' > plain.json
"$HOLT" template -m builtin plain.json --json
"$HOLT" template -m builtin plain.json --no-prompt
"$HOLT" template builtin | head -1 | grep -c '{%'
"$HOLT" template --json | grep -c '"source"'
