numbers() { sed -E 's/[0-9]+(\.[0-9]+)?/N/g' | tr -s ' '; }
"$HOLT" fit --memory 16 --bandwidth 50 | grep -v '^builtin'
"$HOLT" fit builtin --memory 16 --bandwidth 50 | numbers
"$HOLT" fit GPT-OSS --memory 16 --bandwidth 50
"$HOLT" fit deepseek-r1-671b --memory 16 --bandwidth 50 | tail -n 3
"$HOLT" fit qwen3.5-0.8b --memory 0.5 --bandwidth 50 | tail -n 3
"$HOLT" fit --memory 16 --bandwidth 50 --json | grep -c '"fits": true'
"$HOLT" fit | sed -n 's/^memory .* GiB, .* GiB free, .* GB\/s, .* products\/s, .* threads\{0,1\}$/measured/p'
"$HOLT" fit distill
"$HOLT" fit nosuch
"$HOLT" fit nosuch.gguf
echo text > text.gguf
"$HOLT" fit text.gguf
"$HOLT" fit --memory 0.1
"$HOLT" fit one two
