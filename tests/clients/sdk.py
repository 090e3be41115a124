"""The Python SDKs, as their users write them: sdk.py openai|anthropic|ollama, the address in $HOLT."""
import json
import os
import sys

BASE = os.environ["HOLT"]
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


{"embeddings": use_embeddings, "openai": use_openai, "anthropic": use_anthropic, "ollama": use_ollama}[sys.argv[1]]()
print("fine")
