; Segment loads, access checks that need no limits, far transfers, gates, privilege changes and task switches.
%include "common32.inc"

        align 16
gdt:    dq 0
        DESC 0, 0xfffff, 0x9a, 0xc              ; 08 code
        DESC 0, 0xfffff, 0x92, 0xc              ; 10 data
        DESC 0, 0xfffff, 0xfa, 0xc              ; 18 user code
        DESC 0, 0xfffff, 0xf2, 0xc              ; 20 user data
tss_descriptor:
        DESC 0, 0x20ff, 0x89, 0                 ; 28 TSS
        DESC 0, 0xfffff, 0x90, 0xc              ; 30 read-only data
        DESC 0, 0xfffff, 0x98, 0xc              ; 38 execute-only code
        DESC 0, 0xfffff, 0x12, 0xc              ; 40 data, not present
        DESC 0, 0xfffff, 0x9e, 0xc              ; 48 conforming code, level 0
        DESC 0, 0xfffff, 0x1a, 0xc              ; 50 code, not present
        DESC 0, 0xfffff, 0xb2, 0xc              ; 58 data, level 1
ldt_descriptor:
        DESC 0, 15, 0x82, 0                     ; 60 LDT
call_gate:
        GATE KCODE, 0, 0xec, 2                  ; 68 call gate for level 3, two parameters
tss2_descriptor:
        DESC 0, 0x67, 0x89, 0                   ; 70 another TSS
        GATE 0x70, 0, 0x85, 0                   ; 78 task gate
        GATE KCODE, 0, 0x6c, 0                  ; 80 call gate for level 3, not present
same_gate:
        GATE KCODE, 0, 0x8c, 0                  ; 88 call gate for level 0
        DESC 0x100000, 0xffff, 0x9a, 0          ; 90 16-bit code at the program
        DESC 0, 0xfffff, 0xfe, 0xc              ; 98 conforming code, level 3
        DESC 0, 0x67, 0x09, 0                   ; a0 TSS, not present
        DESC 0, 0xfffff, 0x92, 0xc              ; a8 data, accessed bit clear
gdt_end:

        align 8
ldt:    DESC 0, 0xfffff, 0x92, 0xc              ; 04 data
        DESC 0, 0xfffff, 0x9a, 0xc              ; 0c code

main:
        SET_BASE tss_descriptor, tss
        SET_BASE tss2_descriptor, tss2
        SET_BASE ldt_descriptor, ldt
        SET_OFFSET call_gate, through_gate
        SET_OFFSET same_gate, same_level
        mov byte [idt + 0x80 * 8 + 5], 0xee     ; INT 80h from level 3
        mov dword [tss + 4], STACK_TOP - 0x4000
        mov dword [tss + 8], KDATA
        mov word [tss + 0x66], 0x68
        mov edi, tss + 0x68
        mov ecx, 0x2000
        mov al, 0
        rep stosb
        mov byte [tss + 0x68 + 0x2000], 0xff
        ; port 60h and its neighbours are closed to level 3
        mov byte [tss + 0x68 + 12], 0xff

        ; LTR and LLDT
        mov ax, KDATA
        FAULT "ltr data segment", 13, KDATA, ltr ax
        mov ax, 0xa0
        FAULT "ltr not present", 11, 0xa0, ltr ax
        mov ax, 0x74
        FAULT "ltr in LDT", 13, 0x74, ltr ax
        mov ax, KTSS
        RUNS "ltr", ltr ax
        movzx ebx, byte [tss_descriptor + 5]
        CHECK "ltr marks busy", ebx, 0x8b
        mov ax, KTSS
        FAULT "ltr busy", 13, KTSS, ltr ax
        str ebx
        CHECK "str", ebx, KTSS
        mov ax, 0
        RUNS "lldt null", lldt ax
        mov ax, 0x0c
        FAULT "LDT absent", 13, 0x0c, mov ds, ax
        mov ax, KDATA
        FAULT "lldt data", 13, KDATA, lldt ax
        mov ax, 0x60
        RUNS "lldt", lldt ax
        sldt ebx
        CHECK "sldt", ebx, 0x60
        mov ax, 0x04
        RUNS "load from LDT", mov es, ax
        mov ax, 0x14
        FAULT "beyond LDT", 13, 0x14, mov es, ax

        ; loads of data segments
        mov ax, 0x200
        FAULT "beyond GDT", 13, 0x200, mov ds, ax
        mov ax, 0x203
        FAULT "beyond GDT with RPL", 13, 0x200, mov ds, ax
        mov ax, 0x40
        FAULT "data not present", 11, 0x40, mov ds, ax
        FAULT "stack not present", 12, 0x40, mov ss, ax
        mov ax, 0x38
        FAULT "execute-only as data", 13, 0x38, mov ds, ax
        mov ax, KTSS
        FAULT "TSS as data", 13, KTSS, mov es, ax
        mov ax, 0
        FAULT "ss null", 13, 0, mov ss, ax
        mov ax, 0x30
        FAULT "ss read-only", 13, 0x30, mov ss, ax
        mov ax, KCODE
        FAULT "ss code", 13, KCODE, mov ss, ax
        mov ax, KDATA + 1
        FAULT "ss rpl", 13, KDATA, mov ss, ax
        mov ax, 0x58
        FAULT "ss dpl", 13, 0x58, mov ss, ax
        mov ax, KDATA + 3
        FAULT "data rpl above dpl", 13, KDATA, mov es, ax
        mov ax, UDATA
        RUNS "data of an outer level", mov es, ax
        mov ax, KCODE
        RUNS "readable code as data", mov es, ax
        mov ebx, [es:header]
        CHECK "read through code segment", ebx, 0x1badb002
        mov ax, 0xa8
        mov es, ax
        movzx ebx, byte [gdt + 0xa8 + 5]
        CHECK "load sets accessed", ebx, 0x93
        mov ax, 3
        RUNS "null with rpl", mov es, ax
        mov ebx, es
        CHECK "null selector kept", ebx, 3
        push dword KDATA
        RUNS "pop es", pop es
        mov ebx, es
        CHECK "popped es", ebx, KDATA
        les ebx, [far_pointer]
        CHECK "les offset", ebx, 0x12345678
        mov ebx, es
        CHECK "les selector", ebx, UDATA
        mov ebx, 0x55
        FAULT "les faulty", 13, 0x38, les ebx, [far_bad]
        CHECK "les faulty keeps register", ebx, 0x55

        ; LAR, LSL, VERR, VERW, ARPL
        mov ebx, 0
        mov eax, 0x90
        lar ebx, eax
        setz al
        movzx eax, al
        CHECK "lar ok", eax, 1
        CHECK "lar", ebx, 0x9a00
        mov eax, 0x88
        lar ebx, eax
        and ebx, 0xff00
        CHECK "lar gate", ebx, 0x8c00
        mov ebx, 7
        mov eax, 0x200
        lar ebx, eax
        setz al
        movzx eax, al
        CHECK "lar beyond", eax, 0
        CHECK "lar beyond keeps", ebx, 7
        mov eax, 0x90
        lsl ebx, eax
        CHECK "lsl bytes", ebx, 0xffff
        mov eax, KDATA
        lsl ebx, eax
        CHECK "lsl pages", ebx, 0xffffffff
        mov eax, 0x88
        lsl ebx, eax
        setz al
        movzx eax, al
        CHECK "lsl gate", eax, 0
        mov ax, 0x38
        verr ax
        setz bl
        movzx ebx, bl
        CHECK "verr execute-only", ebx, 0
        mov ax, 0x30
        verw ax
        setz bl
        movzx ebx, bl
        CHECK "verw read-only", ebx, 0
        verr ax
        setz bl
        movzx ebx, bl
        CHECK "verr read-only", ebx, 1
        mov ax, KDATA
        verw ax
        setz bl
        movzx ebx, bl
        CHECK "verw data", ebx, 1
        mov eax, 0x20
        mov ecx, 3
        arpl ax, cx
        setz cl
        movzx ecx, cl
        CHECK "arpl", eax, 0x23
        CHECK "arpl zf", ecx, 1

        ; far transfers
        FAULT "jmp null", 13, 0, jmp 0:0
        FAULT "jmp data", 13, KDATA, jmp KDATA:0
        FAULT "jmp beyond", 13, 0x200, jmp 0x200:0
        FAULT "jmp not present", 11, 0x50, jmp 0x50:0
        FAULT "jmp level", 13, 0x18, jmp 0x18:0
        FAULT "jmp rpl", 13, KCODE, jmp KCODE + 3:0
        FAULT "jmp beyond limit", 13, 0, jmp 0x90:0x10000
        FAULT "call gate not present", 11, 0x80, call 0x80:0
        mov dword [resume], .conforming
        jmp 0x48:.conforming
.conforming:
        mov ebx, cs
        CHECK "jmp conforming", ebx, 0x48
        jmp KCODE:.back
.back:  push dword 0
        push dword 0
        mov [saved_esp], esp
        call KCODE:far_function
        mov ebx, [saved_esp]
        sub ebx, esp
        CHECK "call far and retf 8", ebx, -8
        mov [saved_esp], esp
        call 0x88:0
        CHECK "call gate, same level", eax, 0x5a3e
        push dword UDATA
        push dword 0
        push dword KCODE + 3
        push dword 0
        FAULT "retf to outer level with a bad code segment", 13, KCODE, {retf}
        mov esp, [saved_esp]
        push dword 0
        push dword 0
        FAULT "retf null", 13, 0, retf
        mov esp, [saved_esp]
        pushfd
        push dword KDATA
        push dword 0
        FAULT "iret to data", 13, KDATA, iret
        mov esp, [saved_esp]

        ; level 3
        mov ebx, user_tests
        call run_user
        mov ebx, [user_result]
        CHECK "user mode came back", ebx, 0xabc

        ; task switches
        mov dword [tss2 + 0x1c], 0
        mov dword [tss2 + 0x20], task2
        mov dword [tss2 + 0x24], 2
        mov dword [tss2 + 0x38], STACK_TOP - 0x8000
        mov dword [tss2 + 0x48], KDATA
        mov dword [tss2 + 0x4c], KCODE
        mov dword [tss2 + 0x50], KDATA
        mov dword [tss2 + 0x54], KDATA
        mov dword [tss2 + 0x58], UDATA
        mov dword [tss2 + 0x5c], 0
        mov dword [tss2 + 0x60], 0
        mov dword [tss2 + 0x64], 0x680000
        mov ebp, 0x77
        mov [saved_esp], esp
        call 0x78:0
        CHECK "task switch kept esp", esp, [saved_esp]
        CHECK "task switch kept ebp", ebp, 0x77
        mov ebx, [task_ran]
        CHECK "task ran with NT", ebx, 0x4002
        str ebx
        CHECK "task register back", ebx, KTSS
        movzx ebx, byte [tss2_descriptor + 5]
        CHECK "task no longer busy", ebx, 0x89
        mov ebx, cr0
        and ebx, 8
        CHECK "task switch sets TS", ebx, 8
        clts
        mov ebx, cr0
        and ebx, 8
        CHECK "clts", ebx, 0
        movzx ebx, word [tss2]
        CHECK "back link", ebx, KTSS
        mov ebx, [tss2 + 0x20]
        sub ebx, task2_end
        CHECK "outgoing task saved", ebx, 0
        ret

through_gate:
        ; EIP CS p1 p2 ESP SS
        mov [gate_frame], esp
        mov eax, [esp + 8]
        mov [gate_first], eax
        mov eax, [esp + 12]
        mov [gate_second], eax
        mov eax, [esp + 4]
        mov [gate_cs], eax
        mov eax, [esp + 20]
        mov [gate_ss], eax
        mov eax, ss
        mov [gate_new_ss], eax
        retf 8

same_level:
        mov eax, 0x5a3e
        retf

far_function:
        retf 8

task2:
        pushfd
        pop eax
        mov [task_ran], eax
        iret
task2_end:
        jmp task2

; run_user: calls EBX at level 3, which ends with INT 80h
run_user:
        mov [kernel_esp], esp
        mov dword [idt + 0x80 * 8], 0
        mov eax, from_user
        mov [idt + 0x80 * 8], ax
        mov word [idt + 0x80 * 8 + 2], KCODE
        shr eax, 16
        mov [idt + 0x80 * 8 + 6], ax
        push dword UDATA
        push dword USER_STACK
        pushfd
        push dword UCODE
        push ebx
        iret
from_user:
        mov ax, KDATA
        mov ds, ax
        mov es, ax
        mov esp, [kernel_esp]
        ret

user_tests:
        ; KDATA in DS and ES must have become null on the way
        mov eax, ds
        mov ecx, UDATA
        mov ds, cx
        mov es, cx
        CHECK "inner data segments are null", eax, 0
        mov eax, cs
        CHECK "user cs", eax, UCODE
        mov eax, ss
        CHECK "user ss", eax, UDATA
        FAULT "hlt", 13, 0, hlt
        FAULT "cli", 13, 0, cli
        FAULT "sti", 13, 0, sti
        FAULT "mov cr0", 13, 0, {mov eax, cr0}
        FAULT "mov dr7", 13, 0, {mov eax, dr7}
        FAULT "lgdt", 13, 0, lgdt [gdtr]
        FAULT "lidt", 13, 0, lidt [idtr]
        FAULT "ltr", 13, 0, ltr ax
        FAULT "lldt", 13, 0, lldt ax
        FAULT "clts", 13, 0, clts
        FAULT "invlpg", 13, 0, invlpg [0]
        FAULT "wbinvd", 13, 0, wbinvd
        FAULT "rdmsr", 13, 0, rdmsr
        FAULT "wrmsr", 13, 0, wrmsr
        FAULT "in closed port", 13, 0, {in al, 0x60}
        FAULT "out closed port", 13, 0, {out 0x60, al}
        FAULT "word port half closed", 13, 0, {in ax, 0x5f}
        RUNS "open port", {in al, 0x80}
        FAULT "kernel int", 13, 0x21 * 8 + 2, int 0x21
        FAULT "privileged data", 13, KDATA, {mov ds, [selectors]}
        FAULT "user ss kernel", 13, KDATA, {mov ss, [selectors]}
        FAULT "jmp kernel", 13, KCODE, jmp KCODE:0
        FAULT "gate of level 0", 13, 0x88, call 0x88:0
        FAULT "task gate of level 0", 13, 0x78, call 0x78:0
        FAULT "ud2", 6, -1, ud2
        ; what a fault pushes from level 3
        CHECK "pushed cs", dword [fault_cs], UCODE
        CHECK "pushed ss", dword [fault_ss], UDATA
        CHECK "pushed esp", dword [fault_esp], USER_STACK
        mov eax, [fault_flags]
        and eax, 0x10000
        CHECK "fault pushes RF", eax, 0x10000
        CHECK "stack of level 0", dword [handler_esp], STACK_TOP - 0x4000 - 36
        ; IF, IOPL do not change here, and nothing faults
        pushfd
        pop eax
        mov ebx, eax
        xor eax, 0x3200
        push eax
        popfd
        pushfd
        pop eax
        CHECK "popf keeps IF and IOPL", eax, ebx
        ; a call gate inwards
        push dword 0x2222
        push dword 0x1111
        call 0x68:0
        CHECK "gate esp", esp, USER_STACK
        CHECK "gate first parameter", dword [gate_first], 0x1111
        CHECK "gate second parameter", dword [gate_second], 0x2222
        CHECK "gate caller", dword [gate_cs], UCODE
        CHECK "gate old ss", dword [gate_ss], UDATA
        CHECK "gate new ss", dword [gate_new_ss], KDATA
        CHECK "gate stack", dword [gate_frame], STACK_TOP - 0x4000 - 24
        mov eax, cs
        CHECK "gate return", eax, UCODE
        mov dword [resume], .conforming
        jmp 0x48 + 3:.conforming
.conforming:
        mov eax, cs
        CHECK "conforming keeps level", eax, 0x4b
        FAULT "still level 3", 13, 0, cli
        jmp UCODE:.end
.end:   mov dword [user_result], 0xabc
        int 0x80

        align 8
selectors: dw KDATA
far_pointer: dd 0x12345678
        dw UDATA
far_bad: dd 0x12345678
        dw 0x38
saved_esp: dd 0
kernel_esp: dd 0
user_result: dd 0
gate_frame: dd 0
gate_first: dd 0
gate_second: dd 0
gate_cs: dd 0
gate_ss: dd 0
gate_new_ss: dd 0
task_ran: dd 0
        align 16
tss2:   times 0x68 db 0
        align 16
tss:
