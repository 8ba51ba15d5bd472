.code16
.intel_syntax noprefix
mov dx, 0xffff
out dx, al
out dx, eax
hlt
