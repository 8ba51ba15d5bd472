.code16
.intel_syntax noprefix
cld
mov dx, 0x3f8
mov di, 0x200
mov cx, 3
rep insb
mov cx, 2
rep insw
mov cx, 2
rep insd
insb
mov cx, 0
rep insb
hlt
