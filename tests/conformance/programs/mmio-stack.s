.code16
.intel_syntax noprefix
mov sp, 0x8010
push 0x1234
pop ax
hlt
