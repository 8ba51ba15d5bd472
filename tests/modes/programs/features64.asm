; CPUID and MSRs in 64-bit mode: what CPUID advertises works, what it does not is #UD; which values WRMSR refuses.
%include "common64.inc"

        align 16
gdt:    dq 0
        DESC 0, 0xfffff, 0x9a, 0xa              ; 08 64-bit code
        DESC 0, 0xfffff, 0x92, 0xc              ; 10 data
gdt_end:

; ASK leaf, subleaf: the four registers into [answer]
%macro ASK 2
        mov eax, %1
        mov ecx, %2
        cpuid
        mov [answer], eax
        mov [answer + 4], ebx
        mov [answer + 8], ecx
        mov [answer + 12], edx
%endmacro
%define EAX_ 0
%define EBX_ 4
%define ECX_ 8
%define EDX_ 12

%macro PREPARE 0
        mov rsi, buffer
        mov rdi, buffer
        mov qword [rdi], 0
        mov qword [rdi + 8], 0
        xor eax, eax
        xor ecx, ecx
        xor edx, edx
        xor ebx, ebx
%endmacro

; WORKS name, register, bit, instruction: it raises nothing if it is advertised
%macro WORKS 4+
        bt dword [answer + %2], %3
        setc [advertised]
        PREPARE
        mov qword [resume], %%after
        mov qword [vector], -1
        %4
%%after:
        mov r15, -1
        cmp byte [advertised], 0
        cmove r15, [vector]
        CHECK %1, [vector], r15
%endmacro
; FEATURE: and #UD if it is not
%macro FEATURE 4+
        WORKS %1, %2, %3, %4
        mov r15d, 6
        cmp byte [advertised], 0
        cmovne r15, [vector]
        CHECK {%1, ", or undefined"}, [vector], r15
%endmacro
%macro WRITES 2                                 ; name, index: the value in RAX
        mov rdx, rax
        shr rdx, 32
        mov ecx, %2
        RUNS %1, wrmsr
%endmacro
; REFUSES name, index, value
%macro REFUSES 3
        mov rax, %3
        mov rdx, rax
        shr rdx, 32
        mov ecx, %2
        FAULT %1, 13, 0, wrmsr
%endmacro
%macro KEEPS 3                                  ; name, index, value: what WRMSR writes RDMSR reads
        mov rax, %3
        mov rdx, rax
        shr rdx, 32
        mov ecx, %2
        wrmsr
        rdmsr
        shl rdx, 32
        or rdx, rax
        mov rax, %3
        CHECK %1, rdx, rax
%endmacro

main:
        mov rax, cr0
        and eax, ~0xc                           ; EM, TS
        or eax, 2
        mov cr0, rax
        mov rax, cr4
        or eax, 0x600                           ; OSFXSR, OSXMMEXCPT
        mov cr4, rax
        fninit
        call msrs
        ASK 0, 0
        cmp eax, 0                              ; KVM answers zeros until it is told what to answer
        jne .cpuid
        CHECK "no CPUID", rax, 0
        ret
.cpuid:
        ; what CR4 must allow
        ASK 1, 0
        bt dword [answer + ECX_], 26
        jnc .no_xsave
        mov rax, cr4
        bts rax, 18
        mov cr4, rax
        ASK 0xd, 0
        mov eax, [answer]
        and eax, 7
        xor ecx, ecx
        xor edx, edx
        xsetbv
.no_xsave:
        ASK 7, 0
        mov rbx, cr4
        mov eax, 1 << 16
        bt dword [answer + EBX_], 0
        jnc .no_fsgsbase
        or rbx, rax
.no_fsgsbase:
        bt dword [answer + ECX_], 3
        jnc .no_pku
        bts rbx, 22
.no_pku:
        mov cr4, rbx

        ASK 1, 0
        WORKS "fpu", EDX_, 0, fld1
        FEATURE "tsc", EDX_, 4, rdtsc
        WORKS "cx8", EDX_, 8, {cmpxchg8b [rdi]}
        WORKS "cmov", EDX_, 15, {cmovz eax, ebx}
        WORKS "clflush", EDX_, 19, {clflush [rdi]}
        WORKS "mmx", EDX_, 23, {paddb mm0, mm1}
        WORKS "fxsr", EDX_, 24, {fxsave [rdi]}
        WORKS "sse", EDX_, 25, {addps xmm0, xmm1}
        WORKS "sse2", EDX_, 26, {addpd xmm0, xmm1}
        WORKS "sse3", ECX_, 0, {haddps xmm0, xmm1}
        WORKS "pclmulqdq", ECX_, 1, {pclmulqdq xmm0, xmm1, 0}
        WORKS "ssse3", ECX_, 9, {pabsb xmm0, xmm1}
        WORKS "fma", ECX_, 12, {vfmadd132ps xmm0, xmm1, xmm2}
        WORKS "cx16", ECX_, 13, {cmpxchg16b [rdi]}
        WORKS "sse4.1", ECX_, 19, {pmulld xmm0, xmm1}
        WORKS "sse4.2", ECX_, 20, {pcmpgtq xmm0, xmm1}
        WORKS "crc32", ECX_, 20, {crc32 eax, bl}
        FEATURE "movbe", ECX_, 22, {movbe eax, [rdi]}
        FEATURE "popcnt", ECX_, 23, {popcnt eax, ebx}
        WORKS "aes", ECX_, 25, {aesenc xmm0, xmm1}
        FEATURE "xsave", ECX_, 26, {xsave [rdi]}
        FEATURE "avx", ECX_, 28, {vaddps xmm0, xmm1, xmm2}
        FEATURE "f16c", ECX_, 29, {vcvtph2ps xmm0, xmm1}
        FEATURE "rdrand", ECX_, 30, {rdrand eax}
        FEATURE "vmx", ECX_, 5, {vmptrst [rdi]}
        ASK 7, 0
        FEATURE "fsgsbase", EBX_, 0, {rdfsbase rax}
        WORKS "bmi1", EBX_, 3, {andn eax, ebx, ecx}
        FEATURE "avx2", EBX_, 5, {vpaddb ymm0, ymm1, ymm2}
        WORKS "bmi2", EBX_, 8, {pdep eax, ebx, ecx}
        FEATURE "invpcid", EBX_, 10, {invpcid rax, [rdi]}
        FEATURE "rdseed", EBX_, 18, {rdseed eax}
        FEATURE "adx", EBX_, 19, {adcx eax, ebx}
        FEATURE "smap", EBX_, 20, clac
        WORKS "clflushopt", EBX_, 23, {clflushopt [rdi]}
        WORKS "clwb", EBX_, 24, {clwb [rdi]}
        WORKS "sha", EBX_, 29, {sha1msg1 xmm0, xmm1}
        FEATURE "pku", ECX_, 3, {rdpkru}
        FEATURE "vaes", ECX_, 9, {vaesenc ymm0, ymm1, ymm2}
        FEATURE "rdpid", ECX_, 22, {rdpid rax}
        ASK 0xd, 1
        WORKS "xsaveopt", EAX_, 0, {xsaveopt [rdi]}
        FEATURE "xsavec", EAX_, 1, {xsavec [rdi]}
        ASK 0x80000001, 0
        FEATURE "rdtscp", EDX_, 27, {rdtscp}
        WORKS "lahf", ECX_, 0, lahf
        WORKS "lzcnt", ECX_, 5, {lzcnt eax, ebx}
        WORKS "prefetchw", ECX_, 8, {prefetchw [rdi]}
        FEATURE "sse4a", ECX_, 6, {extrq xmm0, 1, 1}
        FEATURE "3dnow", EDX_, 31, {pfadd mm0, mm1}
        ; and modes
        ASK 0x80000001, 0
        mov eax, [answer + EDX_]
        and eax, 1 << 29 | 1 << 20 | 1 << 11
        CHECK "long mode, nx and syscall", rax, 1 << 29 | 1 << 20 | 1 << 11
        ASK 1, 0
        mov eax, [answer + EDX_]
        mov ebx, 1 << 3 | 1 << 5 | 1 << 6 | 1 << 13
        and eax, ebx
        CHECK "pse, msr, pae and pge", rax, rbx
        ; CPUID changes all four registers in full
        mov rax, 0xffffffff00000000
        mov rbx, -1
        xor ecx, ecx
        mov rdx, -1
        cpuid
        shr rbx, 32
        CHECK "cpuid clears the upper half of rbx", rbx, 0
        shr rdx, 32
        CHECK "cpuid clears the upper half of rdx", rdx, 0
        ASK 0x80000008, 0
        mov eax, [answer]
        shr eax, 8
        and eax, 0xff
        CHECK "linear addresses have 48 bits", rax, 48
        ret

msrs:   KEEPS "star", 0xc0000081, 0x0018000812345678
        KEEPS "lstar", 0xc0000082, 0xffff800000001234
        KEEPS "cstar", 0xc0000083, 0x00007fffffffffff
        KEEPS "fmask", 0xc0000084, 0x47700
        KEEPS "kernel gs base", 0xc0000102, 0xffffffff80000000
        KEEPS "gs base", 0xc0000101, 0x12345678
        KEEPS "fs base", 0xc0000100, 0x00007ffffffff000
        KEEPS "sysenter cs", 0x174, 8
        KEEPS "sysenter esp", 0x175, 0xffff800000005678
        KEEPS "sysenter eip", 0x176, 0x00007fff00005678
        KEEPS "pat", 0x277, 0x0007040600070406
        KEEPS "tsc aux", 0xc0000103, 0x12345678
        KEEPS "mtrr default type", 0x2ff, 0xc06
        KEEPS "mtrr base", 0x200, 0x80000006
        KEEPS "mtrr mask", 0x201, 0xff80000800
        KEEPS "mtrr fixed", 0x250, 0x0606060606060606
        EXACT "refusals of wrmsr", .lax
        REFUSES "lstar not canonical", 0xc0000082, 0x800000000000
        REFUSES "cstar not canonical", 0xc0000083, 0x800000000000
        REFUSES "kernel gs base not canonical", 0xc0000102, 0x800000000000
        REFUSES "fs base not canonical", 0xc0000100, 0x800000000000
        REFUSES "gs base not canonical", 0xc0000101, 0xffff000000000000
        REFUSES "sysenter esp not canonical", 0x175, 0x800000000000
        REFUSES "sysenter eip not canonical", 0x176, 0x800000000000
        REFUSES "pat type 2", 0x277, 0x0007040600070206
        REFUSES "pat type 8", 0x277, 0x0807040600070406
        REFUSES "efer bit 1", 0xc0000080, 0xd03
        REFUSES "efer lme off", 0xc0000080, 0x801
        REFUSES "tsc aux beyond 32 bits", 0xc0000103, 0x100000000
        REFUSES "mtrr default type 2", 0x2ff, 0xc02
        REFUSES "mtrr default reserved bit", 0x2ff, 0x100000c06
        REFUSES "mtrr base type 7", 0x200, 7
        REFUSES "mtrr mask reserved bit", 0x201, 0x80000001
        REFUSES "mtrr fixed type 3", 0x250, 0x0303030303030303
        REFUSES "mtrr capabilities", 0xfe, 0
        REFUSES "apic base reserved bit", 0x1b, 0xfee00901
        REFUSES "unknown msr", 0x12345678, 0
        mov ecx, 0x12345678
        FAULT "read of an unknown msr", 13, 0, rdmsr
.lax:   ; LMA cannot be written
        mov ecx, 0xc0000080
        rdmsr
        mov ebx, eax
        and eax, ~0x400
        EXACT "efer keeps lma", .no_lma
        wrmsr
        rdmsr
        CHECK "efer keeps lma", rax, rbx
.no_lma:
        ret

        align 64
buffer: times 4096 db 0
answer: dd 0, 0, 0, 0
advertised: db 0
