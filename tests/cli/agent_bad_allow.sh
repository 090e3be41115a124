"$HOLT" agent --allow write,fly "do it"
