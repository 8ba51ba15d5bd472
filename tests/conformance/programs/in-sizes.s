.code16
.intel_syntax noprefix
mov dx, 0x1234
mov eax, 0xffffffff
in al, dx
in ax, dx
in eax, dx
in al, 0x71
hlt
