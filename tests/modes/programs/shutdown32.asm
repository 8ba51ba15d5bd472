; A triple fault in 32-bit protected mode: an exception, a double fault whose gate is absent.
%include "common32.inc"

        align 16
gdt:    dq 0
        DESC 0, 0xfffff, 0x9a, 0xc              ; 08 code
        DESC 0, 0xfffff, 0x92, 0xc              ; 10 data
gdt_end:

main:
        mov byte [idt + 13 * 8 + 5], 0x0e
        mov ax, 0x203
        FAULT "general protection whose gate is absent", 8, 0, mov fs, ax
        mov byte [idt + 8 * 8 + 5], 0x0e
        mov dword [resume], .after
        mov fs, ax
.after: CHECK "shutdown", dword [vector], -1
        ret
