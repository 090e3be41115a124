# A model of a model: made, shown, used, removed; what is wrong is said.
cat >Modelfile <<'END'
# A miller of few words.
FROM builtin
PARAMETER temperature 0
SYSTEM """You are a miller."""
TEMPLATE "{{ .Prompt }}"
END
"$HOLT" create miller
"$HOLT" models
cp "$ROOT/models/builtin.gguf" river.gguf
printf 'FROM ./river.gguf\n' >other
"$HOLT" create -f other acme/otter:2
rm river.gguf
"$HOLT" run -m acme/otter:2 -t 0 -n 3 --raw 'a b c' >/dev/null && echo runs
"$HOLT" rm acme/otter:2
(cd "$HOME/.local/share/holt/models" && find . -type f)
"$HOLT" rm miller
"$HOLT" create
"$HOLT" create x -f absent
printf 'FROM builtin\nADAPTER ./a\n' >wrong && "$HOLT" create x -f wrong
printf 'FROM builtin\nPARAMETER hop 1\n' >wrong && "$HOLT" create x -f wrong
printf 'FROM ./absent.gguf\n' >wrong && "$HOLT" create x -f wrong
printf 'FROM absent\n' >wrong && "$HOLT" create x -f wrong
printf 'SYSTEM x\n' >wrong && "$HOLT" create x -f wrong
printf 'FROM builtin\n' >right && "$HOLT" create ../x -f right
printf 'FROM builtin\nPARAMETER num_predict 3\nPARAMETER temperature 0\nMESSAGE user Who?\nSYSTEM x\n' >right && "$HOLT" create brief -f right
"$HOLT" run -m brief --json hello | grep _tokens
"$HOLT" run -m brief --json -n 2 -s 'be very brief' hello | grep _tokens
