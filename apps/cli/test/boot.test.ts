import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { elfFile, kernelFile } from "./kernels.ts";
import { runHere } from "./run-here.ts";
import { command, inTerminal, likex, programFile } from "./run-likex.ts";

const timeout = 60_000;
/** mov dx, 3f8h; mov al, '!'; out dx, al */
const PRINT = "66ba f803 b021 ee";
/** mov al, 21h; out 0f4h, al; hlt */
const EXIT_21 = "b021 e6f4 f4";
/** Prints the command line: mov esi, [ebx+16]; mov dx, 3f8h; next: lodsb; test al, al; jz end; out dx, al; jmp next; end: hlt */
/**
 * Sends back what it receives, each byte one higher, to the first blank: mov edx, 3fdh; wait: in al, dx; test al, 1; jz wait;
 * mov dl, 0f8h; in al, dx; cmp al, ' '; je end; inc al; out dx, al; mov dl, 0fdh; jmp wait; end: hlt
 */
const ECHO = "bafd030000 ec a801 74fb b2f8 ec 3c20 7407 fec0 ee b2fd ebec f4";
/** Whether the UART has received something: mov edx, 3fdh; in al, dx; and al, 1; out 0f4h, al */
const HAS_INPUT = "bafd030000 ec 2401 e6f4";
const hasScript = spawnSync("script", ["--version"]).status === 0;

const PRINT_COMMAND_LINE = "8b7310 66baf803 ac 84c0 7403 ee ebf8 f4";

describe.concurrent("likex boot", () => {
  it("boots a multiboot image, prints its serial output and ends with 0 at HLT", { timeout }, async () => {
    expect(await likex(["boot", kernelFile(`${PRINT} f4`)])).toEqual({
      code: 0,
      signal: null,
      stdout: "!",
      stderr: "",
    });
  });

  it("ends with the code that the guest gives the debug-exit device, (N * 2 + 1) modulo 256", { timeout }, async () => {
    expect(await likex(["boot", kernelFile(EXIT_21)])).toMatchObject({ code: 0x43, stdout: "", stderr: "" });
    // mov eax, 80h; out 0f4h, eax
    expect(await likex(["boot", kernelFile("b880000000 e7f4")])).toMatchObject({ code: 1 });
  });

  it("gives the kernel its command line and the multiboot magic", { timeout }, async () => {
    const file = kernelFile(PRINT_COMMAND_LINE);
    expect(await likex(["boot", file, "--append", "n=3 quiet"])).toMatchObject({ code: 0, stdout: "n=3 quiet" });
    expect(await likex(["boot", file])).toMatchObject({ code: 0, stdout: "" });
    // cmp eax, 2badb002h; setne al; out 0f4h, al
    expect(await likex(["boot", kernelFile("3d02b0ad2b 0f95c0 e6f4")])).toMatchObject({ code: 1 });
  });

  it("starts in protected mode with flat segments and paging off", { timeout }, async () => {
    // mov eax, cr0; and eax, 80000001h; cmp eax, 1; setne al; out 0f4h, al
    expect(await likex(["boot", kernelFile("0f20c0 2501000080 83f801 0f95c0 e6f4")])).toMatchObject({ code: 1 });
    // mov byte [ds:200000h], 21h; mov al, [cs:200000h]; out 0f4h, al
    expect(await likex(["boot", kernelFile("c6050000200021 2ea000002000 e6f4")])).toMatchObject({ code: 0x43 });
  });

  it("tells the kernel how much memory --memory gave", { timeout }, async () => {
    // mov eax, [ebx+8]; shr eax, 10; out 0f4h, al: MiB above the first
    const file = kernelFile("8b4308 c1e80a e6f4");
    expect(await likex(["boot", file, "--memory", "8M"])).toMatchObject({ code: 15 });
    expect(await likex(["boot", file])).toMatchObject({ code: (127 * 2 + 1) & 0xff });
  });

  it("starts an ELF program without a multiboot header, from standard input too", { timeout }, async () => {
    expect(await likex(["boot", elfFile(`${PRINT} ${EXIT_21}`)])).toMatchObject({ code: 0x43, stdout: "!" });
    const header = "02b0ad1b 00000000 fe4f52e4";
    const image = Buffer.from(header.replaceAll(" ", ""), "hex");
    const { code, stderr } = await likex(["boot", "-"], { stdin: image });
    expect(code).toBe(18);
    expect(stderr).toMatch(/7f 45 4c 46/);
  });

  it("prints one object with --json, and what the run took with --stats", { timeout }, async () => {
    const { code, stdout } = await likex(["boot", kernelFile(`${PRINT} ${EXIT_21}`), "--json", "--stats"]);
    expect(code).toBe(0x43);
    expect(JSON.parse(stdout)).toMatchObject({
      exitCode: 0x43,
      reason: "debugExit",
      code: 0x43,
      output: "!",
      statistics: { instructions: 3, exits: { io: 2 }, tiers: { interpreted: 3, inRegions: 0 } },
    });
    const lines = await likex(["boot", kernelFile(`${PRINT} f4`), "--stats"]);
    expect(lines.stdout).toBe("!");
    const [first, ...rest] = lines.stderr.split("\n");
    expect(first).toMatch(/^[\d.]+ s, 2 instructions, [\d.]+ MIPS, exits: 1 io, 1 hlt$/);
    expect(rest).toEqual([
      "interpreted: 2 instructions (100.0 %)",
      "in regions: 0 instructions (0.0 %)",
      "compiled: nothing",
      "",
      "not compiled  executed",
      "hlt 32               1",
      "out 8                1",
      "",
    ]);
  });

  it("says nothing of the output with --serial none", { timeout }, async () => {
    expect(await likex(["boot", kernelFile(`${PRINT} f4`), "--serial", "none"])).toMatchObject({ code: 0, stdout: "" });
  });

  it("gives the guest standard input, and nothing of it when there is none or it is not to", { timeout }, async () => {
    const stdin = new TextEncoder().encode("HAL ");
    expect(await likex(["boot", kernelFile(ECHO)], { stdin })).toMatchObject({ code: 0, stdout: "IBM" });
    expect(await likex(["boot", kernelFile(HAS_INPUT)], { stdin })).toMatchObject({ code: 3 });
    expect(await likex(["boot", kernelFile(HAS_INPUT), "--input", "none"], { stdin })).toMatchObject({ code: 1 });
    expect(await likex(["boot", kernelFile(HAS_INPUT)])).toMatchObject({ code: 1 });
    expect(await likex(["boot", kernelFile(`${PRINT} ${HAS_INPUT}`)], { keepsStdinOpen: true })).toMatchObject({
      code: 1,
      stdout: "!",
    });
  });

  it.skipIf(!hasScript)("reads keys of a terminal as they are typed, and gives it back", { timeout }, async () => {
    const line = [...command("boot", kernelFile(`${PRINT} ${ECHO}`))].map((word) => `'${word}'`).join(" ");
    // The terminal's settings before and after, with likex between them.
    const text = await inTerminal(`stty -g; ${line}; echo; stty -g`, "!", "HAL ");
    const [before, output, after] = text.split(/\r?\n/);
    expect(output).toBe("!IBM");
    expect(after).toBe(before);
  });

  it.skipIf(!hasScript)("ends by Ctrl-C at a terminal, which it gives back, with 130", { timeout }, async () => {
    const line = [...command("boot", kernelFile(`${PRINT} ebfe`))].map((word) => `'${word}'`).join(" ");
    const text = await inTerminal(`trap : INT; stty -g; ${line}; echo " $?"; stty -g`, "!", "\u0003");
    const [before, output, after] = text.split(/\r?\n/);
    expect(output).toMatch(/^!.* 130$/);
    expect(after).toBe(before);
  });

  it("ends by Ctrl-C while the guest runs", { timeout }, async () => {
    const file = kernelFile(`${PRINT} ebfe`);
    const { signal, stdout } = await likex(["boot", file], { onOutput: (child) => child.kill("SIGINT") });
    expect({ signal, stdout }).toEqual({ signal: "SIGINT", stdout: "!" });
  });

  it("names a guest's end in its own exit code: limits, and a triple fault", { timeout }, async () => {
    const endless = kernelFile("ebfe");
    const limited = await likex(["boot", endless, "--instruction-limit", "1000"]);
    expect(limited.code).toBe(15);
    expect(limited.stderr).toMatch(/executed 1000 instructions without an exit; it is at 0x100020/);
    // out 80h, al; jmp back
    expect(await likex(["boot", kernelFile("e680 ebfc"), "--exit-limit", "10"])).toMatchObject({ code: 14 });
    // ud2 without an IDT
    const fault = await likex(["boot", kernelFile("0f0b")]);
    expect(fault.code).toBe(10);
    expect(fault.stderr).toMatch(/shut down at 0x100020.*There: 0f 0b, ud2/);
  });
});

describe("likex boot refuses", () => {
  it("a file that is neither multiboot nor ELF, and says what takes it", async () => {
    const { code, errors } = await runHere("boot", programFile("ba f8 03 ee f4"));
    expect(code).toBe(2);
    expect(errors).toMatch(/neither a multiboot header nor that of an ELF file. Use likex run/);
  });

  it("a command line for an ELF program, which cannot get it", async () => {
    expect(await runHere("boot", elfFile("f4"), "--append", "x")).toMatchObject({ code: 2 });
  });

  it("a header that demands a video mode", async () => {
    // Magic, flags 4, checksum.
    const { code, errors } = await runHere("boot", programFile("02b0ad1b 04000000 fa4f52e4"));
    expect(code).toBe(18);
    expect(errors).toMatch(/demands a video mode/);
  });

  it("an image that does not fit in memory", async () => {
    const { code, errors } = await runHere("boot", kernelFile("f4"), "--memory", "1M");
    expect(code).toBe(4);
    expect(errors).toMatch(/no room in memory for the boot information/);
  });

  it("a missing image, a missing file and a bad size", async () => {
    expect((await runHere("boot")).code).toBe(2);
    expect((await runHere("boot", "/nonexistent")).code).toBe(3);
    expect((await runHere("boot", kernelFile("f4"), "--memory", "many")).code).toBe(2);
    expect((await runHere("boot", kernelFile("f4"), "--memory", "5000")).code).toBe(6);
  });
});

describe("the help of likex boot", () => {
  it("says what the exit code is, and has examples", async () => {
    const { code, output } = await runHere("help", "boot");
    expect(code).toBe(0);
    expect(output).toMatch(/\(N \* 2 \+ 1\) modulo 256/);
    expect(output).toMatch(/default: 128M/);
    expect(output).toMatch(/\$ likex boot kernel.elf/);
  });
});
