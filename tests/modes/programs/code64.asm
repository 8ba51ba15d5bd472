; Self-modifying and cross-page code in 64-bit mode: see code-body.inc.
%include "common64.inc"

        align 16
gdt:    dq 0
        DESC 0, 0xfffff, 0x9a, 0xa              ; 08 64-bit code
        DESC 0, 0xfffff, 0x92, 0xc              ; 10 data
gdt_end:

ALIAS   equ 0x1d0000
%define XA rax
%define XB rbx
%define XC rcx
%define XD rdx
%define XWORD qword
%define fault_at fault_rip
FILLER  equ 0x90                                ; nop
FILLED  equ 0

%macro POINT 2
        mov qword [PT + ((%1) >> 12) * 8], (%2) + 7
        invlpg [%1]
%endmacro

main:
        POINT ALIAS, CODE
        jmp check_code

%include "code-body.inc"
