"$HOLT" tools
"$HOLT" tools --json | grep -c '"description"'
