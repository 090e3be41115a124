#include "engine/builtin_model.h"

/* The assembler copies the file in; the Makefile knows that this object depends on it. */
__asm__(".section .rodata\n"
        ".balign 64\n"
        ".global holt_builtin_model_begin\n"
        ".hidden holt_builtin_model_begin\n"
        "holt_builtin_model_begin:\n"
        ".incbin \"models/builtin.gguf\"\n"
        ".global holt_builtin_model_end\n"
        ".hidden holt_builtin_model_end\n"
        "holt_builtin_model_end:\n"
        ".byte 0\n"
        ".previous\n");

extern const unsigned char holt_builtin_model_begin[];
extern const unsigned char holt_builtin_model_end[];

const void *builtin_model_bytes(size_t *out_size)
{
    *out_size = (size_t)(holt_builtin_model_end - holt_builtin_model_begin);
    return holt_builtin_model_begin;
}
