.code16
.intel_syntax noprefix
# Adds two digits and prints the sum and a newline.
mov dx, 0x3f8
add al, bl
add al, '0'
out dx, al
mov al, 10
out dx, al
hlt
