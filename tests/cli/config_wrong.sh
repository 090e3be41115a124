printf 'threads: lots\n' >c.yaml
"$HOLT" tokenize --config c.yaml x
printf 'model: [\n' >c.yaml
"$HOLT" tokenize --config c.yaml x
printf 'model: /no/such/model.gguf\n' >c.yaml
"$HOLT" tokenize --config c.yaml x
"$HOLT" tokenize --config nosuch.yaml x
