; A triple fault in real mode: a vector table without room for anything.
%include "common32.inc"

        align 16
gdt:    dq 0
        DESC 0, 0xfffff, 0x9a, 0xc              ; 08 code
        DESC 0, 0xfffff, 0x92, 0xc              ; 10 data
gdt_end:

main:
        call enter_real
        CHECK "shutdown", eax, -1
        ret

%include "common16.inc"

real_main:
        FAULT16 "ud2", 6, ud2
        lidt [.nothing]
        ud2
        ret
.nothing: dw 0
        dd 0
real16_end:
