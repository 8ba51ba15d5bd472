; Self-modifying and cross-page code in 32-bit protected mode: see code-body.inc.
%include "common32.inc"

        align 16
gdt:    dq 0
        DESC 0, 0xfffff, 0x9a, 0xc              ; 08 code
        DESC 0, 0xfffff, 0x92, 0xc              ; 10 data
gdt_end:

PAGES   equ 0x200000
ALIAS   equ 0x1d0000
%define XA eax
%define XB ebx
%define XC ecx
%define XD edx
%define XWORD dword
%define fault_at fault_eip
FILLER  equ 0x42                                ; inc edx
FILLED  equ 16

%macro POINT 2
        mov dword [PAGES + 0x1000 + ((%1) >> 12) * 4], (%2) + 7
        invlpg [%1]
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
        mov dword [PAGES + 0x1000 + (ALIAS >> 12) * 4], CODE + 7
        mov eax, PAGES
        mov cr3, eax
        mov eax, cr0
        or eax, 0x80000000
        mov cr0, eax
        jmp check_code

%include "code-body.inc"
