.code16
.intel_syntax noprefix
hlt
mov al, 1
hlt
