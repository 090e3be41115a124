for how in off auto lookup; do
    "$HOLT" run --speculate "$how" -t 1 --seed 5 -n 60 --raw "a b c a b c a b c a b" >"$how.txt"
done
cmp off.txt auto.txt && cmp off.txt lookup.txt && [ -s off.txt ] && echo "the same answer"
"$HOLT" run --speculate twice hello
"$HOLT" run --speculate draft hello
"$HOLT" run --speculate off --draft absent.gguf hello
"$HOLT" run --draft absent.gguf hello
"$HOLT" run --draft builtin hello
echo "exit $?"
