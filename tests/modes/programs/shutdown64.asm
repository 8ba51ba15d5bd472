; A triple fault in 64-bit mode: a page fault whose handler's stack, and that of the double fault, are not there.
%include "common64.inc"

        align 16
gdt:    dq 0
        DESC 0, 0xfffff, 0x9a, 0xa              ; 08 64-bit code
        DESC 0, 0xfffff, 0x92, 0xc              ; 10 data
        dq 0, 0, 0
tss_descriptor:
        DESC 0, 0x67, 0x89, 0                   ; 30 TSS
        dq 0
gdt_end:

ABSENT  equ 0x1f0000

main:
        mov rax, tss
        mov [tss_descriptor + 2], ax
        shr eax, 16
        mov [tss_descriptor + 4], al
        mov ax, KTSS
        ltr ax
        mov qword [tss + 0x24], ABSENT + 0x800
        mov qword [tss + 0x2c], STACK_TOP - 0x8000
        mov qword [PT + (ABSENT >> 12) * 8], 0
        invlpg [ABSENT]
        SET_GATE 14, stubs + 14 * 16, 0x8e, 1
        SET_GATE 8, stubs + 8 * 16, 0x8e, 2
        FAULT "page fault without a stack", 8, 0, {mov rax, [ABSENT]}
        SET_GATE 8, stubs + 8 * 16, 0x8e, 1
        mov qword [resume], .after
        mov rax, [ABSENT]
.after: CHECK "shutdown", [vector], -1
        ret

        align 16
tss:    times 0x68 db 0
