; Sends AL + BL as a digit, reads the port back, and reads and writes memory behind and beside its slot. Loaded at 1000h.
bits 16
        mov dx, 3f8h
        add al, bl
        add al, '0'
        out dx, al
        in al, dx
        mov byte [8000h], 0
        mov dl, [8000h]
        mov byte [2000h], 0
        hlt
