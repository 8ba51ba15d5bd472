.code16
.intel_syntax noprefix
jmp .
