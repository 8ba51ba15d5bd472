import { describe, expect, it } from "vitest";
import { likex, programFile } from "./run-likex.ts";

const SEED = "ba f8 03 00 d8 04 30 ee b0 0a ee f4";
const PRINTED = "exit io:4 \nexit io:\n \n";
const timeout = 60_000;

describe.concurrent("likex run", () => {
  it("prints what LiKeX's VMM prints, and ends with 0 at HLT", { timeout }, async () => {
    expect(await likex(["run"])).toEqual({ code: 0, signal: null, stdout: PRINTED, stderr: "" });
  });

  it("takes the program from a file or from standard input", { timeout }, async () => {
    const registers = ["--reg", "rax=2", "--reg", "RBX=0x2"];
    expect(await likex(["run", programFile(SEED), ...registers])).toMatchObject({ code: 0, stdout: PRINTED });
    const stdin = Buffer.from(SEED.replaceAll(" ", ""), "hex");
    expect(await likex(["run", "-", ...registers], { stdin })).toMatchObject({ code: 0, stdout: PRINTED });
  });

  it("takes load address, entry, memory and slots", { timeout }, async () => {
    // mov ax, [2000h] in a slot of its own; out 3f8h, al through dx; hlt; one byte before the entry.
    const file = programFile("00 a0 00 20 ba f8 03 ee f4");
    const args = [
      "--load-address",
      "0x7c00",
      "--entry",
      "0x7c01",
      "--slot",
      "3=0x7000:4K",
      "--slot",
      "4=0x2000:0x1000:ro",
    ];
    const { code, stdout } = await likex(["run", file, ...args, "--console", "serial"]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "\0" });
  });

  it("prints the bytes alone with the serial console of /dev/kvm", { timeout }, async () => {
    expect(await likex(["run", "--personality", "kvm"])).toMatchObject({ code: 0, stdout: "4\n" });
  });

  it("writes the kernel log to stderr in the order of events", { timeout }, async () => {
    const { stdout, stderr } = await likex(["run", "--trace", "log"]);
    expect(stdout).toBe(PRINTED);
    const lines = stderr.split("\n");
    expect(lines.every((line) => line === "" || line.startsWith("rust_kvm: "))).toBe(true);
    const steps = lines.flatMap(
      (line) => /vmentry: launched = \w+|vmexit: guest_rip=\w+|tdp_map level=\d|handle_io|handle hlt/.exec(line) ?? [],
    );
    expect(steps).toEqual([
      "vmentry: launched = false",
      "vmexit: guest_rip=0",
      "tdp_map level=4",
      "tdp_map level=3",
      "tdp_map level=2",
      "tdp_map level=1",
      "vmentry: launched = true",
      "vmexit: guest_rip=7",
      "handle_io",
      "vmentry: launched = true",
      "vmexit: guest_rip=a",
      "handle_io",
      "vmentry: launched = true",
      "vmexit: guest_rip=b",
      "handle hlt",
    ]);
  });

  it("writes one JSON object a line with --trace json", { timeout }, async () => {
    const { stderr } = await likex(["run", "--trace", "json"]);
    const events = stderr
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { type: string; reason?: number });
    expect(events.filter(({ type }) => type === "vmexit").map(({ reason }) => reason)).toEqual([48, 30, 30, 12]);
  });

  it("prints the result as one object with --json, for a guest that fails too", { timeout }, async () => {
    const done = await likex(["run", "--json"]);
    expect(JSON.parse(done.stdout)).toMatchObject({
      exitCode: 0,
      reason: "hlt",
      exits: 3,
      rip: "0xc",
      registers: { rax: "0xa", rbx: "0x2" },
      output: PRINTED,
    });
    const failed = await likex(["run", programFile("0f 0b"), "--json"]);
    expect(failed.code).toBe(12);
    expect(JSON.parse(failed.stdout)).toMatchObject({ exitCode: 12, message: expect.stringContaining("undefined") });
    expect(failed.stderr).toBe("");
  });
});

describe.concurrent("likex, interrupted", () => {
  /** again: out 10h, al; jmp again */
  const endless = ["--exit-limit", "none"];

  it("ends by Ctrl-C without a word", { timeout }, async () => {
    const { signal, stderr } = await likex(["run", programFile("e6 10 eb fc"), ...endless], {
      onOutput: (child) => child.kill("SIGINT"),
    });
    expect({ signal, stderr }).toEqual({ signal: "SIGINT", stderr: "" });
  });

  it("ends without a word when its reader goes away", { timeout }, async () => {
    const { code, stderr } = await likex(["run", programFile("e6 10 eb fc"), ...endless], {
      onOutput: (child) => child.stdout?.destroy(),
    });
    expect({ code, stderr }).toEqual({ code: 141, stderr: "" });
  });
});
