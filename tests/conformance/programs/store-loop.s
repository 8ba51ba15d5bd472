.code16
.intel_syntax noprefix
mov byte ptr [0x800], 0x5a
hlt
mov byte ptr [0x800], 0x5b
hlt
