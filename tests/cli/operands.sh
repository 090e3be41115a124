# Too few, too many.
"$HOLT" completions
"$HOLT" agent one two
"$HOLT" doctor one
"$HOLT" agent ""
"$HOLT" tools call
