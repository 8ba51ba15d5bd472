.code16
.intel_syntax noprefix
# Software interrupt, undefined instruction and division by zero, each through the interrupt vector table.
mov sp, 0x800
mov word ptr [0x84], 0x400
mov word ptr [0x18], 0x410
mov word ptr [0], 0x420
int 0x21
ud2
mov cl, 0
mov ax, 5
div cl
hlt
.org 0x400
mov al, 0x21
out 0x10, al
iret
.org 0x410
mov al, 6
out 0x10, al
mov bp, sp
add word ptr [bp], 2
iret
.org 0x420
mov al, 0
out 0x10, al
mov bp, sp
add word ptr [bp], 2
iret
