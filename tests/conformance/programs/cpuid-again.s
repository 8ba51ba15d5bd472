.code16
.intel_syntax noprefix
cpuid
hlt
