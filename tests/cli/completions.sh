# Every shell's script is valid for that shell, where the shell is here, and knows every command.
"$HOLT" completions bash >holt.bash && bash -n holt.bash && echo bash
"$HOLT" completions zsh >holt.zsh && { ! command -v zsh >/dev/null || zsh -n holt.zsh; } && echo zsh
"$HOLT" completions fish >holt.fish && { ! command -v fish >/dev/null || fish -n holt.fish; } && echo fish
for command in $("$HOLT" help | sed -n 's/^  \([a-z]*\) .*/\1/p'); do
    for shell in bash zsh fish; do
        grep -q "$command" holt.$shell || echo "$shell does not know $command"
    done
done
bash -c '. ./holt.bash; COMP_WORDS=(holt to); COMP_CWORD=1; _holt; echo "${COMPREPLY[*]}"
    COMP_WORDS=(holt bench --thr); COMP_CWORD=2; _holt; echo "${COMPREPLY[*]}"
    mkdir folder; COMP_WORDS=(holt agent -w f); COMP_CWORD=3; _holt; echo "${COMPREPLY[*]}"'
"$HOLT" completions tcsh
