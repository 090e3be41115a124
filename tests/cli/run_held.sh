# What the answer is held to leaves one text only, whatever the model would say.
cat >schema.json <<'END'
{"type": "object", "additionalProperties": false, "required": ["ok", "n", "day"],
 "properties": {"ok": {"const": true}, "n": {"type": "integer", "minimum": 11, "multipleOf": 7, "maximum": 15},
                "day": {"type": "string", "format": "date", "pattern": "^2024-02-2[^0-8]"}}}
END
"$HOLT" run --json-schema schema.json "Say something"
printf '%s\n' 'root ::= "yes" mark{3}' 'mark ::= "!" | never' 'never ::= "?" never' >exclaim.gbnf
"$HOLT" run --grammar exclaim.gbnf "Is it?"
