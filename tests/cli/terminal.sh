# A person at a terminal: questions, Ctrl-C, paste, the conversation.
command -v python3 >/dev/null || { echo "skip: python3 is not here"; exit 0; }
"$HOLT" doctor --json | grep -q '"tier": "D"' && { echo "skip: nothing here confines tools"; exit 0; }
python3 "$CASES/terminal.py" "$HOLT"
