# The facts differ by machine; the form does not.
"$HOLT" doctor | cut -d' ' -f1 | grep -v '^$' | grep -v 'Note:\|Problem:\|Everything' | head -10
"$HOLT" doctor --json >facts.json
if command -v python3 >/dev/null; then
    python3 -c 'import json; f = json.load(open("facts.json")); print(sorted(f))'
fi
