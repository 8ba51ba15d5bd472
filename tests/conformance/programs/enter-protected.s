.code16
.intel_syntax noprefix
# Real mode to 32-bit protected mode.
lgdt [0x100]
mov eax, cr0
or al, 1
mov cr0, eax
.byte 0xea, 0x40, 0x00, 0x08, 0x00
.org 0x40
.code32
mov ax, 0x10
mov ds, ax
mov ss, ax
mov esp, 0x800
mov eax, 0x12345678
push eax
out 0x10, eax
mov ebx, cr0
smsw cx
hlt
.org 0x100
.word 0x17
.long 0x110
.org 0x110
.quad 0
.quad 0x00cf9a000000ffff
.quad 0x00cf92000000ffff
