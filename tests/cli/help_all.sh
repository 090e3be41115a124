# The first thing a new user sees.
"$HOLT" help
