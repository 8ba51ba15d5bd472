.code32
.intel_syntax noprefix
mov eax, 0x89abcdef
mov dx, 0x1234
out dx, eax
mov ebx, 0x800
mov [ebx], eax
mov ecx, [0x12345678]
mov [0x12345678], cx
hlt
