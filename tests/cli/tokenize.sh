"$HOLT" tokenize "hello hello"
"$HOLT" tokenize --ids "2024"
printf 'a\nb\t\033[31m' | "$HOLT" tokenize --json | grep -c '"id"'
printf 'a\033[31m' | "$HOLT" tokenize - | grep -c 'x1b'
"$HOLT" tokenize --special --count "<|im_start|>"
"$HOLT" tokenize --count ""
printf '\303' | "$HOLT" tokenize --json
