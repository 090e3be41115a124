# What is no model says so, whatever reads it.
: >empty.gguf
echo "hello" >text.gguf
head -c 1000 "$ROOT/models/builtin.gguf" >cut.gguf
for file in empty.gguf text.gguf cut.gguf; do
    for command in "show" "tokenize -m" "run -m" "bench -m"; do
        set -- $command "$file"
        [ "$1" = tokenize ] || [ "$1" = run ] && set -- "$@" hello
        "$HOLT" "$@" >/dev/null 2>err && echo "$*: exit 0"
        [ "$(wc -l <err)" -eq 1 ] || { echo "$*: not one sentence"; cat err; }
        grep -q "$file" err || { echo "$*: does not name the file"; cat err; }
    done
done
"$HOLT" show empty.gguf
"$HOLT" agent -m text.gguf "hello"
