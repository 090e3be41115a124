mkdir -p "$HOME/.config/holt"
printf 'modle: builtin\nthreads: 1\n' >"$HOME/.config/holt/config.yaml"
"$HOLT" tokenize --count "a b"
