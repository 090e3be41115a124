"""The qwen3 network, made for training on a CPU in bf16.

Many rows share one prompt: its keys and values are computed once and every row attends to them.
Attention over the prompt and over the row itself are two flash calls merged by their log-sum-exps;
the backward pass handles both parts with the merged output and log-sum-exp.
"""
import math

import torch
from torch import nn

FLASH = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
BF = torch.bfloat16


class Config:
    vocab, width, layers, heads, kv_heads, head, ff = 2048, 256, 6, 4, 2, 64, 704
    eps, rope_base, context = 1e-6, 10000.0, 4096

    def __init__(self, **given):
        for key, value in given.items():
            setattr(self, key, value)

    def as_dict(self):
        keys = "vocab width layers heads kv_heads head ff eps rope_base context".split()
        return {key: getattr(self, key) for key in keys}


class Attend(torch.autograd.Function):
    """q [R,H,T,D]; k, v [R,H,T,D] causal in a row; pk, pv [1,K,P,D] seen by all (K kv heads)."""

    @staticmethod
    def forward(ctx, q, k, v, pk, pv):
        R, H, T, D = q.shape
        K = k.shape[1]
        g = H // K
        kx = k.repeat_interleave(g, 1)
        vx = v.repeat_interleave(g, 1)
        local, local_lse = FLASH(q, kx, vx, 0.0, True)
        local_lse = local_lse.reshape(R, H, T)
        qp = q.view(R, K, g, T, D).permute(1, 0, 2, 3, 4).reshape(1, K, R * g * T, D)
        far, far_lse = FLASH(qp, pk, pv, 0.0, False)
        far = far.view(K, R, g, T, D).permute(1, 0, 2, 3, 4).reshape(R, H, T, D)
        far_lse = far_lse.reshape(K, R, g, T).permute(1, 0, 2, 3).reshape(R, H, T)
        lse = torch.logaddexp(local_lse, far_lse)
        share = torch.exp(far_lse - lse).unsqueeze(-1).to(BF)
        out = torch.lerp(local, far, share)
        ctx.save_for_backward(q, kx, vx, out, lse, qp, pk, pv)
        return out

    @staticmethod
    def backward(ctx, grad):
        """Plain bf16 matrix products: two to three times faster than the flash backward here."""
        grad = grad.contiguous()
        q, kx, vx, out, lse, qp, pk, pv = ctx.saved_tensors
        (R, H, T, D), K, scale = q.shape, pk.shape[1], q.shape[-1] ** -0.5
        g = H // K
        delta = (grad.float() * out.float()).sum(-1, keepdim=True).to(BF)
        lse = lse.unsqueeze(-1).to(BF)
        flat = lambda x: x.reshape(R * H, T, -1)
        fold = lambda x: x.view(R, K, g, T, -1).permute(1, 0, 2, 3, 4).reshape(K, R * g * T, -1)

        def part(qs, k, v, grad, lse, delta, causal):
            p = torch.bmm(qs, k.transpose(1, 2)).sub_(lse).exp_()
            if causal:
                p.tril_()
            dv = torch.bmm(p.transpose(1, 2), grad)
            ds = torch.bmm(grad, v.transpose(1, 2)).sub_(delta).mul_(p)
            return torch.bmm(ds, k), torch.bmm(ds.transpose(1, 2), qs), dv

        dq, dk, dv = part(flat(q * scale), flat(kx), flat(vx), flat(grad), flat(lse), flat(delta), True)
        dk = dk.view(R, K, g, T, D).sum(2)
        dv = dv.view(R, K, g, T, D).sum(2)
        lse = lse.contiguous()
        dqp, dpk, dpv = part(qp[0] * scale, pk[0], pv[0], fold(grad), fold(lse), fold(delta), False)
        dqp = dqp.view(K, R, g, T, D).permute(1, 0, 2, 3, 4).reshape(R, H, T, D)
        return (dq.view(R, H, T, D) + dqp) * scale, dk, dv, dpk[None], dpv[None]


def attend(q, k, v, pk, pv):
    if pk is None:  # the prompt itself: plain causal attention
        g = q.shape[1] // k.shape[1]
        return nn.functional.scaled_dot_product_attention(q, k.repeat_interleave(g, 1), v.repeat_interleave(g, 1), is_causal=True)
    return Attend.apply(q, k, v, pk, pv)


class Norm(torch.autograd.Function):
    """RMS norm of f32 or bf16 rows, bf16 out."""

    @staticmethod
    def forward(ctx, x, w, eps):
        xf = x.float()
        r = torch.rsqrt(xf.square().mean(-1, keepdim=True) + eps)
        ctx.save_for_backward(x, w, r)
        return (xf * r).mul_(w).to(BF)

    @staticmethod
    def backward(ctx, grad):
        x, w, r = ctx.saved_tensors
        xh = x.float() * r
        g = grad.float()
        dw = (g * xh).reshape(-1, w.shape[0]).sum(0)
        g = g * w
        dx = (g - xh * (g * xh).mean(-1, keepdim=True)).mul_(r)
        return dx.to(x.dtype), dw, None


class SwiGlu(torch.autograd.Function):
    @staticmethod
    def forward(ctx, gate, up):
        ctx.save_for_backward(gate, up)
        return nn.functional.silu(gate).mul_(up)

    @staticmethod
    def backward(ctx, grad):
        gate, up = ctx.saved_tensors
        s = torch.sigmoid(gate)
        gs = gate * s
        slope = torch.addcmul(s, gs, 1 - s).mul_(up).mul_(grad)
        return slope, gs.mul_(grad)


def rope_tables(config, positions):
    half = config.head // 2
    inverse = config.rope_base ** (-torch.arange(half, dtype=torch.float64) / half)
    angle = positions.double()[:, None] * inverse
    return angle.cos().float(), angle.sin().float()


def rotate(x, cos, sin):
    """NEOX pairs (i, i + half); x [R,T,H,D], cos [T,half]."""
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
        matrix = lambda out, into, scale=1.0: nn.Parameter(torch.randn(out, into) * scale * into ** -0.5)
        self.q = matrix(c.heads * c.head, c.width)
        self.k = matrix(c.kv_heads * c.head, c.width)
        self.v = matrix(c.kv_heads * c.head, c.width)
        self.o = matrix(c.width, c.heads * c.head, 0.3)
        self.gate = matrix(c.ff, c.width)
        self.up = matrix(c.ff, c.width)
        self.down = matrix(c.width, c.ff, 0.3)

    def cast(self):
        """bf16 copies for one step, with gradients to the masters."""
        self.w_qkv = torch.cat([self.q, self.k, self.v]).to(BF)
        self.w_o = self.o.to(BF)
        self.w_gate = self.gate.to(BF)
        self.w_up = self.up.to(BF)
        self.w_down = self.down.to(BF)

    def qkv(self, h, cos, sin):
        c = self.c
        R, T, _ = h.shape
        x = nn.functional.linear(h, self.w_qkv)
        x = x.view(R, T, c.heads + 2 * c.kv_heads, c.head)
        q, k, v = x.split([c.heads, c.kv_heads, c.kv_heads], 2)
        q = rotate(Norm.apply(q, self.q_norm, c.eps), cos, sin)
        k = rotate(Norm.apply(k, self.k_norm, c.eps), cos, sin)
        return [y.transpose(1, 2).contiguous() for y in (q, k, v)]

    def forward(self, x, cos, sin, past=None):
        R, T, _ = x.shape
        q, k, v = self.qkv(Norm.apply(x, self.attn_norm, self.c.eps), cos, sin)
        a = attend(q, k, v, *(past or (None, None)))
        a = a.transpose(1, 2).reshape(R, T, -1)
        x = x + nn.functional.linear(a, self.w_o)
        h = Norm.apply(x, self.ffn_norm, self.c.eps)
        h = SwiGlu.apply(nn.functional.linear(h, self.w_gate), nn.functional.linear(h, self.w_up))
        x = x + nn.functional.linear(h, self.w_down)
        return x, (k, v)


class Net(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.c = config
        self.embed = nn.Parameter(torch.randn(config.vocab, config.width) * 0.02)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.Parameter(torch.ones(config.width))

    def cast(self):
        for block in self.blocks:
            block.cast()
        self.w_out = self.embed.to(BF)

    def prompt(self, ids):
        """Keys and values of the shared prompt, per layer, [1,K,P,D]."""
        cos, sin = rope_tables(self.c, torch.arange(len(ids)))
        x = nn.functional.embedding(ids[None], self.embed)
        cache = []
        for block in self.blocks:
            x, kv = block(x, cos, sin)
            cache.append(kv)
        return cache

    def hidden(self, ids, start, cache):
        """ids [R,T] at positions start..; returns the normed last hidden state, bf16."""
        cos, sin = rope_tables(self.c, torch.arange(start, start + ids.shape[1]))
        x = nn.functional.embedding(ids, self.embed)
        for block, past in zip(self.blocks, cache):
            x, _ = block(x, cos, sin, past)
        return Norm.apply(x, self.norm, self.c.eps)

    def loss(self, ids, weights, start, cache):
        """Weighted cross entropy sum, weight sum, and share of right tokens among the full ones."""
        h = self.hidden(ids[:, :-1], start, cache)
        w = weights[:, 1:].reshape(-1)
        at = w.nonzero().squeeze(1)
        h = h.reshape(-1, h.shape[-1])[at]
        logits = nn.functional.linear(h, self.w_out).float()
        target = ids[:, 1:].reshape(-1)[at]
        losses = nn.functional.cross_entropy(logits, target, reduction="none")
        w = w[at]
        with torch.no_grad():
            full = w >= 1
            right = ((logits.argmax(-1) == target) & full).sum().item()
        return (losses * w).sum(), w.sum().item(), right, full.sum().item()


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
