; As add.asm, with CPUID before the HLT. The B8 with a 32-bit immediate was meant for 32-bit mode: in 16-bit mode it is
; MOV AX, 0 and ADD [BX+SI], AL, a read and a write of page 0 that change nothing.
bits 16
        mov dx, 3f8h
        add al, bl
        add al, '0'
        out dx, al
        mov al, 0ah
        out dx, al
        db 0b8h, 0, 0, 0, 0
        cpuid
        hlt
