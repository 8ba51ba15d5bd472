; Hardware task switches: JMP, CALL, IRET and task gates, 32- and 16-bit TSSs, virtual-8086 tasks, faults in the new task.
%include "common32.inc"

        align 16
gdt:    dq 0
        DESC 0, 0xfffff, 0x9a, 0xc              ; 08 code
        DESC 0, 0xfffff, 0x92, 0xc              ; 10 data
        DESC 0, 0xfffff, 0xfa, 0xc              ; 18 user code
        DESC 0, 0xfffff, 0xf2, 0xc              ; 20 user data
main_descriptor:
        DESC 0, 0x67, 0x89, 0                   ; 28 TSS
other_descriptor:
        DESC 0, 0x67, 0x89, 0                   ; 30 TSS of the other task
narrow_descriptor:
        DESC 0, 0x2b, 0x81, 0                   ; 38 16-bit TSS
other_gate:
        GATE 0x30, 0, 0x85, 0                   ; 40 task gate
short_descriptor:
        DESC 0, 0x66, 0x89, 0                   ; 48 TSS with too low a limit
absent_descriptor:
        DESC 0, 0x67, 0x09, 0                   ; 50 TSS, not present
ldt_descriptor:
        DESC 0, 23, 0x82, 0                     ; 58 LDT
        GATE 0x10, 0, 0x85, 0                   ; 60 task gate to a data segment
        GATE 0x34, 0, 0x85, 0                   ; 68 task gate to an LDT's entry
        DESC 0, 0xfffff, 0xf2 & 0x7f, 0xc       ; 70 user data, not present
        DESC 0, 0xfffff, 0xfa & 0x7f, 0xc       ; 78 user code, not present
        DESC 0, 0xff, 0xfa, 4                   ; 80 user code of 256 bytes
        DESC 0, 0xfffff, 0xf0, 0xc              ; 88 user data, read-only
        GATE 0x30, 0, 0x05, 0                   ; 90 task gate, not present
        DESC 0, 0xffff, 0x9a, 0                 ; 98 16-bit code at 0
narrow_gate:
        GATE 0x38, 0, 0x85, 0                   ; a0 task gate to the 16-bit TSS
        DESC 0, 15, 0x02, 0                     ; a8 LDT, not present
        DESC 0, 0xffff, 0x92, 0                 ; b0 16-bit data
gdt_end:

        align 8
ldt:    DESC 0, 0xfffff, 0x92, 0xc              ; 04 data
local_descriptor:
        DESC 0, 0x67, 0x89, 0                   ; 0c TSS
        GATE 0x30, 0, 0x85, 0                   ; 14 task gate

OTHER   equ 0x30
NARROW  equ 0x38
NT      equ 0x4000

; a field of a TSS
%define CR3_ 0x1c
%define EIP_ 0x20
%define EFLAGS_ 0x24
%define EAX_ 0x28
%define ESP_ 0x38
%define EBP_ 0x3c
%define ES_ 0x48
%define CS_ 0x4c
%define SS_ 0x50
%define DS_ 0x54
%define FS_ 0x58
%define GS_ 0x5c
%define LDT_ 0x60

; OTHER_TASK label: the other task begins there anew
%macro OTHER_TASK 1
        mov dword [other + EIP_], %1
        call reset_other
%endmacro

main:
        SET_BASE main_descriptor, main_tss
        SET_BASE other_descriptor, other
        SET_BASE narrow_descriptor, narrow
        SET_BASE short_descriptor, other
        SET_BASE absent_descriptor, other
        SET_BASE ldt_descriptor, ldt
        SET_BASE local_descriptor, other
        mov ax, KTSS
        ltr ax
        mov ax, 0x58
        lldt ax

        mov word [main_tss + LDT_], ax           ; no switch saves it

        ; JMP
        OTHER_TASK by_jump
        mov eax, 0x11111111
        mov ebp, 0x55555555
        mov edx, 0x22222222
        mov bx, UDATA
        mov fs, bx
        stc
        jmp OTHER:0x12345678
.jumped:
        str ebx
        CHECK "back by jmp", ebx, KTSS
        CHECK "jmp saved eax", dword [main_seen + EAX_], 0x11111111
        CHECK "jmp saved edx", dword [main_seen + EAX_ + 8], 0x22222222
        CHECK "jmp saved ebp", dword [main_seen + EBP_], 0x55555555
        mov eax, [main_seen + EIP_]
        sub eax, .jumped
        CHECK "jmp saved the next eip", eax, 0
        CHECK "jmp saved cs", dword [main_seen + CS_], KCODE
        CHECK "jmp saved fs", dword [main_seen + FS_], UDATA
        mov eax, [main_seen + EFLAGS_]
        and eax, NT + 1
        CHECK "jmp saved eflags", eax, 1
        CHECK "jmp keeps the link", dword [other_link], 0
        CHECK "jmp eax", dword [other_eax], 0xa0a0a0a0
        CHECK "jmp ebp", dword [other_ebp], 0xb0b0b0b0
        CHECK "jmp gs", dword [other_gs], UDATA
        CHECK "jmp ldt", dword [other_ldt], 0x58
        CHECK "jmp task register", dword [other_tr], OTHER
        mov eax, [other_flags]
        and eax, NT + 0x8d5
        CHECK "jmp flags", eax, 0x801
        mov eax, [other_cr0]
        and eax, 8
        CHECK "jmp sets TS", eax, 8
        CHECK "jmp busy", dword [other_busy], 0x8b
        CHECK "jmp leaves no busy task", dword [main_busy], 0x89
        movzx eax, byte [other_descriptor + 5]
        CHECK "jmp back leaves no busy task", eax, 0x89
        movzx eax, byte [main_descriptor + 5]
        CHECK "jmp back busy", eax, 0x8b
        clts

        ; CALL and IRET
        OTHER_TASK by_call
        call OTHER:0
        clts
        str ebx
        CHECK "back by iret", ebx, KTSS
        CHECK "call writes the link", dword [other_link], KTSS
        mov eax, [other_flags]
        and eax, NT
        CHECK "call sets NT", eax, NT
        CHECK "call leaves both busy: new", dword [other_busy], 0x8b
        CHECK "call leaves both busy: old", dword [main_busy], 0x8b
        movzx eax, byte [other_descriptor + 5]
        CHECK "iret leaves no busy task", eax, 0x89
        movzx eax, byte [main_descriptor + 5]
        CHECK "iret to a busy task", eax, 0x8b
        mov eax, [other + EFLAGS_]
        and eax, NT
        CHECK "iret saves NT clear", eax, 0
        pushfd
        pop eax
        and eax, NT
        CHECK "NT of the old task", eax, 0
        mov eax, [other + EIP_]
        sub eax, by_call.behind
        CHECK "iret saves the next eip", eax, 0
        ; it goes on behind its IRET
        mov dword [again], 0
        call OTHER:0
        clts
        CHECK "a task goes on behind its iret", dword [again], 1

        ; task gates
        OTHER_TASK by_call
        mov dword [other_tr], 0
        call 0x40:0
        clts
        CHECK "call through a task gate", dword [other_tr], OTHER
        OTHER_TASK by_jump
        mov dword [other_tr], 0
        jmp 0x40:0
.gate_jump:
        clts
        CHECK "jmp through a task gate", dword [other_tr], OTHER
        OTHER_TASK by_call
        mov dword [other_tr], 0
        call 0x14:0
        clts
        CHECK "call through a task gate in the LDT", dword [other_tr], OTHER
        OTHER_TASK by_interrupt
        mov word [idt + 0x40 * 8 + 2], OTHER
        mov word [idt + 0x40 * 8 + 4], 0x8500
        int 0x40
.interrupted:
        clts
        mov eax, [main_seen + EIP_]
        sub eax, .interrupted
        CHECK "int through a task gate saves the next eip", eax, 0
        CHECK "int through a task gate pushes nothing", dword [other_esp], OTHER_STACK
        OTHER_TASK by_fault
        mov word [idt + 13 * 8 + 2], OTHER
        mov word [idt + 13 * 8 + 4], 0x8500
        mov dword [main_resume], .faulted
        mov ax, 0x203
.faults:
        mov es, ax
.faulted:
        clts
        mov eax, [main_seen + EIP_]
        sub eax, .faults
        CHECK "fault through a task gate saves the eip of the instruction", eax, 0
        CHECK "fault through a task gate pushes its error code", dword [other_code], 0x200
        CHECK "and nothing else", dword [other_esp], OTHER_STACK - 4
        EXACT "fault through a task gate saves RF", .no_rf
        mov eax, [main_seen + EFLAGS_]
        and eax, 0x10000
        CHECK "fault through a task gate saves RF", eax, 0x10000
.no_rf: SET_GATE 13, stubs + 13 * 16, 0x8e

        ; the trap flag of a TSS
        OTHER_TASK by_call
        mov word [other + 0x64], 1
        SET_GATE 1, debug_event, 0x8e
        xor eax, eax
        mov dr6, eax
        mov dword [debug_count], 0
        EXACT "debug trap of a task", .no_trap
        call OTHER:0
        clts
        CHECK "debug trap of a task", dword [debug_count], 1
        mov eax, [debug_eip]
        sub eax, by_call
        CHECK "debug trap before the first instruction", eax, 0
        mov eax, [debug_dr6]
        and eax, 0xe00f
        CHECK "debug trap sets BT", eax, 0x8000
        xor eax, eax
        mov dr6, eax
.no_trap:
        mov word [other + 0x64], 0
        SET_GATE 1, stubs + 16, 0x8e
        ; local breakpoints end
        xor eax, eax
        mov dr0, eax
        mov eax, 0x403                          ; L0 G0
        mov dr7, eax
        OTHER_TASK by_call
        call OTHER:0
        clts
        mov ebx, dr7
        CHECK "a task switch clears L0", ebx, 0x402
        xor eax, eax
        mov dr7, eax

        ; 16-bit TSSs
        mov dword [0x8000], 0
        mov byte [0x8000], 0x66                 ; jmp dword KCODE:narrow_task
        mov byte [0x8001], 0xea
        mov dword [0x8002], narrow_task
        mov word [0x8006], KCODE
        mov word [narrow + 0x0e], 0x8000
        mov word [narrow + 0x10], 0x0001
        mov word [narrow + 0x12], 0xa1a1
        mov word [narrow + 0x1a], 0x7000        ; SP
        mov word [narrow + 0x22], UDATA
        mov word [narrow + 0x24], 0x98
        mov word [narrow + 0x26], 0xb0          ; what the upper half of ESP becomes is not defined
        mov word [narrow + 0x28], KDATA
        mov word [narrow + 0x2a], 0
        mov ax, UDATA
        mov fs, ax
        mov gs, ax
        mov edx, 0x12345678
        call NARROW:0
        clts
        CHECK "16-bit TSS: task register", dword [other_tr], NARROW
        mov eax, [other_eax]
        and eax, 0xffff
        CHECK "16-bit TSS: ax", eax, 0xa1a1
        mov eax, [other_esp]
        and eax, 0xffff
        CHECK "16-bit TSS: sp", eax, 0x7000
        CHECK "16-bit TSS: es", dword [other_es], UDATA
        CHECK "16-bit TSS: fs and gs become null", dword [other_gs], 0
        movzx eax, word [narrow]
        CHECK "16-bit TSS: link", eax, KTSS
        mov eax, [other_flags]
        and eax, NT + 0x8d5
        CHECK "16-bit TSS: flags", eax, NT + 1
        CHECK "16-bit TSS: edx of the old task is whole", edx, 0x12345678
        movzx eax, byte [narrow_descriptor + 5]
        CHECK "16-bit TSS: not busy behind iret", eax, 0x81
        ; from a 16-bit TSS to a 16-bit TSS: the registers' lower halves are kept
        mov dword [resume_narrow], .narrow_twice
        mov word [narrow + 0x0e], 0x8000
        mov word [narrow + 0x12], 0xa2a2
        mov word [narrow + 0x24], 0x98
        mov dword [0x8002], narrow_leaves
        call 0xa0:0
.narrow_twice:
        clts
        movzx eax, word [narrow + 0x12]
        CHECK "16-bit TSS: jmp saves ax", eax, 0xbbbb
        movzx eax, word [narrow + 0x24]
        CHECK "16-bit TSS: jmp saves cs", eax, KCODE
        movzx eax, byte [main_descriptor + 5]
        CHECK "jmp from a nested task", eax, 0x8b

        ; a task in virtual-8086 mode
        OTHER_TASK 0
        mov dword [other + EFLAGS_], 0x23002
        mov dword [other + CS_], 0x900
        mov dword [other + SS_], 0x800
        mov dword [other + ESP_], 0x100
        mov dword [other + DS_], 0x123
        mov dword [other + ES_], 0x456
        mov dword [other + 4], STACK_TOP - 0x5000
        mov dword [other + 8], KDATA
        mov byte [0x9000], 0xcd                 ; int 41h
        mov byte [0x9001], 0x41
        SET_GATE 0x41, from_virtual, 0xee
        mov dword [main_resume], .virtual
        call OTHER:0
.virtual:
        clts
        CHECK "virtual-8086 task: cs", dword [virtual_cs], 0x900
        CHECK "virtual-8086 task: ds", dword [virtual_ds], 0x123
        CHECK "virtual-8086 task: es", dword [virtual_es], 0x456
        CHECK "virtual-8086 task: esp", dword [virtual_esp], 0x100
        mov eax, [virtual_flags]
        and eax, 0x27000
        CHECK "virtual-8086 task: flags", eax, 0x27000

        ; what is refused before the switch
        FAULT "jmp to a busy task", 13, KTSS, jmp KTSS:0
        FAULT "call to a busy task", 13, KTSS, call KTSS:0
        FAULT "task not present", 11, 0x50, jmp 0x50:0
        FAULT "task in the LDT", 13, 0x0c, jmp 0x0c:0
        FAULT "task gate to data", 13, 0x10, jmp 0x60:0
        FAULT "task gate to the LDT", 13, 0x34, call 0x68:0
        FAULT "task gate not present", 11, 0x90, call 0x90:0
        FAULT "TSS too short", 10, 0x48, jmp 0x48:0
        movzx eax, byte [other_descriptor + 5]
        CHECK "nothing is busy then", eax, 0x89
        mov byte [other_descriptor + 5], 0x8b
        FAULT "task gate to a busy task", 13, OTHER, call 0x40:0
        mov byte [other_descriptor + 5], 0x89
        ; IRET with NT and a link to no busy task
        mov word [main_tss], OTHER
        pushfd
        or dword [esp], NT
        popfd
        FAULT "iret to a task that is not busy", 10, OTHER, iret
        mov word [main_tss], 0
        FAULT "iret to no task", 10, 0, iret
        mov word [main_tss], KDATA
        FAULT "iret to data", 10, KDATA, iret
        mov word [main_tss], 0x0c
        FAULT "iret to the LDT", 10, 0x0c, iret
        pushfd
        and dword [esp], ~NT
        popfd
        mov word [main_tss], 0

        ; what the new task's own segments do: it is a task of level 3, whose handler is of level 0
%macro TASK_FAULT 5                             ; name, field, value, vector, error code
        call reset_other
        mov dword [other + EFLAGS_], 2
        mov dword [other + EIP_], user_task
        mov dword [other + CS_], UCODE
        mov dword [other + SS_], UDATA
        mov dword [other + DS_], UDATA
        mov dword [other + ES_], UDATA
        mov dword [other + FS_], 0
        mov dword [other + GS_], 0
        mov dword [other + LDT_], 0
        mov dword [other + 4], STACK_TOP - 0x5000
        mov dword [other + 8], KDATA
        mov dword [other + %2], %3
        SET_GATE %4, new_task_fault_code, 0x8e
        mov dword [main_resume], %%after
        mov dword [vector], 0
        jmp OTHER:0
%%after:
        clts
        SET_GATE %4, stubs + %4 * 16, 0x8e
        CHECK %1, dword [code], %5
        CHECK {%1, ": the task is the new one"}, dword [other_tr], OTHER
%endmacro
        TASK_FAULT "new cs null", CS_, 3, 10, 0
        TASK_FAULT "new cs data", CS_, UDATA, 10, UDATA & ~3
        TASK_FAULT "new cs of another level", CS_, KCODE + 3, 10, KCODE
        TASK_FAULT "new cs not present", CS_, 0x78 + 3, 11, 0x78
        TASK_FAULT "new ss null", SS_, 0, 10, 0
        TASK_FAULT "new ss read-only", SS_, 0x88 + 3, 10, 0x88
        TASK_FAULT "new ss of another level", SS_, KDATA + 3, 10, KDATA
        TASK_FAULT "new ds of level 0", DS_, KDATA, 10, KDATA
        TASK_FAULT "new ds not present", DS_, 0x70 + 3, 11, 0x70
        TASK_FAULT "new ds beyond the table", DS_, 0x203, 10, 0x200
        TASK_FAULT "new LDT data", LDT_, KDATA, 10, KDATA
        TASK_FAULT "new LDT not present", LDT_, 0xa8, 10, 0xa8
        TASK_FAULT "new eip beyond the limit", CS_, 0x83, 13, 0
        EXACT "new ss not present", .no_ss
        TASK_FAULT "new ss not present", SS_, 0x70 + 3, 12, 0x70
.no_ss:
        ret

reset_other:
        mov dword [other], 0
        mov dword [other + EFLAGS_], 0x803
        mov dword [other + EAX_], 0xa0a0a0a0
        mov dword [other + ESP_], OTHER_STACK
        mov dword [other + EBP_], 0xb0b0b0b0
        mov dword [other + CS_], KCODE
        mov dword [other + SS_], KDATA
        mov dword [other + DS_], KDATA
        mov dword [other + ES_], KDATA
        mov dword [other + FS_], KDATA
        mov dword [other + GS_], UDATA
        mov dword [other + LDT_], 0x58
        mov dword [other + 0x64], 0x680000
        ret

; looks: what the new task finds
looks:
        mov [other_eax], eax
        mov [other_ebp], ebp
        pushfd
        pop dword [other_flags]
        mov eax, esp
        add eax, 4
        mov [other_esp], eax
        xor eax, eax
        mov ax, gs
        mov [other_gs], eax
        mov ax, es
        mov [other_es], eax
        sldt ax
        mov [other_ldt], eax
        str ax
        mov [other_tr], eax
        mov eax, cr0
        mov [other_cr0], eax
        mov ax, KDATA
        mov es, ax
        mov esi, main_tss
        mov edi, main_seen
        mov ecx, 0x68
        rep movsb
        movzx eax, word [other]
        mov [other_link], eax
        movzx eax, byte [other_descriptor + 5]
        mov [other_busy], eax
        movzx eax, byte [main_descriptor + 5]
        mov [main_busy], eax
        ret

by_jump:
        call looks
        jmp KTSS:0

by_call:
        call looks
        iret
.behind:
        inc dword [again]
        iret

by_interrupt:
        call looks
        iret

by_fault:
        call looks
        pop dword [other_code]
        mov eax, [main_resume]
        mov [main_tss + EIP_], eax
        iret

narrow_task:
        call looks
        iret

narrow_leaves:
        mov eax, [resume_narrow]
        mov [main_tss + EIP_], eax
        ; not by IRET: the main task is taken as available
        mov byte [main_descriptor + 5], 0x89
        mov eax, 0xbbbb
        jmp KTSS:0

; in the other task, at level 0: back to the main one
from_virtual:
        mov ax, KDATA
        mov ds, ax
        mov eax, [esp + 4]
        mov [virtual_cs], eax
        mov eax, [esp + 8]
        mov [virtual_flags], eax
        mov eax, [esp + 12]
        mov [virtual_esp], eax
        mov eax, [esp + 20]
        mov [virtual_es], eax
        mov eax, [esp + 24]
        mov [virtual_ds], eax
        mov eax, [main_resume]
        mov [main_tss + EIP_], eax
        mov byte [main_descriptor + 5], 0x89
        jmp KTSS:0

new_task_fault_code:
        mov ax, KDATA
        mov ds, ax
        pop dword [code]
        str eax
        mov [other_tr], eax
        jmp KTSS:0

user_task:
        jmp user_task

debug_event:
        push eax
        inc dword [debug_count]
        mov eax, [esp + 4]
        mov [debug_eip], eax
        mov eax, dr6
        mov [debug_dr6], eax
        pop eax
        iret

OTHER_STACK equ STACK_TOP - 0x8000

        align 4
main_resume: dd 0
resume_narrow: dd 0
again:  dd 0
other_eax: dd 0
other_ebp: dd 0
other_esp: dd 0
other_flags: dd 0
other_gs: dd 0
other_es: dd 0
other_ldt: dd 0
other_tr: dd 0
other_cr0: dd 0
other_link: dd 0
other_busy: dd 0
main_busy: dd 0
other_code: dd 0
virtual_cs: dd 0
virtual_ds: dd 0
virtual_es: dd 0
virtual_esp: dd 0
virtual_flags: dd 0
debug_count: dd 0
debug_eip: dd 0
debug_dr6: dd 0
        align 16
main_tss: times 0x68 db 0
        align 16
other:  times 0x68 db 0
        align 16
narrow: times 0x2c db 0
        align 16
main_seen: times 0x68 db 0
