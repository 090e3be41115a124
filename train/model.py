"""The qwen3 network, made for training on a CPU in bf16.

Tasks are packed into rows; a token attends to the earlier tokens of its own task and to a prompt that
all tasks share, whose keys and values are computed once per step. Forward and backward pass are
written out: matrix products in bf16 (a CPU with AMX runs them several times faster than f32), all
between them in the fused loops of kernels.cpp, gradients summed in f32.
"""
import math
import os

import torch
from torch import nn
from torch.utils import cpp_extension

BF = torch.bfloat16
HERE = os.path.dirname(os.path.abspath(__file__))
_kernels = None


def kernels():
    """Compiles kernels.cpp on first use (needs g++ and ninja)."""
    global _kernels
    if _kernels is None:
        _kernels = cpp_extension.load("holt_kernels", [os.path.join(HERE, "kernels.cpp")], extra_cflags=["-O3", "-march=native", "-ffast-math", "-mprefer-vector-width=512"])
    return _kernels


class Config:
    vocab, width, layers, heads, kv_heads, head, ff = 2048, 256, 6, 4, 2, 64, 704
    eps, rope_base, context = 1e-6, 10000.0, 4096

    def __init__(self, **given):
        for key, value in given.items():
            setattr(self, key, value)

    def as_dict(self):
        keys = "vocab width layers heads kv_heads head ff eps rope_base context".split()
        return {key: getattr(self, key) for key in keys}


def rope_tables(config, positions):
    """Cosines and sines [n, half] of n positions."""
    half = config.head // 2
    inverse = config.rope_base ** (-torch.arange(half, dtype=torch.float64) / half)
    angle = positions.double()[:, None] * inverse
    return angle.cos().float(), angle.sin().float()


def rotate(x, cos, sin):
    """NEOX pairs (i, i + half); x [T,H,D], cos [T,half]."""
    a, b = x.chunk(2, -1)
    c, s = cos[:, None, :].to(x.dtype), sin[:, None, :].to(x.dtype)
    return torch.cat([a * c - b * s, b * c + a * s], -1)


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        self.attn_norm = nn.Parameter(torch.ones(c.width))
        self.ffn_norm = nn.Parameter(torch.ones(c.width))
        self.q_norm = nn.Parameter(torch.ones(c.head))
        self.k_norm = nn.Parameter(torch.ones(c.head))
        matrix = lambda out, into: nn.Parameter(torch.zeros(out, into))
        self.q = matrix(c.heads * c.head, c.width)
        self.k = matrix(c.kv_heads * c.head, c.width)
        self.v = matrix(c.kv_heads * c.head, c.width)
        self.o = matrix(c.width, c.heads * c.head)
        self.gate = matrix(c.ff, c.width)
        self.up = matrix(c.ff, c.width)
        self.down = matrix(c.width, c.ff)

    def cast(self):
        """bf16 copies for one step, and fresh sums of their gradients."""
        self.w = {"qkv": torch.cat([self.q, self.k, self.v]).to(BF), "o": self.o.to(BF),
                  "gate_up": torch.cat([self.gate, self.up]).to(BF), "down": self.down.to(BF)}
        self.d = {name: torch.zeros(w.shape) for name, w in self.w.items()}
        for name in ("attn_norm", "ffn_norm", "q_norm", "k_norm"):
            self.d[name] = torch.zeros_like(getattr(self, name))

    def gradients(self):
        """name -> gradient, of all backward passes since cast."""
        c, d = self.c, dict(self.d)
        d["q"], d["k"], d["v"] = d.pop("qkv").split([c.heads * c.head, c.kv_heads * c.head, c.kv_heads * c.head])
        d["gate"], d["up"] = d.pop("gate_up").chunk(2)
        return d

    def forward(self, x, y, layout, past):
        """x [N,width] f32 += y (what the layer before adds, or None), in place. Returns what this layer
        adds, and what backward needs. past: keys and values [K,P,D] of the prompt, or None."""
        c, w, kern = self.c, self.w, kernels()
        K, D, g = c.kv_heads, c.head, c.heads // c.kv_heads
        R, T = layout.begins.shape
        h = kern.norm_forward(x, y, self.attn_norm, c.eps)
        x_in = x.clone()
        qkv = h @ w["qkv"].T
        q, k, v = kern.heads_forward(qkv, self.q_norm, self.k_norm, layout.cos, layout.sin, K, g, R, c.eps)
        near = torch.bmm(q.view(K * R, g * T, D), k.view(K * R, T, D).transpose(1, 2))
        far = None if past is None else torch.bmm(q.view(K, R * g * T, D), past[0].transpose(1, 2))
        total = kern.softmax_forward(near, far, layout.begins, g)
        a = kern.merge_forward(torch.bmm(near, v.view(K * R, T, D)), None if past is None else torch.bmm(far, past[1]), total, K, g, R, T, D)
        h2 = kern.norm_forward(x, a @ w["o"].T, self.ffn_norm, c.eps)
        both = h2 @ w["gate_up"].T
        s = kern.swiglu_forward(both)
        kept = (x_in, h, qkv, q, k, v, near, far, total, a, x.clone(), h2, both, s)
        return s @ w["down"].T, kept

    def backward(self, dx, dy, kept, layout, past, dpast, dkv=None):
        """dx [N,width] f32: gradient of the residual stream behind this layer, becomes that before it, in
        place; dy: the same in bf16. dpast: sums for the gradients of past; dkv: gradients of this layer's
        own keys and values from elsewhere. Returns the new dy."""
        c, w, d, kern = self.c, self.w, self.d, kernels()
        K, D, g = c.kv_heads, c.head, c.heads // c.kv_heads
        R, T = layout.begins.shape
        x_in, h, qkv, q, k, v, near, far, total, a, x_mid, h2, both, s = kept
        d["down"].add_(dy.T @ s)
        dboth = kern.swiglu_backward(dy @ w["down"], both)
        d["gate_up"].add_(dboth.T @ h2)
        dy = kern.norm_backward(dboth @ w["gate_up"], x_mid, self.ffn_norm, c.eps, dx, d["ffn_norm"])
        d["o"].add_(dy.T @ a)
        da, delta = kern.merge_backward(dy @ w["o"], a, total, K, g, R, T, D)
        by_row = lambda y: y.view(K * R, -1, D)
        by_head = lambda y: y.view(K, -1, D)
        dv = torch.bmm(near.transpose(1, 2), by_row(da))
        dnear = torch.bmm(by_row(da), by_row(v).transpose(1, 2))
        dfar = None if past is None else torch.bmm(by_head(da), past[1].transpose(1, 2))
        kern.softmax_backward(dnear, near, dfar, far, delta, layout.begins, g)
        dq = torch.bmm(dnear, by_row(k))
        dk = torch.bmm(dnear.transpose(1, 2), by_row(q))
        dq_far = None
        if past is not None:
            dq_far = torch.bmm(dfar, past[0])
            dpast[0].add_(torch.bmm(dfar.transpose(1, 2), by_head(q)))
            dpast[1].add_(torch.bmm(far.transpose(1, 2), by_head(da)))
        if dkv is not None:
            dk, dv = ((one.view(K, -1, D) + more).to(BF) for one, more in zip((dk, dv), dkv))
        dqkv = kern.heads_backward(dq, dq_far, dk, dv, qkv, self.q_norm, self.k_norm, layout.cos, layout.sin, K, g, R, c.eps, d["q_norm"], d["k_norm"])
        d["qkv"].add_(dqkv.T @ h)
        return kern.norm_backward(dqkv @ w["qkv"], x_in, self.attn_norm, c.eps, dx, d["attn_norm"])


class Layout:
    """Where the tokens of rows [R,T] stand: begins [R,T] is the place in the row where a token's task
    begins; positions count from there, plus start. turns: cosines and sines of all positions."""

    def __init__(self, turns, begins, start):
        self.begins = begins
        positions = (torch.arange(begins.shape[1])[None] - begins + start).view(-1)
        self.cos, self.sin = (table[positions] for table in turns)


class Net(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.c = config
        self.embed = nn.Parameter(torch.zeros(config.vocab, config.width))
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.Parameter(torch.ones(config.width))
        self.turns = rope_tables(config, torch.arange(config.context))

    def cast(self):
        for block in self.blocks:
            block.cast()
        self.cast_embed, self.d_embed, self.d_norm = self.embed.to(BF), torch.zeros_like(self.embed), torch.zeros_like(self.norm)

    def forward(self, ids, layout, past):
        """Returns the last hidden state [n,width] before its norm, and what backward needs. past: per layer, or None."""
        x, y, kept = self.embed[ids], None, []
        for index, block in enumerate(self.blocks):
            y, one = block.forward(x, y, layout, past and past[index])
            kept.append(one)
        return x + y, kept

    def prompt(self, ids):
        """The prompt that all rows share: its layout, keys and values per layer, and what backward needs."""
        layout = Layout(self.turns, torch.zeros(1, len(ids), dtype=torch.int32), 0)
        _, kept = self.forward(ids, layout, None)
        return layout, [(one[4][:, 0], one[5][:, 0]) for one in kept], kept

    def logits(self, x):
        h = kernels().norm_forward(x, None, self.norm, self.c.eps)
        return h, h @ self.cast_embed.T

    @torch.no_grad()
    def gradients(self, prompt, packs):
        """Gradients of the weighted cross entropy summed over packs of (ids, begins, target, weights), each
        [R,T], behind the prompt (ids). Sets .grad; returns loss, weight, hits and tokens of full weight."""
        self.cast()
        layout, past, kept = self.prompt(prompt)
        dpast = [tuple(torch.zeros(t.shape) for t in kv) for kv in past]
        facts = torch.zeros(4, dtype=torch.float64)
        for pack in packs:
            facts += self.rows(pack, len(prompt), past, dpast)
        dx = torch.zeros(len(prompt), self.c.width)
        dy = torch.zeros(dx.shape, dtype=BF)
        for block, one, dkv in reversed(list(zip(self.blocks, kept, dpast))):
            dy = block.backward(dx, dy, one, layout, None, None, dkv)
        self.d_embed.index_add_(0, prompt, dx)
        self.embed.grad, self.norm.grad = self.d_embed, self.d_norm
        for block in self.blocks:
            for name, grad in block.gradients().items():
                getattr(block, name).grad = grad
        return facts.tolist()

    def rows(self, pack, start, past, dpast):
        """Forward and backward of one pack; adds to the sums of gradients."""
        ids, begins, target, weights = pack
        c, kern = self.c, kernels()
        layout = Layout(self.turns, begins, start)
        ids = ids.view(-1)
        x, kept = self.forward(ids, layout, past)
        at = weights.view(-1).nonzero().squeeze(1)
        at = nn.functional.pad(at, (0, -len(at) % 512))  # few shapes; the first token never counts
        x = x[at]
        h, logits = self.logits(x)
        weights = weights.view(-1)[at]
        loss, hits = kern.cross_entropy(logits, target.view(-1)[at], weights)
        self.d_embed.add_(logits.T @ h)
        dx_at = torch.zeros(x.shape)
        dy_at = kern.norm_backward(logits @ self.cast_embed, x, self.norm, c.eps, dx_at, self.d_norm)
        dx = torch.zeros(len(ids), c.width).index_add_(0, at, dx_at)
        dy = torch.zeros(len(ids), c.width, dtype=BF).index_add_(0, at, dy_at)
        for block, one, kv, dkv in reversed(list(zip(self.blocks, kept, past, dpast))):
            dy = block.backward(dx, dy, one, layout, kv, dkv)
        self.d_embed.index_add_(0, ids, dx)
        return torch.tensor([loss, weights.sum().item(), hits, (weights >= 1).sum().item()], dtype=torch.float64)

    @torch.no_grad()
    def exact(self, prompt, rows):
        """For each task (ids, weights): whether every token of full weight is the likeliest one."""
        self.cast()
        _, past, _ = self.prompt(prompt)
        width = max(len(row[0]) for row in rows)
        ids, full = torch.zeros(len(rows), width, dtype=torch.long), torch.zeros(len(rows), width, dtype=torch.bool)
        for number, (row, weights) in enumerate(rows):
            ids[number, :len(row)] = torch.tensor(row)
            full[number, :len(row)] = torch.tensor(weights) >= 1
        x, _ = self.forward(ids.view(-1), Layout(self.turns, torch.zeros(ids.shape, dtype=torch.int32), len(prompt)), past)
        right = self.logits(x)[1].argmax(-1).view(ids.shape)[:, :-1] == ids[:, 1:]
        return (right | ~full[:, 1:]).all(1).tolist()


@torch.no_grad()
def structured_init(net, seed=1):
    """Weights that copy from the first step on, so that training need not discover how.

    Layer 0, heads 0 and 1 attend to the first and second token before (a constant residual dimension
    makes fixed queries and keys whose rotary phases match at that distance) and write its content to a
    subspace of its own. Layer 1 looks for places whose token before equals the current token (content
    in the slow rotary pairs) and adds the token found there to the residual. All else starts small.
    """
    c = net.c
    g = torch.Generator().manual_seed(seed)
    randn = lambda *shape: torch.randn(*shape, generator=g)
    basis = torch.zeros(c.width, c.width)
    basis[0, 0] = 1.0
    basis[1:, 1:] = torch.linalg.qr(randn(c.width - 1, c.width - 1))[0]
    content, before, second, rest = basis[1:65], basis[65:129], basis[129:193], basis[193:256]
    h, half = c.head, c.head // 2
    net.embed.copy_(randn(c.vocab, c.width) * 0.08)
    net.embed[:, 0] = 0.4
    for block in net.blocks:
        for name, scale in (("q", 0.5), ("k", 0.5), ("v", 0.5), ("o", 0.1), ("gate", 1.0), ("up", 1.0), ("down", 0.1)):
            p = getattr(block, name)
            p.copy_(randn(*p.shape) * scale * p.shape[1] ** -0.5)
    first = net.blocks[0]
    theta = c.rope_base ** (-torch.arange(half).double() / half)
    key = torch.zeros(h)
    key[:6] = 1.0
    for name in ("q", "k", "v", "o"):
        getattr(first, name).mul_(0.2)
    for kv in range(c.kv_heads):
        first.k[kv * h:(kv + 1) * h, 0] = key
    for head, distance in enumerate((1, 2, 3, 1)):
        query = torch.zeros(h)
        query[:6] = torch.cos(distance * theta[:6]).float()
        query[half:half + 6] = -torch.sin(distance * theta[:6]).float()
        first.q[head * h:(head + 1) * h, 0] = query
    first.q_norm.fill_(2.4)
    first.k_norm.fill_(2.4)
    first.v[:h] = 0.5 * content
    first.o[:, :h] = 0.5 * before.T
    first.o[:, h:2 * h] = 0.2 * second.T
    finder = net.blocks[1]
    for name in ("q", "k", "v", "o"):
        getattr(finder, name).mul_(0.2)
    slow = list(range(half // 2, half)) + list(range(half + half // 2, h))
    for kv in range(c.kv_heads):
        pick = torch.linalg.qr(randn(h, h))[0][:half]
        rows = torch.tensor(slow) + kv * h
        finder.k[rows] = pick @ before
        for head in range(kv * c.heads // c.kv_heads, (kv + 1) * c.heads // c.kv_heads):
            finder.q[torch.tensor(slow) + head * h] = pick @ content
    finder.q_norm.fill_(1.6)
    finder.k_norm.fill_(1.6)
    for kv, space in enumerate((content, rest)):
        size = len(space)
        finder.v[kv * h:kv * h + size] = space
        for head in (2 * kv, 2 * kv + 1):
            finder.o[:, head * h:head * h + size] = 0.3 * space.T


class Decoder:
    """Plain f32 inference with a cache, for evaluation; weights may be passed through Q8_0 rounding."""

    def __init__(self, net, dtype=torch.float32):
        self.c = net.c
        with torch.no_grad():
            self.w = [{name: p.detach().to(dtype) for name, p in block.named_parameters()} for block in net.blocks]
            self.embed = net.embed.detach().to(dtype)
            self.norm = net.norm.detach().to(dtype)
        self.dtype = dtype
        self.saved = {}

    def rms(self, x, w):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.c.eps) * w

    @torch.no_grad()
    def step(self, ids, cache):
        """Feeds ids (list) after cache (list of (k, v) [K,n,D]); returns last logits and the new cache."""
        c = self.c
        start = cache[0][0].shape[1] if cache else 0
        n = len(ids)
        cos, sin = rope_tables(c, torch.arange(start, start + n))
        x = self.embed[torch.tensor(ids)]
        out = []
        mask = None
        if n > 1:
            mask = torch.full((n, start + n), -math.inf).triu(start + 1)
        for index, w in enumerate(self.w):
            h = self.rms(x, w["attn_norm"])
            q = rotate(self.rms((h @ w["q"].T).view(n, c.heads, c.head), w["q_norm"]), cos, sin)
            k = rotate(self.rms((h @ w["k"].T).view(n, c.kv_heads, c.head), w["k_norm"]), cos, sin).transpose(0, 1)
            v = (h @ w["v"].T).view(n, c.kv_heads, c.head).transpose(0, 1)
            if cache:
                k = torch.cat([cache[index][0], k], 1)
                v = torch.cat([cache[index][1], v], 1)
            out.append((k, v))
            g = c.heads // c.kv_heads
            qh = q.transpose(0, 1).reshape(c.kv_heads, g * n, c.head)
            s = (qh @ k.transpose(1, 2)) * c.head ** -0.5
            s = s.view(c.kv_heads, g, n, -1)
            if mask is not None:
                s = s + mask
            a = s.softmax(-1).view(c.kv_heads, g * n, -1) @ v
            a = a.view(c.heads, n, c.head).transpose(0, 1).reshape(n, -1)
            x = x + a @ w["o"].T
            h = self.rms(x, w["ffn_norm"])
            x = x + (nn.functional.silu(h @ w["gate"].T) * (h @ w["up"].T)) @ w["down"].T
        return self.rms(x[-1], self.norm) @ self.embed.T, out
