# The agent must not be able to read its own state.
"$HOLT" agent --state ./state "what is here?"
