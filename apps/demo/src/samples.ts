/** A program to start from. */
export interface Sample {
  readonly name: string;
  readonly about: string;
  readonly bytes: string;
  readonly loadAddress: string;
  readonly memory: string;
  readonly personality: "kvm" | "rust_kvm";
  readonly registers: string;
}

const base = { loadAddress: "0", memory: "4096", personality: "rust_kvm", registers: "" } as const;

export const SAMPLES: readonly Sample[] = [
  {
    ...base,
    name: "Add two numbers",
    about:
      "Adds AL and BL, and writes the digit and a newline to the serial port. Each OUT exits to the VMM, which prints it.",
    registers: "rax=2 rbx=2",
    bytes: `ba f8 03     ; mov dx, 3f8h
00 d8        ; add al, bl
04 30        ; add al, '0'
ee           ; out dx, al
b0 0a        ; mov al, 0ah
ee           ; out dx, al
f4           ; hlt`,
  },
  {
    ...base,
    name: "Hello, serial port",
    about:
      "REP OUTSB through a loop of the processor's own: one exit a byte. /dev/kvm's console keeps the bytes as they are.",
    loadAddress: "0x1000",
    memory: "65536",
    personality: "kvm",
    bytes: `ba f8 03     ; mov dx, 3f8h
be 0c 10     ; mov si, 100ch
b9 0e 00     ; mov cx, 14
f3 6e        ; rep outsb
f4           ; hlt
48 65 6c 6c 6f 2c 20 77 6f 72 6c 64 21 0a`,
  },
  {
    ...base,
    name: "Ask for the processor's name",
    about: "CPUID leaf 0 is answered by the hypervisor: a VM exit, but none to the VMM. The name is in EBX, EDX, ECX.",
    bytes: `66 31 c0     ; xor eax, eax
0f a2        ; cpuid
f4           ; hlt`,
  },
  {
    ...base,
    name: "Touch four pages",
    about: "The first access to each page is an EPT violation; the trace shows the entries written for it.",
    loadAddress: "0x1000",
    memory: "65536",
    bytes: `a2 00 20     ; mov [2000h], al
a2 00 30     ; mov [3000h], al
a2 00 40     ; mov [4000h], al
f4           ; hlt`,
  },
  {
    ...base,
    name: "Forty million instructions",
    about:
      "A loop in protected mode. When it has run for a while it is compiled to WebAssembly; the line below says for how much of it.",
    loadAddress: "0x1000",
    memory: "65536",
    personality: "kvm",
    bytes: `fa                ; cli
0f 01 16 50 10    ; lgdt [1050h]
0f 20 c0          ; mov eax, cr0
0c 01             ; or al, 1
0f 22 c0          ; mov cr0, eax
ea 13 10 08 00    ; jmp 8:1013h, into code of 32 bits
66 b8 10 00       ; mov ax, 10h
8e d8 8e c0 8e d0 ; mov ds, ax; mov es, ax; mov ss, ax
b9 80 96 98 00    ; mov ecx, 10000000
31 c0             ; xor eax, eax
69 c0 0d 66 19 00 ; loop: imul eax, eax, 19660dh
05 5f f3 6e 3c    ; add eax, 3c6ef35fh
49 75 f2          ; dec ecx; jnz loop
f4                ; hlt
00 00 00 00 00
00 00 00 00 00 00 00 00 ; 1038h: descriptors: none,
ff ff 00 00 00 9b cf 00 ; flat code,
ff ff 00 00 00 93 cf 00 ; flat data
17 00 38 10 00 00       ; 1050h: what lgdt loads`,
  },
  {
    ...base,
    name: "Undefined instruction",
    about: "LiKeX intercepts the exception and gives up.",
    bytes: "0f 0b        ; ud2",
  },
  {
    ...base,
    name: "Endless loop",
    about: "Makes no exits. Stop ends it at once, otherwise the limit of instructions does after some seconds.",
    bytes: "eb fe        ; jmp $",
  },
];
