# One sentence, and the file stays as it is.
mkdir -p "$HOME/.local/share/holt"
head -c 8192 /dev/zero | tr '\0' 'j' >"$HOME/.local/share/holt/holt.db"
cksum <"$HOME/.local/share/holt/holt.db" >before
"$HOLT" sessions
echo "exit $?"
"$HOLT" resume
echo "exit $?"
cksum <"$HOME/.local/share/holt/holt.db" | cmp - before && echo unchanged
