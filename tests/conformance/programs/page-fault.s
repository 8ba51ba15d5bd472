.code64
.intel_syntax noprefix
# Nothing is mapped there and there is no interrupt descriptor table.
mov rax, 0x40000000
mov al, [rax]
hlt
