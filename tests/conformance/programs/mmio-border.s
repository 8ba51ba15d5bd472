.code16
.intel_syntax noprefix
# Two bytes of each access are memory, two are not.
mov eax, [0x0ffe]
mov dword ptr [0x0ffe], 0x44332211
hlt
