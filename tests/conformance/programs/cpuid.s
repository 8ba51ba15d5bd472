.code16
.intel_syntax noprefix
mov eax, 0
cpuid
hlt
