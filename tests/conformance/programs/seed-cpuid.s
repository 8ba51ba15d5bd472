.code16
.intel_syntax noprefix
# The seed's program with CPUID at its end, assembled for 32-bit mode but run in 16-bit mode.
mov dx, 0x3f8
add al, bl
add al, '0'
out dx, al
mov al, 10
out dx, al
mov ax, 0
add [bx+si], al
cpuid
hlt
