echo x >file
"$HOLT" sessions --state file
"$HOLT" sessions --state file/below
