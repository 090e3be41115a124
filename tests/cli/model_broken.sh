# What is no model says so, whatever reads it.
: >empty.gguf
echo "hello" >text.gguf
head -c 1000 "$ROOT/models/builtin.gguf" >cut.gguf
python3 - "$ROOT/models/builtin.gguf" <<'END'
import struct, sys
file = open(sys.argv[1], "rb").read()
at = file.index(b"token_embd.weight") + len(b"token_embd.weight") + 4  # dimensions, then the type
open("family.gguf", "wb").write(file.replace(b"qwen3", b"otter"))
open("type.gguf", "wb").write(file[:at + 16] + struct.pack("<I", 4242) + file[at + 20:])
open("size.gguf", "wb").write(file[:at] + struct.pack("<Q", 1 << 60) + file[at + 8:])
END
for file in empty.gguf text.gguf cut.gguf type.gguf size.gguf; do
    for command in "show" "tokenize -m" "run -m" "bench -m"; do
        set -- $command "$file"
        [ "$1" = tokenize ] || [ "$1" = run ] && set -- "$@" hello
        "$HOLT" "$@" >/dev/null 2>err && echo "$*: exit 0"
        [ "$(wc -l <err)" -eq 1 ] || { echo "$*: not one sentence"; cat err; }
        grep -q "$file" err || { echo "$*: does not name the file"; cat err; }
    done
done
for file in empty type size; do "$HOLT" show $file.gguf; done
"$HOLT" run -m family.gguf hello
"$HOLT" agent -m text.gguf "hello"
