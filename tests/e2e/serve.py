#!/usr/bin/env python3
"""Drives `holt serve` as clients do: serve.py PROGRAM. Prints what failed and "N passed, N failed"."""
import base64
import concurrent.futures
import http.client
import json
import math
import os
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

TOOL = {"type": "function", "function": {"name": "read_file", "description": "Read a text file.", "parameters": {
    "type": "object", "properties": {"path": {"type": "string"}, "line_count": {"type": "integer", "minimum": 1}},
    "required": ["path"], "additionalProperties": False}}}


class Server:
    def __init__(self, program, *options):
        if "--state" not in options:
            options = ("--prompt-store", "off", *options)
        self.process = subprocess.Popen([program, "serve", "--port", "0", "--threads", "1", *options],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        first = self.process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)", first)
        if not found:
            raise SystemExit(f"no address in {first!r}: {self.process.stderr.read()}")
        self.port = int(found.group(1))

    def ask(self, method, path, body=None, headers=None):
        """(status, text)"""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        data = body if body is None or isinstance(body, (str, bytes)) else json.dumps(body)
        connection.request(method, path, data, headers or {})
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        return response.status, text

    def json(self, path, body=None, want=200):
        status, text = self.ask("POST" if body is not None else "GET", path, body)
        assert status == want, f"{path}: {status} {text[:300]}"
        return json.loads(text)

    def metric(self, name):
        text = self.ask("GET", "/metrics")[1]
        return float(re.search(rf"^holt_{name} (\S+)$", text, re.M).group(1))

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(20)


def chat(text, **more):
    return {"model": "builtin", "temperature": 0, "max_tokens": 60, "messages": [{"role": "user", "content": text}], **more}


def events(text):
    """The data of server-sent events; "[DONE]" stays a text."""
    out = []
    for block in text.split("\n\n"):
        for line in block.split("\n"):
            if line.startswith("data: "):
                data = line[6:]
                out.append(data if data == "[DONE]" else json.loads(data))
    return out


def wait_until(holds, seconds=10):
    until = time.time() + seconds
    while not holds():
        assert time.time() < until, "waited in vain"
        time.sleep(0.02)


# ------------------------------------------------------------------ the tests
def listings_show_the_context(server):
    row = server.json("/v1/models")["data"][0]
    assert row["id"] == "builtin" and row["context_length"] == 4096, row
    assert server.json("/health") == {"status": "ok"}
    tags = server.json("/api/tags")["models"][0]
    assert tags["name"] == "builtin" and tags["details"]["context_length"] == 4096, tags
    show = server.json("/api/show", {"model": "builtin:latest"})
    assert show["model_info"]["qwen3.context_length"] == 4096 and "tools" in show["capabilities"], show["capabilities"]
    assert server.json("/api/ps")["models"][0]["context_length"] == 4096
    assert re.match(r"\d+\.\d+\.\d+$", server.json("/api/version")["version"])
    assert server.ask("GET", "/")[1].startswith("Ollama is running")
    assert server.ask("HEAD", "/")[0] == 200
    anthropic = json.loads(server.ask("GET", "/v1/models", headers={"anthropic-version": "2023-06-01"})[1])
    assert anthropic["data"][0]["type"] == "model"


def a_stream_says_what_the_whole_answer_says(server):
    whole = server.json("/v1/chat/completions", chat("hello"))
    message = whole["choices"][0]["message"]
    assert message["content"] and whole["choices"][0]["finish_reason"] == "stop", whole
    status, text = server.ask("POST", "/v1/chat/completions",
                              chat("hello", stream=True, stream_options={"include_usage": True}))
    parts = events(text)
    assert status == 200 and parts[-1] == "[DONE]"
    said = "".join(p["choices"][0]["delta"].get("content", "") for p in parts[:-1] if p["choices"])
    assert said == message["content"], (said, message)
    assert parts[-2]["usage"]["prompt_tokens"] == whole["usage"]["prompt_tokens"]
    assert parts[-2]["usage"]["prompt_tokens_details"]["cached_tokens"] > 0


def the_three_protocols_say_the_same(server):
    openai = server.json("/v1/chat/completions", chat("hello"))["choices"][0]["message"]["content"]
    anthropic = server.json("/v1/messages", chat("hello"))
    assert anthropic["content"] == [{"type": "text", "text": openai}] and anthropic["stop_reason"] == "end_turn", anthropic
    ollama = server.json("/api/chat", {"model": "builtin", "stream": False, "options": {"temperature": 0, "num_predict": 60},
                                       "messages": [{"role": "user", "content": "hello"}]})
    assert ollama["message"]["content"] == openai and ollama["done_reason"] == "stop", ollama
    generate = server.json("/api/generate", {"model": "builtin", "stream": False, "prompt": "hello", "options": {"temperature": 0}})
    assert generate["response"] == openai, generate
    status, text = server.ask("POST", "/v1/messages", chat("hello", stream=True))
    parts = events(text)
    assert [p["type"] for p in parts if p["type"] != "content_block_delta"] == [
        "message_start", "content_block_start", "content_block_stop", "message_delta", "message_stop"], text
    assert "".join(p["delta"]["text"] for p in parts if p["type"] == "content_block_delta") == openai
    lines = [json.loads(line) for line in server.ask("POST", "/api/chat", {
        "model": "builtin", "options": {"temperature": 0, "num_predict": 60},
        "messages": [{"role": "user", "content": "hello"}]})[1].splitlines()]
    assert "".join(line["message"]["content"] for line in lines) == openai and lines[-1]["done"] is True


def a_call_is_valid_in_every_protocol(server):
    body = chat("show me notes.txt", tools=[TOOL], tool_choice="required")
    choice = server.json("/v1/chat/completions", body)["choices"][0]
    call = choice["message"]["tool_calls"][0]
    arguments = json.loads(call["function"]["arguments"])
    assert choice["finish_reason"] == "tool_calls" and call["function"]["name"] == "read_file", choice
    assert isinstance(arguments["path"], str), arguments
    parts = events(server.ask("POST", "/v1/chat/completions", {**body, "stream": True})[1])
    deltas = [c for p in parts[:-1] for c in p["choices"][0]["delta"].get("tool_calls", [])]
    assert deltas[0]["function"]["name"] == "read_file" and len({d["index"] for d in deltas}) >= 1
    first = "".join(d["function"].get("arguments", "") for d in deltas if d["index"] == 0)
    assert json.loads(first) == arguments, first
    block = server.json("/v1/messages", chat("show me notes.txt", tool_choice={"type": "any"}, tools=[
        {"name": "read_file", "input_schema": TOOL["function"]["parameters"]}]))["content"][-1]
    assert block["type"] == "tool_use" and isinstance(block["input"], dict), block
    other = {"type": "function", "function": {"name": "other", "parameters": {
        "type": "object", "propertyNames": {"pattern": "^x"}, "properties": {"x": {"type": "string", "contentEncoding": "base64"}}}}}
    named = {**body, "tools": [TOOL, other], "tool_choice": {"type": "function", "function": {"name": "other"}}}
    assert server.json("/v1/chat/completions", named)["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "other"
    random = server.json("/v1/chat/completions", {**body, "temperature": 2, "seed": 5})
    assert random["choices"][0]["message"]["tool_calls"], random


def without_tools_there_are_no_calls(server):
    web = [{"type": "web_search"}]
    for path, body in (("/v1/chat/completions", chat("hello", tool_choice="required")),
                       ("/v1/responses", {"input": "hello", "tools": web, "tool_choice": "required"}),
                       ("/v1/messages", chat("hello", tools=[{"type": "web_search_20250305", "name": "web_search"}], tool_choice={"type": "any"}))):
        status, text = server.ask("POST", path, body)
        assert status == 400 and "no tool" in json.loads(text)["error"]["message"], (path, status, text)
    choice = server.json("/v1/chat/completions", chat("what is 7 plus 5?"))["choices"][0]
    assert "tool_calls" not in choice["message"] and choice["finish_reason"] != "tool_calls" and choice["message"]["content"], choice
    said = server.json("/v1/messages", chat("what is 7 plus 5?"))
    assert [block["type"] for block in said["content"]] == ["text"] and said["stop_reason"] != "tool_use", said


def responses_tell_every_item(server):
    body = {"model": "builtin", "input": "hello", "temperature": 0}
    whole = server.json("/v1/responses", body)
    said = whole["output"][0]["content"][0]["text"]
    assert whole["status"] == "completed" and said, whole
    assert 0 <= whole["completed_at"] - whole["created_at"] < 60 and whole["usage"]["output_tokens_details"] == {"reasoning_tokens": 0}, whole
    cut = server.json("/v1/responses", {**body, "max_output_tokens": 1})
    assert cut["status"] == "incomplete" and cut["completed_at"] is None, cut
    text = server.ask("POST", "/v1/responses", {**body, "stream": True})[1]
    parts = events(text)
    assert [p["sequence_number"] for p in parts] == list(range(len(parts)))
    assert parts[0]["type"] == "response.created" and parts[-1]["type"] == "response.completed"
    assert parts[0]["response"]["completed_at"] is None and parts[-1]["response"]["completed_at"] > 0
    assert "".join(p["delta"] for p in parts if p["type"] == "response.output_text.delta") == said
    done = [p["item"] for p in parts if p["type"] == "response.output_item.done"]
    assert done == parts[-1]["response"]["output"], (done, parts[-1])
    tools = [{"type": "custom", "name": "apply_patch"},
             {"type": "namespace", "name": "mcp__files", "tools": [{"type": "function", "name": "read", "parameters": TOOL["function"]["parameters"]}]}]
    for index, kind in ((0, "custom_tool_call"), (1, "function_call")):
        answer = server.json("/v1/responses", {**body, "input": "show me notes.txt", "tools": [tools[index]], "tool_choice": "required",
                                               "max_output_tokens": 400})
        item = answer["output"][-1]
        assert item["type"] == kind, answer
        if index:
            assert item["namespace"] == "mcp__files" and item["name"] == "read" and "path" in json.loads(item["arguments"]), item
        else:
            assert item["name"] == "apply_patch" and isinstance(item["input"], str), item


def responses_can_be_gone_on_from(server):
    ask = lambda text, **more: server.json("/v1/responses", {"model": "builtin", "input": text, "temperature": 0, **more})
    said = lambda response: response["output"][-1]["content"][0]["text"]
    first = ask("hello", instructions="Be brief.", metadata={"a": "b"})
    assert first["store"] is True and first["metadata"] == {"a": "b"} and first["instructions"] == "Be brief.", first
    second = ask("and what can you do?", previous_response_id=first["id"])
    assert second["previous_response_id"] == first["id"] and second["instructions"] is None, second
    item = lambda role, kind, text: {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}
    whole = ask([item("user", "input_text", "hello"), item("assistant", "output_text", said(first)),
                 item("user", "input_text", "and what can you do?")], store=False)
    assert said(second) == said(whole) and second["usage"]["input_tokens"] == whole["usage"]["input_tokens"], (second, whole)
    assert second["usage"]["input_tokens_details"]["cached_tokens"] > 0, second["usage"]
    assert server.json(f"/v1/responses/{first['id']}") == first
    assert server.json(f"/v1/responses/{second['id']}") == second
    items = server.json(f"/v1/responses/{second['id']}/input_items")
    assert items["object"] == "list" and items["has_more"] is False and len(items["data"]) == 1, items
    assert items["data"][0]["content"] == [{"type": "input_text", "text": "and what can you do?"}], items
    assert items == server.json(f"/v1/responses/{second['id']}/input_items?order=asc&limit=5")
    assert server.ask("GET", f"/v1/responses/{whole['id']}")[0] == 404  # it was not to be kept
    # a stream is kept as what its last event says, and is there when that comes
    last = events(server.ask("POST", "/v1/responses", {"model": "builtin", "input": "once more", "temperature": 0, "stream": True,
                                                       "previous_response_id": second["id"]})[1])[-1]["response"]
    assert server.json(f"/v1/responses/{last['id']}") == last
    # what is deleted is gone, what was made from it is not
    status, text = server.ask("DELETE", f"/v1/responses/{first['id']}")
    assert status == 200 and json.loads(text) == {"id": first["id"], "object": "response", "deleted": True}, text
    status, text = server.ask("DELETE", f"/v1/responses/{first['id']}")
    assert status == 404 and json.loads(text)["error"]["message"] == f"Response with id '{first['id']}' not found.", text
    error = server.json("/v1/responses", {"model": "builtin", "input": "x", "previous_response_id": first["id"]}, 404)["error"]
    assert error["code"] == "previous_response_not_found" and error["param"] == "previous_response_id", error
    assert said(ask("thanks", previous_response_id=second["id"]))
    assert server.ask("PUT", f"/v1/responses/{second['id']}", "{}")[0] == 405


def a_server_may_keep_few_responses_or_none(_):
    body = {"model": "builtin", "input": "hello", "temperature": 0, "max_output_tokens": 3}
    for count in (0, 2):
        server = Server(sys.argv[1], "--keep-responses", str(count))
        ids = [server.json("/v1/responses", body)["id"] for _ in range(4)]
        found = [server.ask("GET", f"/v1/responses/{name}")[0] for name in ids]
        assert found == [404] * (4 - count) + [200] * count, found
        server.stop()


def a_custom_tool_gets_a_text_of_its_grammar(server):
    grammar = 'start: "*** Begin" LF line+ "*** End" LF?\nline: ("+" | "-") /[a-z"\\\\ ]*/ LF\n%import common.LF'
    tool = lambda syntax, text: {"type": "custom", "name": "edit", "format": {"type": "grammar", "syntax": syntax, "definition": text}}
    body = {"model": "builtin", "input": "change notes.txt", "tool_choice": "required", "max_output_tokens": 300}
    for seed in range(3):
        for stream in (False, True):
            ask = {**body, "tools": [tool("lark", grammar)], "temperature": 1.5, "stream": stream, "user": str(seed)}
            text = server.ask("POST", "/v1/responses", ask)[1]
            item = (events(text)[-1]["response"] if stream else json.loads(text))["output"][-1]
            assert item["type"] == "custom_tool_call" and item["name"] == "edit", item
            assert re.fullmatch(r'\*\*\* Begin\n([+-][a-z"\\ ]*\n)+\*\*\* End\n?', item["input"]), item
    item = server.json("/v1/responses", {**body, "tools": [tool("regex", "[a-f]{4}-[0-9]+")]})["output"][-1]
    assert re.fullmatch("[a-f]{4}-[0-9]+", item["input"]), item
    error = server.json("/v1/responses", {**body, "tools": [tool("lark", "start: A\n%declare A")]}, 400)["error"]
    assert "line 2, column 1" in error["message"] and "edit" in error["message"], error


def a_custom_tool_of_chat_is_one_of_responses(server):
    tool = {"type": "custom", "custom": {"name": "edit", "description": "Edits.", "format": {
        "type": "grammar", "grammar": {"syntax": "regex", "definition": "[+-][a-f]{4}\n[0-9]{1,3}"}}}}
    body = chat("change notes.txt", tools=[TOOL, tool], tool_choice={"type": "custom", "custom": {"name": "edit"}},
                temperature=1.5, seed=4, max_tokens=300, parallel_tool_calls=False)
    choice = server.json("/v1/chat/completions", body)["choices"][0]
    call = choice["message"]["tool_calls"][0]
    assert choice["finish_reason"] == "tool_calls" and call["type"] == "custom" and call["custom"]["name"] == "edit", choice
    assert re.fullmatch("[+-][a-f]{4}\n[0-9]{1,3}", call["custom"]["input"]) and "function" not in call, call
    parts = [c for p in events(server.ask("POST", "/v1/chat/completions", {**body, "stream": True})[1])[:-1]
             for c in p["choices"][0]["delta"].get("tool_calls", [])]
    assert parts[0]["type"] == "custom" and parts[0]["custom"] == {"name": "edit", "input": ""} and parts[0]["id"], parts
    assert "".join(p["custom"]["input"] for p in parts) == call["custom"]["input"], parts
    # the call and its result go back, and the prompt is the one that the same conversation has in /v1/responses
    messages = [*body["messages"], choice["message"], {"role": "tool", "tool_call_id": call["id"], "content": "done"}]
    counted = server.json("/v1/chat/completions/input_tokens", {"messages": messages, "tools": [tool]})["input_tokens"]
    flat = {"type": "custom", "name": "edit", "description": "Edits.", "format": {"type": "grammar", **tool["custom"]["format"]["grammar"]}}
    items = [{"role": "user", "content": "change notes.txt"},
             {"type": "custom_tool_call", "call_id": call["id"], "name": "edit", "input": call["custom"]["input"]},
             {"type": "custom_tool_call_output", "call_id": call["id"], "output": "done"}]
    assert counted == server.json("/v1/responses/input_tokens", {"input": items, "tools": [flat]})["input_tokens"], counted
    error = server.json("/v1/chat/completions", {**body, "tools": [TOOL]}, 400)["error"]
    assert '"edit"' in error["message"], error


def a_schema_holds_the_answer(server):
    schema = {"type": "object", "properties": {"color": {"enum": ["red", "green"]}, "n": {"type": "integer", "minimum": 3, "maximum": 5}},
              "required": ["color", "n"], "additionalProperties": False}
    answer = server.json("/v1/chat/completions", chat("anything", temperature=1.5, seed=3, response_format={
        "type": "json_schema", "json_schema": {"name": "x", "schema": schema}}))
    value = json.loads(answer["choices"][0]["message"]["content"])
    assert value["color"] in ("red", "green") and 3 <= value["n"] <= 5, value


def a_grammar_holds_the_answer(server):
    grammar = 'root ::= "<" [a-c]{3,5} ">"'
    held = re.compile("<[a-c]{3,5}>$")
    said = server.json("/v1/chat/completions", chat("anything", temperature=1.5, seed=5, grammar=grammar))["choices"][0]
    assert held.match(said["message"]["content"]) and said["finish_reason"] == "stop", said
    raw = server.json("/completion", {"prompt": "x", "temperature": 1.5, "seed": 5, "n_predict": 40, "grammar": grammar})
    assert held.match(raw["content"]), raw
    wrong = server.json("/v1/chat/completions", chat("x", grammar="root ::= ("), 400)["error"]["message"]
    assert "line 1" in wrong, wrong
    short = server.json("/completion", {"prompt": "x", "n_predict": 1, "grammar": 'root ::= "a b c d e f"'}, 400)["error"]["message"]
    assert "1" in short, short


def an_answer_goes_on(server):
    whole = server.json("/v1/chat/completions", chat("hello"))["choices"][0]["message"]["content"]
    begun = whole.split(" ")[0]
    messages = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": begun}]
    body = {"model": "builtin", "temperature": 0, "max_tokens": 60, "messages": messages}
    rest = server.json("/v1/chat/completions", {**body, "continue_final_message": True})["choices"][0]["message"]["content"]
    claude = server.json("/v1/messages", body)["content"][0]["text"]
    assert begun + rest == whole and claude == rest, (whole, begun, rest, claude)
    prompt = server.json("/apply-template", {"messages": messages, "continue_final_message": True})["prompt"]
    assert prompt.endswith("assistant\n" + begun), prompt
    closed = server.json("/apply-template", {"messages": messages[:1], "add_generation_prompt": False})["prompt"]
    assert not closed.endswith("assistant\n"), closed


def a_prompt_may_be_tokens(server):
    text = "The otter swims, 42 times."
    tokens = server.json("/tokenize", {"content": text})["tokens"]
    asked = {"temperature": 0, "n_predict": 8}
    want = server.json("/completion", {**asked, "prompt": text})["content"]
    assert server.json("/completion", {**asked, "prompt": tokens})["content"] == want
    assert server.json("/v1/completions", {"temperature": 0, "max_tokens": 8, "prompt": [tokens]})["choices"][0]["text"] == want
    singly = [server.json("/tokenize", {"content": letter})["tokens"][0] for letter in "otter"]
    assert "send the text" in server.json("/completion", {**asked, "prompt": singly}, 400)["error"]["message"]
    assert "there is no token" in server.json("/completion", {**asked, "prompt": [1 << 30]}, 400)["error"]["message"]
    pieces = server.json("/tokenize", {"content": text, "with_pieces": True})["tokens"]
    assert [p["id"] for p in pieces] == tokens and "".join(p["piece"] for p in pieces) == text, pieces
    probable = server.json("/completion", {**asked, "prompt": text, "n_probs": 3})["completion_probabilities"]
    assert len(probable) == 8 and all(len(p["top_logprobs"]) == 3 and p["id"] == p["top_logprobs"][0]["id"] for p in probable), probable


def eight_at_once_are_those_of_each_alone(server):
    texts = [f"what is {i} plus {i * 7}?" for i in range(8)]
    body = lambda text: chat(text, temperature=1, seed=11, max_tokens=40)
    alone = [server.json("/v1/chat/completions", body(text))["choices"][0]["message"] for text in texts]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        beside = list(pool.map(lambda text: server.json("/v1/chat/completions", body(text))["choices"][0]["message"], texts))
    for a, b in zip(alone, beside):
        assert a["content"] == b["content"], (a, b)


def a_conversation_pays_for_what_is_new(server):
    first = server.json("/v1/chat/completions", chat("hello there, how are you?"))
    said = first["choices"][0]["message"]
    body = chat("hello there, how are you?")
    body["messages"] += [said, {"role": "user", "content": "and what can you do?"}]
    usage = server.json("/v1/chat/completions", body)["usage"]
    reused = usage["prompt_tokens_details"]["cached_tokens"]
    assert reused >= first["usage"]["prompt_tokens"] + first["usage"]["completion_tokens"] - 1, (first["usage"], usage)


def counts_are_exact(server):
    counted = server.json("/v1/messages/count_tokens", chat("hello"))["input_tokens"]
    usage = server.json("/v1/messages", chat("hello"))["usage"]
    assert counted == usage["input_tokens"] + usage["cache_read_input_tokens"], (counted, usage)
    tokens = server.json("/tokenize", {"content": "hello there"})["tokens"]
    assert server.json("/detokenize", {"tokens": tokens})["content"] == "hello there"
    assert "<|im_start|>user\nhello<|im_end|>" in server.json("/apply-template", chat("hello"))["prompt"]


def a_stop_text_ends_the_answer(server):
    whole = server.json("/v1/chat/completions", chat("hello"))["choices"][0]["message"]["content"]
    stop = whole.split()[1]
    answer = server.json("/v1/chat/completions", chat("hello", stop=stop))["choices"][0]
    assert answer["message"]["content"] == whole[:whole.index(stop)] and answer["finish_reason"] == "stop", answer
    message = server.json("/v1/messages", chat("hello", stop_sequences=[stop]))
    assert message["stop_reason"] == "stop_sequence" and message["stop_sequence"] == stop, message


def several_answers_share_a_prompt(server):
    url = "/v1/completions"
    body = {"prompt": "once upon a time", "temperature": 2, "seed": 5, "max_tokens": 12, "ignore_eos": True}
    alone = [server.json(url, {**body, "seed": 5 + i}) for i in range(4)]
    texts = [a["choices"][0]["text"] for a in alone]
    assert len(set(texts)) == 4, texts
    before = server.metric("prompt_tokens_total")
    other = server.json(url, {**body, "n": 4, "prompt": "there was an otter who lived in a river far away"})
    wait_until(lambda: server.metric("requests_active") == 0)
    computed = server.metric("prompt_tokens_total") - before
    assert computed < 2 * other["usage"]["prompt_tokens"], (computed, other["usage"])
    many = server.json(url, {**body, "n": 4})
    assert [(c["index"], c["text"]) for c in many["choices"]] == list(enumerate(texts)), (many, texts)
    assert many["usage"]["completion_tokens"] == sum(a["usage"]["completion_tokens"] for a in alone)
    parts = events(server.ask("POST", url, json.dumps({**body, "n": 4, "stream": True, "stream_options": {"include_usage": True}}))[1])
    said = [""] * 4
    for p in parts[:-1]:
        for c in p["choices"]:
            said[c["index"]] += c["text"]
    assert said == texts and parts[-1] == "[DONE]" and parts.count("[DONE]") == 1
    assert parts[-2]["usage"]["completion_tokens"] == many["usage"]["completion_tokens"]
    assert sum(c["finish_reason"] is not None for p in parts[:-1] for c in p["choices"]) == 4
    chats = server.json("/v1/chat/completions", chat("hello", n=2))["choices"]
    assert chats[0]["message"] == chats[1]["message"] and chats[1]["index"] == 1, chats
    long = server.json("/v1/chat/completions", chat("word " * 6000, n=3), 400)["error"]
    assert long["code"] == "context_length_exceeded", long


def probabilities_are_told(server):
    body = chat("hello", logprobs=True, top_logprobs=3)
    whole = server.json("/v1/chat/completions", body)["choices"][0]
    rows = whole["logprobs"]["content"]
    assert "".join(row["token"] for row in rows) == whole["message"]["content"], rows
    for row in rows:  # greedy: the token is the most likely one
        top = row["top_logprobs"]
        assert len(top) == 3 and top[0]["token"] == row["token"] and top[0]["logprob"] == row["logprob"], row
        assert sum(math.exp(t["logprob"]) for t in top) <= 1.000001 and top[0]["logprob"] >= top[1]["logprob"] >= top[2]["logprob"]
    parts = events(server.ask("POST", "/v1/chat/completions", {**body, "stream": True})[1])
    streamed = [row for p in parts[:-1] for row in p["choices"][0]["logprobs"]["content"]]
    assert streamed == rows
    ollama = server.json("/api/chat", {"model": "builtin", "stream": False, "logprobs": True, "top_logprobs": 3, "options": {"temperature": 0},
                                       "messages": [{"role": "user", "content": "hello"}]})
    assert ollama["logprobs"] == rows
    asked = {"input": "hello", "temperature": 0, "max_output_tokens": 60, "top_logprobs": 3, "include": ["message.output_text.logprobs"]}
    part = server.json("/v1/responses", asked)["output"][-1]["content"][0]
    assert part["logprobs"] == rows and part["text"] == whole["message"]["content"], part
    told = events(server.ask("POST", "/v1/responses", {**asked, "stream": True})[1])
    assert [row for e in told if e["type"] == "response.output_text.delta" for row in e["logprobs"]] == rows
    assert [e["logprobs"] for e in told if e["type"] == "response.output_text.done"] == [rows]
    assert told[-1]["response"]["output"][-1]["content"][0]["logprobs"] == rows
    old = server.json("/v1/completions", {"prompt": "hello", "temperature": 0, "max_tokens": 4, "logprobs": 2})["choices"][0]
    assert "".join(old["logprobs"]["tokens"]) == old["text"] and len(old["logprobs"]["top_logprobs"][0]) == 2, old
    first = server.json("/tokenize", {"content": rows[0]["token"]})["tokens"][0]
    banned = server.json("/v1/chat/completions", {**body, "logit_bias": {str(first): -100}})["choices"][0]["logprobs"]["content"]
    assert banned[0]["token"] == rows[0]["top_logprobs"][1]["token"], (banned[0], rows[0])


def llamas_own_addresses_answer(server):
    body = {"prompt": "hello", "temperature": 0, "n_predict": 5}
    want = server.json("/v1/completions", {"prompt": "hello", "temperature": 0, "max_tokens": 5})["choices"][0]["text"]
    whole = server.json("/completion", body)
    assert whole["content"] == want and whole["stop"] is True and whole["stop_type"] == "limit" and whole["tokens_predicted"] == 5, whole
    parts = events(server.ask("POST", "/completion", {**body, "stream": True})[1])
    assert "".join(p["content"] for p in parts) == want and [p["stop"] for p in parts] == [False] * (len(parts) - 1) + [True]
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 3, "maximum": 5}}, "required": ["n"]}
    assert 3 <= json.loads(server.json("/completion", {**body, "n_predict": 60, "json_schema": schema})["content"])["n"] <= 5
    assert "mirostat" in server.json("/completion", {**body, "mirostat": 2}, 400)["error"]["message"]
    refused = server.json("/infill", {"input_prefix": "int a", "input_suffix": "}", "n_predict": 4}, 400)["error"]["message"]
    assert "fill in the middle" in refused, refused
    slots = server.json("/slots")
    assert len(slots) == 8 and slots[0]["n_ctx"] == 4096 and not any(s["is_processing"] for s in slots), slots


def several_prompts_are_answered_as_each_alone(server):
    prompts = ["The otter swims", "A den is", "once upon a time", "The otter swims"]
    tokens = server.json("/tokenize", {"content": prompts[1]})["tokens"]
    asked = {"temperature": 1.2, "seed": 7, "n_predict": 6, "ignore_eos": True}
    alone = [server.json("/completion", {**asked, "prompt": p}) for p in prompts]
    mixed = [prompts[0], tokens, {"prompt_string": prompts[2]}, prompts[3]]
    many = server.json("/completion", {**asked, "prompt": mixed})
    assert [m["index"] for m in many] == [0, 1, 2, 3] and [m["content"] for m in many] == [a["content"] for a in alone], (many, alone)
    assert many[0]["content"] == many[3]["content"] and many[1]["prompt"] == alone[1]["prompt"], many
    said = {}
    parts = events(server.ask("POST", "/completion", {**asked, "prompt": mixed, "stream": True})[1])
    for p in parts:
        said[p["index"]] = said.get(p["index"], "") + p["content"]
    assert said == {m["index"]: m["content"] for m in many} and sum(p["stop"] for p in parts) == 4, parts
    twice = server.json("/completion", {**asked, "prompt": prompts[:2], "n_cmpl": 2})
    assert [t["content"] for t in twice[::2]] == [a["content"] for a in alone[:2]], (twice, alone)
    assert [t["generation_settings"]["seed"] for t in twice] == [7, 8, 7, 8] and [t["index"] for t in twice] == [0, 1, 2, 3], twice
    assert isinstance(server.json("/completion", {**asked, "prompt": [prompts[0]]}), dict)
    openai = {"temperature": 1.2, "seed": 7, "max_tokens": 6, "ignore_eos": True}
    old = server.json("/v1/completions", {**openai, "prompt": prompts, "echo": True})
    ours = [server.json("/v1/completions", {**openai, "prompt": p}) for p in prompts]
    assert [c["text"] for c in old["choices"]] == [p + o["choices"][0]["text"] for p, o in zip(prompts, ours)], (old, ours)
    for count in ("prompt_tokens", "completion_tokens"):
        assert old["usage"][count] == sum(o["usage"][count] for o in ours), old["usage"]
    end = server.json("/tokenize", {"content": "<|im_end|>"})["tokens"]
    assert server.json("/completion", {**asked, "prompt": [*tokens, " and", *end]})["prompt"].endswith(prompts[1] + " and<|im_end|>")
    long = server.json("/completion", {**asked, "prompt": ["a", "word " * 6000, "b"]}, 400)["error"]
    assert long["code"] == "context_length_exceeded", long
    assert "there is no token" in server.json("/completion", {**asked, "prompt": ["a", [1 << 30]]}, 400)["error"]["message"]
    wait_until(lambda: server.metric("requests_active") == 0)
    many = server.json("/completion", {"prompt": [f"number {i}" for i in range(100)], "n_predict": 2, "temperature": 0})
    assert [m["index"] for m in many] == list(range(100)) and all(m["tokens_predicted"] for m in many)


def a_completion_tells_what_it_came_to(server):
    asked = {"prompt": "The otter swims", "temperature": 0, "n_predict": 6, "ignore_eos": True}
    more = {"return_tokens": True, "stop": ["never said"], "logit_bias": [[3, -1]], "top_k": 5}
    whole = server.json("/completion", {**asked, **more})
    settings = whole["generation_settings"]
    assert [settings[k] for k in ("n_predict", "top_k", "stop", "n_ctx", "temperature", "ignore_eos", "stream")] == [
        6, 5, ["never said"], 4096, 0, True, False] and settings["logit_bias"] == [{"token": 3, "bias": -1}], settings
    assert len(whole["tokens"]) == 6 and server.json("/detokenize", {"tokens": whole["tokens"]})["content"] == whole["content"], whole
    assert server.json("/completion", asked)["tokens"] == []
    times = whole["timings"]
    assert whole["prompt"].endswith(asked["prompt"]) and whole["tokens_evaluated"] == times["prompt_n"] + times["cache_n"], whole
    assert whole["tokens_cached"] == times["cache_n"] and times["predicted_n"] == whole["tokens_predicted"] == 6, whole
    # what was drawn is told, and draws the same again
    drawn = server.json("/completion", {**asked, "temperature": 2})
    again = server.json("/completion", {**asked, "temperature": 2, "seed": drawn["generation_settings"]["seed"]})
    assert again["content"] == drawn["content"], (drawn, again)
    parts = events(server.ask("POST", "/completion", {**asked, **more, "stream": True, "timings_per_token": True})[1])
    assert [t for p in parts for t in p["tokens"]] == whole["tokens"], parts
    made = [p["tokens_predicted"] for p in parts]
    assert made == sorted(made) and made[-1] == 6 and all(p["timings"]["predicted_n"] == p["tokens_predicted"] for p in parts), parts
    few = server.json("/completion", {**asked, "response_fields": ["content", "generation_settings/n_predict", "none"]})
    assert few == {"content": server.json("/completion", asked)["content"], "generation_settings/n_predict": 6}, few
    read = server.json("/completion", {"prompt": "The otter swims", "n_predict": 0})
    assert (read["content"], read["tokens_predicted"], read["stop_type"]) == ("", 0, "limit"), read
    full = server.json("/completion", {"prompt": "word " * 1300, "n_predict": -1, "ignore_eos": True, "temperature": 1, "seed": 1})
    assert full["truncated"] is True and full["tokens_evaluated"] + full["tokens_predicted"] == 4096, full["tokens_evaluated"]
    assert server.json("/completion", asked)["truncated"] is False


def a_stream_tells_how_far_the_prompt_is_read(server):
    text = " ".join(f"line {i} of a text" for i in range(300))
    for path, body in (("/completion", {"prompt": "C " + text, "n_predict": 2}),
                       ("/v1/chat/completions", chat("B " + text, max_tokens=2)),
                       ("/v1/responses", {"input": "R " + text, "max_output_tokens": 2})):
        body = {**body, "temperature": 0}
        if path != "/v1/responses":
            body["ignore_eos"] = True
        asked = {**body, "stream": True, "return_progress": True}
        for known in (False, True):
            parts = [p for p in events(server.ask("POST", path, asked)[1]) if p != "[DONE]"]
            told = [p["prompt_progress"] for p in parts if "prompt_progress" in p]
            done = [t["processed"] for t in told]
            assert done[0] == told[0]["cache"] and done[-1] == told[0]["total"] and done == sorted(set(done)), (path, told)
            assert {(t["total"], t["cache"]) for t in told} == {(told[0]["total"], told[0]["cache"])} and told[0]["total"] > 1000, told
            assert (told[0]["cache"] > 1000) == known and [t["time_ms"] for t in told] == sorted(t["time_ms"] for t in told), told
            assert known or len(told) > 2, told
        silent = server.ask("POST", path, {**body, "stream": True})[1]
        assert "prompt_progress" not in silent, path
        timed = [p for p in events(server.ask("POST", path, {**body, "stream": True, "timings_per_token": True})[1])
                 if isinstance(p, dict) and p.get("type") not in ("response.created", "response.in_progress")]
        made = [p["timings"]["predicted_n"] for p in timed if "timings" in p]
        assert made[-1] == 2 and made == sorted(made) and max(made[:-1]) > 0, (path, timed)


def what_is_wrong_is_told_in_the_protocols_form(server):
    with socket.create_connection(("127.0.0.1", server.port)) as connection:  # refused before it comes
        connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n")
        assert b" 413 " in connection.recv(200)
    body = {"prompt": "The sum of", "max_tokens": 5, "temperature": 0, "echo": True, "n": 2, "best_of": 2}
    assert "logprobs with echo" in server.json("/v1/completions", {**body, "logprobs": 1}, 400)["error"]["message"]
    whole = server.json("/v1/completions", body)["choices"]
    assert all(c["text"].startswith("The sum of") for c in whole) and len(whole[0]["text"]) > 10, whole
    parts = [p["choices"][0] for p in events(server.ask("POST", "/v1/completions", {**body, "stream": True})[1]) if p != "[DONE]"]
    for index in (0, 1):
        assert "".join(p["text"] for p in parts if p["index"] == index) == whole[index]["text"], parts
    assert "best_of" in server.json("/v1/completions", {"prompt": "a", "best_of": 3, "n": 2}, 400)["error"]["message"]
    status, text = server.ask("POST", "/v1/chat/completions", "{")
    assert status == 400 and json.loads(text)["error"]["type"] == "invalid_request_error", text
    assert server.ask("POST", "/v1/chat/completions", chat("x", model="other"))[0] == 404
    assert "not found" in server.json("/api/chat", {"model": "other", "messages": []}, 404)["error"]
    assert server.json("/v1/messages", {"max_tokens": 3}, 400)["type"] == "error"
    assert server.ask("GET", "/v1/chat/completions")[0] == 405
    assert server.ask("GET", "/nothing")[0] == 404
    long = server.json("/v1/chat/completions", chat("word " * 6000), 400)["error"]
    assert long["code"] == "context_length_exceeded" and "4096" in long["message"] and re.search(r"\d{4,}", long["message"]), long
    claude = server.json("/v1/messages", chat("word " * 6000), 400)["error"]
    assert "prompt is too long" in claude["message"], claude
    ollama = {"model": "builtin", "messages": [{"role": "user", "content": "hello"}], "stream": False}
    assert server.json("/api/chat", {**ollama, "options": {"num_ctx": 4096}})["done"] is True
    wide = server.json("/api/chat", {**ollama, "options": {"num_ctx": 8192}}, 400)["error"]
    assert "8192" in wide and "4096" in wide and "--context" in wide, wide
    assert server.ask("GET", "/v1/models", headers={"Host": "evil.example"})[0] == 403
    assert server.ask("GET", "/v1/models", headers={"Origin": "https://evil.example"})[0] == 403


def a_text_may_hold_any_character(server):
    """Files and models hold U+0000: a conversation must not end because a client sends it on."""
    chosen = {"role": "user", "content": "hel\0lo"}
    said = [server.json(path, {**chat(""), "messages": [chosen], **more}) for path, more in (
        ("/v1/chat/completions", {}), ("/v1/messages", {}), ("/api/chat", {"stream": False}), ("/v1/responses", {"input": [chosen]}))]
    assert said[0]["usage"]["prompt_tokens"] == said[1]["usage"]["input_tokens"] + said[1]["usage"]["cache_read_input_tokens"], said
    assert server.json("/apply-template", {"messages": [chosen]})["prompt"].count("hel\ufffdlo") == 1
    status, text = server.ask("POST", "/v1/chat/completions", {**chat("hello"), "a\0b": 1})
    assert status == 400 and "NUL" in text, text


def who_is_refused_hears_why(server):
    """Clients that send the whole body before they listen get the answer, not a reset."""
    large = b"x" * ((64 << 20) + 1)
    for path, told in (("/v1/chat/completions", lambda e: "64 MiB" in e["error"]["message"]),
                       ("/v1/messages", lambda e: e["error"]["type"] == "request_too_large"),
                       ("/api/chat", lambda e: "64 MiB" in e["error"])):
        status, text = server.ask("POST", path, large)
        assert status == 413 and told(json.loads(text)), (path, status, text)
    pieces = (large[:1 << 20] for _ in range(65))  # chunked: nobody knows how long it is
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("POST", "/v1/chat/completions", pieces, encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
    assert connection.getresponse().status == 413
    body = large[:8 << 20]
    for status, path, headers in ((403, "/v1/chat/completions", {"Host": "evil.example"}), (403, "/api/chat", {"Origin": "https://evil.example"}),
                                  (404, "/nothing", {}), (405, "/v1/models", {})):
        got, text = server.ask("POST", path, body, headers)
        assert got == status and json.loads(text)["error"], (path, got, text)
    keyed = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    for _ in range(2):  # the connection lives on
        keyed.request("POST", "/nothing", body)
        response = keyed.getresponse()
        assert response.status == 404 and json.loads(response.read())
    with tempfile.NamedTemporaryFile() as file:
        file.write(large)
        file.flush()
        for expect in ([], ["-H", "Expect:"]):  # it waits for "100 Continue", or does not
            if shutil.which("curl"):
                said = subprocess.run(["curl", "-sS", "--noproxy", "*", "-w", "%{http_code}", *expect, "--data-binary", "@" + file.name,
                                       f"http://127.0.0.1:{server.port}/v1/chat/completions"], capture_output=True, text=True, timeout=60)
                assert said.returncode == 0 and said.stdout.endswith("413") and "64 MiB" in said.stdout, said
    # what never ends is cut off
    endless = socket.create_connection(("127.0.0.1", server.port))
    endless.sendall(b"POST /nothing HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
    sent, piece = 0, b"100000\r\n" + b"x" * (1 << 20) + b"\r\n"
    try:
        while sent < 400 << 20:
            endless.sendall(piece)
            sent += 1 << 20
    except OSError:
        pass
    assert 200 << 20 < sent < 300 << 20, sent
    endless.close()
    assert server.json("/health")["status"] == "ok"


def who_hangs_up_frees_the_place(server):
    body = json.dumps(chat("x", temperature=1, seed=1, max_tokens=3000, stream=True, ignore_eos=True))
    connection = socket.create_connection(("127.0.0.1", server.port))
    connection.sendall(f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
    connection.recv(200)
    wait_until(lambda: server.metric("requests_active") == 1)
    made = server.metric("generated_tokens_total")
    connection.close()
    wait_until(lambda: server.metric("requests_active") == 0)
    assert server.metric("generated_tokens_total") - made < 1500, "it went on to the end"
    assert server.json("/v1/chat/completions", chat("hello"))["choices"][0]["message"]["content"]


def who_comes_when_the_queue_is_full_is_told_when_to_come_again(server):
    def post(path, body):
        connection = socket.create_connection(("127.0.0.1", server.port))
        body = json.dumps(body)
        connection.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        return connection
    long = chat("x", temperature=1, seed=1, max_tokens=3500, ignore_eos=True)
    waiting = []
    try:
        while server.metric("requests_waiting") < 512 and len(waiting) < 700:
            waiting += [post("/v1/chat/completions", long) for _ in range(40)]
        for path, status in (("/v1/chat/completions", 503), ("/v1/messages", 529), ("/api/chat", 503)):
            refused = post(path, {**long, "stream": False})
            waiting.append(refused)
            refused.settimeout(5)
            answer = ""
            while "}" not in answer:
                answer += refused.recv(65536).decode()
            head, _, body = answer.partition("\r\n\r\n")
            assert head.startswith(f"HTTP/1.1 {status} ") and "Retry-After: 5" in head and json.loads(body)["error"], (path, answer)
            if path == "/v1/messages":
                assert json.loads(body)["error"]["type"] == "overloaded_error", body
    finally:
        for connection in waiting:
            connection.close()
    wait_until(lambda: server.metric("requests_active") == 0 and server.metric("requests_waiting") == 0)


def a_model_file_that_changes_is_told(_):
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "m.gguf")
        shutil.copyfile("models/builtin.gguf", file)
        other = Server(PROGRAM, "-m", file)
        other.json("/v1/chat/completions", chat("hello", model="m"))
        os.truncate(file, 1000)
        assert "the file was changed while in use" in other.json("/v1/chat/completions", chat("hello", model="m"), 500)["error"]["message"]
        assert other.stop() == 0


def broken_requests_harm_nobody(server):
    for raw in (b"\r\n\r\n", b"GET\r\n\r\n", b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
                b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"x: y\r\n" * 20000 + b"\r\n", random.Random(1).randbytes(3000)):
        connection = socket.create_connection(("127.0.0.1", server.port))
        try:
            connection.sendall(raw)
            connection.settimeout(5)
            connection.recv(100)
        except OSError:
            pass
        connection.close()
    slow = socket.create_connection(("127.0.0.1", server.port))
    slow.sendall(b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Le")
    assert server.json("/health")["status"] == "ok"
    slow.close()
    deep = "[" * 5000 + "]" * 5000
    assert server.ask("POST", "/v1/chat/completions", deep)[0] == 400


def a_key_is_wanted_where_one_was_set(server):
    with tempfile.NamedTemporaryFile("w", suffix=".key") as file:
        file.write("0123456789abcdef\n")
        file.flush()
        other = Server(PROGRAM, "--key-file", file.name)
    try:
        assert other.ask("GET", "/v1/models")[0] == 401
        assert other.ask("GET", "/health")[0] == 200
        assert other.ask("GET", "/v1/models", headers={"Authorization": "Bearer 0123456789abcdef"})[0] == 200
        assert other.ask("GET", "/v1/models", headers={"x-api-key": "0123456789abcdeF"})[0] == 401
    finally:
        assert other.stop() == 0


def what_is_not_enforced_is_said(_):
    """A tool whose schema cannot be held to in full is offered all the same; with --verbose the server says what is open."""
    parameters = {"type": "object", "required": ["path", "line"], "properties": {
        "path": {"type": "string"}, "line": {"type": "integer", "dependentRequired": {}},
        "bad": {"$ref": "#/nowhere"}}, "additionalProperties": False}
    tool = {"type": "function", "function": {"name": "look", "parameters": parameters}}
    schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "integer", "maximum": 9, "unknownWord": 1}}}
    other = Server(PROGRAM, "--verbose")
    try:
        for _ in range(2):  # the second time nothing new is said
            answer = other.json("/v1/chat/completions", chat("look", tools=[tool], tool_choice="required"))
            call = answer["choices"][0]["message"]["tool_calls"][0]["function"]
            arguments = json.loads(call["arguments"])
            assert call["name"] == "look" and isinstance(arguments["path"], str) and isinstance(arguments["line"], int), call
        answer = other.json("/v1/chat/completions", chat("a number", response_format=schema))
        assert int(answer["choices"][0]["message"]["content"]) <= 9, answer
    finally:
        other.stop()
    said = [line for line in other.process.stderr.read().split("\n") if line.startswith("not enforced: ")]
    assert len(said) == 4, said
    assert said[0] == "not enforced: tool 'look': the $ref at #/properties/bad leads nowhere", said
    assert said[1].startswith("not enforced: tool 'look': #/properties/bad: ") and said[1].endswith("; it may be anything"), said
    assert said[2].startswith('not enforced: tool \'look\': the schema keyword "dependentRequired" at #/properties/line'), said
    assert said[3] == 'not enforced: the schema keyword "unknownWord" at # cannot be enforced', said


def a_taken_port_is_explained(server):
    result = subprocess.run([PROGRAM, "serve", "--port", str(server.port)], capture_output=True, text=True, timeout=60)
    assert result.returncode == 1 and "--port" in result.stderr and "holt" in result.stderr, result
    beyond = subprocess.run([PROGRAM, "serve", "--host", "0.0.0.0", "--port", "0"], capture_output=True, text=True, timeout=60)
    assert beyond.returncode == 2 and "--key-file" in beyond.stderr, beyond


def embeddings_are_those_of_the_command(server):
    texts = ["an otter", "a den"]
    want = [[float(x) for x in line.split()] for line in subprocess.run(
        [PROGRAM, "embed", "--pooling", "last", *texts], capture_output=True, text=True, check=True).stdout.splitlines()]
    assert "does not support embeddings" in server.json("/v1/embeddings", {"input": "a"}, 501)["error"]["message"]
    other = Server(PROGRAM, "--pooling", "last")
    try:
        plain = other.json("/v1/embeddings", {"input": texts, "model": "builtin"})
        assert [row["embedding"] for row in plain["data"]] == want
        packed = other.json("/v1/embeddings", {"input": texts, "encoding_format": "base64"})
        numbers = [struct.unpack(f"<{len(want[0])}f", base64.b64decode(row["embedding"])) for row in packed["data"]]
        assert [[float(f"{x:.9g}") for x in row] for row in numbers] == want
        assert other.json("/api/embed", {"model": "builtin", "input": texts})["embeddings"] == want
        assert other.json("/api/tags")["models"][0]["capabilities"] == ["embedding"]
        assert "does not support chat" in other.json("/api/chat", chat("hi"), 400)["error"]
        assert other.json("/tokenize", {"content": "an otter"})["tokens"]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            many = list(pool.map(lambda i: other.json("/api/embed", {"input": texts[i % 2]})["embeddings"][0], range(40)))
        assert all(many[i] == want[i % 2] for i in range(40))
    finally:
        assert other.stop() == 0


def several_models_take_turns(_):
    with tempfile.TemporaryDirectory() as state:
        os.mkdir(state + "/models")
        builtin = os.path.join(os.path.dirname(__file__), "../../models/builtin.gguf")
        for name in ("other", "third-Q8_0"):
            shutil.copy(builtin, f"{state}/models/{name}.gguf")
        server = Server(PROGRAM, "--state", state)
        try:
            rows = server.json("/v1/models")["data"]
            assert [(r["id"], r["loaded"]) for r in rows] == [("builtin", True), ("other", False), ("third-Q8_0", False)], rows
            tags = server.json("/api/tags")["models"]
            assert tags[2]["details"]["quantization_level"] == "Q8_0" and len({t["digest"] for t in tags}) == 3, tags
            loaded = lambda: sorted(m["name"] for m in server.json("/api/ps")["models"])
            want = server.json("/v1/chat/completions", chat("hello"))
            other = server.json("/v1/chat/completions", chat("hello", model="other:latest"))
            assert other["choices"] == want["choices"] and other["model"] == "other:latest"
            assert loaded() == ["builtin", "other"]
            assert server.json("/api/show", {"model": "third-Q8_0"})["model_info"]["qwen3.context_length"] == 4096
            assert loaded() == ["builtin", "other"], "looking at a model loads none"
            gone = server.json("/api/generate", {"model": "other", "prompt": "", "keep_alive": 0, "stream": False})
            assert gone["done_reason"] == "unload" and gone["done"] is True, gone
            wait_until(lambda: loaded() == ["builtin"])
            come = server.json("/api/chat", {"model": "third-Q8_0", "messages": [], "keep_alive": "300ms"})
            assert come["done_reason"] == "load", come
            wait_until(lambda: loaded() == ["builtin"])
            assert server.json("/tokenize", {"model": "other", "content": "an otter"}) == server.json("/tokenize", {"content": "an otter"})
            names = ["builtin", "other", "third-Q8_0"]
            with concurrent.futures.ThreadPoolExecutor(12) as pool:
                answers = list(pool.map(lambda i: server.json("/v1/chat/completions", chat("hello", model=names[i % 3])), range(24)))
            assert all(a["choices"] == want["choices"] for a in answers)
            assert "duration" in server.json("/api/chat", {"model": "other", "messages": [], "keep_alive": "soon"}, 400)["error"]
            assert server.ask("POST", "/api/show", json.dumps({"model": "../other"}))[0] == 404
            os.remove(state + "/models/other.gguf")
            shutil.copy(sys.argv[0], f"{state}/models/broken.gguf")
            broken = server.json("/v1/chat/completions", chat("hello", model="broken"), 400)["error"]["message"]
            assert "broken" in broken and "GGUF" in broken, broken
            assert [r["id"] for r in server.json("/v1/models")["data"]] == ["builtin", "broken", "third-Q8_0"]
        finally:
            assert server.stop() == 0


TESTS = [listings_show_the_context, a_stream_says_what_the_whole_answer_says, the_three_protocols_say_the_same,
         a_call_is_valid_in_every_protocol, without_tools_there_are_no_calls, responses_tell_every_item, responses_can_be_gone_on_from,
         a_server_may_keep_few_responses_or_none, a_custom_tool_gets_a_text_of_its_grammar, a_custom_tool_of_chat_is_one_of_responses,
         a_schema_holds_the_answer, a_grammar_holds_the_answer, an_answer_goes_on, a_prompt_may_be_tokens, eight_at_once_are_those_of_each_alone,
         a_conversation_pays_for_what_is_new, probabilities_are_told, several_answers_share_a_prompt, llamas_own_addresses_answer,
         several_prompts_are_answered_as_each_alone, a_completion_tells_what_it_came_to, a_stream_tells_how_far_the_prompt_is_read, counts_are_exact, a_stop_text_ends_the_answer,
         what_is_wrong_is_told_in_the_protocols_form, a_text_may_hold_any_character, who_is_refused_hears_why, who_hangs_up_frees_the_place,
         a_model_file_that_changes_is_told, who_comes_when_the_queue_is_full_is_told_when_to_come_again, broken_requests_harm_nobody,
         a_key_is_wanted_where_one_was_set, what_is_not_enforced_is_said, a_taken_port_is_explained, several_models_take_turns, embeddings_are_those_of_the_command]
PROGRAM = sys.argv[1]


def run_tests(tests):
    """Each on one server that they share; 1 when one failed or the server ended badly."""
    server, failed = Server(sys.argv[1]), 0
    for test in tests:
        try:
            test(server)
        except Exception as error:  # any failure is one failed test, and the others still run
            failed += 1
            print(f"FAILED {test.__name__}: {type(error).__name__} {error}", flush=True)
    code = server.stop()
    if code != 0:
        failed += 1
        print("FAILED the server ended with", code, server.process.stderr.read())
    print(f"{len(tests) - failed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(run_tests(TESTS))
