"$HOLT" sessions
"$HOLT" sessions --json
"$HOLT" resume
"$HOLT" resume nosuch
"$HOLT" sessions --remove nosuch
"$HOLT" sessions someid
stat -c %a "$HOME/.local/share/holt" "$HOME/.local/share/holt/holt.db"
