; Real and unreal mode: the vector table, events, limits, far transfers, flags, what is refused, the way to protected mode and back.
%include "common32.inc"

        align 16
gdt:    dq 0
        DESC 0, 0xfffff, 0x9a, 0xc              ; 08 code
        DESC 0, 0xfffff, 0x92, 0xc              ; 10 data
gdt_end:

main:
        mov eax, cr0                            ; an alignment flag has no meaning in real mode
        or eax, 0x40000
        mov cr0, eax
        call enter_real
        mov eax, cr0
        and eax, 1
        CHECK "back in protected mode", eax, 1
        ret

%include "common16.inc"

%macro FLAGS_INTO 1
        pushfd
        pop %1
%endmacro

real_main:
        xor eax, eax
        mov ax, cs
        CHECK16 "real cs", eax, REAL
        smsw ax
        and eax, 1
        CHECK16 "smsw without PE", eax, 0

        ; events through the vector table
        mov word [resume16], .int60
        mov [kept_sp], sp
        sti
        stc
        int 0x60
.int60: cli
        movzx eax, word [vector16]
        CHECK16 "int n", eax, 0x60
        movzx eax, word [fault_ip16]
        CHECK16 "int pushes the next ip", eax, .int60
        movzx eax, word [fault_cs16]
        CHECK16 "int pushes cs", eax, REAL
        movzx eax, word [fault_flags16]
        and eax, 0x201
        CHECK16 "int pushes flags", eax, 0x201
        movzx eax, word [handler_flags16]
        and eax, 0x300
        CHECK16 "int clears IF and TF", eax, 0
        mov ax, [kept_sp]
        sub ax, [handler_sp16]
        movzx eax, ax
        CHECK16 "int pushes six bytes", eax, 6
        mov word [resume16], .int3
        int3
.int3:  movzx eax, word [vector16]
        CHECK16 "int3", eax, 3
        mov word [resume16], .into
        mov al, 0x7f
        add al, 1
        into
.into:  movzx eax, word [vector16]
        CHECK16 "into", eax, 4
        mov word [resume16], .int1
        db 0xf1
.int1:  movzx eax, word [vector16]
        CHECK16 "int1", eax, 1
        mov ax, 3
        FAULT16 "bound", 5, bound ax, [bounds16]
        mov ax, 7
        RUNS16 "bound within", bound ax, [bounds16]
        xor cx, cx
        FAULT16 "divide by zero", 0, div cx
        FAULT16 "ud2", 6, ud2
        mov [kept_sp], sp
        EXACT16 "general protection pushes no error code", .no_code
        mov word [resume16], .gp
        mov ax, [0xffff]
.gp:    mov ax, [kept_sp]
        sub ax, [handler_sp16]
        movzx eax, ax
        CHECK16 "general protection pushes no error code", eax, 6
.no_code:

        ; the table's limit and place
        EXACT16 "beyond the vector table", .no_limit
        lidt [short_table]
        FAULT16 "beyond the vector table", 13, int 0x40
        mov word [resume16], .int3f
        int 0x3f
.int3f: movzx eax, word [vector16]
        CHECK16 "last vector of the table", eax, 0x3f
        lidt [cs:idtr_real]
.no_limit:
        mov word [table_elsewhere + 0x21 * 4], at_another_table
        mov word [table_elsewhere + 0x21 * 4 + 2], REAL
        lidt [cs:elsewhere]
        mov word [other_table], 0
        int 0x21
        lidt [cs:idtr_real]
        movzx eax, word [other_table]
        CHECK16 "the table elsewhere", eax, 0x2121
        o32 sidt [stored_table]
        movzx eax, word [stored_table]
        CHECK16 "sidt limit", eax, 0x3ff
        o32 lidt [whole_base]
        o32 sidt [stored_table]
        CHECK16 "lidt with 32 bits of base", dword [stored_table + 2], 0x12345678
        lidt [whole_base]
        o32 sidt [stored_table]
        CHECK16 "lidt with 24 bits of base", dword [stored_table + 2], 0x345678
        lidt [cs:idtr_real]

        ; limits
        RUNS16 "byte at the limit", {mov al, [0xffff]}
        EXACT_FAULT16 "word across the limit", 13, {mov ax, [0xffff]}
        EXACT_FAULT16 "dword across the limit", 13, {mov eax, [0xfffd]}
        mov bp, 0xffff
        EXACT_FAULT16 "word across the limit of the stack", 12, {mov ax, [bp]}
        mov ebx, 0x10000
        EXACT_FAULT16 "32-bit offset beyond the limit", 13, {mov al, [ebx]}
        mov si, 0xffff
        mov di, dump
        mov cx, 2
        rep movsb
        movzx eax, si
        CHECK16 "a string wraps around in its segment", eax, 1
        EXACT_FAULT16 "far jump beyond the limit", 13, {jmp dword REAL:0x10000}
        EXACT16 "fetch across the limit", .no_fetch
        push ds
        push word 0x3000
        pop ds
        mov byte [0xffff], 0x90                 ; nop, and then nothing
        mov byte [0xfffe], 0x40                 ; inc ax
        pop ds
        mov word [resume16], .fetched
        mov word [vector16], -1
        xor ax, ax
        jmp 0x3000:0xfffe
.fetched:
        CHECK16 "fetch across the limit ran what is before it", eax, 1
        movzx eax, word [vector16]
        CHECK16 "fetch across the limit", eax, 13
        mov eax, [fault_ip16]
        CHECK16 "fetch across the limit has cs and ip", eax, 0x30000000
.no_fetch:
        ; addresses above 1 MiB
        push word 0xffff
        pop fs
        mov eax, [fs:0x10]
        CHECK16 "address line 20", eax, 0x1badb002
        push cs
        pop fs

        ; far transfers
        call REAL:far_near
        movzx eax, ax
        CHECK16 "far call", eax, 0x1234
        call dword REAL:far_wide
        CHECK16 "far call with 32 bits", eax, 0x56789
        mov bx, sp
        push word 5
        push word 6
        call REAL:far_frees
        sub bx, sp
        movzx eax, bx
        CHECK16 "retf n", eax, 0
        call far [pointer16]
        movzx eax, ax
        CHECK16 "far call through memory", eax, 0x1234
        push cs
        push word .retf
        retf
.retf:  jmp far [jump16]
.jumped:
        movzx eax, ax
        CHECK16 "far jump through memory", eax, 0x1234
        xor eax, eax
        jmp 0x0fff:.other_segment + 0x10
.other_segment:
        mov ax, cs
        jmp REAL:.back
.back:  CHECK16 "far jump to another segment", eax, 0x0fff

        ; flags
        push dword 0x00240000 | 0x7246
        popfd
        FLAGS_INTO eax
        CHECK16 "popfd changes IOPL, NT, AC, ID and IF", eax, 0x00247246
        push word 0x0002
        popf
        FLAGS_INTO eax
        CHECK16 "popf keeps the upper half", eax, 0x00240002
        push dword 2
        popfd
        pushf
        push cs
        push word .iret16
        iret
.iret16:
        push dword 0x43202
        push dword REAL
        push dword .iret32
        o32 iret
.iret32:
        FLAGS_INTO eax
        and eax, 0xffff
        CHECK16 "iret with 32 bits", eax, 0x3202
        push dword 2
        popfd
        EXACT_FAULT16 "iret beyond the limit", 13, {jmp dword REAL:0x20000}

        ; single step
        mov word [steps], 0
        SET_VECTOR 1, stepped
        pushf
        pop ax
        or ah, 1
        push ax
        popf
        nop
        nop
        pushf
        pop ax
        and ah, 0xfe
        push ax
        popf
        movzx eax, word [steps]
        CHECK16 "single steps", eax, 7
        SET_VECTOR 1, stubs16 + 8

        ; what real mode refuses
        FAULT16 "lldt", 6, lldt ax
        FAULT16 "ltr", 6, ltr ax
        FAULT16 "sldt", 6, sldt ax
        FAULT16 "str", 6, str ax
        FAULT16 "lar", 6, lar ax, bx
        FAULT16 "lsl", 6, lsl ax, bx
        FAULT16 "verr", 6, verr ax
        FAULT16 "verw", 6, verw ax
        FAULT16 "arpl", 6, arpl ax, bx
        FAULT16 "syscall", 6, syscall
        FAULT16 "sysenter", 13, sysenter
        FAULT16 "sysexit", 13, sysexit
        FAULT16 "lock on a register", 6, {db 0xf0, 0x01, 0xd8}
        FAULT16 "mov to cs", 6, {db 0x8e, 0xc8}
        FAULT16 "longer than fifteen bytes", 13, {times 15 db 0x66}
        mov eax, cr0
        or eax, 0x80000000
        and al, 0xfe
        EXACT_FAULT16 "paging without protection", 13, {mov cr0, eax}
        mov ecx, 0x12345
        EXACT_FAULT16 "rdmsr unknown", 13, rdmsr
        ; and what it allows
        RUNS16 "clts", clts
        RUNS16 "mov dr7", {mov eax, dr7}
        RUNS16 "in", {in al, 0x80}
        RUNS16 "invlpg", invlpg [0]
        mov ax, 0x1234
        sgdt [stored_table]
        movzx eax, word [stored_table]
        CHECK16 "sgdt", eax, 0x2f
        ; alignment checks are for level 3
        push dword 0x40002
        popfd
        RUNS16 "no alignment checks", {mov eax, [bounds16 + 1]}
        push dword 2
        popfd
        ; enter and leave
        mov bp, 0x1111
        mov bx, sp
        enter 10, 1
        sub bx, sp
        movzx eax, bx
        CHECK16 "enter", eax, 14
        leave
        movzx eax, bp
        CHECK16 "leave", eax, 0x1111

        ; unreal mode: limits of protected mode stay in real mode, also when a selector is loaded
        lgdt [gdt_pointer]
        mov eax, cr0
        or al, 1
        mov cr0, eax
        mov bx, 0x28
        mov fs, bx
        and al, 0xfe
        mov cr0, eax
        mov esi, 0x100000
        mov eax, [fs:esi]
        CHECK16 "unreal", eax, 0x1badb002
        mov bx, 0x1000
        mov fs, bx
        mov eax, [fs:esi - 0x10000]
        CHECK16 "unreal after a load", eax, 0x1badb002
        ; LMSW enters protected mode, and cannot leave it
        smsw ax
        or al, 1
        lmsw ax
        and al, 0xfe
        lmsw ax
        smsw bx
        mov ecx, cr0
        and cl, 0xfe
        mov cr0, ecx
        movzx eax, bx
        and eax, 1
        CHECK16 "lmsw sets PE and does not clear it", eax, 1
        ret

far_near:
        mov ax, 0x1234
        retf
far_wide:
        mov eax, 0x56789
        o32 retf
far_frees:
        retf 4
stepped:
        inc word [cs:steps]
        iret
at_another_table:
        mov word [cs:other_table], 0x2121
        iret

        align 4
bounds16: dw 5, 9
kept_sp: dw 0
steps:  dw 0
other_table: dw 0
short_table: dw 0x3f * 4 + 3
        dd 0
elsewhere: dw 0x3ff
        dd REAL * 16 + table_elsewhere
whole_base: dw 0x3ff
        dd 0x12345678
stored_table: dd 0, 0
pointer16: dw far_near, REAL
jump16: dw real_main.jumped, REAL
gdt_pointer: dw 0x2f
        dd gdt16
dump:   dw 0
        align 4
table_elsewhere: times 0x24 dd 0
real16_end:
