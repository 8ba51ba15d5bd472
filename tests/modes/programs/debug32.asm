; Debug facilities in 32-bit protected mode: single steps, breakpoints on execution, data and ports, RF, general detect, DR6 and DR7.
%include "common32.inc"

        align 16
gdt:    dq 0
        DESC 0, 0xfffff, 0x9a, 0xc              ; 08 code
        DESC 0, 0xfffff, 0x92, 0xc              ; 10 data
        DESC 0, 0xfffff, 0xfa, 0xc              ; 18 user code
        DESC 0, 0xfffff, 0xf2, 0xc              ; 20 user data
tss_descriptor:
        DESC 0, 0x2068, 0x89, 0                 ; 28 TSS
gdt_end:

TF      equ 0x100
RF      equ 0x10000
DE      equ 8
%define ENABLE(n) (2 << ((n) * 2))
%define WATCH(n, kind, length) (2 << ((n) * 2) | (kind) << (16 + (n) * 4) | ((length) - 1) << (18 + (n) * 4))
WRITES  equ 1
PORTS   equ 2
ALL     equ 3

; BREAK register, address, DR7
%macro BREAK 3
        mov eax, %2
        mov dr%1, eax
        xor eax, eax
        mov dr6, eax
        mov dword [count], 0
        mov eax, 0x400 | (%3)
        mov dr7, eax
%endmacro
%macro DONE 0
        push eax
        xor eax, eax
        mov dr7, eax
        pop eax
%endmacro
; BROKE name, how often, where first, DR6 first
%macro BROKE 4
        DONE
        CHECK {%1, ": count"}, dword [count], %2
        CHECK {%1, ": eip"}, dword [first_eip], %3
        CHECK {%1, ": dr6"}, dword [first_dr6], %4
%endmacro
%macro STEP 0
        mov dword [count], 0
        xor eax, eax
        mov dr6, eax
        pushfd
        or dword [esp], TF
        popfd
%endmacro
%macro UNSTEP 0                                 ; three instructions that are stepped
        pushfd
        and dword [esp], ~TF
        popfd
%endmacro

main:
        SET_BASE tss_descriptor, tss
        mov dword [tss + 4], STACK_TOP - 0x4000
        mov dword [tss + 8], KDATA
        mov word [tss + 0x66], 0x68
        mov byte [tss + 0x2068], 0xff
        mov ax, KTSS
        ltr ax
        SET_GATE 1, debug, 0x8e
        SET_GATE 0x40, silent, 0xee
        SET_GATE 0x80, from_user, 0xee

        ; registers
        mov eax, -1
        mov dr6, eax
        mov ebx, dr6
        CHECK "dr6 of ones", ebx, 0xffffefff
        xor eax, eax
        mov dr6, eax
        mov ebx, dr6
        CHECK "dr6 of zeros", ebx, 0xffff0ff0
        mov dr7, eax
        mov ebx, dr7
        CHECK "dr7 of zeros", ebx, 0x400
        EXACT "dr7 fixed bits", .no_fixed
        mov eax, 0xd000                         ; without GD, bit 13
        mov dr7, eax
        mov ebx, dr7
        CHECK "dr7 fixed bits", ebx, 0x400
.no_fixed:
        xor eax, eax
        mov dr7, eax
        mov ebx, dr4
        CHECK "dr4 is dr6", ebx, 0xffff0ff0
        mov ebx, dr5
        CHECK "dr5 is dr7", ebx, 0x400
        mov eax, cr4
        or eax, DE
        mov cr4, eax
        FAULT "dr4 with DE", 6, -1, {mov ebx, dr4}
        FAULT "dr5 with DE", 6, -1, {mov dr5, ebx}

        ; single steps
        STEP
        nop
.step:  nop
        UNSTEP
        BROKE "steps", 5, .step, 0x4000
        mov esi, buffer
        mov edi, buffer + 16
        mov ecx, 3
        STEP
.rep:   rep movsb
        UNSTEP
        BROKE "a repetition is stepped by element", 6, .rep, 0x4000
        CHECK "of which none is lost", ecx, 0
        STEP
        mov ax, KDATA
        mov ss, ax
.behind_ss:
        nop
.behind_nop:
        UNSTEP
        BROKE "mov ss holds its step back", 5, .behind_ss - 2, 0x4000
        mov eax, KDATA
        push eax
        STEP
        nop
        lea esp, [esp + 0]
        UNSTEP
        pop eax
        push ss
        STEP
        pop ss
        nop
.popped:
        UNSTEP
        BROKE "pop ss holds its step back", 4, .popped, 0x4000
        STEP
        int 0x40
.int:   nop
.int_nop:
        UNSTEP
        BROKE "int n is not stepped, what follows its iret is", 4, .int_nop, 0x4000
        CHECK "the handler of int n runs without TF", dword [silent_flags], 0
        CHECK "and its frame has it", dword [silent_frame], TF
        STEP
        mov dword [resume], .faulted
.behind_mov:
        nop
        ud2
.faulted:
        UNSTEP
        BROKE "a fault is not stepped", 5, .behind_mov, 0x4000
        mov eax, [fault_flags]
        and eax, TF
        CHECK "its frame has TF", eax, TF
        ; POPF that clears TF is stepped, the one that sets it is not
        STEP
        UNSTEP
.unstepped:
        BROKE "popf is stepped when it clears TF", 3, .unstepped - 8, 0x4000
        CHECK "and the step's frame has TF clear", dword [last_flags], 0

        ; INT1 and INT 1
        mov dword [count], 0
        xor eax, eax
        mov dr6, eax
        int 1
.int1:  BROKE "int 1", 1, .int1, 0
        EXACT "icebp", .no_icebp
        mov dword [count], 0
        db 0xf1
.icebp: BROKE "icebp", 1, .icebp, 0
.no_icebp:

        ; execution
        BREAK 0, .x0, ENABLE(0)
        nop
.x0:    nop
        nop
        BROKE "execution", 1, .x0, 1
        mov eax, [first_flags]
        and eax, RF
        CHECK "execution: no RF in the frame", eax, 0
        BREAK 3, .x3, ENABLE(3)
        mov eax, 1
.x3:    add eax, 1
        mov edx, eax
        BROKE "execution, register 3", 1, .x3, 8
        CHECK "execution: the instruction happens once", edx, 2
        BREAK 1, .not_first + 1, ENABLE(1)
        mov dword [count], 0
.not_first:
        mov ebx, 0x12345678
        DONE
        CHECK "not at an instruction's second byte", dword [count], 0
        BREAK 2, .loop, ENABLE(2)
        mov ecx, 3
.loop:  nop
        loop .loop
        BROKE "execution in a loop", 3, .loop, 4
        mov ecx, 3
        mov esi, buffer
        mov edi, buffer + 16
        BREAK 2, .rep_x, ENABLE(2)
.rep_x: rep movsb
        BROKE "execution of a repetition", 1, .rep_x, 4
        BREAK 0, .shadowed, ENABLE(0)
        mov ax, KDATA
        EXACT "execution behind mov ss", .no_shadow
        mov ss, ax
.shadowed:
        nop
        DONE
        CHECK "execution behind mov ss", dword [count], 0
.no_shadow:
        DONE
        BREAK 0, .rf, ENABLE(0)
        pushfd
        or dword [esp], RF
        push dword KCODE
        push dword .rf
        mov dword [count], 0
        iret
.rf:    nop
        DONE
        CHECK "iret with RF goes past a breakpoint", dword [count], 0
        BREAK 0, .both, ENABLE(0)
        pushfd
        or dword [esp], RF
        push dword KCODE
        push dword .rf_first
        mov dword [count], 0
        iret
.rf_first:
        nop
.both:  nop
        DONE
        CHECK "RF lasts for one instruction", dword [count], 1
        ; a disabled one
        BREAK 0, .off, 0
.off:   nop
        DONE
        CHECK "disabled", dword [count], 0

        ; data
        BREAK 0, watched, WATCH(0, WRITES, 4)
        mov eax, [watched]
        mov [watched], eax
.w4:    nop
        BROKE "write", 1, .w4, 1
        BREAK 0, watched, WATCH(0, ALL, 4)
        mov eax, [watched]
.r4:    nop
        BROKE "read", 1, .r4, 1
        BREAK 0, watched + 1, WATCH(0, WRITES, 1)
        mov byte [watched], 1
        mov byte [watched + 2], 1
        mov byte [watched + 1], 1
.w1:    nop
        BROKE "one byte", 1, .w1, 1
        BREAK 0, watched + 2, WATCH(0, WRITES, 2)
        mov byte [watched + 1], 1
        mov [watched], eax
.w2:    nop
        BROKE "two bytes in a dword", 1, .w2, 1
        BREAK 0, watched, WATCH(0, WRITES, 4)
        mov [watched - 2], eax
.over:  nop
        BROKE "an access that overlaps", 1, .over, 1
        BREAK 0, watched, WATCH(0, WRITES, 4)
        inc dword [watched]
.rmw:   nop
        BROKE "read and write at once", 1, .rmw, 1
        mov edi, watched - 2
        mov ecx, 6
        BREAK 0, watched, WATCH(0, WRITES, 1)
.stos:  rep stosb
.stosd: nop
        BROKE "in a repetition", 1, .stos, 1
        BREAK 1, 0x170000, WATCH(1, WRITES, 4)
        mov esp, 0x170004
        push eax
.push:  mov esp, STACK_TOP - 0x200
        nop
        BROKE "a push", 1, .push, 2
        ; main's return address is where it was
        mov esp, [main_esp]
        BREAK 0, watched, WATCH(0, WRITES, 4)
        mov eax, watched + 4
        mov dr1, eax
        mov eax, 0x400 | WATCH(0, WRITES, 4) | WATCH(1, WRITES, 4)
        mov dr7, eax
        fninit
        fldz
        fstp qword [watched]
.two:   nop
        BROKE "two at once", 1, .two, 3
        BREAK 0, watched, WATCH(0, WRITES, 4)
        STEP
        mov [watched], eax
.traced:
        UNSTEP
        BROKE "a step and a write", 4, .traced, 0x4001
        BREAK 0, watched, WATCH(0, WRITES, 4)
        mov dword [resume], .not_written
.fault: mov eax, [watched]
        xor edx, edx
        ud2
.not_written:
        DONE
        CHECK "no write, no trap", dword [count], 0

        ; ports
        BREAK 0, 0x80, WATCH(0, PORTS, 1)
        in al, 0x80
.in:    nop
        BROKE "in", 1, .in, 1
        BREAK 0, 0x80, WATCH(0, PORTS, 1)
        out 0x80, al
.out:   nop
        BROKE "out", 1, .out, 1
        BREAK 0, 0x80, WATCH(0, PORTS, 2)
        mov dx, 0x81
        in al, dx
.in2:   nop
        BROKE "the second port of two", 1, .in2, 1
        BREAK 0, 0x80, WATCH(0, PORTS, 1)
        in al, 0x81
        DONE
        CHECK "another port", dword [count], 0
        mov eax, cr4
        and eax, ~DE
        mov cr4, eax

        ; general detect
        EXACT "general detect", .no_general
        BREAK 0, 0, 0x2000
        mov dword [resume_debug], .g1
.g0:    mov eax, dr6
.g1:    mov dword [resume_debug], 0
        mov eax, dr7
        and eax, 0x2000
        CHECK "general detect clears GD", eax, 0
        BROKE "general detect", 1, .g0, 0x2000
        BREAK 0, 0, 0x2000
        mov dword [resume_debug], .g3
.g2:    mov dr0, eax
.g3:    mov dword [resume_debug], 0
        BROKE "general detect of a write", 1, .g2, 0x2000
.no_general:

        ; level 3
        mov [kernel_esp], esp
        push dword UDATA
        push dword USER_STACK
        push dword 2
        push dword UCODE
        push dword user
        iret
from_user:
        mov ax, KDATA
        mov ds, ax
        mov es, ax
        mov esp, [kernel_esp]
        ret

user:   mov ax, UDATA
        mov ds, ax
        mov es, ax
        FAULT "level 3: read of a debug register", 13, 0, {mov eax, dr6}
        FAULT "level 3: write of a debug register", 13, 0, {mov dr0, eax}
        FAULT "level 3: int 1", 13, 1 * 8 + 2, int 1
        mov dword [count], 0
        pushfd
        or dword [esp], TF
        popfd
        nop
.step:  nop
        UNSTEP
        CHECK "level 3: steps", dword [count], 5
        CHECK "level 3: first step", dword [first_eip], .step
        int 0x80

debug:
        push eax
        push ds
        mov ax, KDATA
        mov ds, ax
        inc dword [count]
        mov eax, [esp + 16]
        and eax, TF
        mov [last_flags], eax
        cmp dword [count], 1
        jne .later
        mov eax, [esp + 8]
        mov [first_eip], eax
        mov eax, [esp + 16]
        mov [first_flags], eax
        mov eax, dr6
        and eax, 0xe00f
        mov [first_dr6], eax
.later: or dword [esp + 16], RF
        cmp dword [resume_debug], 0
        je .end
        mov eax, [resume_debug]
        mov [esp + 8], eax
.end:   pop ds
        pop eax
        iret

silent: push eax
        pushfd
        pop eax
        and eax, TF
        mov [silent_flags], eax
        mov eax, [esp + 12]
        and eax, TF
        mov [silent_frame], eax
        pop eax
        iret

        align 4
count:  dd 0
first_eip: dd 0
first_dr6: dd 0
first_flags: dd 0
last_flags: dd 0
resume_debug: dd 0
silent_flags: dd 0
silent_frame: dd 0
kernel_esp: dd 0
main_esp: dd STACK_TOP - 4
        align 16
        dd 0
watched: dd 0, 0, 0, 0
buffer: times 32 db 0
        align 16
tss:    times 0x2069 db 0
