; External interrupts and NMIs in 32-bit protected mode: when they are taken, what they push, what blocks them. They come from port
; f1h (the vector) and f2h (NMI) of a machine that has those, else from the local APIC, which QEMU has.
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

IF      equ 0x200
APIC    equ 0xfee00000
SPURIOUS equ APIC + 0xf0
COMMAND equ APIC + 0x300
END_OF_INTERRUPT equ APIC + 0xb0

; INTERRUPT vector: one is asked for, and waits until it can be taken; EAX is lost
%macro INTERRUPT 1
        mov al, %1
        call ask_interrupt
%endmacro
; TAKEN name, eip
%macro TAKEN 2
        cli
        CHECK %1, dword [count], 1
        CHECK {%1, ": eip"}, dword [seen_eip], %2
        mov dword [count], 0
%endmacro

main:
        SET_BASE tss_descriptor, tss
        mov dword [tss + 4], STACK_TOP - 0x4000
        mov dword [tss + 8], KDATA
        mov word [tss + 0x66], 0x68
        mov byte [tss + 0x2068], 0xff
        mov ax, KTSS
        ltr ax
        SET_GATE 0x70, handler, 0x8e
        SET_GATE 0x80, from_user, 0xee
        SET_GATE 2, nmi, 0x8e
        cmp byte [exact], 0
        jne .ready
        mov dword [SPURIOUS], 0x1ff
.ready:
        INTERRUPT 0x70
        nop
        nop
        CHECK "IF 0 holds it back", dword [count], 0
        sti
        nop
.sti:   nop
        TAKEN "sti lets one instruction pass", .sti
        CHECK "interrupt gate clears IF", dword [seen_flags], 0
        CHECK "its frame has IF", dword [seen_frame], IF
        INTERRUPT 0x70
        sti
        cli
        nop
        CHECK "sti and cli let none through", dword [count], 0
        pushfd
        or dword [esp], IF
        popfd
.popf:  nop
        TAKEN "popf lets none pass", .popf
        INTERRUPT 0x70
        pushfd
        or dword [esp], IF
        push dword KCODE
        push dword .iret
        iret
.iret:  nop
        TAKEN "iret lets none pass", .iret
        INTERRUPT 0x70
        sti
        hlt
.hlt:   nop
        TAKEN "sti and hlt end with it", .hlt
        INTERRUPT 0x70
        mov ecx, 3
        mov esi, text
        mov edi, buffer
        sti
        cld
.cld:   rep movsb
        TAKEN "in front of a repetition", .cld
        CHECK "which happens behind it", ecx, 0
        ; from level 3, through a gate of level 0
        INTERRUPT 0x70
        mov [kernel_esp], esp
        push dword UDATA
        push dword USER_STACK
        push dword IF | 2
        push dword UCODE
        push dword user
        iret
from_user:
        mov ax, KDATA
        mov ds, ax
        mov es, ax
        mov esp, [kernel_esp]
        TAKEN "at level 3", user
        CHECK "at level 3: cs", dword [seen_cs], UCODE
        CHECK "at level 3: frame", dword [seen_esp], STACK_TOP - 0x4000 - 20
        ; a gate that is absent: the error code says that the event is external
        EXACT "an external event's error code", .no_code
        mov byte [idt + 0x70 * 8 + 5], 0x0e
        mov dword [vector], -1
        mov dword [resume], .absent
        INTERRUPT 0x70
        sti
        nop
        nop
.absent:
        cli
        mov byte [idt + 0x70 * 8 + 5], 0x8e
        CHECK "an external event's gate is absent", dword [vector], 11
        CHECK "an external event's error code", dword [code], 0x70 * 8 + 3
.no_code:

        ; NMI
        mov dword [count], 0
        mov dword [nmi_again], 0
        call ask_nmi
        CHECK "nmi whatever IF is", dword [count], 1
        mov dword [count], 0
        mov dword [nmi_again], 1
        call ask_nmi
        CHECK "nmi blocks another", dword [seen_during], 1
        CHECK "until its iret", dword [count], 2
        mov dword [count], 0
        mov dword [nmi_again], 2
        call ask_nmi
        CHECK "any iret ends the blocking", dword [seen_during], 2
        CHECK "two in all", dword [count], 2
        ret

user:   mov ax, UDATA
        mov ds, ax
        mov es, ax
        int 0x80

; asks for interrupt AL
ask_interrupt:
        cmp byte [exact], 0
        je .apic
        out 0xf1, al
        ret
.apic:  movzx eax, al
        or eax, 0x44000                         ; fixed, to itself
        mov [COMMAND], eax
        ret
; asks for an NMI, and lets it come
ask_nmi:
        cmp byte [exact], 0
        je .apic
        out 0xf2, al
        ret
.apic:  mov dword [COMMAND + 0x10], 0
        mov dword [COMMAND], 0x4400             ; NMI, to APIC 0
        jmp .next
.next:  ret

handler:
        push eax
        push ds
        mov ax, KDATA
        mov ds, ax
        inc dword [count]
        mov eax, [esp + 8]
        mov [seen_eip], eax
        mov eax, [esp + 12]
        mov [seen_cs], eax
        mov eax, [esp + 16]
        and eax, IF
        mov [seen_frame], eax
        lea eax, [esp + 8]
        mov [seen_esp], eax
        pushfd
        pop eax
        and eax, IF
        mov [seen_flags], eax
        cmp byte [exact], 0
        jne .end
        mov dword [END_OF_INTERRUPT], 0
.end:   pop ds
        pop eax
        iret

nmi:    inc dword [count]
        cmp dword [nmi_again], 0
        je .end
        cmp dword [count], 1
        jne .end
        call ask_nmi
        cmp dword [nmi_again], 2
        jne .during
        pushfd
        push dword KCODE
        push dword .during
        iret
.during:
        push dword [count]
        pop dword [seen_during]
.end:   iret

text:   db "abc"
buffer: db 0, 0, 0
        align 4
count:  dd 0
seen_eip: dd 0
seen_cs: dd 0
seen_esp: dd 0
seen_flags: dd 0
seen_frame: dd 0
seen_during: dd 0
nmi_again: dd 0
kernel_esp: dd 0
        align 16
tss:    times 0x2069 db 0
