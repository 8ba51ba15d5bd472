; Virtual-8086 mode at IOPL 3 and 0, with and without VME; protected-mode virtual interrupts (PVI).
%include "common32.inc"

        align 16
gdt:    dq 0
        DESC 0, 0xfffff, 0x9a, 0xc              ; 08 code
        DESC 0, 0xfffff, 0x92, 0xc              ; 10 data
        DESC 0, 0xfffff, 0xfa, 0xc              ; 18 user code
        DESC 0, 0xfffff, 0xf2, 0xc              ; 20 user data
tss_descriptor:
        DESC 0, 0x68 + 32 + 0x2000, 0x89, 0     ; 28 TSS
        DESC 0, 0xfffff, 0xba, 0xc              ; 30 code of level 1
        DESC 0, 0xfffff, 0x9e, 0xc              ; 38 conforming code
gdt_end:

VM      equ 0x20000
AC      equ 0x40000
VIF     equ 0x80000
VIP     equ 0x100000
IOPL3   equ 0x3000
IF      equ 0x200
TF      equ 0x100
REDIRECTION equ tss + 0x68

; VIRTUAL label, flags: runs code of the section real16 in virtual-8086 mode, until it faults with a port write to f0h
%macro VIRTUAL 2
        mov dword [esp_of_level_0], esp
        mov dword [after_virtual], %%after
        push dword REAL                         ; GS FS DS ES
        push dword REAL
        push dword REAL
        push dword REAL
        push dword REAL_STACK
        push dword 0xfff0
        push dword VM | 2 | (%2)
        push dword REAL
        push dword %1
        iret
%%after:
%endmacro

main:
        SET_BASE tss_descriptor, tss
        mov dword [tss + 4], STACK_TOP - 0x4000
        mov dword [tss + 8], KDATA
        mov word [tss + 0x66], 0x88
        mov edi, REDIRECTION
        mov ecx, 32
        mov al, 0xff
        rep stosb                               ; no interrupt is redirected
        mov ecx, 0x2000
        mov al, 0
        rep stosb
        mov byte [edi], 0xff
        mov byte [REDIRECTION + 32 + 0x60 / 8], 0x01
        mov byte [REDIRECTION + 32 + 0xf0 / 8], 0x01
        mov ax, KTSS
        ltr ax
        call copy_real
        ; the program's own table: every entry at real_vector
        mov edi, 0
        mov ecx, 256
        mov eax, (REAL << 16) + real_vector
        rep stosd
        mov dword [event_hook], virtual_event
        SET_GATE 0x40, stubs + 0x40 * 16, 0xee
        SET_GATE 0x42, stubs + 0x42 * 16, 0xee, 0x30
        SET_GATE 0x43, stubs + 0x43 * 16, 0xee, 0x38
        SET_GATE 3, stubs + 3 * 16, 0xee
        SET_GATE 4, stubs + 4 * 16, 0xee

        VIRTUAL iopl3, IOPL3
        CHECK "frame: ss", [frame_ss], REAL_STACK
        CHECK "frame: esp", [frame_esp], 0xffee
        CHECK "frame: es", [frame_es], 0x1234
        CHECK "frame: ds", [frame_ds], REAL
        CHECK "frame: fs", [frame_fs], 0x2345
        CHECK "frame: gs", [frame_gs], 0x3456
        CHECK "frame: VM", [frame_vm], VM
        CHECK "frame is at the stack of level 0", [frame_at], STACK_TOP - 0x4000 - 36
        CHECK "data segments are null in level 0", [level0_es], 0
        mov eax, cr0
        or eax, 0x40000
        mov cr0, eax
        VIRTUAL aligned, IOPL3 | AC
        mov eax, cr0
        and eax, ~0x40000
        mov cr0, eax
        VIRTUAL iopl0, 0

        EXACT "virtual-8086 mode extensions", no_vme
        mov eax, cr4
        or eax, 1
        mov cr4, eax
        VIRTUAL vme_iopl0, IF
        CHECK "vme: VIF in the frame", [frame_virtual], VIF
        VIRTUAL vme_pending, IF | VIP
        CHECK "vme: VIP in the frame", [frame_virtual], VIP
        mov byte [REDIRECTION + 0x50 / 8], 0xfe ; interrupt 50h is the program's own
        VIRTUAL vme_redirects0, IF
        CHECK "vme: redirected interrupt cleared VIF", [frame_virtual], 0
        VIRTUAL vme_redirects3, IOPL3 | IF
        mov eax, cr4
        and eax, ~1
        mov cr4, eax
no_vme:
        mov dword [event_hook], 0

        ; PVI: at level 3 with IOPL 0, CLI and STI change VIF
        SET_GATE 0x80, from_user, 0xee
        EXACT "protected-mode virtual interrupts", .no_pvi
        mov eax, cr4
        or eax, 2
        mov cr4, eax
        push dword UDATA
        push dword USER_STACK
        push dword 2 | IF
        push dword UCODE
        push dword pvi
        mov [esp_of_level_0], esp
        iret
.no_pvi:
        ret

pvi:
        mov ax, UDATA
        mov ds, ax
        mov es, ax
        RUNS "pvi: sti", sti
        FAULT "pvi: a fault shows VIF", 6, -1, ud2
        mov eax, [fault_flags]
        and eax, VIF | IF
        CHECK "pvi: sti sets VIF and not IF", eax, VIF | IF
        RUNS "pvi: cli", cli
        FAULT "pvi: another fault", 6, -1, ud2
        mov eax, [fault_flags]
        and eax, VIF | IF
        CHECK "pvi: cli clears VIF and not IF", eax, IF
        pushfd
        pop eax
        and eax, IF | IOPL3 | VIF
        CHECK "pvi: pushf shows IF itself", eax, IF
        push dword 2
        popfd
        pushfd
        pop eax
        and eax, IF
        CHECK "pvi: popf keeps IF", eax, IF
        mov dword [event_hook], set_vip
        FAULT "pvi: set VIP", 6, -1, ud2
        mov dword [event_hook], 0
        FAULT "pvi: sti with an interrupt pending", 13, 0, sti
        RUNS "pvi: cli with an interrupt pending", cli
        FAULT "pvi: a fault shows VIP", 6, -1, ud2
        mov eax, [fault_flags]
        and eax, VIP | VIF
        CHECK "pvi: VIP stays", eax, VIP
        FAULT "pvi: hlt", 13, 0, hlt
        int 0x80
set_vip:
        or dword [esp + 28], VIP
        ret

from_user:
        mov ax, KDATA
        mov ds, ax
        mov es, ax
        mov esp, [esp_of_level_0]
        add esp, 20
        mov eax, cr4
        and eax, ~2
        mov cr4, eax
        ret

; from the event handler: return address, DS, EAX, vector, code, EIP, CS, EFLAGS, ESP, SS, ES, DS, FS, GS
virtual_event:
        push ecx
        test dword [esp + 32], VM
        jz .end
        mov ax, es
        mov [level0_es], eax
        mov ecx, REAL * 16
        mov eax, [vector]
        mov [ecx + vector16], ax
        mov eax, [code]
        mov [ecx + code16], eax
        mov eax, [fault_eip]
        mov [ecx + fault_ip16], ax
        mov eax, [fault_flags]
        mov [ecx + flags_of_level_0], eax
        mov eax, [esp + 36]
        mov [frame_esp], eax
        mov eax, [esp + 40]
        mov [frame_ss], eax
        mov eax, [esp + 44]
        mov [frame_es], eax
        mov eax, [esp + 48]
        mov [frame_ds], eax
        mov eax, [esp + 52]
        mov [frame_fs], eax
        mov eax, [esp + 56]
        mov [frame_gs], eax
        mov eax, [esp + 32]
        and eax, VM
        mov [frame_vm], eax
        mov eax, [esp + 32]
        and eax, VIF | VIP
        mov [frame_virtual], eax
        lea eax, [esp + 24]
        mov [frame_at], eax
        movzx eax, word [ecx + resume16]
        mov [esp + 24], eax
        ; OUT to port f0h ends
        cmp dword [vector], 13
        jne .end
        mov eax, [fault_eip]
        cmp word [ecx + eax], 0xf0e6
        je .ends
.end:   pop ecx
        ret
.ends:  mov ax, KDATA
        mov es, ax
        mov esp, [esp_of_level_0]
        jmp [after_virtual]

        align 4
esp_of_level_0: dd 0
after_virtual: dd 0
level0_es: dd 0
frame_esp: dd 0
frame_ss: dd 0
frame_es: dd 0
frame_ds: dd 0
frame_fs: dd 0
frame_gs: dd 0
frame_vm: dd 0
frame_virtual: dd 0
frame_at: dd 0
        align 16
tss:    times 0x68 + 32 + 0x2001 db 0

%include "common16.inc"

; VFAULT name, vector, error code, instruction
%macro VFAULT 4+
        FAULT16 %1, %2, %4
        CHECK16 {%1, ": code"}, dword [code16], %3
%endmacro
%macro END_VIRTUAL 0
        out 0xf0, al
%endmacro

real_main:
        ret

iopl3:
        mov ax, REAL - 0x800
        mov ds, ax
        mov dword [0x8000], 0x12345678          ; the section's first bytes, which are not in use
        mov ax, REAL
        mov ds, ax
        mov eax, [0]
        CHECK16 "segments are paragraphs", eax, 0x12345678
        smsw ax
        and eax, 1
        CHECK16 "smsw shows PE", eax, 1
        ; flags
        sti
        pushf
        pop ax
        and eax, IF | IOPL3
        CHECK16 "sti and pushf", eax, IF | IOPL3
        cli
        pushfd
        pop eax
        and eax, IF | IOPL3 | VM
        CHECK16 "cli and pushfd, which hides VM", eax, IOPL3
        push dword IF | 2
        popfd
        pushfd
        pop eax
        and eax, IF | IOPL3
        CHECK16 "popf changes IF and keeps IOPL", eax, IF | IOPL3
        cli
        ; events
        mov word [resume16], .int40
        int 0x40
.int40: movzx eax, word [vector16]
        CHECK16 "int n goes to level 0", eax, 0x40
        VFAULT "int n of level 0", 13, 0x41 * 8 + 2, int 0x41
        VFAULT "int n to level 1", 13, 0x30, int 0x42
        VFAULT "int n to conforming code", 13, 0x38, int 0x43
        mov word [resume16], .int3
        int3
.int3:  movzx eax, word [vector16]
        CHECK16 "int3 goes to level 0", eax, 3
        mov al, 0x7f
        add al, 1
        mov word [resume16], .into
        into
.into:  movzx eax, word [vector16]
        CHECK16 "into goes to level 0", eax, 4
        VFAULT "ud2", 6, -1, ud2
        xor cx, cx
        VFAULT "divide by zero", 0, -1, div cx
        ; what is privileged
        VFAULT "hlt", 13, 0, hlt
        VFAULT "lgdt", 13, 0, lgdt [0]
        VFAULT "lidt", 13, 0, lidt [0]
        VFAULT "lmsw", 13, 0, lmsw ax
        VFAULT "mov cr0", 13, 0, {mov eax, cr0}
        VFAULT "mov dr7", 13, 0, {mov eax, dr7}
        VFAULT "clts", 13, 0, clts
        VFAULT "invlpg", 13, 0, invlpg [0]
        VFAULT "wbinvd", 13, 0, wbinvd
        VFAULT "rdmsr", 13, 0, rdmsr
        VFAULT "wrmsr", 13, 0, wrmsr
        ; what needs selectors
        VFAULT "lldt", 6, -1, lldt ax
        VFAULT "ltr", 6, -1, ltr ax
        VFAULT "sldt", 6, -1, sldt ax
        VFAULT "str", 6, -1, str ax
        VFAULT "lar", 6, -1, lar ax, bx
        VFAULT "lsl", 6, -1, lsl ax, bx
        VFAULT "verr", 6, -1, verr ax
        VFAULT "verw", 6, -1, verw ax
        VFAULT "arpl", 6, -1, arpl ax, bx
        ; ports: the map decides, whatever IOPL is
        VFAULT "closed port", 13, 0, {in al, 0x60}
        RUNS16 "open port", {in al, 0x80}
        ; limits
        EXACT16 "beyond the limit", .no_limits
        VFAULT "beyond the limit", 13, 0, {mov ax, [0xffff]}
        mov bp, 0xffff
        VFAULT "beyond the limit of the stack", 12, 0, {mov ax, [bp]}
        VFAULT "far jump beyond the limit", 13, 0, {jmp dword REAL:0x10000}
.no_limits:
        ; far transfers
        call REAL:.far
        CHECK16 "far call and retf", ebx, 0x4321
        pushf
        push cs
        push word .iret
        iret
.iret:  push dword IF                           ; neither VM nor IOPL change
        push dword REAL
        push dword .iret32
        o32 iret
.iret32:
        pushfd
        pop eax
        and eax, IF | IOPL3
        CHECK16 "iret changes IF and keeps IOPL", eax, IF | IOPL3
        cli
        ; the frame that level 0 sees
        mov ax, 0x1234
        mov es, ax
        mov ax, 0x2345
        mov fs, ax
        mov ax, 0x3456
        mov gs, ax
        push ax
        END_VIRTUAL
.far:   mov ebx, 0x4321
        retf

aligned:
        EXACT16 "unaligned", .lax
        mov word [resume16], .after
        mov word [vector16], -1
        mov eax, [code16 + 1]
.after: push dword IOPL3                        ; the stack of the checks is not aligned
        popfd
        movsx eax, word [vector16]
        CHECK16 "unaligned", eax, 17
        push dword AC
        popfd
.lax:   mov word [resume16], .aligned
        mov word [vector16], -1
        mov eax, [code16]
.aligned:
        push dword 0
        popfd
        movsx eax, word [vector16]
        CHECK16 "aligned", eax, -1
        END_VIRTUAL

iopl0:
        VFAULT "iopl 0: cli", 13, 0, cli
        VFAULT "iopl 0: sti", 13, 0, sti
        VFAULT "iopl 0: pushf", 13, 0, pushf
        VFAULT "iopl 0: popf", 13, 0, popf
        VFAULT "iopl 0: pushfd", 13, 0, pushfd
        VFAULT "iopl 0: popfd", 13, 0, popfd
        VFAULT "iopl 0: int n", 13, 0, int 0x40
        VFAULT "iopl 0: iret", 13, 0, iret
        mov word [resume16], .int3
        mov word [vector16], -1
        int3
.int3:  movzx eax, word [vector16]
        CHECK16 "iopl 0: int3 goes to level 0", eax, 3
        RUNS16 "iopl 0: open port", {in al, 0x80}
        END_VIRTUAL

vme_iopl0:
        RUNS16 "vme: sti", sti
        pushf
        pop ax
        and eax, IF | IOPL3
        CHECK16 "vme: pushf shows VIF as IF, and IOPL 3", eax, IF | IOPL3
        RUNS16 "vme: cli", cli
        pushf
        pop ax
        and eax, IF | IOPL3
        CHECK16 "vme: pushf shows VIF clear", eax, IOPL3
        push word IF | 1
        popf
        pushf
        pop ax
        and eax, IF | 1
        CHECK16 "vme: popf sets VIF and CF", eax, IF | 1
        push word 0
        popf
        pushf
        pop ax
        and eax, IF
        CHECK16 "vme: popf clears VIF", eax, 0
        push word TF
        VFAULT "vme: popf of TF", 13, 0, popf
        pop ax
        VFAULT "vme: pushfd", 13, 0, pushfd
        VFAULT "vme: popfd", 13, 0, popfd
        VFAULT "vme: iretd", 13, 0, {o32 iret}
        push word IF
        push cs
        push word .iret
        iret
.iret:  pushf
        pop ax
        and eax, IF
        CHECK16 "vme: iret sets VIF", eax, IF
        push word TF
        push cs
        push word .trap
        VFAULT "vme: iret with TF", 13, 0, iret
.trap:  add sp, 6
        VFAULT "vme: int n that is not redirected", 13, 0, int 0x51
        mov eax, [flags_of_level_0]
        and eax, IF | IOPL3 | VIF
        CHECK16 "vme: level 0 sees IF and VIF", eax, IF | VIF
        END_VIRTUAL

vme_pending:
        VFAULT "vme: sti with an interrupt pending", 13, 0, sti
        push word IF
        VFAULT "vme: popf with an interrupt pending", 13, 0, popf
        pop ax
        push word 0
        RUNS16 "vme: popf that enables nothing", popf
        push word IF
        push cs
        push word 0
        VFAULT "vme: iret with an interrupt pending", 13, 0, iret
        add sp, 6
        RUNS16 "vme: cli with an interrupt pending", cli
        END_VIRTUAL

vme_redirects0:
        sti
        mov word [real_flags], 0
        int 0x50
        movzx eax, word [real_flags]
        and eax, IF | IOPL3
        CHECK16 "vme: a redirected interrupt pushes VIF as IF, and IOPL 3", eax, IF | IOPL3
        pushf
        pop ax
        and eax, IF
        CHECK16 "vme: the program's iret brings VIF back", eax, IF
        cli
        int 0x50
        movzx eax, word [real_flags]
        and eax, IF
        CHECK16 "vme: a redirected interrupt with VIF clear", eax, 0
        VFAULT "vme: another interrupt", 13, 0, int 0x40
        END_VIRTUAL

vme_redirects3:
        int 0x50
        movzx eax, word [real_flags]
        and eax, IF | IOPL3
        CHECK16 "vme: redirected at IOPL 3 pushes IF", eax, IF | IOPL3
        movzx eax, word [real_inner]
        and eax, IF
        CHECK16 "vme: redirected at IOPL 3 clears IF", eax, 0
        mov word [resume16], .int40
        int 0x40
.int40: movzx eax, word [vector16]
        CHECK16 "vme: not redirected at IOPL 3 goes to level 0", eax, 0x40
        cli
        pushfd
        pop eax
        and eax, IF
        CHECK16 "vme: cli at IOPL 3 is IF", eax, 0
        END_VIRTUAL

real_vector:
        push bp
        mov bp, sp
        push ax
        mov ax, [bp + 6]
        mov [cs:real_flags], ax
        pushf
        pop ax
        mov [cs:real_inner], ax
        pop ax
        pop bp
        iret

        align 4
flags_of_level_0: dd 0
real_flags: dw 0
real_inner: dw 0
real16_end:
