import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { INTERCEPT, SEGMENT, STOP } from "../src/index.ts";
import { AX, DX, RealModeMachine } from "./support/real-mode.ts";

const CR0_PE = 1;
const CR0_MP = 2;
const CR0_EM = 4;
const CR0_TS = 8;
const OSFXSR = 0x200;
const OSXMMEXCPT = 0x400;
const OSXSAVE = 0x40000;
const HLT = "f4";

/** Runs code at 0x1000 in real-address mode until it stops, with SSE and XSAVE enabled. Data is at 0x2000. */
function run(code: string, prepare: (m: RealModeMachine) => void = () => {}): RealModeMachine {
  const machine = new RealModeMachine(code + HLT);
  machine.cpu.cr4 = OSFXSR | OSXMMEXCPT | OSXSAVE;
  machine.cpu.fpu.xcr0 = 7;
  prepare(machine);
  machine.cpu.run(1000);
  return machine;
}

const halted = (m: RealModeMachine): boolean =>
  m.cpu.stop.kind === STOP.instruction && m.cpu.stop.instruction === INTERCEPT.hlt;

const vector = (m: RealModeMachine): number => (m.cpu.stop.kind === STOP.exception ? m.cpu.stop.vector : -1);

const FLD1 = "d9e8";
const FLDZ = "d9ee";
const FWAIT = "9b";
const ADDPS = "0f58c1"; // addps xmm0,xmm1
const PADDB = "0ffcc1"; // paddb mm0,mm1
const LOAD = "0f100e0020"; // movups xmm1,[2000h]
const STORE = "0f110e0020"; // movups [2000h],xmm1

describe("instructions are refused as CR0 and CR4 say (SDM Vol 3A, 2.5, 9.2.1, 11.1 and 13.1)", () => {
  const withCr0 = (bits: number) => (m: RealModeMachine) => {
    m.cpu.cr0 |= bits;
  };
  it.each([
    ["x87 with TS", FLD1, CR0_TS, 7],
    ["x87 with EM", FLD1, CR0_EM, 7],
    ["FWAIT with TS alone", FWAIT, CR0_TS, -1],
    ["FWAIT with TS and MP", FWAIT, CR0_TS | CR0_MP, 7],
    ["MMX with TS", PADDB, CR0_TS, 7],
    ["MMX with EM", PADDB, CR0_EM, 6],
    ["SSE with TS", ADDPS, CR0_TS, 7],
    ["SSE with EM", ADDPS, CR0_EM, 6],
    ["SSE with neither", ADDPS, 0, -1],
  ])("%s", (_name, code, bits, expected) => {
    expect(vector(run(code, withCr0(bits)))).toBe(expected);
  });

  it("SSE without CR4.OSFXSR is undefined", () => {
    const prepare = (m: RealModeMachine): void => {
      m.cpu.cr4 = 0;
    };
    expect(vector(run(ADDPS, prepare))).toBe(6);
  });

  it.each([
    ["xgetbv", "31c90f01d0"],
    ["xsave", "0fae260020"],
    ["xrstor", "0fae2e0020"],
  ])("%s without CR4.OSXSAVE is undefined", (_name, code) => {
    const prepare = (m: RealModeMachine): void => {
      m.cpu.cr4 = OSFXSR;
    };
    expect(vector(run(code, prepare))).toBe(6);
  });
});

describe("exceptions", () => {
  const DIVSS = "f30f5ec1"; // divss xmm0,xmm1, a division of 0 by 0 or by what is loaded

  it("a numeric exception of SSE leaves the destination and sets its flag (SDM Vol 1, 11.5)", () => {
    const prepare = (m: RealModeMachine): void => {
      m.cpu.fpu.mxcsr = 0x1f00;
    };
    const m = run(DIVSS, prepare);
    expect(vector(m)).toBe(19);
    expect(m.cpu.fpu.mxcsr).toBe(0x1f01);
    expect(m.cpu.ripNumber).toBe(0x1000);
    expect(m.cpu.fpu.save().subarray(160, 176)).toEqual(new Uint8Array(16));
  });

  it("is undefined without CR4.OSXMMEXCPT", () => {
    const m = run(DIVSS, (machine) => {
      machine.cpu.fpu.mxcsr = 0x1f00;
      machine.cpu.cr4 = OSFXSR;
    });
    expect(vector(m)).toBe(6);
  });

  it("x87 reports an exception at the next waiting instruction, with pointers (SDM Vol 1, 8.6 and 8.1.8)", () => {
    // fninit; fldcw [2000h] (ZE unmasked); fld1; fldz at 2010h; fdiv dword [2010h]; fnstsw ax; fld1
    const m = run(`dbe3 d92e0020 ${FLD1} d8360420 dfe0 ${FLD1}`, (machine) => {
      machine.load(0x2000, "7b03");
      machine.load(0x2004, "00000000");
    });
    expect(vector(m)).toBe(16);
    expect(m.cpu.ripNumber).toBe(0x100e);
    expect(m.register(AX) & 0xffff).toBe(0xb884);
    const image = new DataView(m.cpu.fpu.save().buffer);
    expect(image.getUint16(6, true)).toBe(0x036 & 0x7ff);
    expect(image.getBigUint64(8, true)).toBe(0x1008n);
    expect(image.getBigUint64(16, true)).toBe(0x2004n);
  });

  it("FNCLEX and FNINIT do not wait", () => {
    const pending = (m: RealModeMachine): void => {
      m.cpu.fpu.control = 0x37a;
      m.cpu.fpu.status = 0x8081;
    };
    expect(halted(run("dbe2", pending))).toBe(true);
    expect(run("dbe3", pending).cpu.fpu.status).toBe(0);
    expect(vector(run("dbe2", pending))).toBe(-1);
    expect(vector(run(FWAIT, pending))).toBe(16);
  });

  it("an aligned access elsewhere raises #GP", () => {
    expect(vector(run("0f280e0120"))).toBe(13); // movaps xmm1,[2001h]
    expect(halted(run("0f100e0120"))).toBe(true); // movups
  });
});

describe("memory operands of more than eight bytes", () => {
  const BYTES = "000102030405060708090a0b0c0d0e0f";

  it("cross pages", () => {
    const m = run("0f100ef82f 0f110ef83f", (machine) => machine.load(0x2ff8, BYTES)); // movups [2ff8h] to [3ff8h]
    expect(halted(m)).toBe(true);
    expect(m.read(0x3ff8, 16)).toBe(BYTES);
  });

  it("are not written at all when the second page refuses", () => {
    const m = run(`${LOAD} 0f110ef83f`, (machine) => {
      machine.load(0x2000, BYTES);
      machine.mmu.readOnly.add(0x4000);
    });
    expect(m.cpu.stop.kind).toBe(STOP.mmu);
    expect(m.cpu.ripNumber).toBe(0x1005);
    expect(m.read(0x3ff8, 8)).toBe("0000000000000000");
  });

  it.each([
    ["MOVUPS", STORE],
    ["FSTENV", "d9360020"],
    ["FXSAVE", "0fae060020"],
    ["XSAVE", "b80100 31d2 0fae260020"],
    ["MASKMOVDQU", "bf0020 660ff7c1"],
  ])("%s does not write through a segment that is read-only (SDM Vol 3A, 5.5)", (_name, code) => {
    const readOnly = (machine: RealModeMachine): void => {
      machine.cpu.cr0 |= CR0_PE;
      machine.cpu.setSegment(SEGMENT.ds, { selector: 8, base: 0n, limit: 0xffff, accessRights: 0x91 });
    };
    expect(vector(run(code, readOnly))).toBe(13);
    expect(halted(run(code))).toBe(true);
    expect(vector(run(LOAD, readOnly))).toBe(-1);
  });

  it("reach device memory in accesses of eight bytes, x87's in eight and two", () => {
    const device = (machine: RealModeMachine): void => {
      machine.mmu.devices.add(0x2000);
      machine.mmu.deviceValue = 0x1234;
    };
    const m = run(`${LOAD} ${STORE}`, device);
    expect(m.mmu.deviceWrites.map(({ address, bytes }) => [address, bytes.length, bytes[0]])).toEqual([
      [0x2000, 8, 0x34],
      [0x2008, 8, 0x34],
    ]);
    const stored = run(`dbe3 ${FLD1} db3e0020`, device); // fstp tbyte [2000h]
    expect(stored.mmu.deviceWrites.map(({ bytes }) => bytes)).toEqual([
      [0, 0, 0, 0, 0, 0, 0, 0x80],
      [0xff, 0x3f],
    ]);
  });
});

describe("images of the state", () => {
  it("FXSAVE and FXRSTOR keep everything but what they do not have", () => {
    const m = run(`dbe3 ${FLD1} ${FLDZ} ${LOAD} 0fae060030 dbe3 0f57c9 0fae0e0030`, (machine) =>
      machine.load(0x2000, "000102030405060708090a0b0c0d0e0f"),
    );
    expect(halted(m)).toBe(true);
    expect(m.read(0x3000, 6)).toBe("7f030030c000");
    expect(m.cpu.fpu.status).toBe(0x3000);
    expect(m.read(0x3000 + 160 + 16, 16)).toBe("000102030405060708090a0b0c0d0e0f");
    const image = m.cpu.fpu.save();
    expect(Buffer.from(image.subarray(32, 42)).toString("hex")).toBe("00000000000000000000");
    expect(Buffer.from(image.subarray(48, 58)).toString("hex")).toBe("0000000000000080ff3f");
    expect(Buffer.from(image.subarray(176, 192)).toString("hex")).toBe("000102030405060708090a0b0c0d0e0f");
  });

  const setMask = (eax: number): string => `b8${eax.toString(16).padStart(2, "0")}0031d2`; // mov ax,mask; xor dx,dx
  const XSAVE = "0fae260030";
  const XSAVEOPT = "0fae360030";
  const XRSTOR = "0fae2e0030";

  it("XSAVE writes what is asked for and says what is in use", () => {
    const m = run(`dbe3 ${LOAD} ${setMask(7)} ${XSAVE}`, (machine) => machine.load(0x2000, "ff"));
    expect(halted(m)).toBe(true);
    expect(m.read(0x3200, 8)).toBe("0200000000000000");
    expect(m.read(0x3000, 2)).toBe("7f03");
    expect(m.read(0x3000 + 176, 1)).toBe("ff");
  });

  it("XSAVEOPT leaves components in their initial configuration alone", () => {
    const m = run(`dbe3 ${setMask(3)} ${XSAVEOPT}`, (machine) => machine.load(0x3000, "aaaa"));
    expect(m.read(0x3000, 2)).toBe("aaaa");
    expect(m.read(0x3200, 8)).toBe("0000000000000000");
  });

  it("XRSTOR initialises components whose bit is clear, and leaves those not asked for", () => {
    const m = run(`${LOAD} ${setMask(2)} ${XRSTOR}`, (machine) => {
      machine.load(0x2000, "ff");
      machine.load(0x3018, "801f0000");
      machine.cpu.fpu.control = 0x27f;
    });
    expect(halted(m)).toBe(true);
    expect(m.cpu.fpu.save()[176]).toBe(0);
    expect(m.cpu.fpu.control).toBe(0x27f);
  });

  it.each([
    ["a component that XCR0 lacks", 0x3200, "08"],
    ["a compacted format", 0x320f, "80"],
    ["a reserved bit of MXCSR", 0x301a, "01"],
  ])("XRSTOR refuses %s", (_name, at, bytes) => {
    expect(vector(run(`${setMask(7)} ${XRSTOR}`, (m) => m.load(at, bytes)))).toBe(13);
  });

  it("XSAVE areas are aligned to 64 bytes", () => {
    expect(vector(run(`${setMask(3)} 0fae262030`))).toBe(13);
  });

  it("XGETBV gives XCR0, or what of it is in use", () => {
    const xcr0 = run("31c9 0f01d0");
    expect([xcr0.register(AX), xcr0.register(DX)]).toEqual([7, 0]);
    expect(run("dbe3 b90100 0f01d0").register(AX)).toBe(0);
    expect(run(`dbe3 ${FLD1} b90100 0f01d0`).register(AX)).toBe(1);
    expect(vector(run("b90200 0f01d0"))).toBe(13);
  });

  it("AVX state is kept by XSAVE and XRSTOR for processors to come", () => {
    const image = new Uint8Array(832);
    image[576] = 0x77;
    const m = run(`dbe3 ${setMask(7)} ${XSAVE}`, (machine) => machine.cpu.fpu.load(image));
    expect(m.read(0x3200, 1)).toBe("04");
    expect(m.read(0x3000 + 576, 1)).toBe("77");
  });

  it("FNSTENV has the format of real-address mode, and FLDENV takes it back (SDM Vol 1, figure 8-12)", () => {
    const m = run(`dbe3 ${FLD1} d9360030 dbe3 d9260030`);
    expect(halted(m)).toBe(true);
    expect(m.read(0x3000, 14)).toBe("7f030038ff3f0210000000000000");
    expect(m.cpu.fpu.status).toBe(0x3800);
  });

  it("FNSAVE initialises the unit, and FRSTOR brings it back", () => {
    const m = run(`dbe3 ${FLD1} dd360030 dfe0 dd260030`);
    expect(m.register(AX) & 0xffff).toBe(0);
    expect(m.cpu.fpu.status).toBe(0x3800);
    expect(m.read(0x3000 + 14, 10)).toBe("0000000000000080ff3f");
  });

  it("protected mode has 28 bytes with selectors where the operand size is 32 bits", () => {
    const m = run(`dbe3 ${FLD1} 66d9360030`, (machine) => {
      machine.cpu.cr0 |= CR0_PE;
    });
    expect(m.read(0x3000, 28)).toBe("7f03ffff0038ffffff3fffff0210000000000000000000000000ffff");
  });
});

describe("any floating-point and vector code", () => {
  const opcode = fc.constantFrom(
    "d8",
    "d9",
    "da",
    "db",
    "dc",
    "dd",
    "de",
    "df",
    "0f",
    "660f",
    "f30f",
    "f20f",
    "0f38",
    "660f38",
    "660f3a",
    "c4e2",
  );
  const instruction = fc.tuple(opcode, fc.uint8Array({ minLength: 6, maxLength: 6 }));

  it("runs to a stop without a throw, and no frame outside guest memory changes", () => {
    fc.assert(
      fc.property(fc.array(instruction, { minLength: 1, maxLength: 12 }), fc.nat(0xffff), (parts, control) => {
        const code = parts.map(([first, rest]) => first + Buffer.from(rest).toString("hex")).join("");
        const m = new RealModeMachine(code);
        m.cpu.cr4 = OSFXSR | OSXMMEXCPT | OSXSAVE;
        m.cpu.fpu.xcr0 = 7;
        m.cpu.fpu.control = control;
        const guard = m.memory.allocateFrame();
        for (let i = 0; i < 12; i++) {
          m.cpu.run(50);
          // Past what stopped, so that later instructions are reached too.
          m.cpu.ripNumber = (m.cpu.ripNumber + Math.max(m.cpu.stop.instructionLength, 1)) & 0xffff;
        }
        expect(m.memory.u8.subarray(guard, guard + 4096).every((byte) => byte === 0)).toBe(true);
        m.cpu.dispose();
      }),
      { numRuns: 200 },
    );
  }, 60_000);
});

describe("FSCALE of a denormal with underflow unmasked, which this machine's own processor has been asked", () => {
  /** 16 bits of status behind FNINIT, FLD of ST1 and of the denormal, FLDCW, FSCALE, FNSTSW AX. */
  const statusOf = (exponent: string): number => {
    const m = run("dbe3db2e0020db2e1020d92e2020d9fddfe0", (machine) => {
      machine.load(0x2000, exponent);
      machine.load(0x2010, "00000000000000700000");
      machine.load(0x2020, "6f03");
    });
    return m.register(AX) & 0xffff;
  };
  const UNDERFLOW = 0x10;

  it.each([
    ["is none by 2^0 where ST1 is zero", "00000000000000000000", 0],
    ["underflows by 2^0 where ST1 is a half", "0000000000000080fe3f", UNDERFLOW],
    ["underflows by 2^-1", "0000000000000080ffbf", UNDERFLOW],
  ])("%s", (_name, exponent, expected) => {
    expect(statusOf(exponent) & UNDERFLOW).toBe(expected);
  });
});
