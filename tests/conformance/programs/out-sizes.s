.code16
.intel_syntax noprefix
mov dx, 0x1234
mov eax, 0x89abcdef
out dx, al
out dx, ax
out dx, eax
out 0x80, al
out 0x81, ax
out 0x82, eax
hlt
