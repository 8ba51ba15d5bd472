.code16
.intel_syntax noprefix
mov ax, 0x9000
jmp ax
