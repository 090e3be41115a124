#!/usr/bin/env python3
"""What `holt show` says a model takes must be what the process then takes.

Writes random models of some hundred MB, one of them with experts, asks show for the memory in use after
a prompt of 512 tokens, runs such a prompt, and compares with the largest resident size of the processes:
within 3 %.
usage: memory.py HOLT [MODEL.gguf]
"""
import json
import math
import os
import random
import resource
import struct
import subprocess
import sys
import tempfile

PROMPT_TOKENS = 512
LIMIT = 0.03
U32, F32, STRING, ARRAY, I32 = 4, 6, 8, 9, 5
TYPE_F32, TYPE_Q8_0 = 0, 8
WIDTH, LAYERS, HEADS, KV_HEADS, FEED, WORDS = 1024, 8, 16, 4, 2816, 32000
EXPERTS, EXPERTS_USED, EXPERT_FEED = 16, 2, 768


def text(value):
    data = value.encode()
    return struct.pack('<Q', len(data)) + data


def key(name, kind, value):
    head = text(name) + struct.pack('<I', kind)
    if kind == STRING:
        return head + text(value)
    return head + struct.pack('<I' if kind == U32 else '<f', value)


def array(name, kind, values):
    body = b''.join(text(v) if kind == STRING else struct.pack('<i', v) for v in values)
    return text(name) + struct.pack('<IIQ', ARRAY, kind, len(values)) + body


def byte_tokens():
    """The 256 tokens of byte-level BPE, in the order of the bytes."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in plain]
    return [chr(b) if b in plain else chr(256 + others.index(b)) for b in range(256)]


def metadata(has_experts):
    tokens = byte_tokens() + ['<end>'] + ['word%d' % i for i in range(WORDS - 257)]
    kinds = [1] * 256 + [3] + [1] * (WORDS - 257)
    numbers = {'context_length': 8192, 'embedding_length': WIDTH, 'block_count': LAYERS,
               'feed_forward_length': FEED, 'attention.head_count': HEADS,
               'attention.head_count_kv': KV_HEADS, 'rope.dimension_count': WIDTH // HEADS,
               'vocab_size': WORDS}
    if has_experts:
        numbers |= {'expert_count': EXPERTS, 'expert_used_count': EXPERTS_USED, 'feed_forward_length': EXPERT_FEED}
    keys = [key('general.architecture', STRING, 'llama'), key('general.name', STRING, 'random')]
    keys += [key('llama.' + name, U32, value) for name, value in numbers.items()]
    keys += [key('llama.attention.layer_norm_rms_epsilon', F32, 1e-5),
             key('tokenizer.ggml.model', STRING, 'gpt2'),
             key('tokenizer.ggml.pre', STRING, 'gpt-2'),
             array('tokenizer.ggml.tokens', STRING, tokens),
             array('tokenizer.ggml.token_type', I32, kinds),
             array('tokenizer.ggml.merges', STRING, []),
             key('tokenizer.ggml.eos_token_id', U32, 256)]
    return keys


def tensors(has_experts):
    kv = WIDTH // HEADS * KV_HEADS
    yield 'token_embd.weight', (WIDTH, WORDS)
    for i in range(LAYERS):
        name = 'blk.%d.' % i
        yield name + 'attn_norm.weight', (WIDTH,)
        yield name + 'attn_q.weight', (WIDTH, WIDTH)
        yield name + 'attn_k.weight', (WIDTH, kv)
        yield name + 'attn_v.weight', (WIDTH, kv)
        yield name + 'attn_output.weight', (WIDTH, WIDTH)
        yield name + 'ffn_norm.weight', (WIDTH,)
        if has_experts:
            yield name + 'ffn_gate_inp.weight', (WIDTH, EXPERTS)
            yield name + 'ffn_gate_exps.weight', (WIDTH, EXPERT_FEED, EXPERTS)
            yield name + 'ffn_up_exps.weight', (WIDTH, EXPERT_FEED, EXPERTS)
            yield name + 'ffn_down_exps.weight', (EXPERT_FEED, WIDTH, EXPERTS)
        else:
            yield name + 'ffn_gate.weight', (WIDTH, FEED)
            yield name + 'ffn_up.weight', (WIDTH, FEED)
            yield name + 'ffn_down.weight', (FEED, WIDTH)
    yield 'output_norm.weight', (WIDTH,)
    yield 'output.weight', (WIDTH, WORDS)


def write_model(path, has_experts):
    """With experts, layers add nothing to a token's own vector: all experts have their tokens then. With
    random layers vectors become alike, and the same few experts are chosen for all."""
    rng = random.Random(5)
    blocks = b''.join(struct.pack('<e', 0.0004) + bytes(rng.randrange(256) for _ in range(32))
                      for _ in range(4096))
    infos, sizes, offset = [], [], 0
    for name, dims in tensors(has_experts):
        is_norm = len(dims) == 1
        count = math.prod(dims)
        size = count * 4 if is_norm else count // 32 * 34
        infos.append(text(name) + struct.pack('<I', len(dims)) + struct.pack('<%dQ' % len(dims), *dims)
                     + struct.pack('<IQ', TYPE_F32 if is_norm else TYPE_Q8_0, offset))
        is_zero = has_experts and ('attn_output' in name or 'ffn_down_exps' in name)
        sizes.append((is_norm, is_zero, size))
        offset += (size + 31) // 32 * 32
    keys = metadata(has_experts)
    with open(path, 'wb') as file:
        file.write(b'GGUF' + struct.pack('<IQQ', 3, len(infos), len(keys)))
        file.write(b''.join(keys + infos))
        file.write(bytes(-file.tell() % 32))
        for is_norm, is_zero, size in sizes:
            data = struct.pack('<f', 1.0) * (size // 4) if is_norm else bytes(1 << 20) if is_zero else blocks
            for at in range(0, size, len(data)):
                file.write(data[:size - at])
            file.write(bytes(-size % 32))


def prompt_of(holt, model):
    """A text of PROMPT_TOKENS tokens, or nearly, as varied as can be: every expert gets its turn."""
    rng = random.Random(7)
    text = ' '.join(''.join(rng.choices('abcdefghijklmnopqrstuvwxyz', k=rng.randrange(2, 9)))
                    for _ in range(2 * PROMPT_TOKENS))
    count = json.loads(subprocess.check_output([holt, 'tokenize', '-m', model, '--json',
                                                text]))['count']
    return text[:int(len(text) * PROMPT_TOKENS / count)]


def check(holt, model):
    facts = json.loads(subprocess.check_output([holt, 'show', '--json', model]))
    said = facts['memory']['used_with_512_tokens']
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    subprocess.run([holt, 'run', '-m', model, '--raw', '-n', '1', prompt_of(holt, model)],
                   stdout=subprocess.DEVNULL, check=True)
    taken = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    assert taken > before, 'the run took less than what was measured before it'
    share = taken / said - 1
    print('show said %.1f MiB, the process took %.1f MiB (%+.1f %%)'
          % (said / 2**20, taken / 2**20, 100 * share))
    return abs(share) <= LIMIT


def check_alone(holt, model):
    """The largest size of children is remembered: each model has a process of its own to measure in."""
    return subprocess.run([sys.executable, __file__, holt, model]).returncode == 0


def main():
    holt = os.path.abspath(sys.argv[1])
    if len(sys.argv) > 2:
        return 0 if check(holt, os.path.abspath(sys.argv[2])) else 1
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'random.gguf')
        held = []
        for has_experts in (False, True):
            write_model(path, has_experts)
            held.append(check_alone(holt, path))
        return 0 if all(held) else 1


if __name__ == '__main__':
    sys.exit(main())
