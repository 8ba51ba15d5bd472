.code16
.intel_syntax noprefix
mov al, 3
add [0x8000], al
inc word ptr [0x8002]
xchg [0x8004], al
cmp byte ptr [0x8006], 1
test byte ptr [0x8008], 1
not byte ptr [0x800a]
hlt
