.code16
.intel_syntax noprefix
cld
mov dx, 0x3f8
mov si, 0x200
mov cx, 3
rep outsb
mov cx, 2
rep outsw
mov cx, 2
rep outsd
std
mov cx, 2
rep outsb
cld
outsb
mov cx, 0
rep outsb
hlt
