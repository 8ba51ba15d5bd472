.code16
.intel_syntax noprefix
sti
hlt
cli
hlt
