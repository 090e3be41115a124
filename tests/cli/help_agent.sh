# One command explained: usage, what it does, options, examples.
"$HOLT" help agent
"$HOLT" agent --help | cmp -s - /dev/null && echo "--help prints nothing"
"$HOLT" agent --help >one && "$HOLT" help agent >two && cmp one two
