"$HOLT" show | sed 's/  *[0-9.]* MiB/ N MiB/; s/[0-9.]* million/N million/; s/([^)]*)/(N)/g; s/^vocabulary .*/vocabulary N/'
"$HOLT" show --json | grep -o '"architecture": "[a-z0-9]*"'
"$HOLT" show --all | grep -c ' Q8_0 ' | sed 's/[0-9][0-9]*/N/'
