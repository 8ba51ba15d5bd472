import { ERRNO, KVM_EXIT } from "@likex/kvm-abi";
import { KvmError } from "@likex/kvm-client";
import { describe, expect, it } from "vitest";
import { InvalidLimitError, MicroVm, type MicroVmConfig } from "../src/index.ts";
import { exit, hlt, io, ioData, mmio, ScriptedDriver, type Step } from "./scripted-driver.ts";

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

function machine(steps: readonly Step[], config: Partial<MicroVmConfig> = {}): { driver: ScriptedDriver; vm: MicroVm } {
  const driver = new ScriptedDriver(...steps);
  return { driver, vm: MicroVm.create(driver, { image: { bytes: Uint8Array.of(0xf4) }, ...config }) };
}

const hello = [io("out", 0x3f8, 1, [0x48]), io("out", 0x3f8, 1, [0x69, 0x21])];

describe("the console", () => {
  it("is the serial port on /dev/kvm", () => {
    const { vm } = machine([...hello, io("out", 0x3f9, 1, [0x58])]);
    expect(text(vm.run().output)).toBe("Hi!");
  });

  it("prints as LiKeX's VMM on /dev/rust_kvm, whatever the port", () => {
    const { vm } = machine([...hello, io("out", 0x80, 1, [0x0a])], { personality: "rust_kvm" });
    expect(text(vm.run().output)).toBe("exit io:H \nexit io:i \nexit io:! \nexit io:\n \n");
  });

  it("says that the serial port is ready to send", () => {
    const { vm, driver } = machine([io("in", 0x3fd, 1, [0]), hlt]);
    vm.run();
    expect(ioData(driver.page, 1)).toEqual([0x60]);
  });

  it("can be left out", () => {
    expect(machine(hello, { console: "none" }).vm.run().output).toHaveLength(0);
  });

  it("steps back for a device of the configuration", () => {
    const seen: number[] = [];
    const { vm } = machine(hello);
    vm.onPort({ first: 0x3f8, last: 0x3f8 }, { write: (_port, _size, value) => seen.push(value) });
    expect(vm.run().output).toHaveLength(0);
    expect(seen).toEqual([0x48, 0x69, 0x21]);
  });

  it("tells output as it comes, and keeps it to the limit", () => {
    const pieces: string[] = [];
    const { vm } = machine(hello, { outputLimit: 2, onOutput: (bytes) => pieces.push(text(bytes)) });
    const result = vm.run();
    expect(pieces).toEqual(["H", "i", "!"]);
    expect(text(result.output)).toBe("Hi");
    expect(result.outputDropped).toBe(1);
  });
});

describe("the serial console", () => {
  const look = io("in", 0x3fd, 1, [0]);
  const take = io("in", 0x3f8, 1, [0]);
  /** What the guest found in the exits' data: each exit's is there when the next one begins. */
  const collect = (steps: readonly Step[], config: Partial<MicroVmConfig>): number[] => {
    const seen: number[] = [];
    const watched = [...steps, hlt].map(
      (step): Step =>
        (page) => {
          seen.push(...ioData(page, 1));
          return step(page);
        },
    );
    machine(watched, config).vm.run();
    return seen.slice(1);
  };

  it("receives the configured input, a byte each time that it has room", () => {
    const bytes = [0x41, 0x142];
    const input = (): number => bytes.shift() ?? -1;
    // Data ready is bit 0; without a byte the buffer keeps the last one.
    expect(collect([look, take, look, take, look], { input })).toEqual([0x61, 0x41, 0x61, 0x42, 0x60]);
  });

  it("is not asked for input while it has no room or its line is disconnected", () => {
    let asked = 0;
    const input = (): number => {
      asked += 1;
      return 0x41;
    };
    collect([look, look], { input });
    expect(asked).toBe(1);
    asked = 0;
    // Loop-back
    collect([io("out", 0x3fc, 1, [0x10]), look], { input });
    expect(asked).toBe(0);
    // FIFOs
    collect([io("out", 0x3fa, 1, [1]), look], { input });
    expect(asked).toBe(16);
  });

  it("is a 16550: the divisor latch is not output, and the scratch register keeps its value", () => {
    const { vm, driver } = machine([
      io("out", 0x3fb, 1, [0x80]),
      io("out", 0x3f8, 1, [0x01]),
      io("out", 0x3fb, 1, [0x03]),
      io("out", 0x3ff, 1, [0x5a]),
      io("out", 0x3f8, 1, [0x41]),
      io("in", 0x3ff, 1, [0]),
      hlt,
    ]);
    expect(text(vm.run().output)).toBe("A");
    expect(ioData(driver.page, 1)).toEqual([0x5a]);
  });
});

describe("the debug-exit device", () => {
  it("ends the run with its code, and the next run goes on", () => {
    const { vm } = machine([io("out", 0xf4, 4, [0x10, 0, 0, 0]), io("out", 0x3f8, 1, [0x41]), hlt], {
      debugExitPort: 0xf4,
    });
    expect(vm.run()).toMatchObject({ reason: "debugExit", code: 0x21, exits: 1 });
    const next = vm.run();
    expect(next.reason).toBe("hlt");
    expect(text(next.output)).toBe("A");
  });

  it("is not there unless it is asked for", () => {
    expect(machine([io("out", 0xf4, 1, [0]), hlt]).vm.run().reason).toBe("hlt");
  });

  it("does not share its ports", () => {
    const ports = [{ first: 0xf7, last: 0xf7, handler: {} }];
    expect(() => machine([], { debugExitPort: 0xf4, ports })).toThrow(/has a handler already/);
  });
});

describe("ports", () => {
  it("take and give values of all sizes, element by element", () => {
    const seen: string[] = [];
    const { vm, driver } = machine([
      io("out", 0x10, 2, [0x34, 0x12, 0x78, 0x56]),
      io("out", 0x11, 4, [1, 0, 0, 0x80]),
      io("in", 0x12, 2, [0, 0, 0, 0]),
    ]);
    let next = 0xabcd;
    vm.onPort(
      { first: 0x10, last: 0x12 },
      {
        write: (port, size, value) => seen.push(`${port} ${size} ${value.toString(16)}`),
        read: () => next++,
      },
    );
    vm.run();
    expect(seen).toEqual(["16 2 1234", "16 2 5678", "17 4 80000001"]);
    expect(ioData(driver.page, 4)).toEqual([0xcd, 0xab, 0xce, 0xab]);
  });

  it.each([1, 2, 4])("read as all ones where nothing is, %i bytes wide", (size) => {
    const { vm, driver } = machine([io("in", 0x99, size, new Array<number>(size).fill(0))]);
    vm.run();
    expect(ioData(driver.page, size)).toEqual(new Array(size).fill(0xff));
  });
});

describe("device memory", () => {
  it("goes to its device", () => {
    const seen: string[] = [];
    const { vm } = machine([mmio(0x9_0004, { write: [1, 2, 3, 4] }), mmio(0x9_0008, { read: 2 })]);
    vm.onMmio(
      { address: 0x9_0000, length: 0x10 },
      {
        write: (address, data) => seen.push(`write ${address.toString(16)} ${data.join(",")}`),
        read: (address, data) => seen.push(`read ${address.toString(16)} ${data.join(",")}`),
      },
    );
    vm.run();
    expect(seen).toEqual(["write 90004 1,2,3,4", "read 90008 255,255"]);
  });

  it("without a device takes writes and reads as all ones", () => {
    const { vm } = machine([mmio(0x9_0004, { write: [1] }), mmio(0x9_0008, { read: 2 })]);
    expect(vm.run()).toMatchObject({ reason: "hlt", exits: 3 });
  });

  it("ends the run when the driver leaves the instruction to the VMM", () => {
    const { vm } = machine([mmio(0x9000, { read: 0 })], { personality: "rust_kvm" });
    expect(vm.run()).toMatchObject({ reason: "deviceMemory", physAddr: 0x9000, isWrite: false });
  });
});

describe("run", () => {
  it.each([
    ["hlt", hlt, { reason: "hlt" }],
    ["shutdown", exit(KVM_EXIT.SHUTDOWN), { reason: "shutdown" }],
    ["a signal", () => -ERRNO.EINTR, { reason: "interrupted" }],
    [
      "a failed entry",
      exit(KVM_EXIT.FAIL_ENTRY, ({ fail_entry }) => {
        fail_entry.hardware_entry_failure_reason = 0x8000_0021n;
      }),
      { reason: "failEntry", hardwareEntryFailureReason: 0x8000_0021n },
    ],
    [
      "an internal error",
      exit(KVM_EXIT.INTERNAL_ERROR, ({ internal }) => {
        internal.suberror = 1;
        internal.ndata = 2;
        internal.data[0] = 7n;
        internal.data[1] = 8n;
      }),
      { reason: "internalError", suberror: 1, data: [7n, 8n] },
    ],
    [
      "another exit",
      exit(KVM_EXIT.HYPERCALL),
      { reason: "unhandledExit", exit: "other", code: BigInt(KVM_EXIT.HYPERCALL) },
    ],
  ] as const)("ends with %s, as data", (_, step, expected) => {
    expect(machine([step]).vm.run()).toMatchObject({ ...expected, exits: 1, rip: 0n });
  });

  it("stops at the exit limit after the exit is handled, and goes on from there", () => {
    const { vm } = machine([...hello, ...hello]);
    expect(vm.run({ exitLimit: 2 })).toMatchObject({ reason: "exitLimit", exits: 2 });
    const rest = vm.run({ exitLimit: 3 });
    expect(rest).toMatchObject({ reason: "hlt", exits: 3 });
    expect(text(rest.output)).toBe("Hi!");
  });

  it.each([0, -1, 1.5, Number.NaN])("refuses an exit limit of %d", (exitLimit) => {
    expect(() => machine([]).vm.run({ exitLimit })).toThrow(InvalidLimitError);
  });

  it("stops when a handler asks for it", () => {
    const { vm } = machine(hello);
    vm.onPort({ first: 0x3f8, last: 0x3f8 }, { write: () => vm.stop() });
    expect(vm.run()).toMatchObject({ reason: "stopped", exits: 1 });
  });

  it("tells each exit before it is handled", () => {
    const reasons: string[] = [];
    machine(hello, { onExit: ({ reason }) => reasons.push(reason) }).vm.run();
    expect(reasons).toEqual(["io", "io", "hlt"]);
  });

  it("throws for an errno that the guest did not cause", () => {
    expect(() => machine([() => -ERRNO.EFAULT]).vm.run()).toThrow(KvmError);
  });
});
