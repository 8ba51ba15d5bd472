; Enters protected mode with an interrupt descriptor table of zeros at address 0 and divides by zero: the divide error
; cannot be delivered, nor can the general-protection fault that this is, nor the double fault. Loaded at 1000h.
bits 16
        mov eax, cr0
        or al, 1
        mov cr0, eax
        xor cx, cx
        div cl
        hlt
