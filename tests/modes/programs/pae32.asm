; PAE paging: when the PDPTE registers are loaded, and from what.
%include "common32.inc"

        align 16
gdt:    dq 0
        DESC 0, 0xfffff, 0x9a, 0xc              ; 08 code
        DESC 0, 0xfffff, 0x92, 0xc              ; 10 data
gdt_end:

TABLE   equ 0x201020                            ; at any multiple of 32
OTHER   equ 0x201040
DIRECTORY equ 0x202000
DIRECTORY2 equ 0x203000
WINDOW  equ 0x40000000
CR4_PAE equ 0x20
CR4_PGE equ 0x80

main:
        mov edi, 0x201000
        mov ecx, 0x3000 / 4
        xor eax, eax
        rep stosd
        mov dword [TABLE], DIRECTORY + 1
        mov dword [OTHER], DIRECTORY + 1
        mov dword [OTHER + 8], DIRECTORY2 + 1
        mov dword [DIRECTORY], 0x83
        mov dword [DIRECTORY + 8], 0x200083
        mov dword [DIRECTORY2], 0x200083
        mov dword [0x3f0000], 0x12345678
        mov eax, cr4
        or eax, CR4_PAE
        mov cr4, eax
        mov eax, TABLE
        mov cr3, eax
        mov ebx, cr0
        or ebx, 0x80000000
        mov dword [TABLE + 8], 3                ; a reserved bit, present
        STRICT_FAULT "paging on with a reserved bit", 13, 0, {mov cr0, ebx}
        mov eax, cr0
        shr eax, 31
        CHECK "which stays off", eax, 0
        mov dword [TABLE + 8], 2                ; not present: nothing is reserved
        RUNS "paging on", {mov cr0, ebx}
        mov eax, [0x3f0000]
        CHECK "memory is where it was", eax, 0x12345678
        FAULT "an entry that is not present", 14, 0, {mov eax, [WINDOW + 0x1f0000]}

        mov eax, OTHER
        RUNS "mov to cr3", {mov cr3, eax}
        mov eax, [WINDOW + 0x1f0000]
        CHECK "the other table", eax, 0x12345678
        EXACT "the registers of PAE", .not_exact
        ; QEMU TCG reads the table at each walk, and checks nothing when registers are loaded
        mov dword [OTHER + 8], 0
        invlpg [WINDOW + 0x1f0000]
        mov eax, [WINDOW + 0x1f0000]
        CHECK "the registers keep what memory no longer says", eax, 0x12345678
        mov dword [OTHER + 12], 0x80000000
        mov dword [OTHER + 8], DIRECTORY2 + 1
        mov eax, OTHER
        FAULT "mov to cr3 with a reserved bit", 13, 0, {mov cr3, eax}
        mov eax, [WINDOW + 0x1f0000]
        CHECK "the registers stay behind a fault", eax, 0x12345678
        mov ebx, cr4
        or ebx, CR4_PGE
        FAULT "a change of PGE with a reserved bit", 13, 0, {mov cr4, ebx}
        mov eax, cr4
        and eax, CR4_PGE
        CHECK "which does not happen", eax, 0
        mov eax, cr4
        or eax, 4
        RUNS "a change of TSD loads nothing", {mov cr4, eax}
        mov dword [OTHER + 12], 0
        mov dword [OTHER + 8], 0
        RUNS "a change of PGE", {mov cr4, ebx}
        FAULT "which loads the registers", 14, 0, {mov eax, [WINDOW + 0x1f0000]}
.not_exact:
        mov eax, cr0
        and eax, 0x7fffffff
        RUNS "paging off", {mov cr0, eax}
        ret
