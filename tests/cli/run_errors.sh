"$HOLT" run
"$HOLT" run ""
printf 'a\377b' | "$HOLT" run -
"$HOLT" run -t -1 hello
"$HOLT" run --top-p 2 hello
"$HOLT" run --grammar absent.gbnf hello
"$HOLT" run --grammar absent.gbnf --json-schema absent.json hello
echo 'root ::= root "a" | "b"' > left.gbnf
"$HOLT" run --grammar left.gbnf hello
echo '{"type": "object", "properties": {"a": {"not": {}}}}' > not.json
"$HOLT" run --json-schema not.json hello
"$HOLT" run -c 256 --raw "$(head -c 20000 /dev/zero | tr '\0' 'x')" >/dev/null
echo "exit $?"
