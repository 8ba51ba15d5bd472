.code16
.intel_syntax noprefix
mov eax, 0x11223344
mov [0x8000], al
mov [0x8002], ax
mov [0x8004], eax
mov byte ptr [0x8008], 0x5a
hlt
