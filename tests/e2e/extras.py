#!/usr/bin/env python3
"""Asks `holt serve` what few clients ask: extras.py PROGRAM. Prints what failed and "N passed, N failed"."""
import json
import os
import shutil
import struct
import sys
import tempfile

from serve import Server, TOOL, chat, events, run_tests

PROGRAM = os.path.abspath(sys.argv[1])
BUILTIN = os.path.join(os.path.dirname(__file__), "../../models/builtin.gguf")
ALIGNMENT = 32
SYSTEM = "You are a careful assistant of a small mill by the river. You answer in few words and you never guess."


# ------------------------------------------------------------------ models made of the built-in one
class Reader:
    """The parts of a GGUF file that lie before its tensors."""

    SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}

    def __init__(self, data):
        self.data, self.at = data, 0

    def number(self, kind="<Q"):
        value, = struct.unpack_from(kind, self.data, self.at)
        self.at += struct.calcsize(kind)
        return value

    def skip(self, size):
        self.at += size

    def skip_text(self):
        self.skip(self.number())

    def skip_tensor(self):
        self.skip_text()
        self.skip(8 * self.number("<I"))
        self.skip(4 + 8)

    def skip_value(self, kind):
        if kind == 8:
            self.skip_text()
        elif kind == 9:
            inner, count = self.number("<I"), self.number()
            for _ in range(count):
                self.skip_value(inner)
        else:
            self.skip(self.SIZES[kind])


def text(value):
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def entry(key, value):
    """A key with a number or a list of texts."""
    if isinstance(value, int):
        return text(key) + struct.pack("<II", 4, value)
    return text(key) + struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(text, value))


def aligned(data):
    return data + bytes(-len(data) % ALIGNMENT)


def remade(path, keys, tensors=()):
    """The built-in model with further keys and tensors (name, columns, rows) of alternating numbers."""
    with open(BUILTIN, "rb") as file:
        reader = Reader(file.read())
    head = reader.number("<I"), reader.number("<I"), reader.number(), reader.number()
    first = reader.at
    for _ in range(head[3]):
        reader.skip_text()
        reader.skip_value(reader.number("<I"))
    middle = reader.at
    for _ in range(head[2]):
        reader.skip_tensor()
    rest = aligned(reader.data[reader.at + -reader.at % ALIGNMENT:])
    infos = b""
    for name, columns, rows in tensors:
        infos += text(name) + struct.pack("<IQQIQ", 2, columns, rows, 0, len(rest))
        rest = aligned(rest + struct.pack(f"<{columns * rows}f", *(((i * 7919) % 31 - 15) / 40 for i in range(columns * rows))))
    added = b"".join(entry(*pair) for pair in keys.items())
    start = struct.pack("<IIQQ", head[0], head[1], head[2] + len(tensors), head[3] + len(keys))
    with open(path, "wb") as file:
        file.write(aligned(start + added + reader.data[first:middle] + reader.data[middle:reader.at] + infos) + rest)


class Serving:
    """A server on a model of a folder that is gone afterwards."""

    def __init__(self, make, *options):
        self.folder = tempfile.mkdtemp(prefix="holt-extras-")
        path = os.path.join(self.folder, "otter.gguf")
        make(path)
        self.server = Server(PROGRAM, "-m", path, *options)

    def __enter__(self):
        return self.server

    def __exit__(self, *_):
        code = self.server.stop()
        shutil.rmtree(self.folder)
        assert code == 0, (code, self.server.process.stderr.read())


# ------------------------------------------------------------------ the tests
def props_say_what_is_served(server):
    props = server.json("/props")
    assert props["default_generation_settings"]["n_ctx"] == 4096 and props["total_slots"] == 8, props
    assert props["model_alias"] == "builtin" and props["build_info"].startswith("holt "), props
    assert "<|im_start|>" in props["chat_template"] and props["chat_template"] == server.json("/api/show", {"model": "builtin"})["template"]
    with tempfile.TemporaryDirectory() as state:
        made = Server(PROGRAM, "--state", state, "--prompt-store", "off")
        try:
            template = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
            assert made.ask("POST", "/api/create", {"model": "miller", "from": "builtin", "template": template})[0] == 200
        finally:
            assert made.stop() == 0
        made = Server(PROGRAM, "--state", state, "--prompt-store", "off", "-m", "miller")
        try:
            assert made.json("/props")["chat_template"] == template and made.json("/props")["model_alias"] == "miller"
        finally:
            assert made.stop() == 0


def a_gap_is_filled(server):
    marks = ["<tool_call>", "</tool_call>", "<|im_start|>"]
    ids = [server.json("/tokenize", {"content": mark})["tokens"] for mark in marks]
    assert all(len(one) == 1 for one in ids), ids
    keys = {f"tokenizer.ggml.fim_{part}_token_id": one[0] for part, one in zip(("pre", "suf", "mid"), ids)}
    with Serving(lambda path: remade(path, keys)) as filler:
        body = {"input_prefix": "int add(int a", "prompt": ", int", "input_suffix": "}\n", "n_predict": 6, "temperature": 0, "seed": 3}
        whole = filler.json("/infill", body)
        assert whole["prompt"] == f"{marks[0]}int add(int a, int{marks[1]}}}\n{marks[2]}", whole["prompt"]
        assert whole["content"] and whole["stop"] is True and whole["tokens_predicted"] <= 6 and whole["index"] == 0, whole
        assert whole["stop_type"] == ("limit" if whole["tokens_predicted"] == 6 else "eos") and whole["truncated"] is False, whole
        assert whole["tokens_evaluated"] == len(filler.json("/tokenize", {"content": whole["prompt"]})["tokens"]), whole
        settings = whole["generation_settings"]
        assert settings["n_predict"] == 6 and settings["seed"] == 3 and settings["n_ctx"] == 4096 and settings["temperature"] == 0, settings
        assert whole["timings"]["predicted_n"] == whole["tokens_predicted"] and whole["timings"]["prompt_n"] > 0, whole["timings"]
        parts = events(filler.ask("POST", "/infill", {**body, "stream": True})[1])
        assert "".join(part["content"] for part in parts) == whole["content"] and parts[-1]["stop"] is True
        beside = filler.json("/infill", {**body, "input_extra": [{"filename": "sum.h", "text": "int sum;"}]})
        assert "int sum;" in beside["prompt"] and beside["prompt"].endswith(whole["prompt"]), beside["prompt"]
        suffix = filler.json("/v1/completions", {"prompt": "int add(int a, int", "suffix": "}\n", "max_tokens": 6, "temperature": 0})
        assert suffix["choices"][0]["text"] == whole["content"], suffix


def documents_are_ranked(server):
    assert "does not support embeddings" in server.json("/v1/rerank", {"query": "a", "documents": ["b"]}, 501)["error"]["message"]
    keys = {"qwen3.pooling_type": 4, "qwen3.classifier.output_labels": ["yes", "no"]}
    documents = ["the otter sleeps", "orders of april", "the river is deep", "the otter swims"]
    with Serving(lambda path: remade(path, keys, [("cls.output.weight", 256, 2)])) as ranker:
        body = {"query": "where does the otter sleep?", "documents": documents}
        ranked = ranker.json("/v1/rerank", body)
        rows = ranked["results"]
        assert sorted(row["index"] for row in rows) == [0, 1, 2, 3] and set(rows[0]) == {"index", "relevance_score"}, rows
        scores = [row["relevance_score"] for row in rows]
        assert scores == sorted(scores, reverse=True) and len(set(scores)) > 1, scores
        assert ranked["object"] == "list" and ranked["model"] and ranked["usage"]["prompt_tokens"] == ranked["usage"]["total_tokens"] > 20, ranked
        few = ranker.json("/rerank", {**body, "top_n": 2, "return_documents": True})["results"]
        assert [row["index"] for row in few] == [row["index"] for row in rows[:2]], few
        assert all(row["document"]["text"] == documents[row["index"]] for row in few), few
        objects = ranker.json("/v1/reranking", {**body, "documents": [{"text": one} for one in documents]})
        assert objects["results"] == rows, objects
        assert "query" in ranker.json("/v1/rerank", {"documents": documents}, 400)["error"]["message"]
        assert "documents" in ranker.json("/v1/rerank", {"query": "a", "documents": []}, 400)["error"]["message"]


THINKING = ("{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.reasoning_content %}<think>\n{{ m.reasoning_content }}\n</think>\n\n{% endif %}"
            "{{ m.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}")


def thoughts_come_back_sealed(_):
    with tempfile.TemporaryDirectory() as state:
        first = Server(PROGRAM, "--state", state, "--prompt-store", "off")
        try:
            assert first.ask("POST", "/api/create", {"model": "thinker", "from": "builtin", "template": THINKING})[0] == 200
            body = {"model": "thinker", "input": "hello", "temperature": 0, "max_output_tokens": 12}
            plain = first.json("/v1/responses", body)["output"][0]
            assert plain["type"] == "reasoning" and plain["encrypted_content"] is None and plain["content"][0]["text"], plain
            parts = events(first.ask("POST", "/v1/responses", {**body, "stream": True, "include": ["reasoning.encrypted_content"]})[1])
            item = parts[-1]["response"]["output"][0]
            assert item["encrypted_content"] and item["content"] == plain["content"] and item["id"].startswith("rs_"), item
            assert item in [part["item"] for part in parts if part["type"] == "response.output_item.done"], parts

            def length(server, *items):
                return server.json("/v1/responses/input_tokens", {"model": "thinker", "input": [
                    {"role": "user", "content": "hello"}, *items, {"role": "assistant", "content": "ho"}, {"role": "user", "content": "and?"}]})["input_tokens"]
            sealed = {"type": "reasoning", "summary": [], "encrypted_content": item["encrypted_content"]}
            assert length(first, sealed) == length(first, plain) > length(first) + 5
            assert length(first, {**sealed, "encrypted_content": "gAAAAAB"}) == length(first)
        finally:
            assert first.stop() == 0
        second = Server(PROGRAM, "--state", state, "--prompt-store", "off")
        try:  # its key is another: the thoughts are gone, the conversation is not
            assert length(second, sealed) == length(second)
        finally:
            assert second.stop() == 0


def read_of(usage):
    """(tokens of the prompt, of these cached) in each protocol's words."""
    if "cache_read_input_tokens" in usage:
        return usage["input_tokens"] + usage["cache_read_input_tokens"], usage["cache_read_input_tokens"]
    if "prompt_tokens" in usage:
        return usage["prompt_tokens"], usage["prompt_tokens_details"]["cached_tokens"]
    return usage["input_tokens"], usage["input_tokens_details"]["cached_tokens"]


def a_conversation_goes_on_in_another_protocol(server):
    """An agent's turn over OpenAI's protocol, its result over Anthropic's, what follows over Responses, and back."""
    ask = "read the file notes.txt of the mill, please"
    function = TOOL["function"]
    first = server.json("/v1/chat/completions", chat(ask, tools=[TOOL], tool_choice="required", messages=[
        {"role": "system", "content": SYSTEM}, {"role": "user", "content": ask}]))
    call = first["choices"][0]["message"]["tool_calls"][0]
    arguments = json.loads(call["function"]["arguments"])
    all_tokens = first["usage"]["total_tokens"]
    second = server.json("/v1/messages", {
        "model": "builtin", "max_tokens": 20, "temperature": 0, "system": SYSTEM,
        "tools": [{"name": function["name"], "description": function["description"], "input_schema": function["parameters"]}],
        "messages": [{"role": "user", "content": ask},
                     {"role": "assistant", "content": [{"type": "tool_use", "id": call["id"], "name": function["name"], "input": arguments}]},
                     {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call["id"], "content": "The port is 8080."}]}]})
    prompt, cached = read_of(second["usage"])
    assert cached >= all_tokens - 2 and prompt - cached < 60, (first["usage"], second["usage"])
    said = "".join(block.get("text", "") for block in second["content"]) or "8080"
    items = [{"type": "message", "role": "user", "content": ask},
             {"type": "function_call", "call_id": call["id"], "name": function["name"], "arguments": call["function"]["arguments"]},
             {"type": "function_call_output", "call_id": call["id"], "output": "The port is 8080."},
             {"type": "message", "role": "assistant", "content": said}, {"type": "message", "role": "user", "content": "thanks"}]
    third = server.json("/v1/responses", {"model": "builtin", "instructions": SYSTEM, "temperature": 0, "max_output_tokens": 20, "input": items,
                                          "tools": [{"type": "function", **function}]})
    prompt_now, cached_now = read_of(third["usage"])
    assert cached_now >= prompt - 2 and prompt_now > prompt, (second["usage"], third["usage"])
    ollama = server.json("/api/chat", {
        "model": "builtin", "stream": False, "options": {"temperature": 0, "num_predict": 5}, "tools": [TOOL], "messages": [
            {"role": "system", "content": SYSTEM}, {"role": "user", "content": ask},
            {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": function["name"], "arguments": arguments}}]},
            {"role": "tool", "tool_name": function["name"], "content": "The port is 8080."},
            {"role": "assistant", "content": said}, {"role": "user", "content": "thanks"}]})
    assert ollama["prompt_eval_count"] == prompt_now, (ollama["prompt_eval_count"], prompt_now)


def a_model_is_asked_for_by_name(_):
    with tempfile.TemporaryDirectory() as folder:
        snapshot = f"{folder}/hub/models--acme--Otter-GGUF/snapshots/one"
        os.makedirs(snapshot)
        shutil.copy(BUILTIN, f"{snapshot}/Otter-Q8_0.gguf")
        os.environ["HF_HUB_CACHE"] = f"{folder}/hub"
        server = Server(PROGRAM, "--state", f"{folder}/state", "--prompt-store", "off")
        try:
            rows = {row["id"]: row for row in server.json("/v1/models")["data"]}
            name = "acme/Otter-GGUF:Q8_0"
            assert set(rows) == {"builtin", name}, rows
            for path in (name, name.replace("/", "%2F").replace(":", "%3A"), name + ":latest"):
                assert server.json("/v1/models/" + path) == {**rows[name], "id": name + (":latest" if path.endswith("latest") else "")}, path
            assert server.json("/v1/models/builtin") == rows["builtin"] and server.ask("HEAD", "/v1/models/builtin")[0] == 200
            status, said = server.ask("GET", "/v1/models/claude-opus-4", headers={"anthropic-version": "2023-06-01"})
            assert status == 200 and json.loads(said)["type"] == "model" and json.loads(said)["id"] == "claude-opus-4", said
            for path in ("acme/Otter", "..%2Fbuiltin", "acme/Otter-GGUF:Q8_0/", ""):
                assert server.json("/v1/models/" + path, want=404)["error"]["code"] == "model_not_found", path
            assert server.ask("POST", "/v1/models/builtin", "{}")[0] == 405
        finally:
            del os.environ["HF_HUB_CACHE"]
            assert server.stop() == 0


def few_tools_are_allowed(server):
    other = {"type": "function", "function": {"name": "list_folder", "parameters": {"type": "object", "properties": {}, "additionalProperties": False}}}
    allowed = lambda mode, *names: {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": [
        {"type": "function", "function": {"name": name}} for name in names]}}
    body = chat("read notes.txt", tools=[TOOL, other])
    free = server.json("/v1/chat/completions", {**body, "tool_choice": "required"})
    for name in ("read_file", "list_folder"):
        held = server.json("/v1/chat/completions", {**body, "tool_choice": allowed("required", name)})
        calls = held["choices"][0]["message"]["tool_calls"]
        assert {call["function"]["name"] for call in calls} == {name}, held
        assert held["usage"]["prompt_tokens"] == free["usage"]["prompt_tokens"], "the model is told of all tools"
    responses = server.json("/v1/responses", {"model": "builtin", "input": "read notes.txt", "temperature": 0, "max_output_tokens": 60, "tools": [
        {"type": "function", **tool["function"]} for tool in (TOOL, other)], "tool_choice": {
            "type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "list_folder"}]}})
    assert {item["name"] for item in responses["output"] if item["type"] == "function_call"} == {"list_folder"}, responses["output"]
    assert "fly" in server.json("/v1/chat/completions", {**body, "tool_choice": allowed("auto", "fly")}, 400)["error"]["message"]


def a_text_is_biased(server):
    body = {"prompt": "hello", "temperature": 0, "n_predict": 8, "n_probs": 1, "return_tokens": True}
    plain = server.json("/completion", body)
    words = server.json("/detokenize", {"tokens": plain["tokens"][:1]})["content"]
    ids = server.json("/tokenize", {"content": words, "parse_special": False})["tokens"]
    for bias in ([[words, False]], {words: -100}):
        banned = server.json("/completion", {**body, "logit_bias": bias})
        assert not set(ids) & set(banned["tokens"]), (bias, banned["tokens"])
    assert ids == plain["tokens"][:1], (ids, plain["tokens"])
    both = server.json("/completion", {**body, "logit_bias": [[words, -100], [ids[0], 100]]})
    assert both["tokens"] == plain["tokens"], (both["tokens"], plain["tokens"])  # what is told of a token adds up
    wanted = server.json("/tokenize", {"content": " otter"})["tokens"]
    chosen = server.json("/completion", {**body, "logit_bias": {" otter": 100}})
    assert set(chosen["tokens"]) <= set(wanted) and chosen["generation_settings"]["logit_bias"] == [{"text": " otter", "bias": 100}], (chosen, wanted)
    told = server.json("/v1/chat/completions", chat("hello", max_tokens=4, logprobs=True, logit_bias={" otter": 100}))["choices"][0]["logprobs"]["content"]
    assert {row["token"] for row in told} <= {server.json("/detokenize", {"tokens": [one]})["content"] for one in wanted}, told


TESTS = [props_say_what_is_served, a_gap_is_filled, documents_are_ranked, a_conversation_goes_on_in_another_protocol,
         thoughts_come_back_sealed, a_model_is_asked_for_by_name, few_tools_are_allowed, a_text_is_biased]


if __name__ == "__main__":
    sys.exit(run_tests(TESTS))
