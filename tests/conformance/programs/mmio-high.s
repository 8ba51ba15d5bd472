.code16
.intel_syntax noprefix
# A 32-bit address above the first megabyte, allowed by the segment's limit.
mov ebx, 0xfee01000
mov al, [ebx]
mov [ebx+4], al
hlt
