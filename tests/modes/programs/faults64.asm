; Exceptions in 64-bit mode: each vector with its error code, what comes first, contributory pairs, double faults, compatibility mode.
%include "common64.inc"

        align 16
gdt:    dq 0
        DESC 0, 0xfffff, 0x9a, 0xa              ; 08 64-bit code
        DESC 0, 0xfffff, 0x92, 0xc              ; 10 data
        DESC 0, 0xfffff, 0xfa, 0xc              ; 18 user code, 32 bit
        DESC 0, 0xfffff, 0xf2, 0xc              ; 20 user data
        DESC 0, 0xfffff, 0xfa, 0xa              ; 28 user code
tss_descriptor:
        DESC 0, 0x2068, 0x89, 0                 ; 30 TSS
        dq 0
        DESC 0, 0xfffff, 0x9a, 0xc              ; 40 32-bit code
gdt_end:

ABSENT  equ 0x1f0000
NOT_CANONICAL equ 0x800000000000

%macro IDT_AT 1
        mov rdi, %1
        call move_idt
%endmacro

main:
        mov rax, tss
        mov [tss_descriptor + 2], ax
        shr eax, 16
        mov [tss_descriptor + 4], al
        mov qword [tss + 4], STACK_TOP - 0x4000
        mov qword [tss + 0x24], IST_STACK
        mov word [tss + 0x66], 0x68
        mov byte [tss + 0x2068], 0xff
        mov ax, KTSS
        ltr ax
        SET_GATE 0x80, from_user, 0xee
        mov qword [PT + (ABSENT >> 12) * 8], 0
        invlpg [ABSENT]

        xor ecx, ecx
        mov eax, 1
        cdq
        FAULT "div by zero", 0, -1, div rcx
        mov rax, 0x8000000000000000
        mov rdx, -1
        mov rcx, -1
        FAULT "idiv overflow", 0, -1, idiv rcx
        FAULT "ud2", 6, -1, ud2
        FAULT "lock on a register", 6, -1, {db 0xf0, 0x48, 0x01, 0xd8}
        FAULT "mov to cs", 6, -1, {db 0x8e, 0xc8}
        FAULT "daa is gone", 6, -1, {db 0x27}
        mov rax, cr0
        or eax, 8
        mov cr0, rax
        FAULT "x87 with TS", 7, -1, fld1
        clts
        mov rax, cr4
        or eax, 0x600
        mov cr4, rax
        mov rax, cr0
        and eax, ~4
        or eax, 0x22
        mov cr0, rax
        fninit
        fldcw [unmasked]
        fld1
        fldz
        fdivp
        FAULT "x87 error", 16, -1, wait
        fninit
        EXACT "sse error", .no_sse
        ldmxcsr [mxcsr_unmasked]
        xorps xmm0, xmm0
        movss xmm1, [one]
        FAULT "sse error", 19, -1, {divss xmm1, xmm0}
        ldmxcsr [mxcsr]
.no_sse:
        FAULT "movaps unaligned", 13, 0, {movaps xmm0, [one]}
        mov rbx, NOT_CANONICAL
        FAULT "movaps where it is not canonical", 13, 0, {movaps xmm0, [rbx]}
        ; segment selectors
        mov ax, 0x203
        FAULT "selector beyond the table", 13, 0x200, mov fs, ax
        mov ax, KCODE
        FAULT "code as stack", 13, KCODE, mov ss, ax
        ; what comes first
        FAULT "page fault before a division", 14, 0, {div qword [ABSENT]}
        FAULT "operand's page fault before the selector", 14, 0, {mov fs, [ABSENT]}
        FAULT "undefined opcode before an address that is not canonical", 6, -1, {db 0x0f, 0xff, 0x03}
        mov rax, cr0
        or eax, 8
        mov cr0, rax
        FAULT "device not available before an address that is not canonical", 7, -1, {fld dword [rbx]}
        clts
        mov esi, ABSENT - 16
        mov edi, buffer
        mov ecx, 4
        FAULT "page fault in a repetition", 14, 0, {rep movsq}
        CHECK "elements left", rcx, 2
        CHECK "source", rsi, ABSENT
        mov byte [idt + 13 * 16 + 5], 0x0e
        FAULT "general protection whose gate is absent", 8, 0, {mov rax, [rbx]}
        mov byte [idt + 13 * 16 + 5], 0x8e
        mov byte [idt + 6 * 16 + 5], 0x0e
        STRICT_FAULT "undefined opcode whose gate is absent", 11, 6 * 8 + 3, ud2
        mov byte [idt + 6 * 16 + 5], 0x86
        STRICT_FAULT "undefined opcode whose gate has 16 bits", 13, 6 * 8 + 3, ud2
        mov byte [idt + 6 * 16 + 5], 0x85
        STRICT_FAULT "undefined opcode whose gate is a task gate", 13, 6 * 8 + 3, ud2
        mov byte [idt + 6 * 16 + 5], 0x8e
        mov word [idt + 6 * 16 + 2], 0x40
        STRICT_FAULT "undefined opcode whose gate names 32-bit code", 13, 0x41, ud2
        mov word [idt + 6 * 16 + 2], 0
        STRICT_FAULT "undefined opcode whose gate names nothing", 13, 1, ud2
        mov word [idt + 6 * 16 + 2], KCODE
        mov dword [idt + 6 * 16 + 8], 0x8000
        STRICT_FAULT "undefined opcode whose gate leads to no canonical address", 13, 1, ud2
        mov dword [idt + 6 * 16 + 8], 0
        mov byte [idt + 14 * 16 + 5], 0x0e
        FAULT "page fault whose gate is absent", 8, 0, {mov rax, [ABSENT]}
        mov byte [idt + 14 * 16 + 5], 0x8e
        mov byte [idt + 0x40 * 16 + 5], 0x0e
        FAULT "int n whose gate is absent", 11, 0x40 * 8 + 2, int 0x40
        mov byte [idt + 0x40 * 16 + 5], 0x8e
        mov word [short_idt], 0x50 * 16 - 1
        mov qword [short_idt + 2], idt
        lidt [short_idt]
        FAULT "int n beyond the table", 13, 0x50 * 8 + 2, int 0x50
        lidt [idtr]
        IDT_AT ABSENT - 14 * 16
        FAULT "page fault in the delivery of a page fault", 8, 0, {mov rax, [ABSENT + 0x800]}
        lidt [idtr]
        IDT_AT ABSENT + 0x1000 - 14 * 16
        FAULT "page fault in the delivery of a general protection", 14, 0, {mov rax, [rbx]}
        mov rax, cr2
        CHECK "address of the gate", rax, ABSENT + 0x1000 - 16
        lidt [idtr]
        ; stacks
        mov [saved_rsp], rsp
        SET_GATE 8, stubs + 8 * 16, 0x8e, 1
        mov qword [resume], .no_stack
        mov qword [vector], -1
        mov rsp, ABSENT + 0x100
        mov rax, [ABSENT]
.no_stack:
        mov rsp, [saved_rsp]
        CHECK "page fault on a stack that is not there", [vector], 8
        CHECK "page fault on a stack that is not there: code", [code], 0
        CHECK "double fault on its own stack", [handler_rsp], IST_STACK - 64
        EXACT "push on a stack that is not there", .no_push
        mov qword [resume], .pushed
        mov rsp, ABSENT + 8
        SET_GATE 14, stubs + 14 * 16, 0x8e, 1
        push rax
.pushed:
        mov rax, rsp
        mov rsp, [saved_rsp]
        CHECK "push on a stack that is not there", [vector], 14
        CHECK "push on a stack that is not there: rsp", rax, ABSENT + 8
.no_push:
        SET_GATE 14, stubs + 14 * 16, 0x8e
        SET_GATE 8, stubs + 8 * 16, 0x8e

        ; alignment, at level 3
        mov rax, cr0
        or eax, 0x40000
        mov cr0, rax
        mov [kernel_rsp], rsp
        push qword UDATA
        push qword USER_STACK
        push qword 2
        push qword UCODE
        push qword user
        iretq
from_user:
        mov rsp, [kernel_rsp]
        ret

user:   pushfq
        or dword [rsp], 0x40000
        popfq
        RUNS "aligned", {mov rax, [buffer]}
        RUNS "byte", {mov al, [buffer + 1]}
        STRICT_FAULT "unaligned qword", 17, 0, {mov rax, [buffer + 4]}
        STRICT_FAULT "unaligned dword", 17, 0, {mov eax, [buffer + 2]}
        STRICT_FAULT "unaligned word", 17, 0, {mov ax, [buffer + 1]}
        STRICT_FAULT "not canonical before unaligned", 13, 0, {mov rax, [rbx + 1]}
        pushfq
        and dword [rsp], ~0x40000
        popfq
        RUNS "without AC", {mov rax, [buffer + 4]}
        int 0x80

move_idt:
        mov [short_idt + 2], rdi
        mov word [short_idt], 0xfff
        mov qword [PT + (ABSENT >> 12) * 8], ABSENT + 7
        invlpg [ABSENT]
        mov rsi, idt
        mov ecx, 0x200
        rep movsq
        lidt [short_idt]
        mov qword [PT + (ABSENT >> 12) * 8], 0
        invlpg [ABSENT]
        ret

        align 16
buffer: dq 0, 0, 0, 0
kernel_rsp: dq 0
saved_rsp: dq 0
mxcsr:  dd 0x1f80
mxcsr_unmasked: dd 0x1d80
        align 16
        dd 0
one:    dd 0x3f800000
unmasked: dw 0x037b
short_idt: dw 0
        dq 0
        align 16
tss:    times 0x2069 db 0
