; Handles its own undefined instruction: sends the byte after the handler's return. Loaded at 1000h.
bits 16
org 1000h
        mov sp, 800h
        mov word [6 * 4], handler
        mov word [6 * 4 + 2], 0
        ud2
        mov al, 'B'
        out 10h, al
        hlt
handler:
        mov al, 'A'
        out 10h, al
        mov bp, sp
        add word [bp], 2
        iret
