; Debug facilities in 64-bit mode: what differs from 32-bit mode, see debug32.asm.
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
gdt_end:

HIGH_HALF equ 0xffffff8000000000                ; the last 512 GiB: the same tables
TF      equ 0x100
RF      equ 0x10000
%define ENABLE(n) (2 << ((n) * 2))
; kind: 1 writes, 3 reads and writes; length as DR7 has it: 0 one byte, 1 two, 2 eight, 3 four
%define WATCH(n, kind, length) (2 << ((n) * 2) | (kind) << (16 + (n) * 4) | (length) << (18 + (n) * 4))
%macro BREAK 3
        mov rax, %2
        mov dr%1, rax
        xor eax, eax
        mov dr6, rax
        mov qword [count], 0
        mov eax, 0x400 | (%3)
        mov dr7, rax
%endmacro
%macro BROKE 4
        push rax
        xor eax, eax
        mov dr7, rax
        pop rax
        CHECK {%1, ": count"}, [count], %2
        mov r15, %3
        CHECK {%1, ": rip"}, [first_rip], r15
        CHECK {%1, ": dr6"}, [first_dr6], %4
%endmacro
%macro STEP 0
        mov qword [count], 0
        xor eax, eax
        mov dr6, rax
        pushfq
        or dword [rsp], TF
        popfq
%endmacro
%macro UNSTEP 0
        pushfq
        and dword [rsp], ~TF
        popfq
%endmacro
%macro WRITE_MSR 2
        mov ecx, %1
        mov rax, %2
        mov rdx, rax
        shr rdx, 32
        wrmsr
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
        SET_GATE 1, debug, 0x8e, 1
        SET_GATE 0x40, silent, 0xee
        SET_GATE 0x80, from_user, 0xee
        SET_GATE 0x41, change_mask, 0xee
        mov rax, cr4
        or eax, 0x200                           ; OSFXSR
        mov cr4, rax
        mov qword [PML4 + 511 * 8], PDPT + 7
        mov rax, cr3
        mov cr3, rax

        mov rax, HIGH_HALF + 0x1234
        mov dr0, rax
        mov rbx, dr0
        CHECK "debug registers have 64 bits", rbx, rax
        ; steps
        STEP
        nop
.step:  nop
        UNSTEP
        BROKE "steps", 5, .step, 0x4000
        CHECK "on the interrupt stack table", [first_rsp], IST_STACK - 40
        STEP
        int 0x40
        nop
.int:   UNSTEP
        BROKE "int n", 4, .int, 0x4000
        mov ax, KDATA
        STEP
        mov ss, ax
        nop
.ss:    UNSTEP
        BROKE "mov ss", 4, .ss, 0x4000
        mov rsi, buffer
        mov rdi, buffer + 32
        mov ecx, 4
        STEP
.rep:   rep movsq
        UNSTEP
        BROKE "a repetition", 7, .rep, 0x4000
        ; iretq that sets TF: the instruction behind it is the first that is stepped
        mov qword [count], 0
        mov rax, rsp
        push qword KDATA
        push rax
        push qword TF | 2
        push qword KCODE
        push qword .stepped
        iretq
.stepped:
        nop
.behind: UNSTEP
        BROKE "iretq that sets TF", 4, .behind, 0x4000
        ; execution, also in the upper half
        BREAK 0, .x, ENABLE(0)
.x:     nop
        BROKE "execution", 1, .x, 1
        mov byte [function], 0x90
        mov byte [function + 1], 0xc3
        BREAK 1, HIGH_HALF + function, ENABLE(1)
        mov rax, function                       ; another linear address of the same code
        call rax
        mov rax, HIGH_HALF + function
        call rax
        BROKE "execution in the upper half", 1, HIGH_HALF + function, 2
        ; data
        BREAK 0, watched, WATCH(0, 1, 2)
        mov byte [watched - 1], 1
        mov byte [watched + 8], 1
        mov byte [watched + 7], 1
.eight: nop
        BROKE "eight bytes", 1, .eight, 1
        BREAK 2, HIGH_HALF + watched, WATCH(2, 3, 3)
        mov eax, [watched]
        mov rbx, HIGH_HALF + watched
        mov eax, [rbx]
.high:  nop
        BROKE "data in the upper half", 1, .high, 4
        BREAK 0, watched, WATCH(0, 1, 2)
        movups [watched - 8], xmm0
.sse:   nop
        BROKE "a wide store", 1, .sse, 1
        BREAK 0, across, WATCH(0, 1, 0)
        mov [across - 4], rax
.cross: nop
        BROKE "a store across pages", 1, .cross, 1

        ; SYSCALL mask_of_flags TF, SYSRET brings it back
        WRITE_MSR 0xc0000081, 0x0018000800000000
        WRITE_MSR 0xc0000082, by_syscall
        WRITE_MSR 0xc0000084, TF
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

user:   mov qword [count], 0
        pushfq
        or dword [rsp], TF
        popfq
        syscall
.after: nop
        UNSTEP
        CHECK "syscall with TF: no step in the handler", [seen_flags], 0
        CHECK "syscall with TF: the first step is behind sysret", [first_rip], .after
        mov qword [mask_of_flags], 0                    ; the handler is stepped too
        int 0x41
        mov qword [count], 0
        pushfq
        or dword [rsp], TF
        popfq
        syscall
        UNSTEP
        CHECK "syscall with TF that is not masked: the handler is stepped", [seen_flags], TF
        CHECK "syscall with TF that is not masked: the first step is its first", [first_rip], by_syscall
        FAULT "level 3: a debug register", 13, 0, {mov rax, dr7}
        int 0x80

change_mask:
        WRITE_MSR 0xc0000084, [mask_of_flags]
        iretq
by_syscall:
        pushfq
        pop qword [seen_flags]
        and qword [seen_flags], TF
        o64 sysret

debug:  push rax
        inc qword [count]
        cmp qword [count], 1
        jne .later
        mov rax, [rsp + 8]
        mov [first_rip], rax
        lea rax, [rsp + 8]
        mov [first_rsp], rax
        mov rax, dr6
        and eax, 0xe00f
        mov [first_dr6], rax
.later: or dword [rsp + 24], RF
        pop rax
        iretq
silent: iretq

        align 16
count:  dq 0
first_rip: dq 0
first_rsp: dq 0
first_dr6: dq 0
seen_flags: dq 0
mask_of_flags: dq TF
kernel_rsp: dq 0
        dq 0
watched: dq 0, 0
function: dq 0
buffer: times 8 dq 0
across  equ 0x1f1000
        align 16
tss:    times 0x2069 db 0
