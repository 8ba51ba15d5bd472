import { describe, expect, it } from "vitest";
import { disassemble } from "../src/disassembly/disassemble.ts";
import type { Bits } from "../src/disassembly/operands.ts";
import { runHere } from "./run-here.ts";

function textOf(hex: string, bits: Bits, start = 0x1000n): string {
  const bytes = Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));
  return [...disassemble(bytes, bits, start)].map(({ text }) => text).join("; ");
}

/** Assembled by nasm. */
const VECTORS: readonly (readonly [bits: Bits, hex: string, text: string])[] = [
  [16, "8b 40 fe", "mov ax, word [bx+si-0x2]"],
  [16, "26 a1 20 00", "mov ax, word [es:0x20]"],
  [16, "66 b8 44 33 22 11", "mov eax, 0x11223344"],
  [16, "67 66 8b 44 b3 10", "mov eax, dword [ebx+esi*4+0x10]"],
  [16, "67 a1 20 00 01 00", "mov ax, word [dword 0x10020]"],
  [16, "83 c0 ff", "add ax, 0xffff"],
  [16, "66 68 78 56 34 12", "push dword 0x12345678"],
  [16, "6a ff", "push 0xffff"],
  [16, "ea 00 00 ff ff", "jmp 0xffff:0x0"],
  [16, "66 ea 00 00 01 00 08 00", "jmp dword 0x8:0x10000"],
  [16, "ff 2e 10 00", "jmp far [0x10]"],
  [16, "eb fe", "jmp 0x1000"],
  [16, "e9 fd ef", "jmp 0x0"],
  [16, "f3 6e", "rep outsb"],
  [16, "2e f3 6e", "cs rep outsb"],
  [16, "f2 ae", "repne scasb"],
  [16, "f3 a7", "repe cmpsw"],
  [16, "8c d8", "mov ax, ds"],
  [16, "0f 22 c0", "mov cr0, eax"],
  [16, "2e 0f 01 1e 08 00", "lidt [cs:0x8]"],
  [16, "66 ef", "out dx, eax"],
  [16, "e5 60", "in ax, 0x60"],
  [32, "f0 0f c1 03", "lock xadd dword [ebx], eax"],
  [32, "66 83 08 80", "or word [eax], 0xff80"],
  [32, "c8 10 00 01", "enter 0x10, 0x1"],
  [32, "8d 04 8d 00 00 00 00", "lea eax, [ecx*4]"],
  [64, "48 8b 05 10 00 00 00", "mov rax, qword [rel 0x1017]"],
  [64, "40 88 f7", "mov dil, sil"],
  [64, "88 f7", "mov bh, dh"],
  [64, "4d 89 c8", "mov r8, r9"],
  [64, "45 0f b6 c1", "movzx r8d, r9b"],
  [64, "48 b8 ef cd ab 89 67 45 23 01", "mov rax, 0x123456789abcdef"],
  [64, "48 05 00 00 00 80", "add rax, 0xffffffff80000000"],
  [64, "a1 98 d8 0b 1f 12 f1 90 50", "mov eax, dword [qword 0x5090f1121f0bd898]"],
  [64, "64 48 8b 04 25 28 00 00 00", "mov rax, qword [fs:0x28]"],
  [64, "41 5f", "pop r15"],
  [64, "e8 fb ff ff ff", "call 0x1000"],
];

describe("disassemble", () => {
  it.each(VECTORS)("in %i-bit mode reads %s as %s", (bits, hex, text) => {
    expect(textOf(hex, bits)).toBe(text);
  });

  it("goes on behind bytes that begin no instruction, and at a cut one", () => {
    expect(textOf("0f 04 90 f4", 16)).toBe("db 0xf; add al, 0x90; hlt");
    expect(textOf("90 b8 00", 16)).toBe("nop; db 0xb8; db 0x0");
  });

  it("wraps a branch at the top of the segment", () => {
    expect(textOf("eb 10", 16, 0xfff8n)).toBe("jmp 0xa");
  });
});

describe("likex disasm", () => {
  it("lists the built-in program", () => {
    const { code, output } = runHere("disasm");
    expect(code).toBe(0);
    expect(output.split("\n")).toEqual([
      "00000000  ba f8 03                 mov dx, 0x3f8",
      "00000003  00 d8                    add al, bl",
      "00000005  04 30                    add al, 0x30",
      "00000007  ee                       out dx, al",
      "00000008  b0 0a                    mov al, 0xa",
      "0000000a  ee                       out dx, al",
      "0000000b  f4                       hlt",
      "",
    ]);
  });

  it("takes bytes, mode, address and count", () => {
    const { output } = runHere(
      "disasm",
      "--bytes",
      "eb,fe",
      "--bytes",
      "90 90",
      "--bits",
      "64",
      "-l",
      "0x7c00",
      "-n",
      "2",
      "--json",
    );
    expect(
      output
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as object),
    ).toEqual([
      { address: "0x7c00", bytes: "eb fe", text: "jmp 0x7c00" },
      { address: "0x7c02", bytes: "90", text: "nop" },
    ]);
  });

  it.each([
    ["a digit too few", ["--bytes", "0f0"], 2, /no whole number of bytes/],
    ["what is no digit", ["--bytes", "xy"], 2, /"x" is not a hexadecimal digit/],
    ["a file and bytes", ["a.bin", "--bytes", "90"], 2, /Both a file and --bytes/],
    ["a mode that is none", ["--bits", "8"], 2, /Allowed choices are 16, 32, 64/],
    ["a file that is not there", ["/nonexistent.bin"], 3, /there is no such file/],
  ])("refuses %s", (_, args, code, message) => {
    const result = runHere("disasm", ...args);
    expect(result).toMatchObject({ code, output: "" });
    expect(result.errors).toMatch(message);
  });
});
