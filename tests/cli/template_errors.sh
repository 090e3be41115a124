echo '[{"role": "robot"}]' > role.json
echo '[{"role": "user"' > cut.json
echo '{"messages": [{"role": "user", "content": 5}]}' > content.json
echo '{"messages": [{"role": "user", "content": "a"}], "tools": [{"function": {}}]}' > tools.json
for file in role cut content tools missing; do
    "$HOLT" template builtin $file.json
    echo "$?"
done
"$HOLT" template -m builtin a.json b.json
echo "$?"
"$HOLT" template missing.gguf
echo "$?"
"$HOLT" template --thinking --no-thinking builtin
echo "$?"
