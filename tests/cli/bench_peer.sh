# What is wrong is named before anything is measured; then a line of shell stands in for a peer.
for peer in "" =x name name= holt=x; do "$HOLT" bench --peer "$peer"; done
for depth in "" x 1, -1 2000000; do "$HOLT" bench --depth="$depth"; done
"$HOLT" bench --prompt 0
"$HOLT" bench --kv f16,f16
"$HOLT" bench -m builtin --threads 1 --seconds 1 --prompt 32 --decode 4 --depth 0,64 --kv f16,t4 \
    --peer 'fake=echo "[{\"n_gen\":4,\"n_depth\":64,\"avg_ts\":2.5}]"' --turns 2 \
    --csv out.csv --svg out.svg --json >out.json
cut -d, -f7-13 out.csv
grep -c '<path class="line' out.svg
grep -c '"program": "fake"' out.json
"$HOLT" bench -m builtin --threads 1 --seconds 1 --prompt 32 --decode 4 \
    --peer 'broken=echo it cannot >&2; exit 5'
