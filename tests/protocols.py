"""What the three protocols that coding agents speak must look like on the wire, and whether calls are valid for their tools' schemas.

read(path, text) checks a stream's order and gives what it says. Standard library only.
"""
import json
import re

KNOWN = {"type", "properties", "required", "additionalProperties", "items", "enum", "const", "anyOf", "pattern", "minLength", "maxLength", "minimum",
         "maximum", "exclusiveMinimum", "exclusiveMaximum", "minItems", "maxItems", "propertyNames"}
SILENT = {"description", "title", "default", "examples", "$schema", "format", "strict"}  # what does not decide, for our masks neither
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None), "number": (int, float), "integer": int}


def has_type(value, name):
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, TYPES[name]) or name == "integer" and isinstance(value, float) and value == int(value)


def faults(value, schema, where="$"):
    """What is wrong with the value, in words; a keyword that is not known here is a fault of the test."""
    if isinstance(schema, bool):
        return [] if schema else [f"{where}: not allowed"]
    assert set(schema) <= KNOWN | SILENT, set(schema) - KNOWN - SILENT
    names = schema.get("type")
    names = [names] if isinstance(names, str) else names
    out = []
    if names and not any(has_type(value, name) for name in names):
        return [f"{where}: {value!r} is no {names}"]
    if "enum" in schema and value not in schema["enum"] or "const" in schema and value != schema["const"]:
        out.append(f"{where}: {value!r} is none of the values")
    if "anyOf" in schema and all(faults(value, one, where) for one in schema["anyOf"]):
        out.append(f"{where}: {value!r} is none of the forms")
    if isinstance(value, dict):
        known = schema.get("properties", {})
        out += [f"{where}: {name} is missing" for name in schema.get("required", []) if name not in value]
        for name, item in value.items():
            out += faults(name, schema.get("propertyNames", True), f"name of {where}.{name}")
            out += faults(item, known[name] if name in known else schema.get("additionalProperties", True), f"{where}.{name}")
    elif isinstance(value, list):
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
            out.append(f"{where}: {len(value)} items")
        for index, item in enumerate(value):
            out += faults(item, schema.get("items", True), f"{where}[{index}]")
    elif isinstance(value, str):
        if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
            out.append(f"{where}: {len(value)} characters")
        if "pattern" in schema and not re.search(schema["pattern"], value):
            out.append(f"{where}: {value!r} does not match")
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        if not schema.get("minimum", value) <= value <= schema.get("maximum", value) or \
                "exclusiveMinimum" in schema and value <= schema["exclusiveMinimum"] or \
                "exclusiveMaximum" in schema and value >= schema["exclusiveMaximum"]:
            out.append(f"{where}: {value} is out of range")
    return out


def schemas(body):
    """The schema of every function of a request, by the name under which it is chosen; hosted tools have none."""
    out = {}
    for tool in body.get("tools", []):
        inner = tool.get("function", tool)
        for one, name in [(t, f"{tool['name']}__{t['name']}") for t in tool.get("tools", [])] or [(inner, inner.get("name"))]:
            if schema := one.get("parameters") or one.get("input_schema"):
                out[name] = schema
    return out


def pairs(text):
    """(event, data) of server-sent events."""
    out = []
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
        if "data" in lines:
            out.append((lines.get("event"), lines["data"] if lines["data"] == "[DONE]" else json.loads(lines["data"])))
    return out


class Said:
    """What an answer says: text, reasoning, calls as (name, arguments), why it ended, and the numbers of tokens."""

    def __init__(self):
        self.text, self.reasoning, self.calls, self.end, self.prompt, self.cached, self.made = "", "", [], None, 0, 0, 0


def read_messages(parts):
    said, open_block, index = Said(), None, -1
    assert all(event == data["type"] for event, data in parts), parts
    parts = [data for _, data in parts if data["type"] != "ping"]
    assert parts[0]["type"] == "message_start" and [p["type"] for p in parts[-2:]] == ["message_delta", "message_stop"], parts
    for part in parts[1:-2]:
        kind = part["type"]
        if kind == "content_block_start":
            index += 1
            assert open_block is None and part["index"] == index, part
            open_block, written = part["content_block"], ""
        elif kind == "content_block_delta":
            delta = part["delta"]
            names = {"text": ("text_delta", "text"), "thinking": ("thinking_delta", "thinking"), "tool_use": ("input_json_delta", "partial_json")}
            name, member = names[open_block["type"]]
            assert part["index"] == index and delta["type"] in (name, "signature_delta"), part
            written += delta.get(member, "")
        else:
            assert kind == "content_block_stop" and open_block and part["index"] == index, part
            if open_block["type"] == "tool_use":
                said.calls.append((open_block["name"], json.loads(written or "{}")))
            elif open_block["type"] == "text":
                said.text += written
            else:
                said.reasoning += written
            open_block = None
    assert open_block is None
    said.end, usage = parts[-2]["delta"]["stop_reason"], {**parts[0]["message"]["usage"], **parts[-2]["usage"]}
    assert said.end in ("end_turn", "max_tokens", "tool_use") and (said.end != "tool_use" or said.calls), parts[-2]
    said.cached, said.made = usage["cache_read_input_tokens"], usage["output_tokens"]
    said.prompt = usage["input_tokens"] + said.cached
    return said


def read_chat(parts):
    said, calls = Said(), {}
    assert parts[-1][1] == "[DONE]" and all(event is None for event, _ in parts), parts[-3:]
    parts = [data for _, data in parts[:-1]]
    assert all(p["object"] == "chat.completion.chunk" and p["id"] == parts[0]["id"] for p in parts), parts
    assert parts[0]["choices"][0]["delta"]["role"] == "assistant", parts[0]
    ends = [i for i, p in enumerate(parts) if p["choices"] and p["choices"][0]["finish_reason"]]
    assert len(ends) == 1 and all(not p["choices"] for p in parts[ends[0] + 1:]), parts[-3:]
    for part in parts:
        delta = part["choices"][0]["delta"] if part["choices"] else {}
        said.text += delta.get("content") or ""
        said.reasoning += delta.get("reasoning_content") or ""
        for call in delta.get("tool_calls", []):
            if call["index"] not in calls:
                assert call["index"] == len(calls) and call["id"] and call["type"] == "function", call
                calls[call["index"]] = [call["function"]["name"], ""]
            calls[call["index"]][1] += call["function"].get("arguments", "")
    said.calls = [(name, json.loads(text)) for name, text in calls.values()]
    said.end, usage = parts[ends[0]]["choices"][0]["finish_reason"], parts[-1]["usage"]
    assert said.end in ("stop", "length", "tool_calls") and (said.end != "tool_calls" or said.calls), said.end
    said.prompt, said.made, said.cached = usage["prompt_tokens"], usage["completion_tokens"], usage["prompt_tokens_details"]["cached_tokens"]
    return said


def read_responses(parts):
    said, item, done, written = Said(), None, [], ""
    assert all(event == data["type"] for event, data in parts), parts
    parts = [data for _, data in parts]
    assert [p["sequence_number"] for p in parts] == list(range(len(parts)))
    assert [p["type"] for p in parts[:2]] == ["response.created", "response.in_progress"], parts[:2]
    assert parts[-1]["type"] in ("response.completed", "response.incomplete"), parts[-1]
    for part in parts[2:-1]:
        kind = part["type"]
        if kind == "response.output_item.added":
            assert item is None and part["output_index"] == len(done), part
            item, written = part["item"], ""
        else:
            assert item is not None and part["output_index"] == len(done), part
            assert part.get("item_id", item["id"]) == item["id"], part
            if kind.endswith(".delta"):
                written += part["delta"]
            elif kind.endswith(("_text.done", "arguments.done")):
                assert written == part.get("text", part.get("arguments")), part
            elif kind == "response.output_item.done":
                done.append(part["item"])
                item = None
    whole = parts[-1]["response"]
    assert item is None and whole["output"] == done, whole
    for one in done:
        if one["type"] == "function_call":
            name = f"{one['namespace']}__{one['name']}" if one.get("namespace") else one["name"]
            said.calls.append((name, json.loads(one["arguments"])))
        elif one["type"] == "message":
            said.text += "".join(piece["text"] for piece in one["content"])
        else:
            assert one["type"] == "reasoning", one
            said.reasoning += "".join(piece["text"] for piece in one.get("content") or [])
    said.end, usage = whole["status"], whole["usage"]
    said.prompt, said.made, said.cached = usage["input_tokens"], usage["output_tokens"], usage["input_tokens_details"]["cached_tokens"]
    return said


def read(path, text):
    parts = pairs(text)
    path = path.split("?")[0]
    return {"/v1/messages": read_messages, "/v1/chat/completions": read_chat, "/v1/responses": read_responses}[path](parts)
