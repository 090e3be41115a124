"""Model files with random weights and the built-in model's vocabulary, for tests without a model of any sense:
write(path, form), where the form of the tool calls is one of FORMS. Or: random_model.py PATH FORM.

What such a model says is noise; whatever is right about its answers, masks and the server have made so. Standard library only.
"""
import array
import os
import random
import struct
import sys

BUILTIN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../models/builtin.gguf")
U32, F32, STRING, ARRAY = 4, 6, 8, 9  # types of values
SIZES = (1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8)
WIDTH, HEADS, FEED, CONTEXT = 32, 2, 64, 131072

MESSAGES = """\
{%- for m in messages %}{{ '<|im_start|>' + m.role + '\\n' }}
{{- m.content or '' }}
{%- for call in m.tool_calls or [] %}{% set f = call.function %}CALL{%- endfor %}
{{- '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{%- endif %}"""
TOOLS = "{%- if tools %}{{ '<|im_start|>system\\n' }}{{ tools | tojson }}{{ '<|im_end|>\\n' }}{%- endif %}\n"
HEADERS = """\
{%- for m in messages %}{{ '<|start|>' + m.role + '<|message|>' }}{{- m.content or '' }}
{%- for call in m.tool_calls or [] %}{% set f = call.function %}CALL{%- endfor %}
{{- '<|end|>' }}{%- endfor %}
{%- if add_generation_prompt %}{{ '<|start|>assistant' }}{%- endif %}"""

# Names of rows of src/chat/tool_format_rows.h, each with a template that has it.
FORMS = {
    "hermes": TOOLS + MESSAGES.replace("CALL", """\
{{- '<tool_call>\\n{"name": "' + f.name + '", "arguments": ' }}{{- f.arguments | tojson }}{{- '}\\n</tool_call>' }}"""),
    "qwen3_coder": TOOLS + MESSAGES.replace("CALL", """\
{{- '<tool_call>\\n<function=' + f.name + '>\\n' }}
{%- for k, v in f.arguments.items() %}{{- '<parameter=' + k + '>\\n' }}
{{- v if v is string else v | tojson }}{{- '\\n</parameter>\\n' }}{%- endfor %}
{{- '</function>\\n</tool_call>' }}"""),
    "harmony": TOOLS.replace("<|im_start|>system\\n", "<|start|>developer<|message|>").replace("<|im_end|>\\n", "<|end|>") + HEADERS.replace("CALL", """\
{{- '<|channel|>commentary to=functions.' + f.name + ' <|constrain|>json<|message|>' }}{{- f.arguments | tojson }}{{- '<|call|>' }}""")
    + "{# <|channel|>analysis<|message|> #}",
}


def text(value):
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def key(name, kind, value):
    return text(name) + struct.pack("<I", kind) + (text(value) if kind == STRING else struct.pack("<I" if kind == U32 else "<f", value))


def vocabulary():
    """The keys of the built-in model's tokenizer as they stand in the file, but the template; and how many tokens it has."""
    with open(BUILTIN, "rb") as file:
        data = file.read()
    at = 24

    def number(form):
        nonlocal at
        value, = struct.unpack_from(form, data, at)
        at += struct.calcsize(form)
        return value

    def skip(kind):
        nonlocal at
        if kind == STRING:
            size = number("<Q")
            at += size
        elif kind == ARRAY:
            inner, count = number("<I"), number("<Q")
            for _ in range(count):
                skip(inner)
            return count
        else:
            at += SIZES[kind]

    keys, count = [], 0
    for _ in range(struct.unpack_from("<Q", data, 16)[0]):
        start, size = at, number("<Q")
        name = data[at:at + size].decode()
        at += size
        length = skip(number("<I"))
        if name == "tokenizer.ggml.tokens":
            count = length
        if name.startswith("tokenizer.") and name != "tokenizer.chat_template":
            keys.append(data[start:at])
    return keys, count


def metadata(form):
    tokens, count = vocabulary()
    head = WIDTH // HEADS
    return count, [
        key("general.architecture", STRING, "llama"), key("llama.context_length", U32, CONTEXT), key("llama.embedding_length", U32, WIDTH),
        key("llama.block_count", U32, 1), key("llama.feed_forward_length", U32, FEED), key("llama.attention.head_count", U32, HEADS),
        key("llama.attention.head_count_kv", U32, 1), key("llama.rope.dimension_count", U32, head), key("llama.vocab_size", U32, count),
        key("llama.attention.layer_norm_rms_epsilon", F32, 1e-5), *tokens, key("tokenizer.chat_template", STRING, FORMS[form])]


def tensors(word_count):
    """Names and shapes; what has one dimension is a norm."""
    head = WIDTH // HEADS
    return [("token_embd.weight", (WIDTH, word_count)), ("blk.0.attn_norm.weight", (WIDTH,)), ("blk.0.attn_q.weight", (WIDTH, WIDTH)),
            ("blk.0.attn_k.weight", (WIDTH, head)), ("blk.0.attn_v.weight", (WIDTH, head)), ("blk.0.attn_output.weight", (WIDTH, WIDTH)),
            ("blk.0.ffn_norm.weight", (WIDTH,)), ("blk.0.ffn_gate.weight", (WIDTH, FEED)), ("blk.0.ffn_up.weight", (WIDTH, FEED)),
            ("blk.0.ffn_down.weight", (FEED, WIDTH)), ("output_norm.weight", (WIDTH,)), ("output.weight", (WIDTH, word_count))]


def write(path, form, seed=1):
    rng = random.Random(seed)
    word_count, keys = metadata(form)
    infos, data = [], bytearray()
    for name, shape in tensors(word_count):
        infos.append(text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, len(data)))
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        deviation = 1 / shape[0] ** 0.5
        data += (array.array("f", [1.0] * count) if len(shape) == 1 else array.array("f", [rng.gauss(0, deviation) for _ in range(count)])).tobytes()
        data += bytes(-len(data) % 32)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(infos), len(keys)) + b"".join(keys + infos)
    with open(path, "wb") as file:
        file.write(head + bytes(-len(head) % 32) + data)


if __name__ == "__main__":
    write(*sys.argv[1:3])
