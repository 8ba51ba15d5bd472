; Long mode: what INVLPG, INVPCID, MOV to CR3 and CR4 make the processor forget, data and code, small and large pages; protection keys.
%include "common64.inc"

        align 16
gdt:    dq 0
        DESC 0, 0xfffff, 0x9a, 0xa              ; 08 64-bit code
        DESC 0, 0xfffff, 0x92, 0xc              ; 10 data
gdt_end:

WINDOW  equ 0x40000000                          ; two pages of 2 MiB
LARGE   equ 0x208000                            ; their page directory
PAGE_A  equ 0x1f8000
PAGE_B  equ 0x1f9000
ENTRY_A equ PT + (PAGE_A >> 12) * 8

main:
        mov dword [PAGE_A], 0x000001b8          ; mov eax, 1; ret
        mov word [PAGE_A + 4], 0xc300
        mov dword [PAGE_B], 0x000002b8          ; mov eax, 2; ret
        mov word [PAGE_B + 4], 0xc300
        mov dword [PAGE_A + 0x200000], 0x000003b8
        mov word [PAGE_A + 0x200004], 0xc300

        ; a page of 4 KiB
        mov ebx, PAGE_A
        call rbx
        CHECK "code in its first page", rax, 1
        mov eax, [rbx + 1]
        CHECK "data in its first page", rax, 1
        mov qword [ENTRY_A], PAGE_B + 7
        invlpg [rbx]
        call rbx
        CHECK "code behind invlpg", rax, 2
        mov eax, [rbx + 1]
        CHECK "data behind invlpg", rax, 2
        mov dword [rbx + 8], 0x55
        mov qword [ENTRY_A], PAGE_A + 7
        mov eax, 0x234
        invlpg [rbx + rax * 2 - 8]
        mov dword [rbx + 8], 0xaa
        mov eax, [PAGE_B + 8]
        CHECK "a store behind invlpg", rax, 0x55
        mov rax, NOT_CANONICAL
        RUNS "invlpg not canonical", invlpg [rax]

        ; the window: a page of 2 MiB at 0, then at 2 MiB
        mov qword [PDPT + 8], LARGE + 7
        mov qword [LARGE], 0x87
        mov qword [LARGE + 8], 0x200087
        mov ebx, WINDOW + PAGE_A
        call rbx
        CHECK "code in a large page", rax, 1
        mov eax, [rbx + 0x1001]
        CHECK "data in a large page", rax, 2
        mov qword [LARGE], 0x200087
        invlpg [WINDOW]
        call rbx
        CHECK "code behind invlpg elsewhere in its large page", rax, 3
        mov eax, [rbx + 1]
        CHECK "data behind invlpg elsewhere in its large page", rax, 3
        mov eax, [rbx + 0x1001]
        CHECK "more data there", rax, 0
        mov eax, [rbx + 0x200001]
        CHECK "the next large page", rax, 3

        ; MOV to CR3 and CR4
        mov qword [LARGE], 0x87
        mov rax, cr3
        mov cr3, rax
        call rbx
        CHECK "code behind mov to cr3", rax, 1
        mov rax, cr4
        or eax, 0x80
        mov cr4, rax
        mov qword [ENTRY_A], PAGE_A + 0x107     ; global
        invlpg [PAGE_A]
        mov ebx, PAGE_A
        call rbx
        mov qword [ENTRY_A], PAGE_B + 0x107
        invlpg [rbx]
        call rbx
        CHECK "a global page behind invlpg", rax, 2
        mov qword [ENTRY_A], PAGE_A + 0x107
        mov rax, cr4
        and eax, ~0x80
        mov cr4, rax
        or eax, 0x80
        mov cr4, rax
        call rbx
        CHECK "a global page behind a change of PGE", rax, 1

        EXACT "invpcid", .not_exact
        ; INVPCID, which QEMU TCG does not have
%macro DESCRIPTOR 2
        mov rax, %1
        mov [pcid], rax
        mov rax, %2
        mov [pcid + 8], rax
%endmacro
        DESCRIPTOR 0, PAGE_A
%assign type 0
%rep 4
        call rbx
        mov qword [ENTRY_A], PAGE_B + 7
        mov ecx, type
        invpcid rcx, [pcid]
        call rbx
        CHECK "invpcid", rax, 2
        mov qword [ENTRY_A], PAGE_A + 7
        invlpg [rbx]
  %assign type type + 1
%endrep
        mov ecx, 4
        FAULT "invpcid of type 4", 13, 0, {invpcid rcx, [pcid]}
        mov rcx, 0x100000000
        FAULT "invpcid of a type above 32 bits", 13, 0, {invpcid rcx, [pcid]}
        DESCRIPTOR 0, NOT_CANONICAL
        xor ecx, ecx
        FAULT "invpcid of an address that is not canonical", 13, 0, {invpcid rcx, [pcid]}
        mov ecx, 1
        RUNS "invpcid of type 1 looks at no address", {invpcid rcx, [pcid]}
        DESCRIPTOR 1, PAGE_A
        xor ecx, ecx
        FAULT "invpcid of pcid 1 without PCIDE", 13, 0, {invpcid rcx, [pcid]}
        mov ecx, 1
        FAULT "invpcid of all of pcid 1 without PCIDE", 13, 0, {invpcid rcx, [pcid]}
        DESCRIPTOR 0x1000, PAGE_A
        xor ecx, ecx
        FAULT "invpcid with bit 12", 13, 0, {invpcid rcx, [pcid]}
        mov rax, cr4
        or eax, 0x20000
        mov cr4, rax
        DESCRIPTOR 1, PAGE_A
        RUNS "invpcid of pcid 1", {invpcid rcx, [pcid]}
        mov rax, cr3
        bts rax, 63
        RUNS "mov to cr3 with bit 63", {mov cr3, rax}
        mov rcx, cr3
        btr rax, 63
        CHECK "bit 63 is not kept", rcx, rax
        or eax, 5
        mov cr3, rax
        mov qword [ENTRY_A], PAGE_B + 7
        and eax, ~5
        mov cr3, rax
        invlpg [rbx]
        call rbx
        CHECK "invlpg of another pcid", rax, 2
        mov qword [ENTRY_A], PAGE_A + 7
        invlpg [rbx]
        mov rax, cr4
        and eax, ~0x20000
        mov cr4, rax
.not_exact:

        ; protection keys
        xor ecx, ecx
        xor edx, edx
        FAULT "rdpkru without PKE", 6, -1, rdpkru
        FAULT "wrpkru without PKE", 6, -1, wrpkru
        mov rax, cr4
        or eax, 0x400000
        mov cr4, rax
        mov rax, 0x0800000000000007 + PAGE_A    ; key 1
        mov [ENTRY_A], rax
        invlpg [PAGE_A]
        mov rax, 0xdeadbeef0000000c
        xor ecx, ecx
        xor edx, edx
        RUNS "wrpkru", wrpkru
        mov rax, -1
        mov rdx, -1
        RUNS "rdpkru", rdpkru
        CHECK "rdpkru's rax", rax, 12
        CHECK "rdpkru's rdx", rdx, 0
        mov ecx, 1
        FAULT "rdpkru with ecx", 13, 0, rdpkru
        FAULT "wrpkru with ecx", 13, 0, wrpkru
        xor ecx, ecx
        mov edx, 1
        FAULT "wrpkru with edx", 13, 0, wrpkru
        FAULT "read of a page whose key denies access", 14, 0x21, {mov eax, [rbx]}
        call rbx
        CHECK "its code runs", rax, 1
        mov eax, 8
        xor ecx, ecx
        xor edx, edx
        wrpkru
        RUNS "read of a page whose key denies writes", {mov eax, [rbx]}
        RUNS "a supervisor's write there without WP", {mov [rbx + 8], eax}
        mov rax, cr0
        or eax, 0x10000
        mov cr0, rax
        FAULT "a supervisor's write there with WP", 14, 0x23, {mov [rbx + 8], eax}
        xor eax, eax
        wrpkru
        RUNS "a write with all rights", {mov [rbx + 8], eax}
        ret

NOT_CANONICAL equ 0x800000000000

        align 16
pcid:   dq 0, 0
