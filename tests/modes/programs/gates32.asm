; Call, interrupt and trap gates of 16 and 32 bits, conforming code, the stacks of a TSS of 16 and 32 bits, returns outward, and
; a program of the 80286: 16-bit code, gates and TSS.
%include "common32.inc"

        align 16
gdt:    dq 0
        DESC 0, 0xfffff, 0x9a, 0xc              ; 08 code
        DESC 0, 0xfffff, 0x92, 0xc              ; 10 data
        DESC 0, 0xfffff, 0xfa, 0xc              ; 18 user code
        DESC 0, 0xfffff, 0xf2, 0xc              ; 20 user data
tss_descriptor:
        DESC 0, 0x2068, 0x89, 0                 ; 28 TSS
tss16_descriptor:
        DESC 0, 0x2b, 0x81, 0                   ; 30 16-bit TSS
        DESC 0x100000, 0xffff, 0x9a, 0          ; 38 16-bit code
        DESC 0x100000, 0xffff, 0xfa, 0          ; 40 16-bit user code
        DESC 0x160000, 0xffff, 0xf2, 0          ; 48 16-bit user stack
        DESC 0x170000, 0xffff, 0x92, 0          ; 50 16-bit stack
        DESC 0, 0xfffff, 0xba, 0xc              ; 58 code of level 1
        DESC 0, 0xfffff, 0xb2, 0xc              ; 60 data of level 1
        DESC 0, 0xfffff, 0xde, 0xc              ; 68 conforming code of level 2
        DESC 0, 0xfffff, 0x9e, 0xc              ; 70 conforming code of level 0
        DESC 0, 0xfffff, 0x12, 0xc              ; 78 data, not present
        DESC 0x170000, 0x0f, 0x92, 4            ; 80 data of 16 bytes
        DESC 0, 0xfffff, 0x90, 0xc              ; 88 data, read-only
        DESC 0, 0xfffff, 0x1a, 0xc              ; 90 code, not present
        DESC 0, 0xff, 0x9a, 4                   ; 98 code of 256 bytes
gate32: GATE KCODE, 0, 0xec, 31                 ; a0 32-bit call gate, 31 parameters
gate16: GATE 0x38, through16 - header, 0xe4, 3  ; a8 16-bit call gate, three parameters
gate_level1:
        GATE 0x58, 0, 0xec, 0                   ; b0 call gate to level 1
gate_conforming:
        GATE 0x70, 0, 0xec, 0                   ; b8 call gate to conforming code
        GATE KDATA, 0, 0xec, 0                  ; c0 call gate to data
        GATE 0, 0, 0xec, 0                      ; c8 call gate to nothing
        GATE 0x90, 0, 0xec, 0                   ; d0 call gate to absent code
        GATE 0x98, 0x100, 0xec, 0               ; d8 call gate beyond its segment
        GATE 0x308, 0, 0xec, 0                  ; e0 call gate beyond the table
gate_same:
        GATE KCODE, 0, 0xcc, 0                  ; e8 call gate for level 2
gate_plain:
        GATE KCODE, 0, 0xec, 0                  ; f0 32-bit call gate
        GATE UCODE, 0, 0xec, 0                  ; f8 call gate to level 3
fault_descriptor:
        DESC 0, 0x67, 0x89, 0                   ; 100 TSS of faults
gdt_end:

%define O(x) ((x) - header)

main:
        SET_BASE tss_descriptor, tss
        SET_BASE tss16_descriptor, tss16
        SET_OFFSET gate32, through32
        SET_OFFSET gate_level1, at_level1
        SET_OFFSET gate_conforming, at_conforming
        SET_OFFSET gate_same, at_same
        SET_OFFSET gate_plain, plain
        call full_stacks
        mov word [tss + 0x66], 0x68
        mov byte [tss + 0x68 + 0x2000], 0xff
        mov ax, KTSS
        ltr ax

        ; gates at the same level
        mov [saved_esp], esp
        call 0xf0:0x1234
        CHECK "call gate, same level: stack", esp, [saved_esp]
        CHECK "call gate, same level: pushes eip and cs", dword [seen_depth], 8
        mov dword [resume], .jumped
        jmp 0xf0:0
.jumped:
        CHECK "jmp through a gate pushes nothing", dword [seen_depth], 0
        FAULT "call gate to data", 13, KDATA, call 0xc0:0
        FAULT "call gate to nothing", 13, 0, call 0xc8:0
        FAULT "call gate to absent code", 11, 0x90, call 0xd0:0
        STRICT_FAULT "call gate beyond its segment", 13, 0, call 0xd8:0
        FAULT "call gate beyond the table", 13, 0x308, call 0xe0:0
        FAULT "call gate to level 3", 13, UCODE & ~3, call 0xf8:0
        FAULT "rpl above the gate's level", 13, 0xe8, call 0xe8 + 3:0
        ; 16-bit gate at the same level
        mov ax, 0x50
        mov ss, ax
        mov esp, 0x8000
        jmp 0x38:O(.narrow)
        bits 16
.narrow:
        call 0xa8:0
        jmp dword KCODE:.wide
        bits 32
.wide:
        CHECK "16-bit call gate, same level: pushes ip and cs", dword [seen_depth], 4
        mov ax, KDATA
        mov ss, ax
        mov esp, [saved_esp]

        ; level 3
        SET_GATE 0x80, from_user, 0xee
        SET_GATE 0x41, through_trap, 0xef
        SET_GATE 0x42, through_trap, 0xee
        SET_GATE 0x43, at_level1_by_int, 0xee, 0x58
        SET_GATE 0x44, at_conforming_by_int, 0xee, 0x70
        mov word [idt + 0x45 * 8], O(through_int16)
        mov word [idt + 0x45 * 8 + 2], 0x38
        mov dword [idt + 0x45 * 8 + 4], 0xe600
        mov ebx, user32
        call run_user
        CHECK "level 3 came back", dword [user_result], 0x32

        ; what may be wrong with the stack of an inner level
%macro BAD_STACK 5-6                            ; name, SS, ESP, vector, error code
        mov dword [tss + 4], %3
        mov dword [tss + 8], %2
        mov dword [want_vector], %4
        mov dword [want_code], %5
        ; the handler itself is on another stack: it is in a task of its own
        mov dword [fault_eip], 0
        mov ebx, %%user
        call run_user_catching
        CHECK %1, dword [caught_code], %5
        CHECK {%1, ": eip"}, dword [caught_eip], %%call
        jmp %%end
%%user: mov ax, UDATA
        mov ds, ax
%%call: call 0xf0:0
        jmp %%user
%%end:
%endmacro
        SET_BASE fault_descriptor, fault_tss
        BAD_STACK "inner ss null", 0, 0x170000, 10, 0
        BAD_STACK "inner ss of another level", UDATA, 0x170000, 10, UDATA & ~3
        BAD_STACK "inner ss with another rpl", KDATA + 1, 0x170000, 10, KDATA
        BAD_STACK "inner ss read-only", 0x88, 0x170000, 10, 0x88
        BAD_STACK "inner ss code", KCODE, 0x170000, 10, KCODE
        BAD_STACK "inner ss beyond the table", 0x308, 0x170000, 10, 0x308
        EXACT "inner ss not present", .no_small
        BAD_STACK "inner ss not present", 0x78, 0x170000, 12, 0x78
        BAD_STACK "inner ss too small", 0x80, 8, 12, 0x80
.no_small:
        call full_stacks

        ; the 80286
        SET_GATE 0x46, from_286, 0xee
        mov ax, 0x30
        ltr ax
        mov [saved_esp], esp
        mov ax, 0x50
        mov ss, ax
        mov esp, 0x9000
        push word 0x48 + 3
        push word 0xf000
        push word 0x40 + 3
        push word O(user16)
        o16 retf
from_286:
        mov ax, KDATA
        mov ss, ax
        mov esp, [saved_esp]
        mov ds, ax
        mov es, ax
        CHECK "16-bit retf outward: cs", dword [user_cs], 0x43
        CHECK "16-bit retf outward: ss", dword [user_ss], 0x4b
        CHECK "16-bit retf outward: sp", dword [user_esp], 0xf000
        CHECK "16-bit call gate: first parameter", dword [seen_first], 0x3333
        CHECK "16-bit call gate: last parameter", dword [seen_last], 0x1111
        CHECK "16-bit call gate: old sp", dword [seen_old_esp], 0xeffa
        CHECK "16-bit call gate: stack of a 16-bit TSS", dword [call_esp], 0x7000 - 8 - 6
        CHECK "16-bit call gate: retf n", dword [user_back], 0xf000
        CHECK "16-bit interrupt gate: stack", dword [int_esp], 0x7000 - 10
        CHECK "16-bit interrupt gate: cs", dword [int_cs], 0x43
        CHECK "no I/O map in a 16-bit TSS", dword [vector], 13
        and byte [tss_descriptor + 5], 0xfd
        mov ax, KTSS
        ltr ax

        ; SYSENTER and SYSEXIT
%macro WRITE_MSR 2
        mov ecx, %1
        mov eax, %2
        xor edx, edx
        wrmsr
%endmacro
        WRITE_MSR 0x174, 0
        EXACT "sysenter without cs", .no_sysenter
        FAULT "sysenter without cs", 13, 0, sysenter
        FAULT "sysexit without cs", 13, 0, sysexit
.no_sysenter:
        FAULT "syscall outside 64-bit mode", 6, -1, syscall
        WRITE_MSR 0x174, KCODE
        WRITE_MSR 0x175, STACK_TOP - 0x7000
        WRITE_MSR 0x176, by_sysenter
        mov ebx, user_sysenter
        call run_user
        CHECK "sysexit came back", dword [user_result], 0x5e
        ret

user_sysenter:
        mov ax, UDATA
        mov ds, ax
        mov es, ax
        FAULT "sysexit at level 3", 13, 0, sysexit
        stc
        mov ecx, esp
        mov edx, .back
        sysenter
.back:  setc al
        movzx eax, al
        CHECK "sysenter and sysexit keep CF", eax, 1
        CHECK "sysenter: cs", dword [seen_cs], KCODE
        CHECK "sysenter: ss", dword [seen_ss], KDATA
        CHECK "sysenter: esp", dword [seen_esp], STACK_TOP - 0x7000
        mov eax, [seen_flags]
        and eax, 0x200
        CHECK "sysenter: IF", eax, 0
        mov eax, cs
        CHECK "sysexit: cs", eax, UCODE
        mov eax, ss
        CHECK "sysexit: ss", eax, UDATA
        CHECK "sysexit: esp", esp, USER_STACK
        pushfd
        pop eax
        and eax, 0x200
        CHECK "sysexit leaves IF", eax, 0
        mov dword [user_result], 0x5e
        int 0x80

by_sysenter:
        mov [seen_esp], esp
        pushfd
        pop dword [seen_flags]
        mov eax, cs
        mov [seen_cs], eax
        mov eax, ss
        mov [seen_ss], eax
        sysexit

full_stacks:
        mov dword [tss + 4], STACK_TOP - 0x4000
        mov dword [tss + 8], KDATA
        mov dword [tss + 0xc], STACK_TOP - 0x6000
        mov dword [tss + 0x10], 0x61
        mov word [tss16 + 2], 0x7000
        mov word [tss16 + 4], 0x50
        mov word [tss16 + 6], 0x6000
        mov word [tss16 + 8], 0x61
        ret

; run_user: calls EBX at level 3, which ends with INT 80h
run_user:
        mov [kernel_esp], esp
        push dword UDATA
        push dword USER_STACK
        push dword 0x202
        push dword UCODE
        push ebx
        iret
from_user:
        mov ax, KDATA
        mov ds, ax
        mov es, ax
        mov esp, [kernel_esp]
        cli
        ret

; run_user_catching: the fault that EBX makes goes through a task gate
run_user_catching:
        mov dword [fault_tss + 0x20], fault_task
        mov dword [fault_tss + 0x24], 2
        mov dword [fault_tss + 0x38], STACK_TOP - 0x9000
        mov dword [fault_tss + 0x48], KDATA
        mov dword [fault_tss + 0x4c], KCODE
        mov dword [fault_tss + 0x50], KDATA
        mov dword [fault_tss + 0x54], KDATA
        mov eax, [want_vector]
        mov word [idt + eax * 8 + 2], 0x100
        mov word [idt + eax * 8 + 4], 0x8500
        jmp run_user
fault_task:
        pop dword [caught_code]
        mov eax, [tss + 0x20]
        mov [caught_eip], eax
        ; the main task goes on at level 0, as if it had come by from_user
        mov dword [tss + 0x20], from_user
        mov dword [tss + 0x4c], KCODE
        mov dword [tss + 0x50], KDATA
        mov eax, [kernel_esp]
        mov [tss + 0x38], eax
        mov eax, [want_vector]
        mov word [idt + eax * 8 + 2], KCODE
        mov word [idt + eax * 8 + 4], 0x8e00
        iret

plain:
        mov eax, [saved_esp]
        sub eax, esp
        mov [seen_depth], eax
        cmp eax, 0
        je .jumped
        retf
.jumped:
        jmp [resume]

through32:
        mov [seen_esp], esp
        mov eax, [esp + 8]
        mov [seen_first], eax
        mov eax, [esp + 8 + 30 * 4]
        mov [seen_last], eax
        mov eax, [esp + 8 + 31 * 4]
        mov [seen_old_esp], eax
        mov eax, ds
        mov [seen_ds], eax
        retf 31 * 4

at_level1:
        mov eax, cs
        mov [seen_cs], eax
        mov eax, ss
        mov [seen_ss], eax
        mov [seen_esp], esp
        ; inward again
        call 0xf0:0
        mov eax, cs
        mov [seen_again], eax
        retf

at_conforming:
        mov eax, cs
        mov [seen_cs], eax
        mov eax, ss
        mov [seen_ss], eax
        retf

at_same:
        retf

through_trap:
        pushfd
        pop dword [seen_flags]
        mov [seen_esp], esp
        iret
at_level1_by_int:
        mov eax, cs
        mov [seen_cs], eax
        iret
at_conforming_by_int:
        mov eax, cs
        mov [seen_cs], eax
        mov [seen_esp], esp
        iret

        bits 16
; 16-bit code, whose data are those of the flat segment
through16:
        mov bp, sp
        test byte [bp + 2], 3
        jnz .inner
        mov eax, 0x8000
        sub ax, sp
        mov [dword seen_depth], eax
        retf
.inner: movzx eax, word [bp + 4]
        mov [dword seen_first], eax
        movzx eax, word [bp + 8]
        mov [dword seen_last], eax
        movzx eax, word [bp + 10]
        mov [dword seen_old_esp], eax
        movzx eax, sp
        mov [dword seen_esp], eax
        retf 6
through_int16:
        movzx eax, sp
        mov [dword seen_esp], eax
        mov bp, sp
        mov ax, [bp + 2]
        mov [dword seen_cs], ax
        iret
        bits 32

user32:
        mov ax, UDATA
        mov ds, ax
        mov es, ax
        ; a gate with 31 parameters
        mov ecx, 31
.push:  push ecx
        loop .push
        mov edx, esp
        call 0xa0:0
        CHECK "32-bit call gate: first parameter", dword [seen_first], 1
        CHECK "32-bit call gate: last parameter", dword [seen_last], 31
        CHECK "32-bit call gate: old esp", dword [seen_old_esp], edx
        CHECK "32-bit call gate: stack", dword [seen_esp], STACK_TOP - 0x4000 - 16 - 31 * 4
        CHECK "retf n frees the outer stack too", esp, USER_STACK
        CHECK "a gate keeps data segments", dword [seen_ds], UDATA
        FAULT "call gate of level 2", 13, 0xe8, call 0xe8:0
        FAULT "jmp through a gate inwards", 13, KCODE, jmp 0xf0:0
        ; to level 1 and from there to level 0
        mov dword [saved_esp], 0
        call 0xb0:0
        CHECK "gate to level 1: cs", dword [seen_cs], 0x59
        CHECK "gate to level 1: ss", dword [seen_ss], 0x61
        CHECK "gate to level 1: esp", dword [seen_esp], STACK_TOP - 0x6000 - 16
        CHECK "gate from level 1 to level 0 and back", dword [seen_again], 0x59
        ; conforming code keeps the level
        call 0xb8:0
        CHECK "gate to conforming code: cs", dword [seen_cs], 0x73
        CHECK "gate to conforming code: ss", dword [seen_ss], UDATA
        mov dword [resume], .conforming
        jmp 0x68 + 3:.conforming
.conforming:
        mov eax, cs
        CHECK "conforming code of level 2 at level 3", eax, 0x6b
        jmp UCODE:.back
.back:
        ; interrupts
        int 0x41
        mov eax, [seen_flags]
        and eax, 0x200
        CHECK "trap gate keeps IF", eax, 0x200
        CHECK "interrupt to level 0: stack", dword [seen_esp], STACK_TOP - 0x4000 - 20
        int 0x42
        mov eax, [seen_flags]
        and eax, 0x200
        CHECK "interrupt gate clears IF", eax, 0
        pushfd
        pop eax
        and eax, 0x200
        CHECK "iret brings IF back", eax, 0x200
        int 0x43
        CHECK "interrupt to level 1", dword [seen_cs], 0x59
        mov edx, esp
        int 0x44
        CHECK "interrupt to conforming code: cs", dword [seen_cs], 0x73
        sub edx, [seen_esp]
        CHECK "interrupt to conforming code: 12 bytes on the same stack", edx, 12
        mov dword [user_result], 0x32
        int 0x80

        bits 16
; level 3, 16-bit segments, DS flat so that the checks can be printed
user16:
        mov ax, UDATA
        mov ds, ax
        mov es, ax
        xor eax, eax
        mov ax, cs
        mov [dword user_cs], eax
        mov ax, ss
        mov [dword user_ss], eax
        mov [dword user_esp], sp
        push word 0x1111
        push word 0x2222
        push word 0x3333
        call 0xa8:0
        mov [dword user_back], sp
        mov eax, [dword seen_esp]
        mov [dword call_esp], eax
        int 0x45
        mov eax, [dword seen_esp]
        mov [dword int_esp], eax
        mov eax, [dword seen_cs]
        mov [dword int_cs], ax
        mov dword [dword resume], O(.no_map)
        mov dword [dword vector], -1
        in al, 0x80
.no_map:
        int 0x46
        bits 32

        align 4
saved_esp: dd 0
kernel_esp: dd 0
user_result: dd 0
want_vector: dd 0
want_code: dd 0
caught_code: dd 0
caught_eip: dd 0
seen_depth: dd 0
seen_esp: dd 0
seen_first: dd 0
seen_last: dd 0
seen_old_esp: dd 0
seen_ds: dd 0
seen_cs: dd 0
seen_ss: dd 0
seen_again: dd 0
seen_flags: dd 0
user_cs: dd 0
user_ss: dd 0
user_esp: dd 0
user_back: dd 0
call_esp: dd 0
int_esp: dd 0
int_cs: dd 0
        align 16
tss16:  times 0x2c db 0
        align 16
fault_tss: times 0x68 db 0
        align 16
tss:    times 0x2069 db 0
