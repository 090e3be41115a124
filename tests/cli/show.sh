numbers() { sed -E 's/[0-9.]+ (bytes|[KMG]iB)/N/g; s/[0-9.]+ million/N million/; s/[0-9,]+ tokens fit/N tokens fit/; s/x[0-9]+/xN/g; s/[0-9,]+ tokens, /N tokens, /' | tr -s ' \n' ' ' | fold -sw 78; }
"$HOLT" show | numbers
echo
"$HOLT" show --json | grep -o '"architecture": "[a-z0-9]*"'
"$HOLT" show --json | grep -c '"token_bytes": '
"$HOLT" show --all | grep -c ' Q8_0 ' | sed 's/[0-9][0-9]*/N/'
"$HOLT" show | awk 'length($0) > 80'
