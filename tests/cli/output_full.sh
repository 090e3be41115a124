# What cannot be written is no success.
[ -e /dev/full ] || { echo "skip: no /dev/full"; exit 0; }
"$HOLT" help >/dev/full
echo "exit $?"
"$HOLT" tokenize hello >/dev/full
echo "exit $?"
"$HOLT" man | head -1 | cut -c1-3
