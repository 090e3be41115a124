unset HOME
"$HOLT" sessions
