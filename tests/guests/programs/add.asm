; LiKeX's first program: prints AL + BL as a digit, and a newline.
bits 16
        mov dx, 3f8h
        add al, bl
        add al, '0'
        out dx, al
        mov al, 0ah
        out dx, al
        hlt
