model=$FIXTURES/arch/nemotron_h.gguf
[ -e "$model" ] || { echo "skip: no fixtures"; exit; }
"$HOLT" show "$model" | grep '^shape'
"$HOLT" show --json "$model" | tr -d ' \n' | grep -o '"kv_heads":[^]]*]'
