# Every command of the list has a help text, in at most 80 columns.
for command in $("$HOLT" help | sed -n 's/^  \([a-z]*\) .*/\1/p') man; do
    "$HOLT" "$command" --help >text || echo "$command: exit $?"
    head -1 text | grep -q "^Usage: holt $command" || echo "$command: no usage line"
    awk -v c="$command" 'length($0) > 80 { print c ": too wide: " $0 }' text
done
echo checked
