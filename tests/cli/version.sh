"$HOLT" --version >one && "$HOLT" version >two && "$HOLT" -V >three && cmp one two && cmp one three
sed 's/[0-9.]\{5,\}/N/' one
