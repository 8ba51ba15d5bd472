; INS and OUTS of 8, 16 and 32 bits, and with REP. Loaded at 1000h; the buffer is at 2000h.
bits 16
org 1000h
        cld
        mov dx, 3f8h
        mov si, text
        mov cx, text_end - text
        rep outsb
        mov si, text
        outsb
        outsw
        outsd
        mov dx, 60h
        mov di, 2000h
        insb
        insw
        insd
        mov cx, 3
        rep insw
        mov cx, 0
        rep insb
        mov dx, 3f8h
        mov si, 2000h
        mov cx, 13
        rep outsb
        std
        mov si, text_end - 1
        mov cx, 2
        rep outsb
        hlt
text:   db "Hello, KVM", 0ah
text_end:
