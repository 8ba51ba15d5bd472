; Events and limits in 32-bit protected mode, virtual-8086 mode, debug facilities, alignment checks, real and unreal mode.
%include "common32.inc"

        align 16
gdt:    dq 0
        DESC 0, 0xfffff, 0x9a, 0xc              ; 08 code
        DESC 0, 0xfffff, 0x92, 0xc              ; 10 data
        DESC 0, 0xfffff, 0xfa, 0xc              ; 18 user code
        DESC 0, 0xfffff, 0xf2, 0xc              ; 20 user data
tss_descriptor:
        DESC 0, 0x20ff, 0x89, 0                 ; 28 TSS
        DESC 0x120000, 0xff, 0x92, 4            ; 30 256 bytes of data
        DESC 0x120000, 0xff, 0x96, 4            ; 38 expand-down, 100h..ffffffff
        DESC 0x120000, 0xff, 0x96, 0            ; 40 expand-down, 100h..ffff
        DESC 0, 0xfffff, 0x90, 0xc              ; 48 read-only data
        DESC 0, 0xfffff, 0x98, 0xc              ; 50 execute-only code
fault_tss_descriptor:
        DESC 0, 0x67, 0x89, 0                   ; 58 TSS of the double fault
        DESC 0xfffff000, 0xfffff, 0x92, 0xc     ; 60 data that wraps around
        DESC 0, 0xffff, 0x9a, 0                 ; 68 16-bit code at 0
        DESC 0, 0xffff, 0x92, 0                 ; 70 16-bit data at 0
gdt_end:

TF      equ 0x100

main:
        SET_BASE tss_descriptor, tss
        SET_BASE fault_tss_descriptor, fault_tss
        mov dword [tss + 4], STACK_TOP - 0x4000
        mov dword [tss + 8], KDATA
        mov edi, tss + 0x68
        mov ecx, 0x2098
        mov al, 0
        rep stosb
        mov word [tss + 0x66], 0x88             ; the map of redirected interrupts before it
        mov ax, KTSS
        ltr ax
        mov ax, 0
        lldt ax

        ; software interrupts and traps
        mov dword [resume], .int3
        int3
.int3:  CHECK "int3 vector", dword [vector], 3
        mov eax, [fault_eip]
        sub eax, .int3
        CHECK "int3 pushes the next eip", eax, 0
        mov dword [resume], .into
        mov al, 0x7f
        add al, 1
        into
.into:  CHECK "into", dword [vector], 4
        mov dword [vector], -1
        xor eax, eax
        into
        CHECK "into without OF", dword [vector], -1
        mov eax, 5
        FAULT "bound below", 5, -1, bound eax, [bounds]
        mov eax, 11
        RUNS "bound within", bound eax, [bounds]
        mov dword [resume], .int1
        db 0xf1
.int1:  CHECK "int1", dword [vector], 1
        mov dword [resume], .int40
        int 0x40
.int40: CHECK "int n", dword [vector], 0x40
        mov eax, [fault_eip]
        sub eax, .int40
        CHECK "int n pushes the next eip", eax, 0
        xor ecx, ecx
        FAULT "divide by zero", 0, -1, div ecx
        mov byte [idt + 0x40 * 8 + 5], 0x0e
        FAULT "gate not present", 11, 0x40 * 8 + 2, int 0x40
        mov byte [idt + 0x40 * 8 + 5], 0x82
        FAULT "no gate", 13, 0x40 * 8 + 2, int 0x40
        mov byte [idt + 0x40 * 8 + 5], 0x8e
        mov word [idt + 0x40 * 8 + 2], 0
        FAULT "gate with a null selector", 13, 0, int 0x40
        mov word [idt + 0x40 * 8 + 2], KDATA
        FAULT "gate with a data selector", 13, KDATA, int 0x40
        mov word [idt + 0x40 * 8 + 2], KCODE
        ; interrupt and trap gates differ in IF
        SET_GATE 0x41, keep_flags, 0x8f
        SET_GATE 0x42, keep_flags, 0x8e
        sti
        int 0x41
        mov ebx, [kept_flags]
        int 0x42
        mov ecx, [kept_flags]
        cli
        and ebx, 0x200
        and ecx, 0x200
        CHECK "trap gate keeps IF", ebx, 0x200
        CHECK "interrupt gate clears IF", ecx, 0
        ; a 16-bit gate pushes six bytes; its offset has 16 bits, so it goes to a stub at the start of the first MiB
        mov byte [0x8000], 0xe9
        mov eax, gate16
        sub eax, 0x8005
        mov [0x8001], eax
        mov word [idt + 0x43 * 8], 0x8000
        mov word [idt + 0x43 * 8 + 2], KCODE
        mov dword [idt + 0x43 * 8 + 4], 0x8600
        mov ebx, esp
        mov dword [resume], .after16
        int 0x43
.after16:
        mov esp, ebx
        sub ebx, [kept_esp]
        CHECK "16-bit gate pushes 6 bytes", ebx, 6

        ; limits
        mov ax, 0x30
        mov es, ax
        RUNS "last byte", {mov [es:0xff], al}
        STRICT_FAULT "beyond limit", 13, 0, {mov [es:0x100], al}
        STRICT_FAULT "dword across limit", 13, 0, {mov [es:0xfd], eax}
        STRICT_FAULT "read across limit", 13, 0, {mov eax, [es:0xfe]}
        mov ax, 0x38
        mov es, ax
        STRICT_FAULT "expand-down below", 13, 0, {mov al, [es:0xff]}
        RUNS "expand-down above", {mov al, [es:0x100]}
        mov ax, 0x40
        mov es, ax
        RUNS "expand-down 16-bit top", {mov al, [es:0xffff]}
        STRICT_FAULT "expand-down 16-bit beyond", 13, 0, {mov al, [es:0x10000]}
        mov ax, 0x48
        mov es, ax
        RUNS "read read-only", {mov al, [es:0x100000]}
        STRICT_FAULT "write read-only", 13, 0, {mov [es:0x100000], al}
        STRICT_FAULT "write code", 13, 0, {mov [cs:0x100000], al}
        RUNS "read code", {mov al, [cs:0x100000]}
        xor eax, eax
        mov es, ax
        STRICT_FAULT "through null", 13, 0, {mov al, [es:0]}
        STRICT_FAULT "string through null", 13, 0, stosb
        mov ax, 0x60
        mov es, ax
        mov dword [0x1234], 0x600dcafe
        mov eax, [es:0x2234]
        CHECK "linear addresses wrap", eax, 0x600dcafe
        mov ax, KDATA
        mov es, ax

        ; a double fault through a task gate: #NP in the delivery of #GP
        mov dword [fault_tss + 0x20], double_fault
        mov dword [fault_tss + 0x24], 2
        mov dword [fault_tss + 0x38], STACK_TOP - 0x8000
        mov dword [fault_tss + 0x48], KDATA
        mov dword [fault_tss + 0x4c], KCODE
        mov dword [fault_tss + 0x50], KDATA
        mov dword [fault_tss + 0x54], KDATA
        mov word [idt + 8 * 8 + 2], 0x58
        mov word [idt + 8 * 8 + 4], 0x8500
        mov byte [idt + 13 * 8 + 5], 0x0e
        mov [saved_esp], esp
        mov ax, 0x203
        mov dword [resume], .doubled
.doubles:
        mov fs, ax
.doubled:
        mov byte [idt + 13 * 8 + 5], 0x8e
        clts
        CHECK "double fault error code", dword [double_code], 0
        mov eax, [tss + 0x20]
        CHECK "double fault by a task gate", dword [double_ran], 1
        CHECK "back from the double fault", esp, [saved_esp]
        mov byte [idt + 8 * 8 + 5], 0x8e

        ; single step
        SET_GATE 1, debug_event, 0x8e
        mov dword [debug_count], 0
        pushfd
        or dword [esp], TF
        popfd
        nop
.step:  nop
        pushfd
        and dword [esp], ~TF
        popfd
.stepped:
        ; after each of nop, nop, pushfd, and, popfd
        CHECK "single steps", dword [debug_count], 5
        mov eax, [debug_first]
        sub eax, .step
        CHECK "first step", eax, 0
        mov eax, [debug_dr6]
        and eax, 0xe00f
        CHECK "step sets BS", eax, 0x4000
        ; MOV SS takes the step of the instruction behind it along
        mov dword [debug_count], 0
        mov ax, KDATA
        pushfd
        or dword [esp], TF
        popfd
        mov ss, ax
        nop
        pushfd
        and dword [esp], ~TF
        popfd
        CHECK "no step behind mov ss", dword [debug_count], 4
        ; breakpoints
        xor eax, eax
        mov dr6, eax
        mov dword [debug_count], 0
        mov eax, .broken
        mov dr0, eax
        mov eax, 0x402
        mov dr7, eax
        nop
.broken: nop
        xor eax, eax
        mov dr7, eax
        CHECK "execution breakpoint", dword [debug_count], 1
        mov eax, [debug_first]
        sub eax, .broken
        CHECK "execution breakpoint is a fault", eax, 0
        mov eax, [debug_dr6]
        and eax, 0xe00f
        CHECK "B0", eax, 1
        xor eax, eax
        mov dr6, eax
        mov dword [debug_count], 0
        mov eax, watched
        mov dr1, eax
        mov eax, 0x400 | 8 | 1 << 20 | 3 << 22  ; L1 G1: 4 bytes, writes
        mov dr7, eax
        mov eax, [watched]
        mov [watched + 4], eax
        mov byte [watched + 3], 1
.written:
        xor eax, eax
        mov dr7, eax
        CHECK "data breakpoint", dword [debug_count], 1
        mov eax, [debug_first]
        sub eax, .written
        CHECK "data breakpoint is a trap", eax, 0
        mov eax, [debug_dr6]
        and eax, 0xe00f
        CHECK "B1", eax, 2
        EXACT "general detect", .no_general
        mov eax, 0x2400                         ; GD
        mov dr7, eax
        mov dword [debug_count], 0
        mov dword [resume_debug], .general
        mov eax, dr0
.general:
        mov dword [resume_debug], 0
        CHECK "general detect", dword [debug_count], 1
        mov eax, [debug_dr6]
        and eax, 0x2000
        CHECK "BD", eax, 0x2000
        mov eax, dr7
        and eax, 0x2000
        CHECK "GD cleared", eax, 0
.no_general:
        xor eax, eax
        mov dr7, eax

        ; level 3: alignment
        SET_GATE 0x80, from_user, 0xee
        mov eax, cr0
        or eax, 0x40000
        mov cr0, eax
        mov [kernel_esp], esp
        push dword UDATA
        push dword USER_STACK
        push dword 0x40002
        push dword UCODE
        push dword aligned
        iret
aligned:
        mov ax, UDATA
        mov ds, ax
        RUNS "aligned", {mov eax, [watched]}
        STRICT_FAULT "unaligned dword", 17, 0, {mov eax, [watched + 1]}
        STRICT_FAULT "unaligned word", 17, 0, {mov ax, [watched + 1]}
        RUNS "byte", {mov al, [watched + 1]}
        mov dword [after_user], virtual
        int 0x80

        ; virtual-8086 mode: code at 9000h
virtual:
        mov esi, virtual_code
        mov edi, 0x9000
        mov ecx, virtual_end - virtual_code
        rep movsb
        mov dword [after_user], virtual_done
        SET_GATE 13, virtual_fault, 0x8e
        mov [kernel_esp], esp
        push dword 0x111                        ; GS
        push dword 0x222
        push dword 0x333
        push dword 0x444                        ; ES
        push dword 0
        push dword 0xf000
        push dword 0x23002                      ; VM, IOPL 3
        push dword 0x900
        push dword 0
        iret
virtual_done:
        SET_GATE 13, stubs + 13 * 16, 0x8e
        CHECK "v86 segments", dword [0x9100], 0x444
        CHECK "v86 int at IOPL 3 entered level 0", dword [virtual_ints], 1
        CHECK "v86 cs in the frame", dword [virtual_cs], 0x900
        CHECK "v86 es in the frame", dword [virtual_es], 0x444
        CHECK "v86 gs in the frame", dword [virtual_gs], 0x111
        CHECK "v86 ds is null in the handler", dword [virtual_ds], 0
        CHECK "v86 16-bit push", dword [0x9104], 0xeffe
        CHECK "v86 hlt faults", dword [virtual_faults], 1
        EXACT "vme", no_vme
        ; the same at IOPL 0 with VME: CLI, STI, PUSHF and INT are the program's own
        mov eax, cr4
        or eax, 1
        mov cr4, eax
        mov esi, vme_code
        mov edi, 0x9000
        mov ecx, vme_end - vme_code
        rep movsb
        mov word [0x50 * 4], vme_handler - vme_code
        mov word [0x50 * 4 + 2], 0x900
        mov dword [after_user], vme_done
        mov dword [virtual_faults], 0
        SET_GATE 13, virtual_fault, 0x8e
        mov [kernel_esp], esp
        times 4 push dword 0
        push dword 0
        push dword 0xf000
        push dword 0x20202                      ; VM, IF, IOPL 0
        push dword 0x900
        push dword 0
        iret
vme_done:
        SET_GATE 13, stubs + 13 * 16, 0x8e
        CHECK "vme sti sets VIF: pushf shows IF and IOPL 3", dword [0x9110], 0x3246
        CHECK "vme cli", dword [0x9114], 0x3046
        CHECK "vme int is redirected", dword [0x9118], 1
        CHECK "vme int shows IF", dword [0x911c], 0x3246
        mov eax, cr4
        and al, ~1
        mov cr4, eax
no_vme:

        ; real mode and back, with a data segment of 4 GiB left behind (unreal mode)
        sidt [saved_idt]
        mov esi, real_code
        mov edi, 0x9000
        mov ecx, real_end - real_code
        rep movsb
        mov [saved_esp], esp
        mov ax, KDATA
        mov gs, ax
        jmp 0x68:0x9000
back_from_real:
        mov ax, KDATA
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov fs, ax
        mov gs, ax
        mov esp, [saved_esp]
        lidt [saved_idt]
        CHECK "real cs base", dword [0x9120], 0x900
        CHECK "real int", dword [0x9124], 0x77
        CHECK "unreal read above 1 MiB", dword [0x9128], 0x1badb002
        ret

keep_flags:
        pushfd
        pop dword [kept_flags]
        iret
gate16: mov [kept_esp], esp
        jmp [resume]

double_fault:
        pop dword [double_code]
        mov dword [double_ran], 1
        ; the instruction is not repeated
        mov eax, [resume]
        mov [tss + 0x20], eax
        iret

debug_event:
        push eax
        inc dword [debug_count]
        cmp dword [debug_count], 1
        jne .later
        mov eax, [esp + 4]
        mov [debug_first], eax
        mov eax, dr6
        mov [debug_dr6], eax
.later: or dword [esp + 12], 0x10000            ; RF: past an execution breakpoint
        cmp dword [resume_debug], 0
        je .end
        mov eax, [resume_debug]
        mov [esp + 4], eax
.end:   pop eax
        iret

from_user:
        mov ax, ds
        mov bx, KDATA
        mov ds, bx
        mov es, bx
        test dword [esp + 8], 0x20000
        jz .flat
        mov [virtual_ds], ax
        inc dword [virtual_ints]
        mov eax, [esp + 4]
        mov [virtual_cs], eax
        mov eax, [esp + 20]
        mov [virtual_es], eax
        mov eax, [esp + 32]
        mov [virtual_gs], eax
.flat:  mov esp, [kernel_esp]
        jmp [after_user]

; #GP in virtual-8086 mode: counts, and steps over a one-byte instruction
virtual_fault:
        push eax
        push ds
        mov ax, KDATA
        mov ds, ax
        inc dword [virtual_faults]
        inc dword [esp + 12]
        cmp dword [virtual_faults], 5
        jb .end
        mov es, ax
        mov esp, [kernel_esp]
        jmp [after_user]
.end:   pop ds
        pop eax
        add esp, 4
        iret

        bits 16
virtual_code:
        mov ax, es
        mov cx, 0
        mov ds, cx
        mov [0x9100], ax
        push ax
        mov [0x9104], sp
        hlt
        int 0x80
virtual_end:

vme_code:
        xor ax, ax
        mov ds, ax
        mov ss, ax
        sti
        pushf
        pop word [0x9110]
        cli
        pushf
        pop word [0x9114]
        sti
        int 0x50
        ; ends with a fault that no virtual mode has a word in
        times 8 hlt
vme_handler:
        mov bp, sp
        mov ax, [bp + 4]
        mov [0x911c], ax
        inc word [0x9118]
        iret
vme_end:

real_code:
        mov eax, cr0
        and al, 0xfe
        mov cr0, eax
        jmp 0x900:.here - real_code
.here:  xor ax, ax
        mov ds, ax
        mov ss, ax
        mov sp, 0xf000
        lidt [cs:.idt - real_code]
        mov word [0x60 * 4], .handler - real_code
        mov word [0x60 * 4 + 2], 0x900
        mov word [0x9120], cs
        int 0x60
        mov eax, [gs:dword 0x100000]
        mov [0x9128], eax
        mov eax, cr0
        or al, 1
        mov cr0, eax
        jmp dword KCODE:back_from_real
.handler:
        mov word [0x9124], 0x77
        iret
.idt:   dw 0x3ff
        dd 0
real_end:
        bits 32

        align 8
bounds: dd 10, 20
kept_flags: dd 0
kept_esp: dd 0
saved_esp: dd 0
kernel_esp: dd 0
after_user: dd 0
double_code: dd -1
double_ran: dd 0
debug_count: dd 0
debug_first: dd 0
debug_dr6: dd 0
resume_debug: dd 0
virtual_ints: dd 0
virtual_cs: dd 0
virtual_es: dd 0
virtual_gs: dd 0
virtual_ds: dd 0
virtual_faults: dd 0
saved_idt: dw 0
        dd 0
        align 16
watched: dd 0, 0, 0, 0
        align 16
fault_tss: times 0x68 db 0
        align 16
tss:
