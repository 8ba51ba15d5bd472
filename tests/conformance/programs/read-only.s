.code16
.intel_syntax noprefix
mov al, [0x2000]
mov byte ptr [0x2000], 0x99
mov ah, [0x2000]
hlt
