import { stripVTControlCharacters } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EXIT_CODE } from "../src/exit-codes.ts";
import { executable32, executable64, fileOf, relocatable } from "./elf-files.ts";
import { runHere } from "./run-here.ts";
import { likex, programFile } from "./run-likex.ts";

const timeout = 60_000;

/** The listing of a successful run, with one blank for each run of blanks and tabs, without the line of the format. */
async function listing(...args: string[]): Promise<string[]> {
  const { code, output, errors } = await runHere("disasm", ...args);
  expect({ code, errors }).toEqual({ code: 0, errors: "" });
  return output
    .split("\n")
    .map((line) => line.trim().replaceAll(/[ \t]+/g, " "))
    .filter((line) => line !== "" && !line.includes("file format"));
}

async function jsonLines(...args: string[]): Promise<unknown[]> {
  const { code, output } = await runHere("disasm", "--json", ...args);
  expect(code).toBe(0);
  return output
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as unknown);
}

const PLT = [
  "Disassembly of section .plt:",
  "0000000000001000 <puts@plt>:",
  "1000: ff 25 e2 2f 00 00 jmp qword ptr [0x3fe8] # <puts@got>",
  "1006: 68 00 00 00 00 push 0",
  "100b: e9 e0 ff ff ff jmp 0xff0",
];
const MAIN = [
  "0000000000001010 <main>:",
  "1010: e8 eb ff ff ff call 0x1000 <puts@plt>",
  "1015: e8 07 00 00 00 call 0x1021 <helper>",
  "101a: 8b 05 e0 1f 00 00 mov eax,[0x3000] # <counter>",
  "1020: c3 ret",
];
const HELPER = [
  "0000000000001021 <helper>:",
  "1021: 31 c0 xor eax,eax",
  "1023: 06 (bad)",
  "1024: 75 fc jne short 0x1022 <helper+0x1>",
  "1026: b8 c3 90 90 90 mov eax,0x909090c3",
];
/** A symbol in the middle of an instruction: decoding begins anew there. */
const INSIDE = [
  "0000000000001027 <inside>:",
  "1027: c3 ret",
  "1028: 90 nop",
  "1029: 90 nop",
  "102a: 90 nop",
  "102b: f4 hlt",
];
const TEXT = "Disassembly of section .text:";

describe("likex disasm, an ELF file", () => {
  const file = fileOf(executable64());

  it("lists the executable sections with the names of what is there and of what it refers to", async () => {
    expect(await listing(file)).toEqual([...PLT, TEXT, ...MAIN, ...HELPER, ...INSIDE]);
  });

  it("is laid out as objdump does it", async () => {
    expect((await runHere("disasm", file, "--symbol", "main", "-n", "2")).output).toBe(
      [
        `${file}:     file format elf64-x86-64`,
        "",
        "Disassembly of section .text:",
        "",
        "0000000000001010 <main>:",
        "    1010:\te8 eb ff ff ff                \tcall 0x1000 <puts@plt>",
        "    1015:\te8 07 00 00 00                \tcall 0x1021 <helper>",
        "",
      ].join("\n"),
    );
  });

  it("lists one symbol, up to its size or the next symbol, also one of the procedure linkage table", async () => {
    expect(await listing(file, "--symbol", "main")).toEqual([TEXT, ...MAIN]);
    expect(await listing(file, "--symbol", "inside")).toEqual([TEXT, ...INSIDE]);
    expect(await listing(file, "--symbol", "puts@plt")).toEqual(PLT);
    expect(await listing(file, "--symbol", "main", "--symbol", "inside")).toEqual([TEXT, ...MAIN, TEXT, ...INSIDE]);
  });

  it("lists a range of addresses, and says where in a function it begins", async () => {
    expect(await listing(file, "--start", "0x1015", "--stop", "0x1023")).toEqual([
      TEXT,
      "0000000000001015 <main+0x5>:",
      ...MAIN.slice(2),
      ...HELPER.slice(0, 2),
    ]);
  });

  it("lists a section by name, also one of data", async () => {
    expect(await listing(file, "--section", ".plt")).toEqual(PLT);
    expect(await listing(file, "--section", ".data")).toEqual([
      "Disassembly of section .data:",
      "0000000000003000 <counter>:",
      "3000: c3 ret",
      "3001: 90 nop",
      "3002: 90 nop",
      "3003: 90 nop",
    ]);
  });

  it("names places by their section when the symbols are stripped", async () => {
    const stripped = fileOf(executable64({ stripped: true }));
    expect((await listing(stripped, "--section", ".text")).slice(0, 5)).toEqual([
      TEXT,
      "0000000000001010 <.text>:",
      "1010: e8 eb ff ff ff call 0x1000 <puts@plt>",
      "1015: e8 07 00 00 00 call 0x1021 <.text+0x11>",
      "101a: 8b 05 e0 1f 00 00 mov eax,[0x3000] # <.data>",
    ]);
  });

  it("lists the executable segments when there are no section headers", async () => {
    const sectionless = fileOf(executable64({ sectionHeaders: "none" }));
    expect(await listing(sectionless, "-n", "2")).toEqual([
      "Disassembly of segment 0:",
      "0000000000001010 <segment 0>:",
      "1010: e8 eb ff ff ff call 0x1000",
      "1015: e8 07 00 00 00 call 0x1021 <segment 0+0x11>",
    ]);
  });

  it("takes the mode from the file, or from --bits", async () => {
    const file32 = fileOf(executable32());
    expect((await runHere("disasm", file32)).output).toContain("file format elf32-i386\n");
    expect(await listing(file32)).toEqual([
      TEXT,
      "08049000 <_start>:",
      "8049000: ff 05 00 a0 04 08 inc dword ptr [0x804a000] # <counter>",
      "8049006: a0 02 a0 04 08 mov al,[0x804a002] # <counter+0x2>",
      "804900b: eb f3 jmp short 0x8049000 <_start>",
    ]);
    expect((await listing(file32, "--bits", "16", "-n", "1")).at(-1)).toBe("8049000: ff 05 inc word ptr [di]");
  });

  it("lists relocatable files by section, with what the linker will put there", async () => {
    expect(await listing(fileOf(relocatable()))).toEqual([
      TEXT,
      "0000000000000000 <first>:",
      "0: 48 8d 3d 00 00 00 00 lea rdi,[7] # R_X86_64_PC32 .rodata-0x4",
      "7: e8 00 00 00 00 call 0xc # R_X86_64_PLT32 puts-0x4",
      "c: eb fe jmp short 0xc <first+0xc>",
      "Disassembly of section .text.unlikely:",
      "0000000000000000 <second>:",
      "0: e8 00 00 00 00 call 0x5 <second+0x5>",
      "5: 64 48 8b 04 25 00 00 00 00 mov rax,fs:[0]",
    ]);
  });

  it("is listed as bytes with --format flat", async () => {
    expect(await listing(file, "--format", "flat", "--bits", "64", "-n", "2")).toEqual([
      "0: 7f 45 jg short 0x47",
      "2: 4c 46 02 01 add r8b,[rcx]",
    ]);
  });

  it("says on stderr which names are missing when only their table is damaged", async () => {
    const bytes = executable64();
    // DT_STRTAB: an address that no segment has.
    const tag = Buffer.from(bytes).indexOf(Buffer.from("05000000000000000060000000000000", "hex"));
    bytes[tag + 13] = 0x7f;
    const { code, output, errors } = await runHere("disasm", fileOf(bytes), "--section", ".text");
    expect(code).toBe(0);
    expect(output).toContain("<main>:");
    expect(errors).toMatch(/^likex: Names are missing: The ELF file has the names of dynamic symbols at address 0x7f0/);
  });

  it("cannot drive the terminal by its names", async () => {
    const bytes = Buffer.from(executable64());
    const evil = Buffer.from("\u001b[2Jx\0");
    for (let at = bytes.indexOf("helper\0"); at >= 0; at = bytes.indexOf("helper\0", at + 1)) evil.copy(bytes, at);
    const { output } = await runHere("disasm", fileOf(bytes));
    expect(output).toContain("<\\x1b[2Jx>:");
    expect(output).not.toContain("\u001b");
  });

  it("cannot drive the terminal by a name in a message", async () => {
    const bytes = executable64();
    const name = Buffer.from(bytes).indexOf(".text\0");
    bytes.set([0x1b, 0x9b, 0x0a], name);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(Number(view.getBigUint64(40, true)) + 2 * 64 + 24, 1n << 60n, true);
    const { errors } = await runHere("disasm", fileOf(bytes));
    expect(errors).toMatch(/^likex: The ELF file has section 2 \(.*\) at offset .*\n$/);
    expect(errors).not.toContain("\u001b");
  });
});

describe("likex disasm, bytes", () => {
  it("lists the built-in program", async () => {
    expect((await runHere("disasm")).output.split("\n")).toEqual([
      "       0:\tba f8 03                      \tmov dx,0x3f8",
      "       3:\t00 d8                         \tadd al,bl",
      "       5:\t04 30                         \tadd al,0x30",
      "       7:\tee                            \tout dx,al",
      "       8:\tb0 0a                         \tmov al,0xa",
      "       a:\tee                            \tout dx,al",
      "       b:\tf4                            \thlt",
      "",
    ]);
  });

  it("takes hexadecimal bytes, as 64-bit code unless --bits says otherwise", async () => {
    expect(await listing("--hex", "48 8b 44 8b 10 c3")).toEqual([
      "0: 48 8b 44 8b 10 mov rax,[rbx+rcx*4+0x10]",
      "5: c3 ret",
    ]);
    expect(await listing("--hex", "48", "--hex", "8b,c3", "--bits", "32")).toEqual([
      "0: 48 dec eax",
      "1: 8b c3 mov eax,ebx",
    ]);
  });

  it("takes files at a base, as 16-bit code", async () => {
    const file = programFile("eb fe 90 f4");
    expect(await listing(file, "--base", "0x7c00")).toEqual([
      "7c00: eb fe jmp short 0x7c00",
      "7c02: 90 nop",
      "7c03: f4 hlt",
    ]);
    expect(await listing(file, "--base", "0x7c00", "--start", "0x7c02", "--stop", "0x7c03")).toEqual(["7c02: 90 nop"]);
    expect(await listing(file, "--count", "1")).toEqual(["0: eb fe jmp short 0x0"]);
  });

  it("takes bases up to the end of the address space, where addresses wrap", async () => {
    expect(await listing("--hex", "eb 00 90", "--base", "0xfffffffffffffffe")).toEqual([
      "fffffffffffffffe: eb 00 jmp short 0x0",
      "0: 90 nop",
    ]);
  });

  it("goes on behind bytes that begin no instruction, and at a cut one", async () => {
    expect(await listing("--hex", "06 90 b8 00")).toEqual(["0: 06 (bad)", "1: 90 nop", "2: b8 (bad)", "3: 00 (bad)"]);
  });

  it("lists more instructions than are decoded at once", async () => {
    const lines = await listing(programFile(`${"90".repeat(10_000)}f4`));
    expect(lines).toHaveLength(10_001);
    expect(lines.at(-1)).toBe("2710: f4 hlt");
  });
});

describe("likex disasm --syntax", () => {
  // mov rax, fs:[28h]; lock xadd [rbx], eax; jne 0; add word [rax+rcx*4-80h], -6; vaddps zmm0, zmm0, [rax]{1to16}
  const hex = "64 48 8b 04 25 28 00 00 00 f0 0f c1 03 75 f1 66 83 44 88 80 fa 62 f1 7c 58 58 00";

  it.each([
    [
      "intel",
      "mov rax,fs:[0x28]",
      "lock xadd [rbx],eax",
      "jne short 0x1000",
      "add word ptr [rax+rcx*4-0x80],0xfffa",
      "vaddps zmm0,zmm0,[rax]{1to16}",
    ],
    [
      "masm",
      "mov rax,fs:[28h]",
      "lock xadd [rbx],eax",
      "jne short 1000h",
      "add word ptr [rax+rcx*4-80h],0FFFAh",
      "vaddps zmm0,zmm0,dword bcst [rax]",
    ],
    [
      "nasm",
      "mov rax,[fs:0x28]",
      "lock xadd [rbx],eax",
      "jne short 0x1000",
      "add word [rax+rcx*4-0x80],0xfffa",
      "vaddps zmm0,zmm0,[rax]{1to16}",
    ],
    [
      "att",
      "mov %fs:0x28,%rax",
      "lock xadd %eax,(%rbx)",
      "jne 0x1000",
      "addw $0xfffa,-0x80(%rax,%rcx,4)",
      "vaddps (%rax){1to16},%zmm0,%zmm0",
    ],
  ])("%s", async (syntax, ...expected) => {
    const args = ["--hex", hex, "--base", "0x1000", "--syntax", syntax];
    const texts = ((await jsonLines(...args)) as { text: string }[]).map(({ text }) => text);
    expect(texts).toEqual(expected);
    expect((await listing(...args)).map((line, i) => line.endsWith(` ${expected[i]}`))).toEqual(
      expected.map(() => true),
    );
  });
});

describe("likex disasm --json", () => {
  it("prints an object a line", async () => {
    expect(await jsonLines(fileOf(executable64()), "--symbol", "main")).toEqual([
      {
        address: "0x1010",
        symbol: "main",
        bytes: "e8 eb ff ff ff",
        mnemonic: "call",
        text: "call 0x1000",
        operands: [{ kind: "branch", target: "0x1000" }],
        flow: "call",
        target: "0x1000",
        targetSymbol: "puts@plt",
      },
      {
        address: "0x1015",
        symbol: "main+0x5",
        bytes: "e8 07 00 00 00",
        mnemonic: "call",
        text: "call 0x1021",
        operands: [{ kind: "branch", target: "0x1021" }],
        flow: "call",
        target: "0x1021",
        targetSymbol: "helper",
      },
      {
        address: "0x101a",
        symbol: "main+0xa",
        bytes: "8b 05 e0 1f 00 00",
        mnemonic: "mov",
        text: "mov eax,[0x3000]",
        operands: [
          { kind: "register", name: "eax" },
          { kind: "memory", size: 4, segment: "ds", base: "rip", displacement: "0x1fe0", address: "0x3000" },
        ],
        flow: "next",
      },
      {
        address: "0x1020",
        symbol: "main+0x10",
        bytes: "c3",
        mnemonic: "ret",
        text: "ret",
        operands: [],
        flow: "return",
      },
    ]);
    expect(await jsonLines(fileOf(relocatable()), "-n", "1")).toMatchObject([
      { relocations: ["R_X86_64_PC32 .rodata-0x4"] },
    ]);
  });

  it.each([
    [64, "eb fe", { kind: "branch", target: "0x0" }],
    [16, "ea 00 10 00 f0", { kind: "farPointer", selector: "0xf000", offset: "0x1000" }],
    [64, "c8 10 00 01", { kind: "immediate", value: "0x10" }, { kind: "immediate", value: "0x1" }],
    [
      64,
      "48 b8 ef cd ab 89 67 45 23 81",
      { kind: "register", name: "rax" },
      { kind: "immediate", value: "0x8123456789abcdef" },
    ],
    [64, "83 c0 ff", { kind: "register", name: "eax" }, { kind: "immediate", value: "0xffffffff" }],
    [64, "48 05 00 00 00 80", { kind: "register", name: "rax" }, { kind: "immediate", value: "0xffffffff80000000" }],
    [64, "d1 e0", { kind: "register", name: "eax" }, { kind: "immediate", value: "0x1" }],
    [
      64,
      "64 8b 44 d1 f0",
      { kind: "register", name: "eax" },
      { kind: "memory", size: 4, segment: "fs", base: "rcx", index: "rdx", scale: 8, displacement: "-0x10" },
    ],
    [
      64,
      "a1 98 d8 0b 1f 12 f1 90 50",
      { kind: "register", name: "eax" },
      { kind: "memory", size: 4, segment: "ds", displacement: "0x5090f1121f0bd898" },
    ],
    [
      64,
      "a4",
      { kind: "memory", size: 1, segment: "es", base: "rdi" },
      { kind: "memory", size: 1, segment: "ds", base: "rsi" },
    ],
    [
      32,
      "c7 00 78 56 34 12",
      { kind: "memory", size: 4, segment: "ds", base: "eax" },
      { kind: "immediate", value: "0x12345678" },
    ],
  ] as const)("has the operands of %i-bit %s", async (bits, hex, ...operands) => {
    expect(await jsonLines("--hex", hex, "--bits", String(bits))).toMatchObject([{ operands }]);
  });

  it("has no more than address, bytes and text for what is no instruction", async () => {
    expect(await jsonLines("--hex", "06")).toEqual([{ address: "0x0", bytes: "06", text: "(bad)" }]);
  });
});

describe("likex disasm --color", () => {
  it("always: colours mnemonics, registers, numbers and names apart, and changes no text", async () => {
    const file = fileOf(executable64());
    const { output } = await runHere("disasm", file, "--color", "always");
    expect(output).toContain("\u001b[33mxor\u001b[39m \u001b[36meax\u001b[39m,\u001b[36meax\u001b[39m");
    expect(output).toContain("\u001b[32m<puts@plt>\u001b[39m");
    expect(stripVTControlCharacters(output)).toBe((await runHere("disasm", file)).output);
  });

  it("auto: has none where nobody looks on", { timeout }, async () => {
    const args = ["disasm", "--hex", "90 c3"];
    const { stdout } = await likex(args);
    expect(stdout).toBe(stripVTControlCharacters(stdout));
    expect((await likex([...args, "--color", "always"])).stdout).not.toBe(stdout);
  });
});

describe.concurrent("likex disasm, as a process", () => {
  it("reads standard input", { timeout }, async () => {
    const { code, stdout } = await likex(["disasm", "-", "--bits", "64"], { stdin: Uint8Array.of(0x48, 0x90, 0xf4) });
    expect({ code, stdout: stdout.replaceAll(/\s+/g, " ") }).toEqual({
      code: 0,
      stdout: " 0: 48 90 xchg rax,rax 2: f4 hlt ",
    });
    const elf = await likex(["disasm", "-", "--symbol", "main"], { stdin: executable64() });
    expect(elf.stdout).toMatch(/^-: {5}file format elf64-x86-64\n/);
    expect(elf.stdout).toContain("<main>:");
  });

  /** 3 MiB of code: far more than a pipe holds. */
  const endless = (): string => programFile("90".repeat(3 << 20));

  it("ends in silence when its reader goes away", { timeout }, async () => {
    const { code, stderr } = await likex(["disasm", endless()], { onOutput: (child) => child.stdout?.destroy() });
    expect({ code, stderr }).toEqual({ code: EXIT_CODE.brokenPipe, stderr: "" });
  });

  it("ends by Ctrl-C without a word", { timeout }, async () => {
    const { signal, stderr } = await likex(["disasm", endless()], {
      onOutput: (child) => {
        child.stdout?.pause();
        child.kill("SIGINT");
        child.stdout?.resume();
      },
    });
    expect({ signal, stderr }).toEqual({ signal: "SIGINT", stderr: "" });
  });
});

describe("likex disasm, garbled files", () => {
  it("ends with a listing or a message, whatever bytes are changed", { timeout }, async () => {
    const originals = [executable64(), executable32(), relocatable()];
    const changes = fc.array(fc.tuple(fc.nat({ max: 4000 }), fc.constantFrom(0, 1, 0x7f, 0x80, 0xff)), {
      maxLength: 8,
    });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...originals),
        changes,
        fc.constantFrom("--json", "--color=never"),
        async (original, list, flag) => {
          const bytes = original.slice();
          for (const [at, to] of list) bytes[at % bytes.length] = to;
          const { code, errors } = await runHere("disasm", fileOf(bytes), "-n", "100", flag);
          // Without the magic number it is a flat file.
          expect([EXIT_CODE.ok, EXIT_CODE.fileFormat, EXIT_CODE.notFound]).toContain(code);
          expect(errors).not.toContain("bug");
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe("likex disasm refuses", () => {
  const damaged = (offset: number, ...bytes: number[]): string => {
    const file = executable64();
    file.set(bytes, offset);
    return fileOf(file);
  };
  const elf = (): string => fileOf(executable64());
  /** sh_offset of section 2 is far behind the end. */
  const withoutCode = (): string => {
    const file = executable64();
    const view = new DataView(file.buffer);
    view.setBigUint64(Number(view.getBigUint64(40, true)) + 2 * 64 + 24, 1n << 60n, true);
    return fileOf(file);
  };

  it.each<readonly [what: string, args: () => string[], code: number, message: RegExp]>([
    ["a digit too few", () => ["--hex", "0f0"], EXIT_CODE.usage, /no whole number of bytes/],
    ["what is no digit", () => ["--hex", "xy"], EXIT_CODE.usage, /"x" is not a hexadecimal digit/],
    ["a file and bytes", () => ["a.bin", "--hex", "90"], EXIT_CODE.usage, /Both a file and --hex/],
    ["a mode that is none", () => ["--bits", "8"], EXIT_CODE.usage, /Allowed choices are 16, 32, 64/],
    [
      "a syntax that is none",
      () => ["--syntax", "tasm"],
      EXIT_CODE.usage,
      /Allowed choices are intel, masm, nasm, att/,
    ],
    ["an address of more than 64 bits", () => ["--base", "0x10000000000000000"], EXIT_CODE.usage, /more than 64 bits/],
    ["a count of 0", () => ["--count", "0"], EXIT_CODE.usage, /at least 1/],
    ["a range that ends before it begins", () => ["--start", "2", "--stop", "2"], EXIT_CODE.usage, /0x2 is not below/],
    ["a section of a flat file", () => ["--section", ".text"], EXIT_CODE.usage, /--section needs an ELF file/],
    ["a symbol of a flat file", () => ["--symbol", "main"], EXIT_CODE.usage, /--symbol needs an ELF file/],
    ["a base for an ELF file", () => [elf(), "--base", "0"], EXIT_CODE.usage, /Drop --base/],
    ["a file that is not there", () => ["/nonexistent.bin"], EXIT_CODE.file, /there is no such file/],
    ["a directory", () => ["/"], EXIT_CODE.file, /it is a directory/],
    ["an empty file", () => [programFile("")], EXIT_CODE.file, /is empty/],
    ["an address that is not there", () => ["--start", "0x10"], EXIT_CODE.notFound, /There is 0x0 to 0xc\./],
    [
      "a section that is not there",
      () => [elf(), "--section", "text"],
      EXIT_CODE.notFound,
      /It has \.plt \.text \.data/,
    ],
    ["a section without bytes", () => [elf(), "--section", ".bss"], EXIT_CODE.notFound, /has no bytes in the file/],
    [
      "a symbol that is not there",
      () => [elf(), "--symbol", "HELP"],
      EXIT_CODE.notFound,
      /"HELP"\. There are helper\./,
    ],
    [
      "data where code is asked for",
      () => [elf(), "--symbol", "counter"],
      EXIT_CODE.notFound,
      /no code named "counter"/,
    ],
    ["other files as ELF", () => ["--format", "elf"], EXIT_CODE.fileFormat, /does not begin as ELF files do/],
    ["an ELF file for ARM", () => [damaged(18, 40, 0)], EXIT_CODE.fileFormat, /is for ARM \(e_machine 40\)/],
    ["a big-endian ELF file", () => [damaged(5, 2)], EXIT_CODE.fileFormat, /not little-endian/],
    [
      "an ELF file without its end",
      () => [fileOf(executable64().subarray(0, -100))],
      EXIT_CODE.fileFormat,
      /truncated/,
    ],
    [
      "an ELF file without its code",
      () => [withoutCode()],
      EXIT_CODE.fileFormat,
      /has section 2 \("\.text"\) at offset 0x/,
    ],
  ])("%s", async (_, args, code, message) => {
    const result = await runHere("disasm", ...args());
    expect({ code: result.code, output: result.output }).toEqual({ code, output: "" });
    expect(result.errors).toMatch(message);
    expect(result.errors).toMatch(/^likex: .*\n(\(--help shows the options and examples\)\n)?$/);
  });
});
