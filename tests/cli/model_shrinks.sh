# A file that gets shorter while it is used: the process with the model dies of it, and holt says why.
cp "$ROOT/models/builtin.gguf" shrinking.gguf
"$HOLT" run -m shrinking.gguf --raw -n 3000 -t 1 --seed 1 --threads 1 --cpu-mask baseline "Once" >out &
pid=$!
for _ in $(seq 200); do
    [ -s out ] && break
    sleep 0.05
done
truncate -s 1000 shrinking.gguf
wait $pid
