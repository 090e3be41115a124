echo x >file
"$HOLT" agent -w nosuch "what is here?"
"$HOLT" agent -w file "what is here?"
