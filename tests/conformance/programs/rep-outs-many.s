.code16
.intel_syntax noprefix
cld
mov dx, 0x3f8
mov si, 0xfe0
mov cx, 64
rep outsb
hlt
