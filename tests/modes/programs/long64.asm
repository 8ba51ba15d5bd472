; Long mode: segments, canonical addresses, IST, IRET, SYSCALL, SWAPGS, compatibility mode, control registers, MSRs, page faults.
%include "common64.inc"

        align 16
gdt:    dq 0
        DESC 0, 0xfffff, 0x9a, 0xa              ; 08 64-bit code
        DESC 0, 0xfffff, 0x92, 0xc              ; 10 data
        DESC 0, 0xfffff, 0xfa, 0xc              ; 18 user code, 32 bit
        DESC 0, 0xfffff, 0xf2, 0xc              ; 20 user data
        DESC 0, 0xfffff, 0xfa, 0xa              ; 28 user code
tss_descriptor:
        DESC 0, 0x20ff, 0x89, 0                 ; 30 TSS, two entries
        dq 0
        DESC 0, 0xfffff, 0x9a, 0xe              ; 40 code with L and D
        DESC 0, 0xfffff, 0x9a, 0xc              ; 48 32-bit code, level 0
call_gate:
        dw 0, KCODE, 0xec00, 0                  ; 50 call gate for level 3, two entries
        dq 0
        dw 0, 0x48, 0xec00, 0x10                ; 60 call gate to 32-bit code
        dq 0
        DESC 0, 0xffff, 0x81, 0                 ; 70 16-bit TSS: no such thing here
        dq 0
bad_gate:
        dw 0, KCODE, 0xec00, 0                  ; 80 call gate to an address that is not canonical
        dd 0x00800000, 0
gdt_end:

%macro WRITE_MSR 2                              ; index, value
        mov ecx, %1
        mov rax, %2
        mov rdx, rax
        shr rdx, 32
        wrmsr
%endmacro
; into RBX
%macro READ_MSR 1
        mov ecx, %1
        rdmsr
        mov ebx, edx
        shl rbx, 32
        or rbx, rax
%endmacro

NOT_CANONICAL equ 0x800000000000

main:
        mov rax, tss
        mov [tss_descriptor + 2], ax
        shr eax, 16
        mov [tss_descriptor + 4], al
        mov [tss_descriptor + 7], ah
        mov rdi, tss
        mov ecx, 0x2100
        xor eax, eax
        rep stosb
        mov qword [tss + 4], STACK_TOP - 0x4000
        mov qword [tss + 0x24], IST_STACK + 5
        mov word [tss + 0x66], 0x68
        mov byte [tss + 0x68 + 12], 0xff
        mov rax, through_gate
        mov [call_gate], ax
        shr eax, 16
        mov [call_gate + 6], ax
        mov ax, 0x70
        STRICT_FAULT "ltr 16-bit TSS", 13, 0x70, ltr ax
        mov ax, KTSS
        RUNS "ltr", ltr ax
        movzx ebx, byte [tss_descriptor + 5]
        CHECK "ltr marks busy", rbx, 0x8b
        str rbx
        CHECK "str", rbx, KTSS

        ; segments
        xor eax, eax
        RUNS "null ss at level 0", mov ss, ax
        mov ax, 3
        STRICT_FAULT "null ss with rpl 3", 13, 0, mov ss, ax
        mov ax, KDATA
        mov ss, ax
        xor eax, eax
        mov ds, ax
        mov rbx, [header]
        mov eax, 0x1badb002
        mov ebx, ebx
        CHECK "null ds works", rbx, rax
        mov ax, KDATA
        mov ds, ax

        ; FS and GS bases
        WRITE_MSR 0xc0000100, 0x300000
        mov rbx, 0x1122334455667788
        mov [0x300010], rbx
        mov rbx, [fs:0x10]
        mov rax, 0x1122334455667788
        CHECK "fs base", rbx, rax
        mov ax, KDATA
        mov fs, ax
        READ_MSR 0xc0000100
        CHECK "loading fs sets its base", rbx, 0
        WRITE_MSR 0xc0000101, 0x300000
        WRITE_MSR 0xc0000102, 0x310000
        swapgs
        READ_MSR 0xc0000101
        CHECK "swapgs gs", rbx, 0x310000
        READ_MSR 0xc0000102
        CHECK "swapgs kernel gs", rbx, 0x300000
        mov ecx, 0xc0000101
        mov edx, 0x8000
        xor eax, eax
        STRICT_FAULT "gs base not canonical", 13, 0, wrmsr
        mov ecx, 0xc0000082
        STRICT_FAULT "lstar not canonical", 13, 0, wrmsr
        mov ecx, 0x12345
        STRICT_FAULT "rdmsr unknown", 13, 0, rdmsr
        STRICT_FAULT "wrmsr unknown", 13, 0, wrmsr
        mov ecx, 0xc0000080
        mov eax, 2
        xor edx, edx
        STRICT_FAULT "efer reserved", 13, 0, wrmsr
        mov eax, 0x801
        STRICT_FAULT "efer lme off while paging", 13, 0, wrmsr
        READ_MSR 0xc0000080
        CHECK "efer", rbx, 0xd01
        mov ecx, 0x277
        mov eax, 2
        STRICT_FAULT "pat type 2", 13, 0, wrmsr

        ; canonical addresses
        mov rbx, NOT_CANONICAL
        FAULT "load", 13, 0, {mov rax, [rbx]}
        FAULT "store", 13, 0, {mov [rbx], rax}
        mov rbp, rbx
        STRICT_FAULT "load with rbp", 12, 0, {mov rax, [rbp]}
        EXACT "push", .no_push
        mov [saved_rsp], rsp
        lea rsp, [rbx + 0x1000]
        mov byte [idt + 12 * 16 + 4], 1          ; #SS on IST 1
        mov qword [resume], .pushed
        mov qword [vector], -1
        push rax
.pushed:
        mov rsp, [saved_rsp]
        mov byte [idt + 12 * 16 + 4], 0
        CHECK "push", [vector], 12
        CHECK "push code", [code], 0
        CHECK "IST aligned", [handler_rsp], IST_STACK - 56 - 8
        mov rax, NOT_CANONICAL + 0x1000
        CHECK "IST frame has rsp", [fault_rsp], rax
.no_push:
        STRICT_FAULT "jmp", 13, 0, jmp rbx
        mov [saved_rsp], rsp
        STRICT_FAULT "call", 13, 0, call rbx
        EXACT "call undone", .no_call
        CHECK "call undone", rsp, [saved_rsp]
.no_call:
        push rbx
        STRICT_FAULT "ret", 13, 0, ret
        EXACT "ret undone", .no_ret
        CHECK "ret undone", [rsp], rbx
.no_ret:
        pop rbx
        STRICT_FAULT "lgdt not canonical", 13, 0, lgdt [bad_table]

        ; far transfers
        STRICT_FAULT "jmp to code with L and D", 13, 0x40, jmp far dword [to_bad_code]
        FAULT "jmp null", 13, 0, jmp far dword [to_null]
        FAULT "call gate to 32-bit code", 13, 0x48, call far dword [to_bad_gate]
        STRICT_FAULT "call gate not canonical", 13, 0, call far dword [to_far_gate]

        ; page faults
        mov qword [PT + 0x1f8 * 8], 0            ; 1f8000 absent
        invlpg [0x1f8000]
        FAULT "read absent", 14, 0, {mov rax, [0x1f8123]}
        mov rbx, cr2
        CHECK "cr2", rbx, 0x1f8123
        mov qword [tss + 0x2c], 0x1b1000         ; a page that nobody has touched
        mov byte [idt + 14 * 16 + 4], 2
        FAULT "read absent, handler on a fresh stack", 14, 0, {mov rax, [0x1f8456]}
        mov byte [idt + 14 * 16 + 4], 0
        mov rbx, cr2
        CHECK "cr2 with a fresh stack", rbx, 0x1f8456
        CHECK "fresh stack", [handler_rsp], 0x1b1000 - 64
        FAULT "write absent", 14, 2, {mov [0x1f8ffc], rax}
        mov rbx, cr2
        CHECK "cr2 of a write", rbx, 0x1f8ffc
        FAULT "write across pages", 14, 2, {mov [0x1f7ffc], rax}
        mov rbx, cr2
        CHECK "cr2 in the second page", rbx, 0x1f8000
        mov qword [PT + 0x1f8 * 8], 0x1f8005     ; read-only
        invlpg [0x1f8000]
        RUNS "write read-only without WP", {mov [0x1f8000], rax}
        mov rax, cr0
        or eax, 0x10000
        mov cr0, rax
        FAULT "write read-only with WP", 14, 3, {mov [0x1f8000], rax}
        mov rax, 0x8000000000000007 + 0x1f8000
        mov [PT + 0x1f8 * 8], rax
        invlpg [0x1f8000]
        mov byte [0x1f8000], 0xc3
        mov rbx, 0x1f8000
        mov qword [resume], .fetched
        mov qword [vector], -1
        call rbx
.fetched:
        pop rax
        CHECK "fetch nx", [vector], 14
        CHECK "fetch nx code", [code], 0x11
        CHECK "fetch nx rip", [fault_rip], 0x1f8000

        ; control registers
        mov rax, cr4
        and al, ~0x20
        STRICT_FAULT "pae off in long mode", 13, 0, mov cr4, rax
        mov rax, 1 << 31
        STRICT_FAULT "cr4 reserved", 13, 0, mov cr4, rax
        mov rax, cr0
        mov rbx, rax
        btr rax, 31
        STRICT_FAULT "paging off in 64-bit code", 13, 0, mov cr0, rax
        mov rax, rbx
        btr rax, 0
        STRICT_FAULT "protection off while paging", 13, 0, mov cr0, rax
        mov rax, rbx
        bts rax, 32
        STRICT_FAULT "cr0 high", 13, 0, mov cr0, rax
        mov eax, 5
        RUNS "cr8", mov cr8, rax
        mov rbx, cr8
        CHECK "cr8 read", rbx, 5
        mov eax, 16
        STRICT_FAULT "cr8 too big", 13, 0, mov cr8, rax
        xor eax, eax
        mov cr8, rax
        smsw rbx
        mov rax, cr0
        CHECK "smsw", rbx, rax
        mov rax, 1 << 32
        STRICT_FAULT "dr7 high", 13, 0, mov dr7, rax
        STRICT_FAULT "dr6 high", 13, 0, mov dr6, rax
        xor eax, eax
        mov dr6, rax
        mov rbx, dr6
        mov eax, 0xffff0ff0
        CHECK "dr6", rbx, rax
        FAULT "rdfsbase without FSGSBASE", 6, -1, rdfsbase rax
        mov rax, cr4
        bts rax, 16
        mov cr4, rax
        mov rax, 0x123456789a
        wrfsbase rax
        rdfsbase rbx
        CHECK "wrfsbase", rbx, rax
        mov rax, NOT_CANONICAL
        FAULT "wrfsbase not canonical", 13, 0, wrfsbase rax
        FAULT "xgetbv without OSXSAVE", 6, -1, xgetbv

        ; wide exchanges
        mov qword [pair], 1
        mov qword [pair + 8], 2
        mov eax, 1
        mov edx, 2
        mov ebx, 3
        mov ecx, 4
        lock cmpxchg16b [pair]
        setz bl
        movzx ebx, bl
        CHECK "cmpxchg16b equal", rbx, 1
        CHECK "cmpxchg16b low", [pair], 3
        CHECK "cmpxchg16b high", [pair + 8], 4
        cmpxchg16b [pair]
        setz bl
        movzx ebx, bl
        CHECK "cmpxchg16b unequal", rbx, 0
        CHECK "cmpxchg16b loads", rax, 3
        FAULT "cmpxchg16b unaligned", 13, 0, cmpxchg16b [pair + 8]
        mov eax, 3
        mov edx, 0
        mov ebx, 7
        mov ecx, 8
        cmpxchg8b [pair]
        mov rax, 0x800000007
        CHECK "cmpxchg8b", [pair], rax
        mov rbp, rsp
        enter 32, 2
        lea rbx, [rbp]
        sub rbx, rsp
        CHECK "enter", rbx, 48
        leave
        FAULT "bound is gone", 6, -1, {db 0x62, 0x03, 0xc0}
        FAULT "into is gone", 6, -1, {db 0xce}
        FAULT "sysenter without cs", 13, 0, sysenter

        ; IRET in 64-bit mode takes SS and RSP at the same level too
        mov [saved_rsp], rsp
        mov rax, rsp
        push qword KDATA
        push rax
        pushfq
        push qword KCODE
        push qword .same
        iretq
.same:  CHECK "iretq to the same level", rsp, [saved_rsp]
        pushfq
        or qword [rsp], 0x4000
        popfq
        FAULT "iret with NT", 13, 0, iretq
        pushfq
        and qword [rsp], ~0x4000
        popfq

        ; level 3
        mov qword [PT + 0x1f9 * 8], 0x1f9003     ; a page of the supervisor
        invlpg [0x1f9000]
        mov byte [idt + 0x80 * 16 + 5], 0xee
        mov rax, from_user
        mov [idt + 0x80 * 16], ax
        shr eax, 16
        mov [idt + 0x80 * 16 + 6], ax
        WRITE_MSR 0xc0000081, 0x0018000800000000
        WRITE_MSR 0xc0000082, syscall_entry
        WRITE_MSR 0xc0000084, 0x600
        mov [kernel_rsp], rsp
        push qword UDATA
        push qword USER_STACK
        push qword 0x202
        push qword UCODE
        push qword user
        iretq
from_user:
        mov rsp, [kernel_rsp]
        CHECK "user mode came back", [user_result], 0xabc
        ret

through_gate:
        mov [gate_rsp], rsp
        mov rax, [rsp + 8]
        mov [gate_cs], rax
        mov rax, [rsp + 16]
        mov [gate_old_rsp], rax
        mov eax, ss
        mov [gate_ss], rax
        retfq

syscall_entry:
        mov [syscall_rsp], rsp
        mov [syscall_rcx], rcx
        mov [syscall_r11], r11
        mov eax, cs
        mov [syscall_cs], rax
        mov eax, ss
        mov [syscall_ss], rax
        pushfq
        pop rax
        mov [syscall_flags], rax
        o64 sysret

user:
        mov eax, cs
        CHECK "user cs", rax, UCODE
        mov eax, ss
        CHECK "user ss", rax, UDATA
        FAULT "hlt", 13, 0, hlt
        FAULT "cli", 13, 0, cli
        FAULT "swapgs", 13, 0, swapgs
        FAULT "sysret", 13, 0, {o64 sysret}
        FAULT "mov cr3", 13, 0, {mov rax, cr3}
        FAULT "wrmsr", 13, 0, wrmsr
        FAULT "invlpg", 13, 0, invlpg [0]
        FAULT "in closed port", 13, 0, {in al, 0x60}
        FAULT "int of level 0", 13, 0x21 * 8 + 2, int 0x21
        CHECK "frame in the stack of level 0", [handler_rsp], STACK_TOP - 0x4000 - 64
        CHECK "frame has ss", [fault_ss], UDATA
        CHECK "frame has rsp", [fault_rsp], USER_STACK
        xor eax, eax
        FAULT "null ss at level 3", 13, 0, mov ss, ax
        syscall
.back:  CHECK "syscall return address", [syscall_rcx], .back
        CHECK "syscall cs", [syscall_cs], KCODE
        CHECK "syscall ss", [syscall_ss], KDATA
        CHECK "syscall keeps rsp", [syscall_rsp], USER_STACK
        mov rax, [syscall_flags]
        and eax, 0x600
        CHECK "syscall masks flags", rax, 0
        mov rax, [syscall_r11]
        and eax, 0x200
        CHECK "syscall saves flags", rax, 0x200
        mov eax, cs
        CHECK "sysret cs", rax, UCODE
        mov eax, ss
        CHECK "sysret ss", rax, UDATA
        pushfq
        pop rax
        and eax, 0x200
        CHECK "sysret flags", rax, 0x200
        call far dword [to_gate]
        CHECK "gate caller", [gate_cs], UCODE
        CHECK "gate ss", [gate_ss], 0
        CHECK "gate rsp", [gate_rsp], STACK_TOP - 0x4000 - 32
        CHECK "gate old rsp", [gate_old_rsp], USER_STACK
        FAULT "supervisor page", 14, 5, {mov rax, [0x1f9000]}
        ; compatibility mode
        mov eax, UDATA
        mov ds, ax
        push qword UCODE32
        push qword compatible
        retfq
        bits 32
compatible:
        mov eax, cs
        mov [compatible_cs], eax
        mov eax, 0x11223344
        push eax
        pop dword [compatible_popped]
        mov [compatible_esp], esp
        db 0x40                                 ; inc eax, not a prefix
        mov [compatible_eax], eax
        jmp UCODE:.back
        bits 64
.back:  CHECK "compatibility cs", [compatible_cs], UCODE32
        CHECK "compatibility push", [compatible_popped], 0x11223344
        CHECK "compatibility inc", [compatible_eax], 0x11223345
        CHECK "compatibility esp", [compatible_esp], USER_STACK
        mov qword [user_result], 0xabc
        int 0x80

        align 16
pair:   dq 0, 0
saved_rsp: dq 0
kernel_rsp: dq 0
user_result: dq 0
gate_rsp: dq 0
gate_cs: dq 0
gate_ss: dq 0
gate_old_rsp: dq 0
syscall_rsp: dq 0
syscall_rcx: dq 0
syscall_r11: dq 0
syscall_cs: dq 0
syscall_ss: dq 0
syscall_flags: dq 0
compatible_cs: dq 0
compatible_esp: dq 0
compatible_eax: dq 0
compatible_popped: dq 0
bad_table: dw 0x17
        dq NOT_CANONICAL
        align 8
to_bad_code: dd 0
        dw 0x40
to_null: dd 0
        dw 0
to_bad_gate: dd 0
        dw 0x60
to_far_gate: dd 0
        dw 0x80
to_gate: dd 0
        dw 0x50
        align 16
tss:
