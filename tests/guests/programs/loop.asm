; Never stops and never exits.
bits 16
again:  inc ax
        jmp again
