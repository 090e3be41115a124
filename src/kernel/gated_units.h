/*
 * gated_units - the constants of the gated activations, shared by all instruction sets.
 *
 *   gelu(v) = v / (1 + exp(-(v * GELU_SCALE) * fma(v * v, GELU_CUBIC, 1)))
 * which is v / 2 * (1 + tanh(sqrt(2 / pi) * (v + 0.044715 v^3))); Hendrycks and Gimpel 2016.
 */
#pragma once

#define GATED_GELU_SCALE   0x1.988454p+0f /* 2 sqrt(2 / pi) */
#define GATED_GELU_CUBIC   0.044715f
#define GATED_CLAMP_LIMIT  7.0f
#define GATED_CLAMP_FACTOR 1.702f
