; Code in a slot at 1000h. Adds the two words at 2000:0010 (a read-only slot), stores the sum at 1000:0020 (a third
; slot), writes to the read-only slot, and sends what it reads back from both.
bits 16
org 1000h
        mov ax, 2000h
        mov ds, ax
        mov ax, 1000h
        mov es, ax
        mov ax, [10h]
        add ax, [12h]
        mov [es:20h], ax
        mov word [10h], 0ffffh
        mov ax, [10h]
        out 10h, ax
        mov ax, [es:20h]
        out 11h, ax
        hlt
