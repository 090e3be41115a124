i=0
while [ $i -lt 80 ]; do
    echo "The port of server $i is 80$i, and file notes.txt has $i lines. Nothing else is known."
    i=$((i + 1))
done > text.txt
"$HOLT" perplexity -f text.txt --context 64 --chunks 3 | sed 's/[0-9.]* +- [0-9.]*/N +- N/'
"$HOLT" perplexity -f text.txt --context 64 --chunks 3 --save-logits base.logits | tail -1
"$HOLT" perplexity --kl-base base.logits | sed -E 's/(perplexity|base|ratio) +-?[0-9.]+ \+- [0-9.]+/\1 N +- N/; s/-?0\.000[0-9]*/0.000/g'
"$HOLT" perplexity --kl-base base.logits --chunks 2 --json | grep -E '"(chunks|context|tokens|share)"'
"$HOLT" perplexity -f text.txt --context 64 --chunks 3 --threads 1 --save-logits again.logits > out.txt
cmp base.logits again.logits && echo same
