; Paging in 32-bit protected mode: tables of 4-byte entries with and without 4-MiB pages, then PAE with NX: permissions, accessed and
; dirty flags, error codes, CR2, reserved bits, SMEP and SMAP, accesses across pages.
%include "common32.inc"

        align 16
gdt:    dq 0
        DESC 0, 0xfffff, 0x9a, 0xc              ; 08 code
        DESC 0, 0xfffff, 0x92, 0xc              ; 10 data
        DESC 0, 0xfffff, 0xfa, 0xc              ; 18 user code
        DESC 0, 0xfffff, 0xf2, 0xc              ; 20 user data
tss_descriptor:
        DESC 0, 0x68, 0x89, 0                   ; 28 TSS
gdt_end:

DIRECTORY equ 0x200000
TABLE0  equ 0x201000                            ; the first 4 MiB, one to one
TABLE1  equ 0x202000                            ; the 4 MiB at AREA
AREA    equ 0x400000
FRAME   equ 0x300000                            ; what AREA's pages are mapped to
P       equ 1
W       equ 2
U       equ 4
A       equ 0x20
D       equ 0x40
PS      equ 0x80
G       equ 0x100

; DIR value: the directory entry of AREA. PAGE n, value: page n of AREA
%macro DIR 1
        mov dword [DIRECTORY + 4], %1
        call flush
%endmacro
%macro PAGE 2
        mov dword [TABLE1 + (%1) * 4], %2
        invlpg [AREA + (%1) * 0x1000]
%endmacro
%macro ADDRESS 2                                ; name, CR2
        push eax
        mov eax, cr2
        CHECK {%1}, eax, %2
        pop eax
%endmacro
%macro ENTRY 4                                  ; name, address, mask, value
        mov ebx, [%2]
        and ebx, %3
        CHECK %1, ebx, %4
%endmacro
; USER and KERNEL: to level 3 and back
%macro USER 0
        mov [kernel_esp], esp
        push dword UDATA
        push dword USER_STACK
        push dword 2
        push dword UCODE
        push dword %%user
        iret
%%user:
%endmacro
%macro KERNEL 0
        int 0x80
%endmacro
; what raises a page fault, and where
%macro PF 4+                                    ; name, error code, CR2, instruction
        FAULT %1, 14, %2, %4
        ADDRESS {%1, ": address"}, %3
%endmacro
%macro UPF 4+
        USER
        FAULT %1, 14, %2, %4
        KERNEL
        ADDRESS {%1, ": address"}, %3
%endmacro
%macro UOK 2+
        USER
        RUNS %1, %2
        KERNEL
%endmacro

main:
        mov ax, UDATA                           ; as level 3 needs them
        mov ds, ax
        mov es, ax
        SET_BASE tss_descriptor, tss
        mov dword [tss + 4], STACK_TOP - 0x4000
        mov dword [tss + 8], KDATA
        mov word [tss + 0x66], 0x68
        mov ax, KTSS
        ltr ax
        SET_GATE 0x80, from_user, 0xee
        mov word [tss_descriptor], 0x2068       ; with an I/O map: level 3 prints
        and byte [tss_descriptor + 5], 0xfd
        mov byte [tss + 0x2068], 0xff
        mov ax, KTSS
        ltr ax

        mov edi, DIRECTORY
        mov ecx, 0x400
        xor eax, eax
        rep stosd
        mov dword [DIRECTORY], TABLE0 + P + W + U
        mov edi, TABLE0
        mov eax, P + W + U
        mov ecx, 1024
.low:   stosd
        add eax, 0x1000
        loop .low
        mov edi, TABLE1
        mov ecx, 1024
        xor eax, eax
        rep stosd
        mov eax, DIRECTORY
        mov cr3, eax
        mov eax, cr0
        or eax, 0x80000000
        and eax, ~0x10000
        mov cr0, eax

        ; absent
        PF "no directory entry: read", 0, AREA + 0x123, {mov eax, [AREA + 0x123]}
        PF "no directory entry: write", 2, AREA + 0x1234, {mov [AREA + 0x1234], eax}
        UPF "no directory entry: level 3 reads", 4, AREA + 0x10, {mov eax, [AREA + 0x10]}
        UPF "no directory entry: level 3 writes", 6, AREA + 0x10, {mov [AREA + 0x10], eax}
        DIR TABLE1 + P + W + U
        PF "no table entry: read", 0, AREA + 0xffc, {mov eax, [AREA + 0xffc]}
        ENTRY "a walk that ends below marks the directory's entry", DIRECTORY + 4, A, A
        UPF "no table entry: level 3 writes", 6, AREA, {mov [AREA], eax}
        mov dword [resume], .fetched
        mov eax, AREA + 0x10
        mov dword [vector], 0
        call eax
.fetched:
        pop eax
        CHECK "no table entry: fetch", dword [vector], 14
        CHECK "no table entry: fetch: code without NX and SMEP", dword [code], 0
        CHECK "no table entry: fetch: eip", dword [fault_eip], AREA + 0x10
        ADDRESS "no table entry: fetch: address", AREA + 0x10
        ; without CR4.PSE bit 7 of a directory entry says nothing
        PAGE 0, FRAME + P + W + U
        mov dword [FRAME + 0x10], 0xcafe0010
        DIR TABLE1 + P + W + U + PS
        mov eax, [AREA + 0x10]
        CHECK "PS without PSE", eax, 0xcafe0010
        DIR TABLE1 + P + W + U

        ; accessed and dirty
        PAGE 1, FRAME + 0x1000 + P + W + U
        mov eax, [AREA + 0x1000]
        ENTRY "a read sets accessed", TABLE1 + 4, A + D, A
        mov [AREA + 0x1000], eax
        ENTRY "a write sets dirty", TABLE1 + 4, A + D, A + D
        PAGE 1, FRAME + 0x1000 + P + W + U
        mov [AREA + 0x1000], eax
        ENTRY "a first write sets both", TABLE1 + 4, A + D, A + D
        PAGE 1, FRAME + 0x1000 + P + W + U
        mov byte [FRAME + 0x1000], 0xc3
        mov eax, AREA + 0x1000
        call eax
        ENTRY "a fetch sets accessed", TABLE1 + 4, A + D, A
        PAGE 1, FRAME + 0x1000 + P + W + U
        xor eax, eax
        mov ecx, 1
        lock cmpxchg [AREA + 0x1000], ecx       ; unequal
        ENTRY "cmpxchg that does not change sets dirty", TABLE1 + 4, A + D, A + D
        PAGE 1, FRAME + 0x1000 + P + U
        UPF "a refused write", 7, AREA + 0x1000, {mov [AREA + 0x1000], eax}
        ENTRY "a refused write sets no dirty flag", TABLE1 + 4, D, 0
        ENTRY "the directory's entry is never dirty", DIRECTORY + 4, A + D, A

        ; permissions: both levels count
        RUNS "read-only, without WP", {mov [AREA + 0x1000], eax}
        ENTRY "which sets dirty", TABLE1 + 4, D, D
        UOK "read-only: level 3 reads", {mov eax, [AREA + 0x1000]}
        mov eax, cr0
        or eax, 0x10000
        mov cr0, eax
        PF "read-only, with WP", 3, AREA + 0x1ffe, {mov [AREA + 0x1ffe], ax}
        PAGE 1, FRAME + 0x1000 + P + W + U
        DIR TABLE1 + P + U
        PF "read-only directory, with WP", 3, AREA + 0x1000, {mov [AREA + 0x1000], eax}
        UPF "read-only directory: level 3", 7, AREA + 0x1000, {mov [AREA + 0x1000], eax}
        DIR TABLE1 + P + W
        RUNS "supervisor directory", {mov [AREA + 0x1000], eax}
        UPF "supervisor directory: level 3 reads", 5, AREA + 0x1000, {mov eax, [AREA + 0x1000]}
        DIR TABLE1 + P + W + U
        PAGE 1, FRAME + 0x1000 + P + W
        UPF "supervisor page: level 3 reads", 5, AREA + 0x1004, {mov eax, [AREA + 0x1004]}
        UPF "supervisor page: level 3 writes", 7, AREA + 0x1004, {mov [AREA + 0x1004], eax}
        UPF "supervisor page: level 3 reads to write", 7, AREA + 0x1004, {inc dword [AREA + 0x1004]}
        USER
        mov dword [resume], .user_fetched
        mov dword [vector], 0
        mov eax, AREA + 0x1000
        call eax
.user_fetched:
        pop eax
        CHECK "supervisor page: level 3 fetches", dword [vector], 14
        CHECK "supervisor page: level 3 fetches: code", dword [code], 5
        KERNEL

        ; across pages
        PAGE 2, 0
        PAGE 1, FRAME + 0x1000 + P + W + U
        mov dword [FRAME + 0x1ffc], 0x11111111
        PF "a read across pages", 0, AREA + 0x2000, {mov eax, [AREA + 0x1ffe]}
        PF "a write across pages", 2, AREA + 0x2000, {mov dword [AREA + 0x1ffe], -1}
        CHECK "of which nothing is written", dword [FRAME + 0x1ffc], 0x11111111
        PF "a locked one", 2, AREA + 0x2000, {lock add dword [AREA + 0x1ffe], eax}
        CHECK "of which nothing is written either", dword [FRAME + 0x1ffc], 0x11111111
        PAGE 1, 0
        PAGE 2, FRAME + P + W + U
        PF "the first of the pages", 0, AREA + 0x1ffe, {mov eax, [AREA + 0x1ffe]}
        PAGE 1, FRAME + 0x1000 + P + W + U
        mov dword [FRAME], 0x22222222
        mov eax, [AREA + 0x1ffe]
        CHECK "pages that are not neighbours", eax, 0x22221111
        mov dword [AREA + 0x1ffe], 0x33334444
        CHECK "a write to both: first", dword [FRAME + 0x1ffc], 0x44441111
        CHECK "a write to both: second", dword [FRAME], 0x22223333
        mov eax, 0x00010001
        lock add [AREA + 0x1ffe], eax
        CHECK "a locked write to both: first", dword [FRAME + 0x1ffc], 0x44451111
        CHECK "a locked write to both: second", dword [FRAME], 0x22223334
        ; an instruction whose second page is absent
        PAGE 2, 0
        mov byte [FRAME + 0x1ffe], 0xb8
        mov eax, AREA + 0x1ffe
        mov dword [resume], .half
        mov dword [vector], 0
        call eax
.half:  pop eax
        CHECK "half an instruction", dword [vector], 14
        CHECK "half an instruction: eip", dword [fault_eip], AREA + 0x1ffe
        ADDRESS "half an instruction: address", AREA + 0x2000

        ; global pages go by INVLPG and with CR4.PGE
        mov eax, cr4
        or eax, 0x80
        mov cr4, eax
        mov dword [FRAME], 0xaaaa0000
        mov dword [FRAME + 0x3000], 0xbbbb0000
        PAGE 3, FRAME + P + W + U + G
        mov eax, [AREA + 0x3000]
        PAGE 3, FRAME + 0x3000 + P + W + U + G
        mov eax, [AREA + 0x3000]
        CHECK "invlpg of a global page", eax, 0xbbbb0000
        mov dword [TABLE1 + 12], FRAME + P + W + U + G
        mov eax, cr4
        and eax, ~0x80
        mov cr4, eax
        mov eax, [AREA + 0x3000]
        CHECK "PGE off", eax, 0xaaaa0000
        mov dword [TABLE1 + 12], FRAME + 0x3000 + P + W + U + G
        mov eax, cr3
        mov cr3, eax
        mov eax, [AREA + 0x3000]
        CHECK "mov to cr3", eax, 0xbbbb0000

        ; pages of 4 MiB
        mov eax, cr4
        or eax, 0x10
        mov cr4, eax
        mov dword [FRAME + 0x2345], 0x4a4a4a4a
        DIR P + W + U + PS
        mov eax, [AREA + FRAME + 0x2345]
        CHECK "4 MiB: read", eax, 0x4a4a4a4a
        ENTRY "4 MiB: accessed", DIRECTORY + 4, A + D, A
        mov [AREA + FRAME + 0x2345], eax
        ENTRY "4 MiB: dirty", DIRECTORY + 4, A + D, A + D
        DIR P + PS
        PF "4 MiB: read-only", 3, AREA + 0x300001, {mov [AREA + 0x300001], al}
        UPF "4 MiB: supervisor", 5, AREA + 0x300001, {mov al, [AREA + 0x300001]}
        DIR 0x200000 + P + W + U + PS
        PF "4 MiB: reserved bit", 9, AREA + 0x10, {mov eax, [AREA + 0x10]}
        UPF "4 MiB: reserved bit: level 3 writes", 15, AREA + 0x10, {mov [AREA + 0x10], eax}
        DIR 0x200000 + W + U + PS
        PF "4 MiB: reserved bit of nothing", 0, AREA + 0x10, {mov eax, [AREA + 0x10]}
        DIR 0x1000 + P + W + U + PS             ; PAT
        RUNS "4 MiB: bit 12 is PAT", {mov eax, [AREA + 0x10]}

        ; SMEP and SMAP
        DIR TABLE1 + P + W + U
        PAGE 0, FRAME + P + W + U
        PAGE 1, FRAME + 0x1000 + P + W
        mov byte [FRAME], 0xc3
        mov byte [FRAME + 0x1000], 0xc3
        call only_supervisor
        mov ax, KDATA
        mov ds, ax
        mov es, ax
        mov eax, cr4
        or eax, 0x100000
        mov cr4, eax
        mov dword [resume], .smep
        mov dword [vector], 0
        mov eax, AREA
        call eax
.smep:  pop ebx
        CHECK "smep", dword [vector], 14
        CHECK "smep: code", dword [code], 0x11
        CHECK "smep: eip", dword [fault_eip], AREA
        mov ebx, esp
        mov eax, AREA + 0x1000
        call eax
        CHECK "smep: a supervisor's page", esp, ebx
        RUNS "smep: data", {mov eax, [AREA]}
        PAGE 2, 0
        mov dword [resume], .smep_absent
        mov eax, AREA + 0x2000
        call eax
.smep_absent:
        pop ebx
        CHECK "smep: fetch of an absent page: code", dword [code], 0x10
        mov eax, cr4
        and eax, ~0x100000
        or eax, 0x200000
        mov cr4, eax
        PF "smap: read", 1, AREA + 8, {mov eax, [AREA + 8]}
        PF "smap: write", 3, AREA + 8, {mov [AREA + 8], eax}
        mov esi, AREA
        mov edi, FRAME + 0x4000
        mov ecx, 1
        PF "smap: string", 1, AREA, {rep movsb}
        stac
        RUNS "smap: stac", {mov eax, [AREA + 8]}
        clac
        PF "smap: clac", 1, AREA + 8, {mov eax, [AREA + 8]}
        RUNS "smap: a supervisor's page", {mov eax, [AREA + 0x1000]}
        mov ebx, esp
        mov eax, AREA
        call eax
        CHECK "smap: fetch", esp, ebx
        pushfd
        or dword [esp], 0x40000
        popfd
        RUNS "smap: AC by popf", {mov eax, [AREA + 8]}
        pushfd
        and dword [esp], ~0x40000
        popfd
        mov eax, cr4
        and eax, ~0x200000
        mov cr4, eax
        call pae
        ret

flush:  push eax
        mov eax, cr3
        mov cr3, eax
        pop eax
        ret

; takes the user's rights to the first 4 MiB
only_supervisor:
        mov ecx, 1024
.next:  and dword [TABLE0 + ecx * 4 - 4], ~U
        loop .next
        jmp flush

from_user:
        pop dword [back]
        mov esp, [kernel_esp]
        jmp [back]

        align 4
kernel_esp: dd 0
back:   dd 0

; PAE: the page directories' pointers, then as above with 8 bytes
POINTERS equ 0x210020                           ; 32-byte aligned is enough
WIDE0   equ 0x211000                            ; directory of the first GiB
WIDE_TABLE0 equ 0x212000                        ; two tables: the first 4 MiB
WIDE_TABLE1 equ 0x214000                        ; the 2 MiB at AREA
WIDE3   equ 0x215000                            ; directory of the fourth GiB
NX_HIGH equ 0x80000000

%macro DIR8 2                                   ; low, high
        mov dword [WIDE0 + 2 * 8], %1
        mov dword [WIDE0 + 2 * 8 + 4], %2
        call flush
%endmacro
%macro PAGE8 3
        mov dword [WIDE_TABLE1 + (%1) * 8], %2
        mov dword [WIDE_TABLE1 + (%1) * 8 + 4], %3
        invlpg [AREA + (%1) * 0x1000]
%endmacro

pae:
        mov ax, UDATA
        mov ds, ax
        mov es, ax
        mov eax, cr0
        and eax, 0x7fffffff
        mov cr0, eax
        mov edi, POINTERS
        xor eax, eax
        mov ecx, 0x6000 / 4 - 8
        rep stosd
        mov dword [POINTERS], WIDE0 + P
        mov dword [POINTERS + 24], WIDE3 + P
        mov dword [WIDE0], WIDE_TABLE0 + P + W + U
        mov dword [WIDE0 + 8], WIDE_TABLE0 + 0x1000 + P + W + U
        mov edi, WIDE_TABLE0
        mov eax, P + W + U
        mov ecx, 1024
.low:   mov [edi], eax
        add eax, 0x1000
        add edi, 8
        loop .low
        mov eax, cr4
        or eax, 0x20
        mov cr4, eax
        mov eax, POINTERS
        mov cr3, eax
        mov eax, cr0
        or eax, 0x80000000
        mov cr0, eax

        PF "pae: no directory entry", 0, AREA, {mov eax, [AREA]}
        PF "pae: no pointer", 0, 0x40000000, {mov eax, [0x40000000]}
        UPF "pae: no pointer: level 3 writes", 6, 0x40000000, {mov [0x40000000], eax}
        DIR8 WIDE_TABLE1 + P + W + U, 0
        PAGE8 0, FRAME + P + W + U, 0
        mov dword [FRAME + 8], 0x0badcafe
        mov eax, [AREA + 8]
        CHECK "pae: read", eax, 0x0badcafe
        ENTRY "pae: accessed", WIDE_TABLE1, A + D, A
        mov [AREA + 8], eax
        ENTRY "pae: dirty", WIDE_TABLE1, A + D, A + D
        ENTRY "pae: directory accessed", WIDE0 + 16, A + D, A
        ENTRY "pae: pointers are not marked", POINTERS, A + D, 0
        PAGE8 0, FRAME + P, 0
        PF "pae: read-only", 3, AREA, {mov [AREA], eax}
        UPF "pae: supervisor", 5, AREA, {mov eax, [AREA]}
        ; reserved bits
        PAGE8 0, FRAME + P + W + U, 0x00100000
        PF "pae: bit 52", 9, AREA + 4, {mov eax, [AREA + 4]}
        PAGE8 0, FRAME + P + W + U, 0x40000000
        PF "pae: bit 62", 11, AREA + 4, {mov [AREA + 4], eax}
        PAGE8 0, FRAME + P + W + U, 0x00080000
        PF "pae: bit 51, beyond the physical addresses", 9, AREA + 4, {mov eax, [AREA + 4]}
        PAGE8 0, FRAME + P + W + U, NX_HIGH
        PF "pae: bit 63 without NXE", 9, AREA + 4, {mov eax, [AREA + 4]}
        DIR8 WIDE_TABLE1 + P + W + U, NX_HIGH
        UPF "pae: directory's bit 63 without NXE", 13, AREA + 4, {mov eax, [AREA + 4]}
        mov ecx, 0xc0000080
        rdmsr
        or eax, 0x800
        wrmsr
        DIR8 WIDE_TABLE1 + P + W + U, 0
        PAGE8 0, FRAME + P + W + U, NX_HIGH
        mov byte [FRAME], 0xc3
        RUNS "nx: data", {mov eax, [AREA]}
        mov dword [resume], .nx
        mov eax, AREA
        call eax
.nx:    pop ebx
        CHECK "nx: code", dword [code], 0x11
        CHECK "nx: eip", dword [fault_eip], AREA
        ADDRESS "nx: address", AREA
        PAGE8 0, FRAME + P + W + U, 0
        DIR8 WIDE_TABLE1 + P + W + U, NX_HIGH
        mov dword [code], 0
        mov dword [resume], .nx_directory
        call eax
.nx_directory:
        pop ebx
        CHECK "nx of the directory: code", dword [code], 0x11
        USER
        mov dword [code], 0
        mov dword [resume], .nx_user
        mov eax, AREA
        call eax
.nx_user:
        pop ebx
        KERNEL
        CHECK "nx: level 3: code", dword [code], 0x15
        PAGE8 1, 0, 0
        mov dword [resume], .nx_absent
        mov eax, AREA + 0x1000
        call eax
.nx_absent:
        pop ebx
        CHECK "nx: an absent page: code", dword [code], 0x10
        ; 2 MiB, whatever CR4.PSE is
        mov eax, cr4
        and eax, ~0x10
        mov cr4, eax
        DIR8 0x200000 + P + W + U + PS, 0
        mov dword [FRAME + 0x77], 0x2b2b2b2b
        mov eax, [AREA + FRAME - 0x200000 + 0x77]
        CHECK "2 MiB: read", eax, 0x2b2b2b2b
        ENTRY "2 MiB: accessed", WIDE0 + 16, A + D, A
        mov [AREA + FRAME - 0x200000 + 0x77], eax
        ENTRY "2 MiB: dirty", WIDE0 + 16, A + D, A + D
        DIR8 0x202000 + P + W + U + PS, 0
        PF "2 MiB: reserved bit 13", 9, AREA + 4, {mov eax, [AREA + 4]}
        DIR8 0x200000 + P + W + U + PS + 0x100000, 0
        PF "2 MiB: reserved bit 20", 11, AREA + 4, {mov [AREA + 4], eax}
        DIR8 0x201000 + P + W + U + PS, 0
        RUNS "2 MiB: bit 12 is PAT", {mov eax, [AREA + 4]}
        ; the pointers are read when CR3 is loaded
        mov dword [WIDE3 + 511 * 8], WIDE_TABLE1 + P + W + U
        PAGE8 511, FRAME + P + W + U, 0
        mov eax, [0xfffff008]
        CHECK "the last page", eax, 0x0badcafe
        mov dword [0xfffffffc], 0x01020304
        CHECK "the last byte", dword [FRAME + 0xffc], 0x01020304

        mov eax, cr0
        and eax, 0x7fffffff
        mov cr0, eax
        mov eax, cr4
        and eax, ~0x20
        mov cr4, eax
        ret

        align 16
tss:    times 0x2069 db 0
