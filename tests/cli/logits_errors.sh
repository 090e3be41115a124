"$HOLT" logits
"$HOLT" logits --tokens "1 2" --out /no/such/folder/x
"$HOLT" logits --tokens "1 x" --out x
"$HOLT" logits --tokens "1 99999999" --out x 2>&1 | sed 's/0 to [0-9]*/0 to N/'
"$HOLT" logits --tokens "1" --kv q9 --out x
"$HOLT" logits --tokens "1" --cpu-mask sse9 --out x
ls
