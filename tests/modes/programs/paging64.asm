; 4-level paging: pages of 4 KiB, 2 MiB and 1 GiB, permissions of all levels, accessed and dirty flags, error codes, CR2, reserved
; bits, NX, SMEP, SMAP, accesses across pages, the upper half of the address space.
%include "common64.inc"

AREA    equ 0x400000                            ; the third 2 MiB

        align 16
gdt:    dq 0
        DESC 0, 0xfffff, 0x9a, 0xa              ; 08 64-bit code
        DESC 0, 0xfffff, 0x92, 0xc              ; 10 data
        DESC 0, 0xfffff, 0xfa, 0xc              ; 18 user code, 32 bit
        DESC 0, 0xfffff, 0xf2, 0xc              ; 20 user data
        DESC 0, 0xfffff, 0xfa, 0xa              ; 28 user code
tss_descriptor:
        DESC 0, 0x2068, 0x89, 0                 ; 30 TSS
        dq 0
        DESC AREA + 0x10, 15, 0x82, 0           ; 40 LDT
        dq 0
gdt_end:

TABLE1  equ 0x210000
TABLE2  equ 0x211000
FRAME   equ 0x300000
HUGE    equ 0x40000000                          ; the second GiB
HIGH_HALF equ 0xffffff8000000000                ; the last 512 GiB
P       equ 1
W       equ 2
U       equ 4
A       equ 0x20
D       equ 0x40
PS      equ 0x80
NX      equ 1 << 63
BEYOND  equ 1 << 51

; PUT address, entry: an entry, and no translation is left
%macro PUT 2
        mov rax, %2
        mov [%1], rax
        call flush
%endmacro
%define DIR PD + 16
%define PAGE(n) TABLE1 + (n) * 8
%macro ENTRY 4
        mov rbx, [%2]
        and rbx, %3
        CHECK %1, rbx, %4
%endmacro
%macro USER 0
        mov [kernel_rsp], rsp
        push qword UDATA
        push qword USER_STACK
        push qword 2
        push qword UCODE
        push qword %%user
        iretq
%%user:
%endmacro
%macro KERNEL 0
        int 0x80
%endmacro
%macro ADDRESS 2
        mov rbx, cr2
        mov rdx, %2
        CHECK {%1}, rbx, rdx
%endmacro
%macro PF 4+
        FAULT %1, 14, %2, %4
        ADDRESS {%1, ": address"}, %3
%endmacro
%macro UPF 4+
        USER
        FAULT %1, 14, %2, %4
        KERNEL
        ADDRESS {%1, ": address"}, %3
%endmacro
; FETCH name, error code, address: a call that faults there
%macro FETCH 3
        mov qword [resume], %%after
        mov qword [vector], -1
        mov qword [code], -1
        mov rax, %3
        call rax
%%after:
        pop rbx
        CHECK %1, [code], %2
        mov rdx, %3
        CHECK {%1, ": rip"}, [fault_rip], rdx
%endmacro

main:
        mov rax, tss
        mov [tss_descriptor + 2], ax
        shr eax, 16
        mov [tss_descriptor + 4], al
        mov qword [tss + 4], STACK_TOP - 0x4000
        mov word [tss + 0x66], 0x68
        mov byte [tss + 0x2068], 0xff
        mov ax, KTSS
        ltr ax
        SET_GATE 0x80, from_user, 0xee
        mov edi, TABLE1
        mov ecx, 0x400
        xor eax, eax
        rep stosq

        ; absent, at each level
        mov rcx, 0x8000000010
        PF "no entry at the top: read", 0, 0x8000000010, {mov rax, [rcx]}
        PF "no entry at the top: write", 2, 0x8000000010, {mov [rcx], rax}
        mov rcx, HIGH_HALF + 0x1234
        PF "no entry at the top, upper half", 0, HIGH_HALF + 0x1234, {mov rax, [rcx]}
        mov rcx, HUGE + 0x345678
        PF "no entry at the third level", 0, HUGE + 0x345678, {mov rax, [rcx]}
        UPF "no entry at the third level: level 3 writes", 6, HUGE + 0x345678, {mov [rcx], rax}
        PF "no entry at the second level", 0, AREA + 8, {mov rax, [AREA + 8]}
        PUT DIR, TABLE1 + P + W + U
        PF "no entry at the first level", 0, AREA + 0xff8, {mov rax, [AREA + 0xff8]}
        ENTRY "a walk that ends below marks the entry above", DIR, A + D, A
        UPF "no entry at the first level: level 3 reads", 4, AREA, {mov rax, [AREA]}
        FETCH "no entry: fetch, without SMEP and with NX", 0x10, AREA + 0x10

        ; accessed and dirty
        PUT PAGE(0), FRAME + P + W + U
        mov rax, [AREA]
        ENTRY "a read sets accessed", PAGE(0), A + D, A
        mov [AREA], rax
        ENTRY "a write sets dirty", PAGE(0), A + D, A + D
        PUT PAGE(0), FRAME + P + W + U
        xchg [AREA], rax
        ENTRY "a first write sets both", PAGE(0), A + D, A + D
        ENTRY "top level accessed", PML4, A + D, A
        ENTRY "third level accessed", PDPT, A + D, A

        ; permissions of every level; WP is off
        PUT PAGE(0), FRAME + P + U
        RUNS "read-only, without WP", {mov [AREA], rax}
        UPF "read-only: level 3", 7, AREA, {mov [AREA], rax}
        mov rax, cr0
        or eax, 0x10000
        mov cr0, rax
        PF "read-only, with WP", 3, AREA + 4, {mov [AREA + 4], eax}
        PUT PAGE(0), FRAME + P + W + U
        PUT DIR, TABLE1 + P + U
        PF "read-only second level", 3, AREA, {mov [AREA], eax}
        PUT DIR, TABLE1 + P + W
        UPF "supervisor's second level", 5, AREA, {mov eax, [AREA]}
        PUT DIR, TABLE1 + P + W + U
        PUT PAGE(0), FRAME + P + W
        UPF "supervisor page: level 3 reads", 5, AREA + 4, {mov eax, [AREA + 4]}
        UPF "supervisor page: level 3 writes", 7, AREA + 4, {mov [AREA + 4], eax}
        UPF "supervisor page: level 3 reads to write", 7, AREA + 4, {inc dword [AREA + 4]}
        USER
        FETCH "supervisor page: level 3 fetches", 0x15, AREA
        KERNEL
        ; NX of every level
        mov byte [FRAME], 0xc3
        PUT PAGE(0), NX + FRAME + P + W + U
        RUNS "nx: data", {mov rax, [AREA]}
        FETCH "nx", 0x11, AREA
        PUT PAGE(0), FRAME + P + W + U
        PUT DIR, NX + TABLE1 + P + W + U
        FETCH "nx of the second level", 0x11, AREA
        USER
        FETCH "nx of the second level: level 3", 0x15, AREA
        KERNEL
        PUT DIR, TABLE1 + P + W + U
        mov rsi, rsp
        mov rax, AREA
        call rax
        CHECK "without nx", rsp, rsi

        ; reserved bits
        PUT PAGE(0), BEYOND + FRAME + P + W + U
        PF "bit 51, beyond the physical addresses", 9, AREA + 1, {mov al, [AREA + 1]}
        PUT PAGE(0), BEYOND + FRAME
        PF "bit 51 of nothing", 0, AREA + 1, {mov al, [AREA + 1]}
        PUT PAGE(0), FRAME + P + W + U + (0x7ff << 52)
        RUNS "bits 52 to 62 say nothing", {mov al, [AREA + 1]}
        PUT PAGE(0), FRAME + P + W + U
        PUT DIR, BEYOND + TABLE1 + P + W + U
        PF "bit 51 of the second level", 11, AREA + 1, {mov [AREA + 1], al}
        PUT DIR, TABLE1 + P + W + U
        mov rcx, HUGE
        PUT PDPT + 8, BEYOND + PD + P + W + U
        PF "bit 51 of the third level", 9, HUGE, {mov al, [rcx]}
        PUT PDPT + 8, 0
        mov rcx, 0x8000000000
        PUT PML4 + 8, BEYOND + PDPT + P + W + U
        PF "bit 51 of the top level", 9, 0x8000000000, {mov al, [rcx]}
        PUT PML4 + 8, PDPT + P + W + U + PS
        PF "bit 7 of the top level", 9, 0x8000000000, {mov al, [rcx]}
        PUT PML4 + 8, 0

        ; 2 MiB
        mov dword [FRAME + 0x77], 0x2b2b2b2b
        PUT DIR, 0x200000 + P + W + U + PS
        mov eax, [AREA + FRAME - 0x200000 + 0x77]
        CHECK "2 MiB: read", rax, 0x2b2b2b2b
        ENTRY "2 MiB: accessed", DIR, A + D, A
        mov [AREA + FRAME - 0x200000 + 0x77], eax
        ENTRY "2 MiB: dirty", DIR, A + D, A + D
        PUT DIR, 0x200000 + P + PS
        PF "2 MiB: read-only", 3, AREA + 0x12345, {mov [AREA + 0x12345], al}
        UPF "2 MiB: supervisor", 5, AREA + 0x12345, {mov al, [AREA + 0x12345]}
        PUT DIR, 0x202000 + P + W + U + PS
        PF "2 MiB: reserved bit 13", 9, AREA + 4, {mov eax, [AREA + 4]}
        PUT DIR, 0x300000 + P + W + U + PS
        PF "2 MiB: reserved bit 20", 11, AREA + 4, {mov [AREA + 4], eax}
        PUT DIR, 0x201000 + P + W + U + PS
        RUNS "2 MiB: bit 12 is PAT", {mov eax, [AREA + 4]}
        PUT DIR, NX + 0x200000 + P + W + U + PS
        FETCH "2 MiB: nx", 0x11, AREA + FRAME - 0x200000

        ; 1 GiB
        mov rcx, HUGE + FRAME + 0x77
        PUT PDPT + 8, P + W + U + PS
        xor eax, eax
        mov eax, [rcx]
        CHECK "1 GiB: read", rax, 0x2b2b2b2b
        ENTRY "1 GiB: accessed", PDPT + 8, A + D, A
        mov [rcx], eax
        ENTRY "1 GiB: dirty", PDPT + 8, A + D, A + D
        PUT PDPT + 8, P + PS
        PF "1 GiB: read-only", 3, HUGE + FRAME + 0x77, {mov [rcx], al}
        UPF "1 GiB: supervisor", 5, HUGE + FRAME + 0x77, {mov al, [rcx]}
        PUT PDPT + 8, 0x2000 + P + W + U + PS
        PF "1 GiB: reserved bit 13", 9, HUGE + FRAME + 0x77, {mov al, [rcx]}
        PUT PDPT + 8, 0x20000000 + P + W + U + PS
        PF "1 GiB: reserved bit 29", 11, HUGE + FRAME + 0x77, {mov [rcx], al}
        PUT PDPT + 8, NX + P + W + U + PS
        FETCH "1 GiB: nx", 0x11, HUGE + FRAME

        ; the upper half, by other entries to the same tables
        PUT DIR, TABLE1 + P + W + U
        PUT PAGE(0), FRAME + P + W + U
        PUT PML4 + 511 * 8, PDPT + P + W + U
        mov rcx, HIGH_HALF + AREA + 0x77
        xor eax, eax
        mov eax, [rcx]
        CHECK "upper half: read", rax, 0x2b2b2b2b
        mov rsi, rsp
        mov rax, HIGH_HALF + AREA
        call rax
        CHECK "upper half: code", rsp, rsi
        ; the last page: accesses beyond the address space go on at its start
        PUT PDPT + 511 * 8, TABLE2 + P + W + U
        PUT TABLE2 + 511 * 8, TABLE1 + P + W + U
        PUT PAGE(511), FRAME + P + W + U
        mov rcx, -4
        mov dword [rcx], 0x04030201
        mov eax, [FRAME + 0xffc]
        CHECK "the last dword", rax, 0x04030201
        mov qword [PT], FRAME + 0x1000 + P + W + U
        call flush
        mov dword [FRAME + 0x1000], 0x08070605
        mov rax, [rcx]
        mov rbx, 0x0807060504030201
        CHECK "over the end of the address space", rax, rbx
        mov qword [PT], P + W + U
        call flush

        ; across pages
        PUT PAGE(1), FRAME + 0x1000 + P + W + U
        PUT PAGE(2), 0
        mov rax, 0x1111111111111111
        mov [FRAME + 0x1ff8], rax
        PF "a read across pages", 0, AREA + 0x2000, {mov rax, [AREA + 0x1ffc]}
        PF "a write across pages", 2, AREA + 0x2000, {mov [AREA + 0x1ffc], rcx}
        CHECK "of which nothing is written", [FRAME + 0x1ff8], rax
        PF "a locked one", 2, AREA + 0x2000, {lock add [AREA + 0x1ffc], rcx}
        CHECK "of which nothing is written either", [FRAME + 0x1ff8], rax
        PUT PAGE(2), FRAME + P + W + U
        mov rax, 0x2222222222222222
        mov [FRAME], rax
        mov rax, [AREA + 0x1ffc]
        mov rbx, 0x2222222211111111
        CHECK "pages that are not neighbours", rax, rbx
        mov rax, 0x0000000100000001
        lock xadd [AREA + 0x1ffc], rax
        mov rdx, [FRAME]
        mov rbx, 0x2222222222222223
        CHECK "a locked write to both", rdx, rbx

        ; SMEP and SMAP: level 0 code is in pages of the supervisor now
        PUT PAGE(0), FRAME + P + W + U
        mov ecx, 1024
.next:  and dword [PT + rcx * 8 - 8], ~U
        loop .next
        mov byte [FRAME], 0xc3
        mov rax, cr4
        or eax, 0x100000
        mov cr4, rax
        FETCH "smep", 0x11, AREA
        RUNS "smep: data", {mov rax, [AREA]}
        mov rax, cr4
        xor eax, 0x300000
        mov cr4, rax
        PF "smap: read", 1, AREA + 8, {mov rax, [AREA + 8]}
        PF "smap: write", 3, AREA + 8, {mov [AREA + 8], rax}
        stac
        RUNS "smap: stac", {mov [AREA + 8], rax}
        clac
        PF "smap: clac", 1, AREA + 8, {mov rax, [AREA + 8]}
        mov rsi, rsp
        mov rax, AREA
        call rax
        CHECK "smap: fetch", rsp, rsi
        pushfq
        or dword [rsp], 0x40000
        popfq
        RUNS "smap: AC by popf", {mov rax, [AREA + 8]}
        pushfq
        and dword [rsp], ~0x40000
        popfq
        ; the processor's own accesses to a table in a user page fault whatever AC is
        mov rax, [gdt + KDATA]
        mov [FRAME + 0x18], rax
        mov ax, 0x40
        lldt ax
        stac
        mov ax, 0x0c
        PF "smap: a descriptor table in a user page", 1, AREA + 0x18, {mov es, ax}
        clac
        mov rax, cr4
        and eax, ~0x200000
        mov cr4, rax
        ret

flush:  mov rax, cr3
        mov cr3, rax
        ret

from_user:
        pop qword [back]
        mov rsp, [kernel_rsp]
        jmp [back]

        align 8
kernel_rsp: dq 0
back:   dq 0
        align 16
tss:    times 0x2069 db 0
