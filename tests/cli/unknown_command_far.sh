# Nothing is near enough; a sentence was meant as a task.
"$HOLT" frobnicate
"$HOLT" "count the lines"
"$HOLT" help frobnicate
