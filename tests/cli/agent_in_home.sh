# An agent does not get the whole home folder by accident.
cd "$HOME"
"$HOLT" agent "what is here?"
cd /
"$HOLT" agent "what is here?"
