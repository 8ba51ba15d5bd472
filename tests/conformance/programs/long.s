.code64
.intel_syntax noprefix
mov rax, 0x1122334455667788
mov ebx, 0x800
mov [rbx], rax
out 0x10, eax
mov r8, [rbx+0x3000]
mov [rbx+0x3000], r8
mov r9, cr3
mov rcx, 0x200000
mov edx, [rcx]
hlt
