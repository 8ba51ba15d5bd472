.code16
.intel_syntax noprefix
std
mov dx, 0x3f8
mov di, 0x210
mov cx, 2
rep insb
hlt
