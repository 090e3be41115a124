"$HOLT" show nosuch
"$HOLT" show nosuch.gguf
"$HOLT" show ../nosuch
mkdir folder
"$HOLT" show ./folder
"$HOLT" show /dev/null
"$HOLT" show ""
