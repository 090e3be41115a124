// Everything between the matrix products of the network, fused, forward and backward.
// Plain loops over one row at a time that the compiler turns into vector code (-O3 -march=native
// -ffast-math); bf16 values are held as uint16_t, arithmetic is in f32. One thread.
#include <torch/extension.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

using at::Tensor;
typedef uint16_t bf16;

static inline float up(bf16 value) {
    uint32_t bits = (uint32_t)value << 16;
    float out;
    memcpy(&out, &bits, 4);
    return out;
}

static inline bf16 down(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    return (bf16)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

// exp with a relative error of 1e-4, which bf16 does not see.
static inline float exp_fast(float x) {
    float t = std::min(std::max(x * 1.44269504f, -126.0f), 126.0f);
    float whole = std::floor(t), part = t - whole;
    uint32_t bits = (uint32_t)((int32_t)whole + 127) << 23;
    float power;
    memcpy(&power, &bits, 4);
    return power * (0.99992522f + part * (0.69583356f + part * (0.22606716f + part * 0.07802415f)));
}

static bf16 *half(const Tensor &t) {
    TORCH_CHECK(t.scalar_type() == at::kBFloat16 && t.is_contiguous(), "want contiguous bf16");
    return (bf16 *)t.data_ptr();
}

static float *full(const Tensor &t) {
    TORCH_CHECK(t.scalar_type() == at::kFloat && t.is_contiguous(), "want contiguous f32");
    return (float *)t.data_ptr();
}

static const int *ints(const Tensor &t) {
    TORCH_CHECK(t.scalar_type() == at::kInt && t.is_contiguous(), "want contiguous int32");
    return (const int *)t.data_ptr();
}

// x [N,W] += y (if any); returns the normed rows times w, bf16.
static Tensor norm_forward(Tensor x, c10::optional<Tensor> y, Tensor w, double eps) {
    int64_t n = x.size(0), width = x.size(1);
    Tensor out = at::empty({n, width}, x.options().dtype(at::kBFloat16));
    float *px = full(x), *pw = full(w);
    const bf16 *py = y ? half(*y) : nullptr;
    bf16 *po = half(out);
    for (int64_t i = 0; i < n; i++, px += width, po += width) {
        if (py) {
            for (int64_t j = 0; j < width; j++) px[j] += up(py[j]);
            py += width;
        }
        float sum = 0;
        for (int64_t j = 0; j < width; j++) sum += px[j] * px[j];
        float r = 1 / std::sqrt(sum / width + (float)eps);
        for (int64_t j = 0; j < width; j++) po[j] = down(px[j] * r * pw[j]);
    }
    return out;
}

// dx [N,W] += the gradient through the norm of x; dw += that of w; returns dx as bf16.
static Tensor norm_backward(Tensor grad, Tensor x, Tensor w, double eps, Tensor dx, Tensor dw) {
    int64_t n = x.size(0), width = x.size(1);
    Tensor out = at::empty({n, width}, grad.options());
    const bf16 *pg = half(grad);
    const float *px = full(x), *pw = full(w);
    float *pd = full(dx), *pdw = full(dw);
    bf16 *po = half(out);
    for (int64_t i = 0; i < n; i++, pg += width, px += width, pd += width, po += width) {
        float sum = 0, dot = 0;
        for (int64_t j = 0; j < width; j++) {
            sum += px[j] * px[j];
            dot += up(pg[j]) * pw[j] * px[j];
        }
        float r = 1 / std::sqrt(sum / width + (float)eps), shift = dot * r * r * r / width;
        for (int64_t j = 0; j < width; j++) {
            float g = up(pg[j]);
            pdw[j] += g * px[j] * r;
            pd[j] += g * pw[j] * r - px[j] * shift;
            po[j] = down(pd[j]);
        }
    }
    return out;
}

static const int HEAD_MAX = 128;

// One head: rms norm, weight, rotary turn. Returns the factor of the norm.
static inline float turn(const bf16 *x, const float *w, const float *c, const float *s, int size, float scale, float eps, bf16 *out) {
    float v[HEAD_MAX], sum = 0;
    int mid = size / 2;
    for (int i = 0; i < size; i++) {
        v[i] = up(x[i]);
        sum += v[i] * v[i];
    }
    float r = 1 / std::sqrt(sum / size + eps) * scale;
    for (int i = 0; i < size; i++) v[i] *= r * w[i];
    for (int i = 0; i < mid; i++) {
        out[i] = down(v[i] * c[i] - v[i + mid] * s[i]);
        out[i + mid] = down(v[i + mid] * c[i] + v[i] * s[i]);
    }
    return r;
}

static inline void turn_back(const float *grad, const bf16 *x, const float *w, const float *c, const float *s, int size, float scale, float eps,
                             float *dw, bf16 *out) {
    float v[HEAD_MAX], d[HEAD_MAX], sum = 0, dot = 0;
    int mid = size / 2;
    for (int i = 0; i < mid; i++) {
        d[i] = grad[i] * c[i] + grad[i + mid] * s[i];
        d[i + mid] = grad[i + mid] * c[i] - grad[i] * s[i];
    }
    for (int i = 0; i < size; i++) {
        v[i] = up(x[i]);
        sum += v[i] * v[i];
    }
    float r = 1 / std::sqrt(sum / size + eps);
    for (int i = 0; i < size; i++) {
        d[i] *= scale;
        v[i] *= r;
        dw[i] += d[i] * v[i];
        d[i] *= w[i];
        dot += d[i] * v[i];
    }
    dot /= size;
    for (int i = 0; i < size; i++) out[i] = down(r * (d[i] - v[i] * dot));
}

// qkv [R*T,(K*g+2K)*D] -> q [K,R,g,T,D] (scaled), k, v [K,R,T,D]; cosines and sines [R*T,D/2].
static std::vector<Tensor> heads_forward(Tensor qkv, Tensor qw, Tensor kw, Tensor cos, Tensor sin, int64_t K, int64_t g, int64_t R, double eps) {
    int64_t N = qkv.size(0), T = N / R, D = qw.size(0), H = K * g;
    Tensor q = at::empty({K, R, g, T, D}, qkv.options()), k = at::empty({K, R, T, D}, qkv.options()), v = at::empty({K, R, T, D}, qkv.options());
    float scale = 1 / std::sqrt((float)D);
    const bf16 *from = half(qkv);
    bf16 *pq = half(q), *pk = half(k), *pv = half(v);
    for (int64_t n = 0; n < N; n++) {
        int64_t r = n / T, t = n % T;
        const float *c = full(cos) + n * D / 2, *s = full(sin) + n * D / 2;
        for (int64_t h = 0; h < H; h++, from += D) turn(from, full(qw), c, s, D, scale, eps, pq + ((((h / g) * R + r) * g + h % g) * T + t) * D);
        for (int64_t h = 0; h < K; h++, from += D) turn(from, full(kw), c, s, D, 1, eps, pk + ((h * R + r) * T + t) * D);
        for (int64_t h = 0; h < K; h++, from += D) memcpy(pv + ((h * R + r) * T + t) * D, from, D * 2);
    }
    return {q, k, v};
}

// The gradient of qkv; dq_far may be absent. dqw and dkw are added to.
static Tensor heads_backward(Tensor dq, c10::optional<Tensor> dq_far, Tensor dk, Tensor dv, Tensor qkv, Tensor qw, Tensor kw, Tensor cos, Tensor sin,
                             int64_t K, int64_t g, int64_t R, double eps, Tensor dqw, Tensor dkw) {
    int64_t N = qkv.size(0), T = N / R, D = qw.size(0), H = K * g;
    Tensor out = at::empty_like(qkv);
    float scale = 1 / std::sqrt((float)D), grad[HEAD_MAX];
    const bf16 *x = half(qkv), *far = dq_far ? half(*dq_far) : nullptr;
    bf16 *to = half(out);
    for (int64_t n = 0; n < N; n++) {
        int64_t r = n / T, t = n % T;
        const float *c = full(cos) + n * D / 2, *s = full(sin) + n * D / 2;
        for (int64_t h = 0; h < H; h++, x += D, to += D) {
            int64_t at = ((((h / g) * R + r) * g + h % g) * T + t) * D;
            const bf16 *near = half(dq) + at;
            for (int64_t i = 0; i < D; i++) grad[i] = up(near[i]);
            if (far) for (int64_t i = 0; i < D; i++) grad[i] += up(far[at + i]);
            turn_back(grad, x, full(qw), c, s, D, scale, eps, full(dqw), to);
        }
        for (int64_t h = 0; h < K; h++, x += D, to += D) {
            const bf16 *near = half(dk) + ((h * R + r) * T + t) * D;
            for (int64_t i = 0; i < D; i++) grad[i] = up(near[i]);
            turn_back(grad, x, full(kw), c, s, D, 1, eps, full(dkw), to);
        }
        for (int64_t h = 0; h < K; h++, x += D, to += D) memcpy(to, half(dv) + ((h * R + r) * T + t) * D, D * 2);
    }
    return out;
}

// Scores to exponentials in place. near [K*R*g*T,T]: only columns begins[r,t]..t count, the others get 0;
// far [K*R*g*T,P] or absent. Returns the sum of each row.
static Tensor softmax_forward(Tensor near, c10::optional<Tensor> far, Tensor begins, int64_t g) {
    int64_t R = begins.size(0), T = begins.size(1), rows = near.numel() / T, P = far ? far->numel() / rows : 0;
    Tensor total = at::empty({rows}, near.options().dtype(at::kFloat));
    bf16 *pn = half(near), *pf = far ? half(*far) : nullptr;
    for (int64_t i = 0; i < rows; i++, pn += T, pf += P) {
        int64_t t = i % T, begin = ints(begins)[(i / (T * g)) % R * T + t];
        float top = -1e30f, sum = 0;
        for (int64_t j = begin; j <= t; j++) top = std::max(top, up(pn[j]));
        for (int64_t j = 0; j < P; j++) top = std::max(top, up(pf[j]));
        memset(pn, 0, begin * 2);
        memset(pn + t + 1, 0, (T - t - 1) * 2);
        for (int64_t j = begin; j <= t; j++) {
            float e = exp_fast(up(pn[j]) - top);
            sum += e;
            pn[j] = down(e);
        }
        for (int64_t j = 0; j < P; j++) {
            float e = exp_fast(up(pf[j]) - top);
            sum += e;
            pf[j] = down(e);
        }
        full(total)[i] = sum;
    }
    return total;
}

// dnear, dfar: gradients of the exponentials divided by the row's sum, become those of the scores in place.
static void softmax_backward(Tensor dnear, Tensor near, c10::optional<Tensor> dfar, c10::optional<Tensor> far, Tensor delta, Tensor begins, int64_t g) {
    int64_t R = begins.size(0), T = begins.size(1), rows = near.numel() / T, P = far ? far->numel() / rows : 0;
    bf16 *pd = half(dnear), *pdf = dfar ? half(*dfar) : nullptr;
    const bf16 *pn = half(near), *pf = far ? half(*far) : nullptr;
    for (int64_t i = 0; i < rows; i++, pn += T, pd += T, pf += P, pdf += P) {
        int64_t t = i % T, begin = ints(begins)[(i / (T * g)) % R * T + t];
        float d = full(delta)[i];
        memset(pd, 0, begin * 2);
        memset(pd + t + 1, 0, (T - t - 1) * 2);
        for (int64_t j = begin; j <= t; j++) pd[j] = down((up(pd[j]) - d) * up(pn[j]));
        for (int64_t j = 0; j < P; j++) pdf[j] = down((up(pdf[j]) - d) * up(pf[j]));
    }
}

// near and far sums [K,R,g,T,D] over the row's total -> [R*T,H*D].
static Tensor merge_forward(Tensor near, c10::optional<Tensor> far, Tensor total, int64_t K, int64_t g, int64_t R, int64_t T, int64_t D) {
    Tensor out = at::empty({R * T, K * g * D}, near.options());
    const bf16 *pn = half(near), *pf = far ? half(*far) : nullptr;
    bf16 *po = half(out);
    for (int64_t i = 0; i < K * R * g * T; i++, pn += D) {
        int64_t t = i % T, j = i / T % g, r = i / (T * g) % R, k = i / (T * g * R);
        bf16 *to = po + ((r * T + t) * K * g + k * g + j) * D;
        float factor = 1 / full(total)[i];
        if (pf) {
            for (int64_t d = 0; d < D; d++) to[d] = down((up(pn[d]) + up(pf[d])) * factor);
            pf += D;
        } else {
            for (int64_t d = 0; d < D; d++) to[d] = down(up(pn[d]) * factor);
        }
    }
    return out;
}

// grad and out [R*T,H*D] -> grad over total [K,R,g,T,D], and delta (grad times out, over total) per row.
static std::vector<Tensor> merge_backward(Tensor grad, Tensor out, Tensor total, int64_t K, int64_t g, int64_t R, int64_t T, int64_t D) {
    Tensor dn = at::empty({K, R, g, T, D}, grad.options()), delta = at::empty_like(total);
    bf16 *to = half(dn);
    for (int64_t i = 0; i < K * R * g * T; i++, to += D) {
        int64_t t = i % T, j = i / T % g, r = i / (T * g) % R, k = i / (T * g * R), at = ((r * T + t) * K * g + k * g + j) * D;
        const bf16 *pg = half(grad) + at, *po = half(out) + at;
        float factor = 1 / full(total)[i], dot = 0;
        for (int64_t d = 0; d < D; d++) {
            dot += up(pg[d]) * up(po[d]);
            to[d] = down(up(pg[d]) * factor);
        }
        full(delta)[i] = dot * factor;
    }
    return {dn, delta};
}

// gate and up side by side [N,2F] -> silu(gate) * up [N,F].
static Tensor swiglu_forward(Tensor both) {
    int64_t n = both.size(0), f = both.size(1) / 2;
    Tensor out = at::empty({n, f}, both.options());
    const bf16 *x = half(both);
    bf16 *po = half(out);
    for (int64_t i = 0; i < n; i++, x += 2 * f, po += f)
        for (int64_t j = 0; j < f; j++) {
            float gate = up(x[j]);
            po[j] = down(gate / (1 + exp_fast(-gate)) * up(x[f + j]));
        }
    return out;
}

static Tensor swiglu_backward(Tensor grad, Tensor both) {
    int64_t n = both.size(0), f = both.size(1) / 2;
    Tensor out = at::empty_like(both);
    const bf16 *x = half(both), *pg = half(grad);
    bf16 *po = half(out);
    for (int64_t i = 0; i < n; i++, x += 2 * f, po += 2 * f, pg += f)
        for (int64_t j = 0; j < f; j++) {
            float gate = up(x[j]), g = up(pg[j]), s = 1 / (1 + exp_fast(-gate));
            po[j] = down(g * up(x[f + j]) * (s + gate * s * (1 - s)));
            po[f + j] = down(g * gate * s);
        }
    return out;
}

// Logits [N,V] become their gradients in place; returns the weighted loss and the hits among full weights.
static std::vector<double> cross_entropy(Tensor logits, Tensor target, Tensor weights) {
    int64_t n = logits.size(0), size = logits.size(1);
    bf16 *x = half(logits);
    double loss = 0, hits = 0;
    std::vector<float> e(size);
    for (int64_t i = 0; i < n; i++, x += size) {
        int wanted = ints(target)[i];
        float w = full(weights)[i], top = -1e30f, sum = 0, chosen = up(x[wanted]);
        for (int64_t j = 0; j < size; j++) top = std::max(top, up(x[j]));
        for (int64_t j = 0; j < size; j++) {
            e[j] = exp_fast(up(x[j]) - top);
            sum += e[j];
        }
        loss += w * (top + std::log(sum) - chosen);
        hits += w >= 1 && chosen >= top;
        float factor = w / sum, own = e[wanted] * factor - w;
        for (int64_t j = 0; j < size; j++) x[j] = down(e[j] * factor);
        x[wanted] = down(own);
    }
    return {loss, hits};
}

PYBIND11_MODULE(TORCH_EXTENSION_NAME, m) {
    m.def("norm_forward", &norm_forward);
    m.def("norm_backward", &norm_backward);
    m.def("heads_forward", &heads_forward);
    m.def("heads_backward", &heads_backward);
    m.def("softmax_forward", &softmax_forward);
    m.def("softmax_backward", &softmax_backward);
    m.def("merge_forward", &merge_forward);
    m.def("merge_backward", &merge_backward);
    m.def("swiglu_forward", &swiglu_forward);
    m.def("swiglu_backward", &swiglu_backward);
    m.def("cross_entropy", &cross_entropy);
}
