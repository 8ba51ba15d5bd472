; Writes and reads of 8, 16 and 32 bits at E000:0000, where there is no memory. Loaded at 1000h, with a stack below it.
bits 16
        mov ax, 0e000h
        mov ds, ax
        mov eax, 11223344h
        mov [0], al
        mov [2], ax
        mov [4], eax
        mov byte [8], 55h
        mov al, [10h]
        mov bx, [12h]
        mov ecx, [14h]
        add [20h], bl
        push word [30h]
        pop dx
        hlt
