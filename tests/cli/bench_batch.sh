for list in "" 0 1,x 1,,2 1, 257 -1; do "$HOLT" bench --batch="$list"; done
"$HOLT" bench -m builtin --threads 1 --seconds 1 --prompt 32 --decode 4 --batch 1,3 --json >out.json
sed '/"rows"/,$d' out.json | grep -o '"sequences": [0-9]*'
grep -c '"decode_tps"' out.json
