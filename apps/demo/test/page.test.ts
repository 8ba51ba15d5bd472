import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chromiumPath, type Demo, openDemo } from "./browser.ts";

const WAIT = { timeout: 20_000 };
let demo: Demo;

/** Runs what the form holds, and waits for the end. */
async function run(): Promise<void> {
  await demo.page.click("#run");
  await demo.page.waitForSelector("#run:enabled", WAIT);
}

const text = async (selector: string): Promise<string> => (await demo.page.textContent(selector)) ?? "";

describe.skipIf(chromiumPath === undefined)("the page in Chromium (skipped where none is installed)", () => {
  beforeAll(async () => {
    demo = await openDemo(chromiumPath ?? "");
  }, 90_000);

  afterAll(async () => {
    expect(demo.problems).toEqual([]);
    await demo.close();
  });

  it("runs the first sample by itself and shows its output", async () => {
    await demo.page.waitForFunction(() => document.querySelector("#output")?.textContent !== "", undefined, WAIT);
    expect(await text("#output")).toBe("exit io:4 \nexit io:\n \n");
    expect(await text("#status")).toBe("The guest halted at 0xc, after 3 exits to the VMM.");
  });

  it("shows the VM exits in order", async () => {
    const rows = await demo.page.$$eval("#exits tbody tr", (found) =>
      found.map((row) => Array.from(row.children, (cell) => cell.textContent)),
    );
    expect(rows).toEqual([
      ["1", "0", "ept violation", "fetch from guest-physical 0"],
      ["2", "7", "io instruction", "out port 3f8, 1 byte"],
      ["3", "a", "io instruction", "out port 3f8, 1 byte"],
      ["4", "b", "hlt", ""],
    ]);
  });

  it("shows the trace and the registers", async () => {
    const trace = await text("#trace");
    expect(trace).toMatch(/^rust_kvm: Rust KVM Open/);
    expect(trace.match(/rkvm_tdp_map level=/g)).toHaveLength(4);
    expect(await text("#register-values")).toMatch(/^raxarbx2/);
  });

  it("runs other samples", async () => {
    await demo.page.selectOption("#sample", "Hello, serial port");
    await run();
    expect(await text("#output")).toBe("Hello, world!\n");
  });

  it("compiles what runs often", async () => {
    await demo.page.selectOption("#sample", "Forty million instructions");
    await run();
    expect(await text("#status")).toMatch(/[2-9][0-9] % of 400000\d\d instructions ran compiled/);
    // The value number 10 million of the sequence that begins with 0.
    expect(await text("#register-values")).toMatch(/^rax586b8080rbx/);
  });

  it("runs a program that was typed in", async () => {
    await demo.page.selectOption("#sample", "Add two numbers");
    await demo.page.fill("#bytes", "b0 21 ; mov al, '!'\nE6,10 f4");
    await run();
    expect(await text("#output")).toBe("exit io:! \n");
  });

  it.each([
    ["bytes that are none", "#bytes", "0f xx", /"x" is not a hexadecimal digit/],
    ["a register that is none", "#registers", "eax=1", /There is no register "eax"/],
    ["a load address outside memory", "#load-address", "0x5000", /Load it elsewhere/],
  ])("says what is wrong with %s", async (_, field, value, message) => {
    await demo.page.reload();
    await demo.page.waitForSelector("#run:enabled", WAIT);
    await demo.page.fill(field, value);
    await run();
    expect(await text("#status")).toMatch(message);
    expect(await text("#output")).toBe("");
  });

  it("stops a guest that never stops by itself", async () => {
    await demo.page.selectOption("#sample", "Endless loop");
    await demo.page.click("#run");
    await demo.page.click("#stop", WAIT);
    expect(await text("#status")).toBe("Stopped.");
    expect(await demo.page.isEnabled("#run")).toBe(true);
  });
});
