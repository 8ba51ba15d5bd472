import { describe, expect, it } from "vitest";
import { EXIT_CODE } from "../src/exit-codes.ts";
import { likex, programFile } from "./run-likex.ts";

const HALT = "f4";
/** again: out 10h, al; jmp again */
const ENDLESS_EXITS = "e6 10 eb fc";
/** again: jmp again */
const ENDLESS = "eb fe";
/** In protected mode without an interrupt table, loaded at 1000h: xor cx, cx; div cl */
const TRIPLE_FAULT = "0f 20 c0 0c 01 0f 22 c0 31 c9 f6 f1 f4";

const slots = (...values: string[]): string[] => values.flatMap((value) => ["--slot", value]);

const CASES: readonly (readonly [what: string, args: () => string[], code: number, message: RegExp])[] = [
  [
    "a file that does not exist",
    () => ["run", "/nonexistent.bin"],
    EXIT_CODE.file,
    /Cannot read \/nonexistent\.bin: there is no such file/,
  ],
  ["a directory", () => ["run", "/"], EXIT_CODE.file, /it is a directory/],
  ["an empty file", () => ["run", programFile("")], EXIT_CODE.file, /is empty/],
  [
    "a file larger than memory",
    () => ["run", programFile("90".repeat(4097)), "--memory", "4K"],
    EXIT_CODE.imageOutsideMemory,
    /more than the 4096 bytes of guest memory/,
  ],
  ["an endless file", () => ["run", "/dev/zero"], EXIT_CODE.imageOutsideMemory, /more than the 65536 bytes/],
  [
    "a program loaded outside memory",
    () => ["run", "--load-address", "0xfff"],
    EXIT_CODE.imageOutsideMemory,
    /0xfff to 0x100a/,
  ],
  ["a register that is none", () => ["run", "--reg", "eax=1"], EXIT_CODE.register, /no register "eax"/],
  [
    "a value that the register cannot hold",
    () => ["run", "--reg", "ds=0x10000"],
    EXIT_CODE.register,
    /cannot hold 65536/,
  ],
  ["a register without a value", () => ["run", "--reg", "rax"], EXIT_CODE.usage, /Write NAME=VALUE/],
  ["overlapping slots", () => ["run", ...slots("0=0:8K", "1=0x1000:4K")], EXIT_CODE.memorySlots, /overlap/],
  ["an unaligned slot address", () => ["run", ...slots("0=0x10:4K")], EXIT_CODE.memorySlots, /not page-aligned/],
  ["an unaligned slot size", () => ["run", "--memory", "5000"], EXIT_CODE.memorySlots, /not a whole number of pages/],
  ["a slot that cannot be read", () => ["run", ...slots("0:4K")], EXIT_CODE.usage, /ID=ADDRESS:SIZE/],
  [
    "an entry outside memory",
    () => ["run", "--entry", "0x2000"],
    EXIT_CODE.entryOutsideMemory,
    /entry 0x2000 is not in the memory/,
  ],
  ["an entry above 4 GiB", () => ["run", "--entry", "0x100000000"], EXIT_CODE.usage, /4 GiB/],
  [
    "exits without end",
    () => ["run", programFile(ENDLESS_EXITS), "--console", "none", "--exit-limit", "1000"],
    EXIT_CODE.exitLimit,
    /made 1000 exits without halting/,
  ],
  [
    "instructions without end",
    () => ["run", programFile(ENDLESS), "--instruction-limit", "1000"],
    EXIT_CODE.instructionLimit,
    /executed 1000 instructions without an exit; it is at 0x0/,
  ],
  [
    "an undefined instruction",
    () => ["run", programFile("90 0f 0b")],
    EXIT_CODE.undefinedInstruction,
    /undefined instruction at 0x1\..*0f 0b/,
  ],
  [
    "an undefined instruction without a stack",
    () => ["run", programFile("90 0f 0b"), "--personality", "kvm", "--memory", "4K"],
    EXIT_CODE.undefinedInstruction,
    /undefined instruction at 0x1/,
  ],
  [
    "a triple fault",
    () => ["run", programFile(TRIPLE_FAULT), "--load-address", "0x1000"],
    EXIT_CODE.shutdown,
    /shut down at 0x100a.*triple fault.*f6 f1/,
  ],
  [
    "a state that the processor refuses",
    () => ["run", programFile(HALT), "--reg", "rflags=0x8002"],
    EXIT_CODE.entryFailure,
    /refused the guest's state/,
  ],
  [
    "device memory on /dev/rust_kvm",
    () => ["run", programFile("a2 00 90 f4"), "--memory", "4K"],
    EXIT_CODE.unknownExit,
    /wrote to 0x9000 \(at 0x0\)/,
  ],
  ["an unknown option", () => ["run", "--frobnicate"], EXIT_CODE.usage, /Unknown option '--frobnicate'/],
  ["an unknown command", () => ["frobnicate"], EXIT_CODE.usage, /Unknown command 'frobnicate'/],
  ["a limit of 0", () => ["run", "--exit-limit", "0"], EXIT_CODE.usage, /at least 1/],
  [
    "a trace of the real device",
    () => ["run", "--kvm", "host", "--trace", "log"],
    EXIT_CODE.usage,
    /Drop --trace or --kvm host/,
  ],
];

describe.concurrent("likex ends with a message and an exit code of its own for", () => {
  it.each(CASES)("%s", { timeout: 60_000 }, async (_, args, code, message) => {
    const { stdout, stderr, ...end } = await likex(args());
    expect(stderr).toMatch(message);
    expect(end).toEqual({ code, signal: null });
    expect(stdout).toBe("");
    expect(stderr).toMatch(/^likex: [A-Z/-].*\n(\(--help shows the options and examples\)\n)?$/);
    expect(stderr).not.toMatch(/\n\s+at |node:internal/);
  });
});
