; Far transfers, gates, IRET and fast system calls in IA-32e mode, from 64-bit and compatibility mode; SYSENTER and SYSEXIT.
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
        DESC 0, 0xfffff, 0x9a, 0xc              ; 40 32-bit code, level 0
        DESC 0, 0xffff, 0x9a, 0                 ; 48 16-bit code, level 0
gate:   dw 0, KCODE, 0xec00, 0                  ; 50 call gate
        dq 0
gate_conforming:
        dw 0, 0x70, 0xec00, 0                   ; 60 call gate to conforming code
        dq 0
        DESC 0, 0xfffff, 0x9e, 0xa              ; 70 64-bit conforming code
        DESC 0, 0xfffff, 0xfa, 0                ; 78 16-bit user code
        DESC 0, 0xfffff, 0x1a, 0xa              ; 80 64-bit code, not present
        DESC 0, 0xfffff, 0xba, 0xa              ; 88 64-bit code, level 1
        DESC 0, 0xfffff, 0xb2, 0xc              ; 90 data, level 1
        dw 0, KCODE, 0x8500, 0                  ; 98 task gate: no such thing here
bad_half:
        dw 0, KCODE, 0xec00, 0                  ; a0 call gate whose second half has a type
        dd 0, 0x0500
        dw 0, KDATA, 0xec00, 0                  ; b0 call gate to data
        dq 0
        dw 0, 0x80, 0xec00, 0                   ; c0 call gate to absent code
        dq 0
        dw 0, KCODE, 0x6c00, 0                  ; d0 call gate, not present
        dq 0
gate1:  dw 0, 0x88, 0xec00, 0                   ; e0 call gate to level 1
        dq 0
        DESC 0, 0xfffff, 0x72, 0xc              ; f0 user data, not present
        dw 0, KCODE, 0xec00, 0                  ; f8 call gate that the table's end cuts
gdt_end:

NT      equ 0x4000
RF      equ 0x10000
%macro OFFSET 2
        mov rax, %2
        mov [%1], ax
        shr rax, 16
        mov [%1 + 6], ax
        shr rax, 16
        mov [%1 + 8], eax
%endmacro
%macro WRITE_MSR 2
        mov ecx, %1
        mov rax, %2
        mov rdx, rax
        shr rdx, 32
        wrmsr
%endmacro
%macro USER 0
        mov [kernel_rsp], rsp
        push qword UDATA
        push qword USER_STACK
        push qword 2
        push qword UCODE
        push qword %%user
        iretq
%%user: mov ax, UDATA                           ; null since the IRET
        mov ds, ax
        mov es, ax
%endmacro
%macro KERNEL 0
        int 0x80
%endmacro

main:
        mov rax, tss
        mov [tss_descriptor + 2], ax
        shr eax, 16
        mov [tss_descriptor + 4], al
        mov qword [tss + 4], STACK_TOP - 0x4000
        mov qword [tss + 0xc], STACK_TOP - 0x6000
        mov qword [tss + 0x24], IST_STACK
        mov qword [tss + 0x54], IST_STACK - 0x1000
        mov word [tss + 0x66], 0x68
        mov byte [tss + 0x2068], 0xff
        mov ax, KTSS
        ltr ax
        SET_GATE 0x80, from_user, 0xee
        OFFSET gate, through_gate
        OFFSET gate_conforming, through_conforming
        OFFSET gate1, through_level1
        OFFSET bad_half, through_gate

        ; far transfers at the same level, in the three operand sizes
        mov [saved_rsp], rsp
        call far dword [far32]
        CHECK "far call with 32 bits", rax, 8
        CHECK "far call with 32 bits: stack", rsp, [saved_rsp]
        db 0x48
        call far dword [far64]
        CHECK "far call with 64 bits", rax, 16
        CHECK "far call with 64 bits: stack", rsp, [saved_rsp]
        lea rbx, [rsp]
        push qword 1
        push qword 2
        db 0x48
        call far dword [far_frees]
        CHECK "far return that frees", rsp, rbx
        jmp far dword [far_jump]
.jumped:
        CHECK "far jump", rsp, rbx
        ; through a gate
        call far dword [to_gate]
        CHECK "call gate, same level: pushes 16 bytes", rax, 16
        CHECK "call gate, same level: stack", rsp, [saved_rsp]
        call far dword [to_conforming]
        CHECK "call gate to conforming code", rsp, [saved_rsp]
        FAULT "far jump with an immediate is gone", 6, -1, {db 0xea, 0, 0, 0, 0, 8, 0}
        FAULT "far call with an immediate is gone", 6, -1, {db 0x9a, 0, 0, 0, 0, 8, 0}
        FAULT "les is gone", 6, -1, {db 0xc4, 0x00, 0xc0}
        FAULT "push es is gone", 6, -1, {db 0x06}
        FAULT "pop ds is gone", 6, -1, {db 0x1f}
        FAULT "aam is gone", 6, -1, {db 0xd4, 10}
        FAULT "pusha is gone", 6, -1, {db 0x60}
        FAULT "salc is gone", 6, -1, {db 0xd6}
        FAULT "call to absent code", 11, 0x80, call far dword [to_absent]
        FAULT "call to level 1", 13, 0x88, call far dword [to_level1]
        FAULT "jump to a TSS", 13, 0x30, jmp far dword [to_tss]
        FAULT "jump to a task gate", 13, 0x98, jmp far dword [to_task]
        FAULT "call gate whose second half has a type", 13, 0xa0, call far dword [to_bad_half]
        FAULT "call gate to data", 13, KDATA, call far dword [to_gate_data]
        FAULT "call gate to absent code", 11, 0x80, call far dword [to_gate_absent]
        FAULT "call gate not present", 11, 0xd0, call far dword [to_absent_gate]
        FAULT "call gate that the table cuts", 13, 0xf8, call far dword [to_cut_gate]

        ; LAR and LSL see fewer types
%macro SEES 3                                   ; name, selector, expected ZF
        mov eax, %2
        lar ebx, eax
        setz al
        movzx eax, al
        CHECK %1, rax, %3
%endmacro
        SEES "lar of a TSS", KTSS, 1
        SEES "lar of a call gate", 0x50, 1
        SEES "lar of a task gate", 0x98, 0
        SEES "lar of code", KCODE, 1
        SEES "lar of null", 0, 0
        mov eax, KTSS
        lsl ebx, eax
        CHECK "lsl of a TSS", rbx, 0x2068
        mov ebx, 5
        mov eax, 0x50
        lsl ebx, eax
        CHECK "lsl of a call gate", rbx, 5
        mov eax, KCODE
        lsl rbx, rax
        mov edx, 0xffffffff
        CHECK "lsl of code, 64 bits", rbx, rdx

        ; IRET
        mov rax, rsp
        push qword KDATA
        push rax
        push qword 0x202
        push qword KCODE
        push qword .iretq
        iretq
.iretq: cli
        CHECK "iretq", rsp, [saved_rsp]
        sub rsp, 20
        mov dword [rsp], .iretd
        mov dword [rsp + 4], KCODE
        mov dword [rsp + 8], 2
        mov rax, [saved_rsp]
        mov [rsp + 12], eax
        mov dword [rsp + 16], KDATA
        iretd
.iretd: CHECK "iretd takes SS and RSP too", rsp, [saved_rsp]
        xor eax, eax
        push rax                                ; a null SS
        push qword [saved_rsp]
        push qword 2
        push qword KCODE
        push qword .null
        iretq
.null:  mov eax, ss
        CHECK "iretq to a null ss", rax, 0
        mov ax, KDATA
        mov ss, ax
%macro BAD_IRET 6                               ; name, SS, CS, RIP, vector, code
        push qword %2
        push qword [saved_rsp]
        push qword 2
        push qword %3
        mov rax, %4
        push rax
        FAULT %1, %5, %6, iretq
        mov rsp, [saved_rsp]
%endmacro
        BAD_IRET "iretq to a null cs", KDATA, 0, .null, 13, 0
        BAD_IRET "iretq to data", KDATA, KDATA, .null, 13, KDATA
        BAD_IRET "iretq to absent code", KDATA, 0x80, .null, 11, 0x80
        BAD_IRET "iretq to a null ss at level 3", 0, UCODE, .null, 13, 0
        BAD_IRET "iretq to compatibility mode with a null ss", 0, UCODE32, .null, 13, 0
        BAD_IRET "iretq to an absent ss", 0xf3, UCODE, .null, 12, 0xf0
        BAD_IRET "iretq to an ss of another level", KDATA + 3, UCODE, .null, 13, KDATA
        EXACT "iretq to an address that is not canonical", .no_canonical
        BAD_IRET "iretq to an address that is not canonical", KDATA, KCODE, 0x800000000000, 13, 0
.no_canonical:
        ; RF and the flags that IRET takes
        push qword KDATA
        push qword [saved_rsp]
        push qword 0x250ad7
        push qword KCODE
        push qword .flags
        iretq
.flags: pushfq
        pop rax
        and eax, 0x240ad7
        CHECK "iretq takes flags", rax, 0x240ad7
        push qword 2
        popfq

        ; compatibility mode at level 0: 32-bit code, then 16-bit code at 7000h
        mov esi, low_code
        mov edi, 0x7000
        mov ecx, low_code_end - low_code
        rep movsb
        mov [far_pointer], dword narrow
        mov word [far_pointer + 4], 0x40
        call far dword [far_pointer]
        bits 32
narrow: ; the return address is that of 64-bit code; the rest of this is 32-bit code
        mov [narrow_esp], esp
        mov eax, cs
        mov [narrow_cs], eax
        mov eax, 0xffffffff
        inc eax                                 ; one byte, no prefix
        mov [narrow_eax], eax
        push ds
        pop ds
        push eax
        call .near
.near:  pop eax
        sub eax, .near
        mov [narrow_near], eax
        mov eax, 0x80000000
        lea eax, [eax + eax * 2 + 16]
        mov [narrow_lea], eax
        pop eax
        jmp 0x48:0x7000
        bits 64
from_narrow:
        mov ax, KDATA
        mov ss, ax
        mov ds, ax
        mov es, ax
        mov rsp, [saved_rsp]
        CHECK "compatibility mode: cs", [narrow_cs], 0x40
        mov rax, [saved_rsp]
        sub rax, 8
        CHECK "compatibility mode: far call's frame", [narrow_esp], rax
        CHECK "compatibility mode: inc eax", [narrow_eax], 0
        CHECK "compatibility mode: near call", [narrow_near], 0
        mov eax, 0x80000010
        CHECK "compatibility mode: addresses have 32 bits", [narrow_lea], rax
        CHECK "compatibility mode: 16-bit code", [narrow_low], 0x55aa
        call fast_calls
        ret

        bits 16
low_code:
        mov ax, 0x55aa
        mov [dword narrow_low], ax
        jmp dword KCODE:from_narrow
low_code_end:
        bits 64

far_returns32:
        mov rax, [saved_rsp]
        sub rax, rsp
        retf
far_returns64:
        mov rax, [saved_rsp]
        sub rax, rsp
        retfq
far_frees_two:
        db 0x48
        retf 16
through_gate:
        mov rax, [saved_rsp]
        sub rax, rsp
        retfq
through_conforming:
        mov eax, cs
        mov [seen_cs], rax
        retfq
through_level1:
        mov eax, cs
        mov [seen_cs], rax
        mov eax, ss
        mov [seen_ss], rax
        mov [seen_rsp], rsp
        retfq

from_user:
        pop qword [back]
        mov rsp, [kernel_rsp]
        jmp [back]

fast_calls:
        ; interrupts and gates from level 3
        SET_GATE 0x41, by_interrupt, 0xee, 1
        SET_GATE 0x42, by_interrupt, 0xee, 7
        SET_GATE 0x43, by_interrupt, 0xef
        USER
        int 0x41
        CHECK "interrupt stack table, entry 1", [seen_rsp], IST_STACK - 40
        int 0x42
        CHECK "interrupt stack table, entry 7", [seen_rsp], IST_STACK - 0x1000 - 40
        int 0x43
        CHECK "stack of level 0", [seen_rsp], STACK_TOP - 0x4000 - 40
        CHECK "its ss is null", [seen_ss], 0
        mov [saved_rsp], rsp
        call far dword [to_gate1]
        CHECK "call gate to level 1: cs", [seen_cs], 0x89
        CHECK "call gate to level 1: ss", [seen_ss], 1
        CHECK "call gate to level 1: stack", [seen_rsp], STACK_TOP - 0x6000 - 32
        CHECK "back from level 1", rsp, [saved_rsp]
        mov eax, ss
        CHECK "back from level 1: ss", rax, UDATA
        KERNEL
        SET_GATE 0x43, by_interrupt, 0xef, 1
        int 0x43
        CHECK "interrupt stack table at the same level", [seen_rsp], IST_STACK - 40
        ; the stack is aligned
        lea rbx, [rsp - 5]
        xchg rsp, rbx
        SET_GATE 0x44, by_interrupt, 0xef
        int 0x44
        xchg rsp, rbx
        mov rax, [seen_rsp]
        and eax, 15
        CHECK "frames are aligned", rax, 8
        CHECK "the interrupted rsp", [seen_old_rsp], rbx

        ; SYSCALL and SYSRET
        mov ecx, 0xc0000080
        rdmsr
        mov [efer], eax
        and eax, ~1
        wrmsr
        FAULT "syscall without SCE", 6, -1, syscall
        FAULT "sysret without SCE", 6, -1, {o64 sysret}
        mov eax, [efer]
        wrmsr
        WRITE_MSR 0xc0000081, 0x0018000800000000
        WRITE_MSR 0xc0000082, by_syscall
        WRITE_MSR 0xc0000084, 0x40700
        pushfq
        pop r15
        USER
        mov qword [saved_rsp], 0
        pushfq
        or dword [rsp], 0x40001
        popfq
        syscall
.after: pushfq
        pop rbx
        and ebx, 0x40001
        CHECK "syscall: rcx", [seen_rip], .after
        CHECK "syscall: the mask clears AC", [seen_flags], 1
        CHECK "sysret brings AC back", rbx, 0x40001
        ; to compatibility mode
        mov qword [saved_rsp], 1
        mov [sysret_to], dword .narrow
        syscall
        bits 32
.narrow:
        mov eax, cs
        mov [narrow_cs], eax
        mov eax, ss
        mov [narrow_ss], eax
        mov eax, 0x7fffffff
        inc eax
        mov [narrow_eax], eax
        jmp UCODE:.wide
        bits 64
.wide:  CHECK "sysret to compatibility mode: cs", [narrow_cs], UCODE32
        CHECK "sysret to compatibility mode: ss", [narrow_ss], UDATA
        mov eax, 0x80000000
        CHECK "sysret to compatibility mode runs 32-bit code", [narrow_eax], rax
        KERNEL
        EXACT "sysret to an address that is not canonical", .no_sysret
        mov rcx, 0x800000000000
        FAULT "sysret to an address that is not canonical", 13, 0, {o64 sysret}
.no_sysret:

        ; SYSENTER and SYSEXIT
        WRITE_MSR 0x174, KCODE
        WRITE_MSR 0x175, STACK_TOP - 0x7000
        WRITE_MSR 0x176, by_sysenter
        EXACT "sysenter", .no_sysenter
        mov rdx, 0x800000000000
        FAULT "sysexit to an address that is not canonical", 13, 0, {o64 sysexit}
        USER
        FAULT "sysexit at level 3", 13, 0, {o64 sysexit}
        mov rsi, rsp
        mov rdi, .exited
        mov dword [how_exit], 8
        sysenter
.exited:
        CHECK "sysenter: cs", [seen_cs], KCODE
        CHECK "sysenter: ss", [seen_ss], KDATA
        CHECK "sysenter: rsp", [seen_rsp], STACK_TOP - 0x7000
        mov rax, [seen_flags]
        and eax, 0x200
        CHECK "sysenter: IF", rax, 0
        mov eax, cs
        CHECK "sysexit with 64 bits: cs", rax, 0x2b
        mov eax, ss
        CHECK "sysexit with 64 bits: ss", rax, 0x33
        CHECK "sysexit with 64 bits: rsp", rsp, rsi
        mov ax, UDATA
        mov ss, ax
        mov rdi, .narrow_exit
        mov dword [how_exit], 4
        sysenter
        bits 32
.narrow_exit:
        mov eax, cs
        mov [narrow_cs], eax
        jmp UCODE:.wide_exit
        bits 64
.wide_exit:
        CHECK "sysexit with 32 bits: cs", [narrow_cs], UCODE32
        KERNEL
        WRITE_MSR 0x174, 0
        FAULT "sysexit without cs", 13, 0, {o64 sysexit}
.no_sysenter:
        ret

by_interrupt:
        mov [seen_rsp], rsp
        mov rax, [rsp + 24]
        mov [seen_old_rsp], rax
        mov eax, ss
        mov [seen_ss], rax
        iretq
by_syscall:
        mov [seen_rip], rcx
        pushfq
        pop rax
        and eax, 0x40001
        mov [seen_flags], rax
        cmp qword [saved_rsp], 0
        jne .narrow
        o64 sysret
.narrow:
        mov ecx, [sysret_to]
        sysret
by_sysenter:
        mov [seen_rsp], rsp
        pushfq
        pop qword [seen_flags]
        mov eax, cs
        mov [seen_cs], rax
        mov eax, ss
        mov [seen_ss], rax
        mov rdx, rdi
        mov rcx, rsi
        cmp dword [how_exit], 8
        jne .narrow
        o64 sysexit
.narrow:
        sysexit

        align 8
kernel_rsp: dq 0
saved_rsp: dq 0
back:   dq 0
seen_cs: dq 0
seen_ss: dq 0
seen_rsp: dq 0
seen_old_rsp: dq 0
seen_rip: dq 0
seen_flags: dq 0
narrow_cs: dq 0
narrow_ss: dq 0
narrow_esp: dq 0
narrow_eax: dq 0
narrow_near: dq 0
narrow_lea: dq 0
narrow_low: dq 0
efer:   dd 0
sysret_to: dd 0
how_exit: dd 0
far32:  dd far_returns32
        dw KCODE
far64:  dq far_returns64
        dw KCODE
far_frees: dq far_frees_two
        dw KCODE
far_jump: dd main.jumped
        dw KCODE
far_pointer: dd 0
        dw 0
%macro POINTER 2
%1:     dd 0
        dw %2
%endmacro
        POINTER to_gate, 0x50
        POINTER to_conforming, 0x60
        POINTER to_absent, 0x80
        POINTER to_level1, 0x88
        POINTER to_tss, 0x30
        POINTER to_task, 0x98
        POINTER to_bad_half, 0xa0
        POINTER to_gate_data, 0xb0
        POINTER to_gate_absent, 0xc0
        POINTER to_absent_gate, 0xd0
        POINTER to_cut_gate, 0xf8
        POINTER to_gate1, 0xe0
        align 16
tss:    times 0x2069 db 0
