; Exceptions in 32-bit protected mode: each vector with its error code, what comes first, contributory pairs and double faults.
%include "common32.inc"

        align 16
gdt:    dq 0
        DESC 0, 0xfffff, 0x9a, 0xc              ; 08 code
        DESC 0, 0xfffff, 0x92, 0xc              ; 10 data
        DESC 0x120000, 0xff, 0x92, 4            ; 18 256 bytes of data
gdt_end:

; the table of vectors may begin or end in an absent page
ABSENT  equ 0x1f0000
PAGES   equ 0x200000                            ; page directory, and the page table of the first 4 MiB behind it

; IDT_AT address
%macro IDT_AT 1
        mov edi, %1
        call move_idt
%endmacro

main:
        mov edi, PAGES
        mov ecx, 1024
        xor eax, eax
        rep stosd
        mov dword [PAGES], PAGES + 0x1000 + 7
        mov eax, 7
        mov ecx, 1024
.page:  stosd
        add eax, 0x1000
        loop .page
        mov eax, PAGES
        mov cr3, eax
        mov eax, cr0
        or eax, 0x80010000                      ; with WP
        mov cr0, eax

        ; each vector
        xor ecx, ecx
        mov eax, 1
        cdq
        FAULT "div by zero", 0, -1, div ecx
        FAULT "idiv by zero", 0, -1, idiv ecx
        FAULT "aam by zero", 0, -1, aam 0
        mov eax, 0x80000000
        mov edx, -1
        mov ecx, -1
        FAULT "idiv overflow", 0, -1, idiv ecx
        mov edx, 1
        mov ecx, 1
        FAULT "div overflow", 0, -1, div ecx
        mov eax, 9
        FAULT "bound", 5, -1, bound eax, [bounds]
        FAULT "ud2", 6, -1, ud2
        FAULT "ud0", 6, -1, {db 0x0f, 0xff, 0xc0}
        FAULT "ud1", 6, -1, {db 0x0f, 0xb9, 0xc0}
        FAULT "lock where it cannot be", 6, -1, {db 0xf0, 0x90}
        FAULT "lock on a register", 6, -1, {db 0xf0, 0x01, 0xd8}
        FAULT "lea of a register", 6, -1, {db 0x8d, 0xc0}
        FAULT "mov to cs", 6, -1, {db 0x8e, 0xc8}
        FAULT "lds of a register", 6, -1, {db 0xc5, 0xc0}
        FAULT "mov cr1", 6, -1, {db 0x0f, 0x20, 0xc8}
        FAULT "far jump through a register", 6, -1, {db 0xff, 0xe8}
        ; #NM, #MF, #XM
        mov eax, cr0
        or eax, 8                               ; TS
        mov cr0, eax
        FAULT "x87 with TS", 7, -1, fld1
        FAULT "sse with TS without OSFXSR", 6, -1, {addps xmm0, xmm1}
        and eax, ~2
        mov cr0, eax
        RUNS "wait with TS without MP", wait
        or eax, 2
        mov cr0, eax
        FAULT "wait with TS and MP", 7, -1, wait
        FAULT "mmx with TS", 7, -1, {paddb mm0, mm1}
        and eax, ~8
        or eax, 4                               ; EM
        mov cr0, eax
        FAULT "x87 with EM", 7, -1, fld1
        FAULT "mmx with EM", 6, -1, {paddb mm0, mm1}
        RUNS "wait with EM", wait
        and eax, ~4
        mov cr0, eax
        mov ecx, cr4
        or ecx, 0x600                           ; OSFXSR, OSXMMEXCPT
        mov cr4, ecx
        or eax, 8
        mov cr0, eax
        FAULT "sse with TS", 7, -1, {addps xmm0, xmm1}
        and eax, ~8
        or eax, 4
        mov cr0, eax
        FAULT "sse with EM", 6, -1, {addps xmm0, xmm1}
        and eax, ~4
        or eax, 0x22                            ; NE, MP
        mov cr0, eax
        fninit
        fldcw [unmasked]
        fld1
        fldz
        fdivp
        FAULT "x87 error", 16, -1, wait
        FAULT "x87 error at the next instruction", 16, -1, fld1
        RUNS "x87 instructions that do not wait", {fnstsw ax}
        fninit
        ldmxcsr [mxcsr_unmasked]
        xorps xmm0, xmm0
        movss xmm1, [one]
        FAULT "sse error", 19, -1, {divss xmm1, xmm0}
        and ecx, ~0x400
        mov cr4, ecx
        FAULT "sse error without OSXMMEXCPT", 6, -1, {divss xmm1, xmm0}
        ldmxcsr [mxcsr]
        FAULT "mxcsr reserved", 13, 0, {ldmxcsr [mxcsr_bad]}
        FAULT "movaps unaligned", 13, 0, {movaps xmm0, [bounds + 4]}
        RUNS "movups unaligned", {movups xmm0, [bounds + 4]}

        ; page faults
        mov dword [PAGES + 0x1000 + (ABSENT >> 12) * 4], 0
        invlpg [ABSENT]
        FAULT "page fault on a read", 14, 0, {mov eax, [ABSENT + 0x123]}
        mov ebx, cr2
        CHECK "its address", ebx, ABSENT + 0x123
        FAULT "page fault on a write", 14, 2, {mov [ABSENT + 0x456], eax}
        mov ebx, cr2
        CHECK "the write's address", ebx, ABSENT + 0x456
        FAULT "page fault on both", 14, 2, {add [ABSENT], eax}

        ; what comes first
        mov ax, 0x18
        mov es, ax
        FAULT "undefined opcode before a page fault", 6, -1, {db 0xf0, 0x8b, 0x05, 0, 0, 0x1f, 0}
        STRICT_FAULT "limit before a page fault", 13, 0, {mov eax, [es:ABSENT]}
        xor ecx, ecx
        FAULT "page fault before a division", 14, 0, {div dword [ABSENT]}
        mov ax, KDATA
        mov es, ax
        mov ax, 0x203
        FAULT "operand's page fault before the selector", 14, 0, {mov fs, [ABSENT]}
        mov eax, cr0
        or eax, 8
        mov cr0, eax
        FAULT "device not available before a page fault", 7, -1, {fld dword [ABSENT]}
        clts
        FAULT "first of the pages that an access crosses", 14, 0, {mov eax, [ABSENT - 2]}
        mov ebx, cr2
        CHECK "address in the second page", ebx, ABSENT
        mov esi, ABSENT - 8
        mov edi, buffer
        mov ecx, 4
        FAULT "page fault in a repetition", 14, 0, {rep movsd}
        CHECK "elements left", ecx, 2
        CHECK "source", esi, ABSENT
        mov edi, ABSENT - 4
        mov esi, buffer
        mov ecx, 3
        FAULT "page fault in a repetition's write", 14, 2, {rep movsd}
        CHECK "elements left of it", ecx, 2
        CHECK "source of it", esi, buffer + 4

        ; an exception in the delivery of another
        mov byte [idt + 13 * 8 + 5], 0x0e
        mov ax, 0x203
        FAULT "general protection whose gate is absent", 8, 0, mov fs, ax
        mov byte [idt + 13 * 8 + 5], 0x8e
        mov byte [idt + 0 * 8 + 5], 0x0e
        xor ecx, ecx
        FAULT "divide error whose gate is absent", 8, 0, div ecx
        mov byte [idt + 0 * 8 + 5], 0x8e
        mov byte [idt + 6 * 8 + 5], 0x0e
        FAULT "undefined opcode whose gate is absent", 11, 6 * 8 + 3, ud2
        mov byte [idt + 6 * 8 + 5], 0x85
        FAULT "undefined opcode whose gate is a task gate to code", 13, KCODE + 1, ud2
        mov byte [idt + 6 * 8 + 5], 0x80
        FAULT "undefined opcode without a gate", 13, 6 * 8 + 3, ud2
        mov byte [idt + 6 * 8 + 5], 0x8e
        mov word [idt + 6 * 8 + 2], KDATA
        FAULT "undefined opcode whose gate names data", 13, KDATA + 1, ud2
        mov word [idt + 6 * 8 + 2], 0x200
        FAULT "undefined opcode whose gate names nothing", 13, 0x201, ud2
        mov word [idt + 6 * 8 + 2], KCODE
        mov byte [idt + 11 * 8 + 5], 0x0e
        mov byte [idt + 0x40 * 8 + 5], 0x0e
        FAULT "segment not present whose gate is absent", 8, 0, int 0x40
        mov byte [idt + 11 * 8 + 5], 0x8e
        FAULT "int n whose gate is absent", 11, 0x40 * 8 + 2, int 0x40
        mov byte [idt + 0x40 * 8 + 5], 0x8e
        mov byte [idt + 14 * 8 + 5], 0x0e
        FAULT "page fault whose gate is absent", 8, 0, {mov eax, [ABSENT]}
        mov byte [idt + 14 * 8 + 5], 0x8e
        ; tables that end
        mov word [short_idt], 0x50 * 8 - 1
        mov dword [short_idt + 2], idt
        lidt [short_idt]
        FAULT "int n beyond the table", 13, 0x50 * 8 + 2, int 0x50
        RUNS "last vector of the table", nop
        mov word [short_idt], 16 * 8 - 1
        lidt [short_idt]
        mov eax, cr0
        fninit
        fldcw [unmasked]
        fld1
        fldz
        fdivp
        FAULT "exception beyond the table", 13, 16 * 8 + 3, wait
        fninit
        ; tables in an absent page
        IDT_AT ABSENT - 14 * 8                  ; 14 and above are absent
        FAULT "page fault in the delivery of a page fault", 8, 0, {mov eax, [ABSENT + 0x800]}
        ; INT n is no exception: its page fault is a first one, which has no gate
        FAULT "page fault twice in the delivery of int n", 8, 0, int 0x40
        lidt [idtr]
        IDT_AT ABSENT + 0x1000 - 14 * 8         ; all below 14 are
        mov ax, 0x203
        FAULT "page fault in the delivery of a general protection", 14, 0, mov fs, ax
        mov ebx, cr2
        CHECK "address of the gate", ebx, ABSENT + 0x1000 - 8
        FAULT "page fault in the delivery of an undefined opcode", 14, 0, ud2
        lidt [idtr]
        ret

; move_idt: the vectors as they are, at EDI, whose absent page is filled for the while
move_idt:
        mov [short_idt + 2], edi
        mov word [short_idt], 0x7ff
        mov dword [PAGES + 0x1000 + (ABSENT >> 12) * 4], ABSENT + 7
        invlpg [ABSENT]
        mov esi, idt
        mov ecx, 0x200
        rep movsd
        lidt [short_idt]
        mov dword [PAGES + 0x1000 + (ABSENT >> 12) * 4], 0
        invlpg [ABSENT]
        ret

        align 16
bounds: dd 10, 20, 0, 0, 0, 0
buffer: dd 1, 2, 3, 4
unmasked: dw 0x037b                             ; ZM clear
        align 4
mxcsr:  dd 0x1f80
mxcsr_unmasked: dd 0x1d80
mxcsr_bad: dd 0x11f80
one:    dd 0x3f800000
short_idt: dw 0
        dd 0
