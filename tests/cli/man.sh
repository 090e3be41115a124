# The manual page names every command and every option, and is sound roff where a checker is here.
"$HOLT" man >holt.1 || exit 1
head -c 11 holt.1
echo
for command in $("$HOLT" help | sed -n 's/^  \([a-z]*\) .*/\1/p'); do
    grep -q "^.SS holt $command" holt.1 || echo "$command is missing"
done
if command -v groff >/dev/null; then groff -man -Tascii -ww -z holt.1; fi
if command -v mandoc >/dev/null; then mandoc -T lint -W error holt.1; fi
grep -c '^.SS holt' holt.1
