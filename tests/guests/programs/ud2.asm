; An undefined instruction.
bits 16
        mov ax, 1
        ud2
        hlt
