echo "too short" > short.txt
i=0
while [ $i -lt 40 ]; do echo "line $i of the text"; i=$((i + 1)); done > text.txt
"$HOLT" perplexity; echo "$?"
"$HOLT" perplexity -f text.txt --kl-base x; echo "$?"
"$HOLT" perplexity --kl-base x --save-logits y; echo "$?"
"$HOLT" perplexity -f text.txt --kv q9; echo "$?"
"$HOLT" perplexity -f missing.txt; echo "$?"
"$HOLT" perplexity -f short.txt; echo "$?"
"$HOLT" perplexity --kl-base missing.logits; echo "$?"
"$HOLT" perplexity --kl-base short.txt; echo "$?"
"$HOLT" perplexity -f text.txt --context 16 --save-logits whole.logits > out.txt; echo "$?"
head -c 5000 whole.logits > cut.logits
"$HOLT" perplexity --kl-base cut.logits 2>&1 | sed 's/for [0-9]*:/for N:/'; echo "$?"
"$HOLT" perplexity --kl-base whole.logits --context 32; echo "$?"
"$HOLT" perplexity -f short.txt --save-logits none.logits; ls none.logits 2>&1 | sed 's/^ls: //'
