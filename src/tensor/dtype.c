/* dtype - the table behind dtype.h. Sizes are those of the GGUF format. */
#include "tensor/dtype.h"

#include "base/attr.h"

/* clang-format off */
static const struct dtype_info types[DTYPE_ID_MAX + 1] = {
    /* type             type           name       block  bytes  supported */
    [DTYPE_F32]     = {DTYPE_F32,     "F32",        1,    4,   true},
    [DTYPE_F16]     = {DTYPE_F16,     "F16",        1,    2,   true},
    [DTYPE_BF16]    = {DTYPE_BF16,    "BF16",       1,    2,   true},
    [DTYPE_F64]     = {DTYPE_F64,     "F64",        1,    8,   false},
    [DTYPE_I8]      = {DTYPE_I8,      "I8",         1,    1,   false},
    [DTYPE_I16]     = {DTYPE_I16,     "I16",        1,    2,   false},
    [DTYPE_I32]     = {DTYPE_I32,     "I32",        1,    4,   false},
    [DTYPE_I64]     = {DTYPE_I64,     "I64",        1,    8,   false},
    [DTYPE_Q1_0]    = {DTYPE_Q1_0,    "Q1_0",     128,   18,   true},
    [DTYPE_Q2_0]    = {DTYPE_Q2_0,    "Q2_0",      64,   18,   true},
    [DTYPE_Q4_0]    = {DTYPE_Q4_0,    "Q4_0",      32,   18,   true},
    [DTYPE_Q4_1]    = {DTYPE_Q4_1,    "Q4_1",      32,   20,   true},
    [DTYPE_Q5_0]    = {DTYPE_Q5_0,    "Q5_0",      32,   22,   true},
    [DTYPE_Q5_1]    = {DTYPE_Q5_1,    "Q5_1",      32,   24,   true},
    [DTYPE_Q8_0]    = {DTYPE_Q8_0,    "Q8_0",      32,   34,   true},
    [DTYPE_Q8_1]    = {DTYPE_Q8_1,    "Q8_1",      32,   36,   false},
    [DTYPE_Q2_K]    = {DTYPE_Q2_K,    "Q2_K",     256,   84,   true},
    [DTYPE_Q3_K]    = {DTYPE_Q3_K,    "Q3_K",     256,  110,   true},
    [DTYPE_Q4_K]    = {DTYPE_Q4_K,    "Q4_K",     256,  144,   true},
    [DTYPE_Q5_K]    = {DTYPE_Q5_K,    "Q5_K",     256,  176,   true},
    [DTYPE_Q6_K]    = {DTYPE_Q6_K,    "Q6_K",     256,  210,   true},
    [DTYPE_Q8_K]    = {DTYPE_Q8_K,    "Q8_K",     256,  292,   false},
    [DTYPE_IQ1_S]   = {DTYPE_IQ1_S,   "IQ1_S",    256,   50,   true},
    [DTYPE_IQ1_M]   = {DTYPE_IQ1_M,   "IQ1_M",    256,   56,   true},
    [DTYPE_IQ2_XXS] = {DTYPE_IQ2_XXS, "IQ2_XXS",  256,   66,   true},
    [DTYPE_IQ2_XS]  = {DTYPE_IQ2_XS,  "IQ2_XS",   256,   74,   true},
    [DTYPE_IQ2_S]   = {DTYPE_IQ2_S,   "IQ2_S",    256,   82,   true},
    [DTYPE_IQ3_XXS] = {DTYPE_IQ3_XXS, "IQ3_XXS",  256,   98,   true},
    [DTYPE_IQ3_S]   = {DTYPE_IQ3_S,   "IQ3_S",    256,  110,   true},
    [DTYPE_IQ4_NL]  = {DTYPE_IQ4_NL,  "IQ4_NL",    32,   18,   true},
    [DTYPE_IQ4_XS]  = {DTYPE_IQ4_XS,  "IQ4_XS",   256,  136,   true},
    [DTYPE_TQ1_0]   = {DTYPE_TQ1_0,   "TQ1_0",    256,   54,   true},
    [DTYPE_TQ2_0]   = {DTYPE_TQ2_0,   "TQ2_0",    256,   66,   true},
    [DTYPE_MXFP4]   = {DTYPE_MXFP4,   "MXFP4",     32,   17,   true},
    [DTYPE_NVFP4]   = {DTYPE_NVFP4,   "NVFP4",     64,   36,   true},
};

#define REMOVED(name) name ", removed from the format"
#define PRIVATE(name) name ", private to ik_llama.cpp"

static const struct {
    uint32_t id;
    const char *name;
} foreign[] = {
    {4, REMOVED("Q4_2")},
    {5, REMOVED("Q4_3")},
    {31, REMOVED("Q4_0_4_4")},
    {32, REMOVED("Q4_0_4_8")},
    {33, REMOVED("Q4_0_8_8")},
    {37, REMOVED("IQ4_NL_4_8")},
    {38, REMOVED("IQ4_NL_8_8")},
    {36, "IQ4_NL_4_4, removed from the format, or I2_S of BitNet forks"},
    {97, PRIVATE("Q8_0_X4")},
    {98, PRIVATE("Q8_1_X4")},
    {99, PRIVATE("Q8_2_X4")},
    {133, PRIVATE("Q6_0")},
    {134, PRIVATE("IQ1_BN")},
    {135, PRIVATE("IQ2_BN")},
    {136, PRIVATE("Q8_K64")},
    {137, PRIVATE("IQ2_K")},
    {138, PRIVATE("IQ3_K")},
    {139, PRIVATE("IQ4_K")},
    {140, PRIVATE("IQ5_K")},
    {141, PRIVATE("IQ6_K")},
    {144, PRIVATE("IQ4_KS")},
    {145, PRIVATE("IQ2_KS")},
    {146, PRIVATE("IQ4_KSS")},
    {147, PRIVATE("Q8_K16")},
    {148, PRIVATE("Q8_K32")},
    {149, PRIVATE("Q8_KR8")},
    {150, PRIVATE("Q8_K128")},
    {151, PRIVATE("Q8_KV")},
    {152, PRIVATE("IQ5_KS")},
    {153, PRIVATE("IQ2_KT")},
    {154, PRIVATE("IQ3_KT")},
    {155, PRIVATE("IQ4_KT")},
    {156, PRIVATE("IQ3_KS")},
    {157, PRIVATE("IQ2_KL")},
    {158, PRIVATE("IQ1_KT")},
    {202, PRIVATE("Q4_0_R8")},
    {206, PRIVATE("Q5_0_R4")},
    {208, PRIVATE("Q8_0_R8")},
    {210, PRIVATE("Q2_K_R4")},
    {211, PRIVATE("Q3_K_R4")},
    {212, PRIVATE("Q4_K_R4")},
    {213, PRIVATE("Q5_K_R4")},
    {214, PRIVATE("Q6_K_R4")},
    {216, PRIVATE("IQ2_XXS_R4")},
    {217, PRIVATE("IQ2_XS_R4")},
    {218, PRIVATE("IQ3_XXS_R4")},
    {219, PRIVATE("IQ1_S_R4")},
    {220, PRIVATE("IQ4_NL_R4")},
    {221, PRIVATE("IQ3_S_R4")},
    {222, PRIVATE("IQ2_S_R4")},
    {223, PRIVATE("IQ4_XS_R8")},
    {229, PRIVATE("IQ1_M_R4")},
    {230, PRIVATE("BF16_R16")},
    {233, PRIVATE("Q6_0_R4")},
    {335, PRIVATE("IQ2_BN_R4")},
    {337, PRIVATE("IQ2_K_R4")},
    {338, PRIVATE("IQ3_K_R4")},
    {339, PRIVATE("IQ4_K_R4")},
    {340, PRIVATE("IQ5_K_R4")},
    {344, PRIVATE("IQ4_KS_R4")},
    {352, PRIVATE("IQ5_KS_R4")},
    {397, PRIVATE("Q8_K_R16")},
    {398, PRIVATE("Q8_KV_R8")},
    {399, PRIVATE("Q8_K_R8")},
};
/* clang-format on */

enum { REPACKED_FIRST = 202, REPACKED_LAST = 399, PRIVATE_FIRST = 133, PRIVATE_LAST = 158 };

const struct dtype_info *dtype_find(uint32_t id)
{
    return id <= DTYPE_ID_MAX && types[id].name ? &types[id] : NULL;
}

const struct dtype_info *dtype_find_name(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (types[i].name && str_equal_c(name, types[i].name))
            return &types[i];
    }
    return NULL;
}

const char *dtype_name(uint32_t id)
{
    const struct dtype_info *info = dtype_find(id);
    return info ? info->name : "?";
}

const char *dtype_foreign_name(uint32_t id)
{
    for (size_t i = 0; i < ARRAY_LEN(foreign); i++) {
        if (foreign[i].id == id)
            return foreign[i].name;
    }
    if (id >= REPACKED_FIRST && id <= REPACKED_LAST)
        return PRIVATE("a repacked type");
    if (id >= PRIVATE_FIRST && id <= PRIVATE_LAST)
        return PRIVATE("a type");
    return NULL;
}

uint64_t dtype_row_bytes(const struct dtype_info *info, uint64_t columns)
{
    uint64_t bytes = 0;
    if (columns % info->block_len != 0 ||
        __builtin_mul_overflow(columns / info->block_len, info->block_bytes, &bytes))
        return 0;
    return bytes;
}
