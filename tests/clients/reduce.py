"""What a client sent, without its prose: reduce.py RECORD OUT, or reduce.py --check FILE... RECORD comes from turn.py.

Kept are the keys, the numbers, the kinds of things, the tools' names and their schemas; ids become ids of the same length. Every
other text, be it a prompt, a description, an example or a result of a tool, becomes a piece of STORY of the same length. --check, and
tests/e2e/clients.py, look that nothing else remains.
"""
import json
import re
import sys

# Written for this purpose. Texts are cut out of its endless repetition, so its words decide nothing but how many tokens a text has.
STORY = (
    "The otter came down to the river before the sun was up, and the water was cold and clear. She knew each stone of the bank, the "
    "roots of the old willow, and the place where small fish stand in the shade. First she looked around, then she went in without a "
    "sound. A heron on the other side did not move. When she came up again she had a fish between her teeth, and she carried it to the "
    "flat rock to eat. Her two young waited in the den and heard her come. They play after every meal: one hides a pebble, the other has "
    "to find it, and both forget who began. At noon the miller opens the gate, the water falls, and the pools are full of crabs. In the "
    "evening all three sleep in the dry leaves while the rain begins. ")
# Members whose texts are words of a protocol or of JSON Schema.
WORDS = {"type", "role", "name", "status", "effort", "summary", "tool_choice", "$schema", "format", "pattern", "required", "enum", "const",
         "include", "verbosity", "syntax", "keep", "detail", "phase", "search_context_size", "additionalProperties"}
IDS = {"id", "call_id", "tool_use_id", "tool_call_id"}
HEADERS = ("accept", "content-type", "anthropic-version", "anthropic-beta")  # whose values the server might read
NAME = re.compile(r"[\w.$:/,;=+*#?-]*$")
PATTERNS_MAX = 120


class Reducer:
    def __init__(self):
        self.ids, self.texts = {}, {}

    def text(self, value):
        """The same text gives the same piece, so that what begins alike still does."""
        start = self.texts.setdefault(value, (97 * len(self.texts)) % len(STORY))
        return (STORY * (2 + len(value) // len(STORY)))[start:start + len(value)]

    def id(self, value):
        head = re.match(r"[a-z]+_", value)
        return self.ids.setdefault(value, (head.group() if head else "") + str(len(self.ids) + 1).zfill(len(value) - (head.end() if head else 0)))

    def string(self, key, value, in_schema):
        if key in IDS and not in_schema:
            return self.id(value)
        if key in ("arguments", "input") and value.startswith("{"):
            return json.dumps(self.value(None, json.loads(value), False))
        if key == "definition":
            raise SystemExit("a grammar, which cannot be reduced: write one that does the same")
        if key == "pattern" and len(value) <= PATTERNS_MAX or key in WORDS and NAME.match(value):
            return value
        return self.text(value)

    def value(self, key, value, in_schema):
        if isinstance(value, str):
            return self.string(key, value, in_schema)
        if isinstance(value, list):
            return [self.value(key, item, in_schema) for item in value]
        if isinstance(value, dict):
            in_schema = in_schema or key in ("parameters", "input_schema", "schema")
            inner = "a name" if key == "properties" and in_schema else None  # names of members are no words of JSON Schema
            return {name: self.value(inner or name, item, in_schema) for name, item in value.items()}
        return value

    def request(self, request):
        headers = {name.lower(): value if name.lower() in HEADERS else self.text(value) for name, value in request["headers"].items()
                   if name.lower() not in ("host", "connection", "content-length", "authorization", "accept-encoding")}
        body = self.value(None, request["body"], False)
        if "model" in body:
            body["model"] = "model"
        return {"path": request["path"], "headers": headers, "body": body}


def others(key, value):
    """Texts that are neither a piece of the story nor a name."""
    if isinstance(value, list):
        return [found for item in value for found in others(key, item)]
    if isinstance(value, dict):
        return [found for name, item in value.items() for found in ([] if NAME.match(name) else [name]) + others(name, item)]
    if not isinstance(value, str) or key == "pattern" or len(value) <= 80 and NAME.match(value):
        return []
    if key in ("arguments", "input") and value.startswith("{"):
        return others(None, json.loads(value))
    return [] if key in HEADERS or value in STORY * (2 + len(value) // len(STORY)) else [value]


def main():
    if sys.argv[1] == "--check":
        found = [text for path in sys.argv[2:] for text in others(None, json.load(open(path)))]
        sys.exit(f"not of ours: {found[:5]}" if found else 0)
    reducer = Reducer()
    with open(sys.argv[1]) as file:
        requests = [reducer.request(request) for request in json.load(file)]
    assert not others(None, requests), others(None, requests)[:5]
    with open(sys.argv[2], "w") as file:
        json.dump(requests, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
