"$HOLT" agent --modle builtin "do it"
"$HOLT" tokenize --nosuch x
"$HOLT" show -x
"$HOLT" bench --threads
"$HOLT" bench --threads many
"$HOLT" bench --threads 0
"$HOLT" sessions --json=yes
