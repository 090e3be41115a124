for list in "" 0 1,x 1,,2 1, 257 -1; do "$HOLT" bench --batch="$list"; done
"$HOLT" bench -m builtin --threads 1 --seconds 1 --prompt 32 --decode 4 --batch 1,3 --json >out.json
sed '/"rows"/,$d' out.json | grep -o '"sequences": [0-9]*'
for key in prefill_tps prefill_peak_share decode_tps decode_bandwidth_share bandwidth_gbs int8_peak_gmacs threads; do
    echo "$key $(grep -c "\"$key\": [0-9]" out.json)"
done
