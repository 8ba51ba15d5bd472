.code16
.intel_syntax noprefix
cld
mov si, 0x8000
mov di, 0x300
mov cx, 3
rep movsb
mov al, 0x77
mov di, 0x8100
mov cx, 2
rep stosb
mov si, 0x300
mov di, 0x8200
movsw
mov si, 0x8300
lodsb
hlt
