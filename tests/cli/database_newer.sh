command -v sqlite3 >/dev/null || { echo "skip: sqlite3 is not here"; exit 0; }
"$HOLT" sessions 2>/dev/null
sqlite3 "$HOME/.local/share/holt/holt.db" "PRAGMA user_version = 999"
"$HOLT" sessions 2>&1 | sed 's/knows [0-9]*/knows N/'
