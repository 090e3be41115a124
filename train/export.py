"""Writes the model as a GGUF file: Q8_0 matrices, f32 norms, tokenizer, template, profile keys.

usage: export.py CHECKPOINT OUT.gguf
"""
import os
import struct
import sys

import numpy as np
import torch

import holt_profile as profile

U32, I32, F32, BOOL, STR, ARR = 4, 5, 6, 7, 8, 9
TYPE_F32, TYPE_Q8_0 = 0, 8
ALIGN = 32


def string(text):
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def pair(key, kind, value):
    out = string(key) + struct.pack("<I", kind)
    if kind == STR:
        return out + string(value)
    if kind == ARR:
        element, items = value
        out += struct.pack("<IQ", element, len(items))
        if element == STR:
            return out + b"".join(string(item) for item in items)
        return out + np.asarray(items, dtype={I32: "<i4", F32: "<f4"}[element]).tobytes()
    return out + struct.pack({U32: "<I", I32: "<i", F32: "<f", BOOL: "<?"}[kind], value)


def q8_0(matrix):
    """Blocks of 32 along a row: an f16 scale and 32 signed bytes."""
    x = np.asarray(matrix, np.float32).reshape(-1, 32)
    scale = np.abs(x).max(1, keepdims=True) / 127
    inverse = np.where(scale > 0, 1 / np.where(scale > 0, scale, 1), 0)
    codes = np.rint(x * inverse).clip(-127, 127).astype(np.int8)
    return np.concatenate([scale.astype("<f2").view(np.uint8), codes.view(np.uint8)], 1).tobytes()


def tensors(net):
    """(name, array) in file order; arrays are [rows, columns] or [n]."""
    yield "token_embd.weight", net.embed
    yield "output_norm.weight", net.norm
    names = {"attn_norm": "attn_norm", "q": "attn_q", "k": "attn_k", "v": "attn_v", "o": "attn_output", "q_norm": "attn_q_norm",
             "k_norm": "attn_k_norm", "ffn_norm": "ffn_norm", "gate": "ffn_gate", "up": "ffn_up", "down": "ffn_down"}
    for index, block in enumerate(net.blocks):
        for own, there in names.items():
            yield f"blk.{index}.{there}.weight", getattr(block, own)


def metadata(net, t):
    c, a = net.c, "qwen3."
    kinds = [3 if token in profile.MARKERS else 1 for token in t.tokens]
    return [
        pair("general.architecture", STR, "qwen3"), pair("general.name", STR, "holt builtin"), pair("general.type", STR, "model"),
        pair("general.author", STR, "the holt project"), pair("general.license", STR, "MIT"), pair("general.size_label", STR, "5M"),
        pair("general.description", STR, "Carries out short file, search, arithmetic and memory tasks with holt's built-in tools."),
        pair("general.quantization_version", U32, 2), pair("general.file_type", U32, 7), pair("general.alignment", U32, ALIGN),
        pair(a + "context_length", U32, c.context), pair(a + "embedding_length", U32, c.width), pair(a + "block_count", U32, c.layers),
        pair(a + "feed_forward_length", U32, c.ff), pair(a + "attention.head_count", U32, c.heads),
        pair(a + "attention.head_count_kv", U32, c.kv_heads), pair(a + "attention.key_length", U32, c.head),
        pair(a + "attention.value_length", U32, c.head), pair(a + "attention.layer_norm_rms_epsilon", F32, c.eps),
        pair(a + "rope.freq_base", F32, c.rope_base), pair(a + "rope.dimension_count", U32, c.head), pair(a + "vocab_size", U32, c.vocab),
        pair("tokenizer.ggml.model", STR, "gpt2"), pair("tokenizer.ggml.pre", STR, "qwen2"),
        pair("tokenizer.ggml.tokens", ARR, (STR, t.tokens)), pair("tokenizer.ggml.token_type", ARR, (I32, kinds)),
        pair("tokenizer.ggml.merges", ARR, (STR, [left + " " + right for left, right in t.merges])),
        pair("tokenizer.ggml.eos_token_id", U32, t.ids["<|im_end|>"]), pair("tokenizer.ggml.padding_token_id", U32, t.ids["<|endoftext|>"]),
        pair("tokenizer.ggml.add_bos_token", BOOL, False), pair("tokenizer.ggml.add_eos_token", BOOL, False),
        pair("tokenizer.chat_template", STR, profile.template_source()),
        pair("holt.profile", STR, profile.PROFILE), pair("holt.profile_digest", STR, profile.digest()),
    ]


def write(path, net, t):
    infos, data, count = b"", b"", 0
    for name, value in tensors(net):
        value = value.detach().float().numpy()
        kind = TYPE_Q8_0 if value.ndim == 2 else TYPE_F32
        raw = q8_0(value) if kind == TYPE_Q8_0 else value.astype("<f4").tobytes()
        dims = value.shape[::-1]
        infos += string(name) + struct.pack("<I", len(dims)) + struct.pack(f"<{len(dims)}Q", *dims) + struct.pack("<IQ", kind, len(data))
        data += raw + b"\0" * (-len(raw) % ALIGN)
        count += 1
    pairs = metadata(net, t)
    head = struct.pack("<IIQQ", 0x46554747, 3, count, len(pairs)) + b"".join(pairs) + infos
    head += b"\0" * (-len(head) % ALIGN)
    with open(path + ".new", "wb") as file:
        file.write(head + data)
    os.replace(path + ".new", path)


if __name__ == "__main__":
    import evaluate

    network, tokens, state = evaluate.load(sys.argv[1])
    write(sys.argv[2], network, tokens)
    print(f"{sys.argv[2]}: {os.path.getsize(sys.argv[2])} bytes, step {state['step']}")
