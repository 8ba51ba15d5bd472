.code16
.intel_syntax noprefix
# Code in one slot, a table in a second, results in a third.
mov al, [0x5000]
add al, [0x5001]
mov [0x9000], al
out 0x10, al
hlt
