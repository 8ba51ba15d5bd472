.code16
.intel_syntax noprefix
mov eax, 0xffffffff
mov al, [0x8000]
mov ax, [0x8002]
mov eax, [0x8004]
movzx ebx, byte ptr [0x8008]
movsx ecx, word ptr [0x800a]
hlt
