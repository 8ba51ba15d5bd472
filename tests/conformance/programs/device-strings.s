.code16
.intel_syntax noprefix
cld
mov dx, 0x3f8
mov si, 0x8000
mov di, 0x9000
outsb
insb
hlt
