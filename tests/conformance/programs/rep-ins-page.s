.code16
.intel_syntax noprefix
# The destination crosses a page's end.
cld
mov dx, 0x3f8
mov di, 0x1ffe
mov cx, 5
rep insb
hlt
