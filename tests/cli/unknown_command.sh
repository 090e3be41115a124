"$HOLT" agnet "do it"
