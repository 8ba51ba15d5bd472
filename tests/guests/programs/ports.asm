; OUT and IN of 8, 16 and 32 bits, with an immediate port and with DX. What was read is sent back out.
bits 16
        mov eax, 11223344h
        out 80h, al
        out 81h, ax
        out 82h, eax
        mov dx, 1234h
        out dx, al
        out dx, ax
        out dx, eax
        in al, 90h
        out 80h, eax
        in ax, 91h
        out 80h, eax
        in eax, 92h
        out 80h, eax
        mov dx, 0abcdh
        in al, dx
        out 80h, eax
        in ax, dx
        out 80h, eax
        in eax, dx
        out 80h, eax
        hlt
