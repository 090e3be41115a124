"""The Python SDKs, as their users write them: sdk.py openai|responses|anthropic|ollama|embeddings, on the server in $HOLT.

sdk.py random-openai|random-responses|random-anthropic|random-ollama are on the models of the server in $HOLT_RANDOM, whose weights are
random (tests/random_model.py): what they say means nothing, but their calls and what is held to a schema must be valid.
"""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from protocols import faults  # noqa: E402
from random_model import FORMS  # noqa: E402

BASE = os.environ["HOLT"]
RANDOM = os.environ["HOLT_RANDOM"]
SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
GREEDY = {"temperature": 0}  # the SDK no longer names it
HELLO = [{"role": "user", "content": "hello"}]
SHOW = [{"role": "user", "content": "show me notes.txt"}]


def use_openai():
    import openai

    client = openai.OpenAI(base_url=BASE + "/v1", api_key="holt")
    model = client.models.list().data[0].id
    whole = client.chat.completions.create(model=model, messages=HELLO, temperature=0)
    stream = client.chat.completions.create(model=model, messages=HELLO, temperature=0, stream=True,
                                            stream_options={"include_usage": True})
    said, usage = "", None
    for chunk in stream:
        if chunk.choices:
            said += chunk.choices[0].delta.content or ""
        usage = chunk.usage or usage
    assert said == whole.choices[0].message.content and said, said
    assert usage.total_tokens == whole.usage.total_tokens, usage
    tools = [{"type": "function", "function": {"name": "read_file", "description": "Read a file.", "parameters": SCHEMA}}]
    called = client.chat.completions.create(model=model, messages=SHOW, tools=tools, tool_choice="required", temperature=0)
    call = called.choices[0].message.tool_calls[0]
    assert call.function.name == "read_file" and "path" in json.loads(call.function.arguments)
    again = client.chat.completions.create(model=model, temperature=0, tools=tools, messages=SHOW + [
        called.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "1 of 1 lines\nbuy milk"}])
    assert again.choices[0].finish_reason in ("stop", "tool_calls")
    text = client.completions.create(model=model, prompt="a b c", max_tokens=4)
    assert text.usage.completion_tokens <= 4
    try:
        client.chat.completions.create(model=model, messages=[{"role": "user", "content": "word " * 6000}])
        raise AssertionError("a prompt that does not fit was taken")
    except openai.BadRequestError as error:
        assert error.code == "context_length_exceeded", error


ORDER = ["response.created", "response.in_progress", "response.output_item.added", "response.content_part.added", "response.output_text.delta",
         "response.output_text.done", "response.content_part.done", "response.output_item.done", "response.completed"]


def use_responses():
    import openai

    client = openai.OpenAI(base_url=BASE + "/v1", api_key="holt")
    model = client.models.list().data[0].id
    whole = client.responses.create(model=model, input="hello", temperature=0)
    assert whole.status == "completed" and whole.output_text, whole
    said, kinds = "", []
    for event in client.responses.create(model=model, input="hello", temperature=0, stream=True):
        assert event.sequence_number == len(kinds), event
        kinds.append(event.type)
        said += event.delta if event.type == "response.output_text.delta" else ""
    assert said == whole.output_text, said
    assert [kind for i, kind in enumerate(kinds) if kind != "response.output_text.delta" or kinds[i - 1] != kind] == ORDER, kinds
    with client.responses.stream(model=model, input="hello", temperature=0) as stream:
        assert stream.get_final_response().output_text == said
    tools = [{"type": "function", "name": "read_file", "description": "Read a file.", "parameters": SCHEMA, "strict": False}]
    called = client.responses.create(model=model, input=SHOW, tools=tools, tool_choice="required", parallel_tool_calls=False, temperature=0)
    call = called.output[-1]
    assert call.type == "function_call" and call.name == "read_file" and "path" in json.loads(call.arguments), called
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "1 of 1 lines\nbuy milk"}
    again = client.responses.create(model=model, input=[*SHOW, *called.output, result], tools=tools, temperature=0)
    assert again.status == "completed" and again.usage.input_tokens > called.usage.input_tokens, again
    on = client.responses.create(model=model, input=[result], previous_response_id=called.id, tools=tools, temperature=0)
    assert on.output_text == again.output_text and on.previous_response_id == called.id, (on, again)
    assert on.usage.input_tokens == again.usage.input_tokens and on.usage.input_tokens_details.cached_tokens > 0, (on.usage, again.usage)
    assert client.responses.retrieve(on.id).output_text == on.output_text
    client.responses.delete(on.id)
    try:
        client.responses.create(model=model, input="hello", previous_response_id=on.id)
        raise AssertionError("a deleted response was gone on from")
    except openai.APIStatusError as error:
        assert error.status_code in (400, 404) and on.id in error.message, error


def use_anthropic():
    import anthropic

    client = anthropic.Anthropic(base_url=BASE, api_key="holt")
    model = client.models.list().data[0].id
    whole = client.messages.create(model=model, max_tokens=60, messages=HELLO, extra_body=GREEDY)
    with client.messages.stream(model=model, max_tokens=60, messages=HELLO, extra_body=GREEDY) as stream:
        said = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert said == whole.content[0].text and final.stop_reason == "end_turn", said
    counted = client.messages.count_tokens(model=model, messages=HELLO).input_tokens
    assert counted == whole.usage.input_tokens + whole.usage.cache_read_input_tokens
    tools = [{"name": "read_file", "description": "Read a file.", "input_schema": SCHEMA}]
    called = client.messages.create(model=model, max_tokens=200, messages=SHOW, tools=tools, tool_choice={"type": "any"}, extra_body=GREEDY)
    block = [b for b in called.content if b.type == "tool_use"][0]
    assert called.stop_reason == "tool_use" and "path" in block.input
    with client.messages.stream(model=model, max_tokens=200, messages=SHOW, tools=tools, tool_choice={"type": "any"}, extra_body=GREEDY) as stream:
        assert [b for b in stream.get_final_message().content if b.type == "tool_use"][0].input == block.input
    again = client.messages.create(model=model, max_tokens=60, tools=tools, extra_body=GREEDY, messages=SHOW + [
        {"role": "assistant", "content": called.content},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": block.id, "content": "1 of 1 lines\nbuy milk"}]}])
    assert again.stop_reason in ("end_turn", "tool_use")


def make_ollama(client, model, options):
    """A model of a model, and one of an uploaded file."""
    made = client.create("miller", from_=model, system="You are a miller.", parameters={"num_predict": 3, "stop": ["zebra"]},
                         messages=[{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "A miller."}], license="free")
    assert made.status == "success"
    shown = client.show("miller")
    assert "num_predict 3" in shown.parameters and shown.license == "free" and "You are a miller." in shown.modelfile, shown
    assert client.chat(model="miller", messages=HELLO).eval_count == 3
    assert client.chat(model="miller", messages=HELLO, options={"num_predict": 2}).eval_count == 2
    digest = client.create_blob(os.environ["HOLT_MODEL"])
    lines = [part.status for part in client.create("otter", files={"otter.gguf": digest}, template="{{ .Prompt }}", stream=True)]
    assert lines[-1] == "success" and any("Go" in line for line in lines), lines
    assert client.chat(model="otter", messages=HELLO, options=options).message == client.chat(model=model, messages=HELLO, options=options).message
    assert {"miller", "otter"} <= {row.model for row in client.list().models}
    for name in ("miller", "otter"):
        assert client.delete(name).status == "success"
    try:
        client.create("x", from_=model, adapters={"a": digest})
        raise AssertionError("an adapter was taken")
    except ollama_error() as error:
        assert "adapters" in error.error, error


def ollama_error():
    import ollama

    return ollama.ResponseError


def use_ollama():
    import ollama

    client = ollama.Client(host=BASE)
    model = client.list().models[0].model
    assert "tools" in client.show(model).capabilities
    options = {"temperature": 0}
    whole = client.chat(model=model, messages=HELLO, options=options)
    said = "".join(part.message.content or "" for part in client.chat(model=model, messages=HELLO, options=options, stream=True))
    assert said == whole.message.content and said and whole.done_reason == "stop", said
    assert client.generate(model=model, prompt="hello", options=options).response == said
    held = client.chat(model=model, messages=HELLO, format={"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"],
                                                           "additionalProperties": False}, options={"num_predict": 80})
    assert isinstance(json.loads(held.message.content)["n"], int)
    tools = [{"type": "function", "function": {"name": "read_file", "description": "Read a file.", "parameters": SCHEMA}}]
    called = client.chat(model=model, messages=SHOW, tools=tools, options=options)
    if called.message.tool_calls:
        assert called.message.tool_calls[0].function.name == "read_file"
    assert client.ps().models[0].context_length == 4096
    make_ollama(client, model, options)
    try:
        client.chat(model="other", messages=HELLO)
        raise AssertionError("an unknown model answered")
    except ollama.ResponseError as error:
        assert error.status_code == 404, error


def use_embeddings():
    import ollama
    import openai

    texts = ["an otter", "a den"]
    client = openai.OpenAI(base_url=os.environ["HOLT_VECTORS"] + "/v1", api_key="holt")
    model = client.models.list().data[0].id
    first = client.embeddings.create(model=model, input=texts)  # asks for base64 by itself
    plain = client.embeddings.create(model=model, input=texts, encoding_format="float")
    assert [row.embedding for row in plain.data] == [[float(f"{x:.9g}") for x in row.embedding] for row in first.data]
    assert first.usage.prompt_tokens == first.usage.total_tokens > 0
    assert len(client.embeddings.create(model=model, input="a den", dimensions=16).data[0].embedding) == 16
    other = ollama.Client(host=os.environ["HOLT_VECTORS"])
    assert "embedding" in other.show(model).capabilities
    assert [list(row) for row in other.embed(model=model, input=texts).embeddings] == [row.embedding for row in plain.data]
    assert len(other.embeddings(model=model, prompt="a den").embedding) == len(plain.data[0].embedding)
    try:
        client.chat.completions.create(model=model, messages=HELLO)
        raise AssertionError("a model of embeddings chatted")
    except openai.BadRequestError as error:
        assert "embeddings" in error.message, error


# ------------------------------------------------------------------ models with random weights
RICH = {"type": "object", "additionalProperties": False, "required": ["path", "lines", "mode"], "properties": {
    "path": {"type": "string", "minLength": 1, "maxLength": 20}, "mode": {"enum": ["text", "bytes"]},
    "lines": {"type": "array", "minItems": 1, "maxItems": 3, "items": {"type": "integer", "minimum": 1, "maximum": 90}},
    "more": {"type": "object", "properties": {"deep": {"type": "boolean"}}, "required": ["deep"], "additionalProperties": False}}}
PLAIN = {"type": "object", "additionalProperties": False, "required": [], "properties": {"note": {"type": "string", "maxLength": 10}}}
OFFERED = {"read_file": RICH, "stop": PLAIN}
SEEDS = range(5)


def valid(name, arguments):
    wrong = faults(arguments, OFFERED[name])
    assert not wrong, (name, arguments, wrong)


def random_models(names):
    names = [name for name in names if name.split(":")[0] in FORMS]
    assert len(names) == len(FORMS), names
    return names


def choices(name, of_one):
    """(tool_choice, the names that may be called, whether one must be)"""
    return (("auto", set(OFFERED), False), (name, set(OFFERED), True), (of_one, {"stop"}, True), ("none", set(), False))


def judge_calls(calls, choice, may, must):
    for name, arguments in calls:
        assert name in may, (choice, name)
        valid(name, arguments)
    assert calls or not must, choice


def random_openai():
    import openai

    client = openai.OpenAI(base_url=RANDOM + "/v1", api_key="holt")
    tools = [{"type": "function", "function": {"name": name, "description": "Do it.", "parameters": schema}} for name, schema in OFFERED.items()]
    for model in random_models(row.id for row in client.models.list().data):
        ask = lambda seed, stream=False, **more: client.chat.completions.create(  # noqa: E731
            model=model, messages=SHOW, seed=seed, temperature=1, max_tokens=300, stream=stream, **more)
        for choice, may, must in choices("required", {"type": "function", "function": {"name": "stop"}}):
            for seed in SEEDS:
                answer = ask(seed, tools=tools, tool_choice=choice).choices[0]
                calls = [(call.function.name, json.loads(call.function.arguments)) for call in answer.message.tool_calls or []]
                judge_calls(calls, choice, may, must)
                assert (answer.finish_reason == "tool_calls") <= bool(calls), answer
                parts = {}
                for chunk in ask(seed, stream=True, tools=tools, tool_choice=choice):
                    for call in chunk.choices[0].delta.tool_calls or [] if chunk.choices else []:
                        part = parts.setdefault(call.index, [call.function.name, ""])
                        part[1] += call.function.arguments or ""
                assert [(name, json.loads(text)) for name, text in parts.values()] == calls, (parts, calls)
        for seed in SEEDS:
            held = ask(seed, response_format={"type": "json_schema", "json_schema": {"name": "r", "schema": RICH, "strict": True}}).choices[0]
            assert held.finish_reason == "length" and not held.message.content or not faults(json.loads(held.message.content), RICH), held
        called = ask(1, tools=tools, tool_choice="required").choices[0].message
        results = [{"role": "tool", "tool_call_id": call.id, "content": "done"} for call in called.tool_calls]
        again = client.chat.completions.create(model=model, messages=[*SHOW, called, *results], tools=tools, max_tokens=20)
        assert again.usage.completion_tokens > 0 and again.usage.prompt_tokens_details.cached_tokens > 0, again.usage


def random_responses():
    import openai

    client = openai.OpenAI(base_url=RANDOM + "/v1", api_key="holt")
    tools = [{"type": "function", "name": name, "description": "Do it.", "parameters": schema, "strict": True} for name, schema in OFFERED.items()]
    for model in random_models(row.id for row in client.models.list().data):
        ask = lambda **more: client.responses.create(model=model, input=SHOW, max_output_tokens=300, **more)  # noqa: E731
        for choice, may, must in choices("required", {"type": "function", "name": "stop"}):
            for _ in SEEDS:
                answer = ask(tools=tools, tool_choice=choice)
                judge_calls([(item.name, json.loads(item.arguments)) for item in answer.output if item.type == "function_call"], choice, may, must)
                events = list(ask(tools=tools, tool_choice=choice, stream=True))
                assert [event.sequence_number for event in events] == list(range(len(events)))
                done = [event.item for event in events if event.type == "response.output_item.done"]
                assert done == events[-1].response.output and events[-1].type in ("response.completed", "response.incomplete"), events[-1]
                judge_calls([(item.name, json.loads(item.arguments)) for item in done if item.type == "function_call"], choice, may, must)
        for _ in SEEDS:
            held = ask(text={"format": {"type": "json_schema", "name": "r", "schema": RICH, "strict": True}})
            assert held.status == "incomplete" and not held.output_text or not faults(json.loads(held.output_text), RICH), held


def random_anthropic():
    import anthropic

    client = anthropic.Anthropic(base_url=RANDOM, api_key="holt")
    tools = [{"name": name, "description": "Do it.", "input_schema": schema} for name, schema in OFFERED.items()]
    for model in random_models(row.id for row in client.models.list().data):
        for choice, may, must in choices("any", "stop"):
            choice = {"type": "tool", "name": "stop"} if choice == "stop" else {"type": choice}
            common = {"model": model, "messages": SHOW, "max_tokens": 300, "tools": tools, "tool_choice": choice}
            for _ in SEEDS:
                answer = client.messages.create(**common)
                with client.messages.stream(**common) as stream:
                    streamed = stream.get_final_message()
                for message in (answer, streamed):
                    calls = [(block.name, block.input) for block in message.content if block.type == "tool_use"]
                    judge_calls(calls, choice, may, must)
                    assert (message.stop_reason == "tool_use") <= bool(calls), message


def random_ollama():
    import ollama

    client = ollama.Client(host=RANDOM)
    tools = [{"type": "function", "function": {"name": name, "description": "Do it.", "parameters": schema}} for name, schema in OFFERED.items()]
    sent = {}  # the SDK leaves out keywords that it does not know
    for tool in tools:
        function = ollama.Tool.model_validate(tool).model_dump(exclude_none=True)["function"]
        sent[function["name"]] = function["parameters"]
    assert "path" in sent["read_file"]["required"], sent
    for model in random_models(row.model for row in client.list().models):
        for seed in SEEDS:
            options = {"seed": seed, "num_predict": 300, "temperature": 1}
            whole = client.chat(model=model, messages=SHOW, tools=tools, options=options).message
            parts = [part.message for part in client.chat(model=model, messages=SHOW, tools=tools, options=options, stream=True)]
            assert "".join(part.content or "" for part in parts) == (whole.content or ""), (parts, whole)
            calls = [(call.function.name, dict(call.function.arguments)) for call in whole.tool_calls or []]
            for name, arguments in calls:
                assert not faults(arguments, sent[name]), (name, arguments, sent[name])
            held = client.chat(model=model, messages=SHOW, format=RICH, options=options)
            assert held.done_reason == "length" and not held.message.content or not faults(json.loads(held.message.content), RICH), held


{"embeddings": use_embeddings, "openai": use_openai, "responses": use_responses, "anthropic": use_anthropic, "ollama": use_ollama,
 "random-openai": random_openai, "random-responses": random_responses, "random-anthropic": random_anthropic,
 "random-ollama": random_ollama}[sys.argv[1]]()
print("fine")
