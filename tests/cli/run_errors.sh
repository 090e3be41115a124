"$HOLT" run
"$HOLT" run ""
printf 'a\377b' | "$HOLT" run -
"$HOLT" run -t -1 hello
"$HOLT" run --top-p 2 hello
"$HOLT" run -c 256 --raw "$(head -c 20000 /dev/zero | tr '\0' 'x')" >/dev/null
echo "exit $?"
