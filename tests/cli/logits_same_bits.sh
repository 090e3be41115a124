# The result is a function of model, tokens and kind of cache alone.
tokens="1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20"
"$HOLT" logits --tokens "$tokens" --out whole || exit 1
"$HOLT" logits --tokens "$tokens" --out one --batch 1 --threads 1 && cmp whole one
"$HOLT" logits --tokens "$tokens" --out seven --batch 7 --threads 2 && cmp whole seven
for level in baseline avx2 avx512; do
    "$HOLT" doctor --json | grep -q "\"$level\"" || continue
    "$HOLT" logits --tokens "$tokens" --out level --cpu-mask $level && cmp whole level
done
"$HOLT" logits --tokens "$tokens" --out wide --kv f32 && cmp -s whole wide || echo "f32 differs from f16"
# A file without a vocabulary, where there is one.
file=$FIXTURES/arch/llama.gguf
if [ -f "$file" ]; then
    "$HOLT" logits -m "$file" --tokens "1 2 3" --out bare || echo "logits need a vocabulary"
    "$HOLT" bench -m "$file" --seconds 1 --prompt 8 --decode 4 --json >/dev/null || echo "bench needs a vocabulary"
fi
stat -c %a whole
