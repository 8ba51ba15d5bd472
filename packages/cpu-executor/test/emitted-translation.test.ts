import { i32, ModuleBuilder, select } from "@likex/wasm-emitter";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CONTEXT } from "../src/context.ts";
import { EMITTED_RESULT, type EmittedMmu, MMU_RESULT, STOP } from "../src/index.ts";
import { FlatMmu } from "./support/real-mode.ts";
import { SystemMachine } from "./support/system-machine.ts";

// The oracle is the same machine with an Mmu that emitted code cannot ask: SoftTlb then does everything.

const ABSENT = 0xc000;
const ERROR_CODE = 2;
/** Of a page in which code lies. */
const CODE = 0x1000;
/** Data, in pages of its own. */
const DATA = 0x10000;
const PAGES = 0x60;
/** A page of data that nobody has touched when emitted code is asked. */
const CALLED = DATA + (PAGES - 1) * 4096;

/** FlatMmu's translation as WebAssembly: the first megabyte one to one but for a page that faults. */
class EmittedFlatMmu extends FlatMmu {
  readonly #machine: { readonly memory: SystemMachine["memory"] };
  readonly #base: number;
  #emitted: EmittedMmu | undefined;

  constructor(base: number, machine: { readonly memory: SystemMachine["memory"] }) {
    super(base);
    this.#base = base;
    this.#machine = machine;
  }

  emitted(): EmittedMmu {
    this.#emitted ??= this.#create();
    return this.#emitted;
  }

  #create(): EmittedMmu {
    const { memory } = this.#machine;
    const module = new ModuleBuilder();
    module.importMemory("host", "memory", { minimum: 1 });
    const code = module.function("translate", ["i32", "i32", "i32", "i32"], ["i32"]);
    const [block, low] = [code.get(code.param(0, "i32")), code.get(code.param(1, "i32"))];
    const page = i32.and(low, i32.const(~0xfff));
    code.store("i32", block, i32.const(ERROR_CODE), EMITTED_RESULT.pageFaultErrorCode);
    code.store("i32", block, i32.add(page, i32.const(this.#base)), EMITTED_RESULT.hostPage);
    code.store("i32", block, i32.const(7), EMITTED_RESULT.permissions);
    code.store("i32", block, i32.const(4096), EMITTED_RESULT.pageSize);
    const isAbsent = i32.eq(page, i32.const(ABSENT));
    const known = select(isAbsent, i32.const(MMU_RESULT.pageFault), i32.const(MMU_RESULT.ok));
    code.return(select(i32.ltU(low, i32.const(1 << 20)), known, i32.const(-1)));
    code.unreachable();
    module.exportFunction("translate", code);
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.finish()), {
      host: { memory: memory.memory },
    });
    return { translate: exports.translate as EmittedMmu["translate"], block: memory.allocateFrame() };
  }
}

class EmittedMachine extends SystemMachine {
  constructor(code: string) {
    const holder: { memory?: SystemMachine["memory"] } = {};
    super(code, {}, (base) => new EmittedFlatMmu(base, holder as { memory: SystemMachine["memory"] }));
    holder.memory = this.memory;
    wearPatience(this);
  }
}

/** Touches pages until the processor has asked whether there is an emitted translation. */
function wearPatience({ cpu, memory, base }: SystemMachine): void {
  const [rip, flags, rest] = [cpu.ripNumber, cpu.rflagsNumber, [0, 1].map((i) => cpu.getRegister(i))];
  const at = 0x3000;
  // mov eax,[eax] and hlt.
  memory.u8.set([0x8b, 0x00, 0xf4], base + at);
  for (let i = 0; i < 80; i++) {
    cpu.ripNumber = at;
    cpu.setRegister(0, BigInt(DATA + (i % PAGES) * 4096));
    cpu.flushTlb();
    cpu.run(1);
  }
  cpu.flushTlb();
  [cpu.ripNumber, cpu.rflagsNumber] = [rip, flags];
  for (const [i, value] of rest.entries()) cpu.setRegister(i, value);
}

const blockOf = ({ cpu, memory }: SystemMachine): number =>
  memory.i32[(cpu.contextAddress + CONTEXT.mmuBlock) >> 2] as number;

const address = (value: number): string => Buffer.from(Uint32Array.of(value).buffer).toString("hex");

/** Instructions of one access each, by what is accessed, and registers that they change. */
const ACCESSES: readonly ((at: number) => string)[] = [
  (at) => `a1${address(at)}`, // mov eax,[at]
  (at) => `660fb61d${address(at)}`, // movzx bx,byte [at]
  (at) => `0fb70d${address(at)}`, // movzx ecx,word [at]
  (at) => `a3${address(at)}`, // mov [at],eax
  (at) => `881d${address(at)}`, // mov [at],bl
  (at) => `66890d${address(at)}`, // mov [at],cx
  (at) => `0105${address(at)}`, // add [at],eax
  (at) => `6683 05${address(at)}07`.replace(" ", ""), // add word [at],7
  (at) => `dd05${address(at)}`, // fld qword [at]
  (at) => `db3d${address(at)}`, // fstp tbyte [at]
  (at) => `0f1005${address(at)}`, // movups xmm0,[at]
  (at) => `0f1105${address(at)}`, // movups [at],xmm0
];

const programs = fc.record({
  accesses: fc.array(
    fc.record({
      form: fc.nat(ACCESSES.length - 1),
      page: fc.oneof({ weight: 8, arbitrary: fc.nat(PAGES - 1) }, { weight: 1, arbitrary: fc.constant(-1) }),
      offset: fc.oneof(fc.integer({ min: 0, max: 4080 }), fc.integer({ min: 4080, max: 4095 })),
    }),
    { minLength: 1, maxLength: 60 },
  ),
  budget: fc.integer({ min: 1, max: 100 }),
  watches: fc.constantFrom(0, 0, 0, DATA + 0x5000, DATA + 0x5ff8),
  interceptsFaults: fc.boolean(),
});
type Program = typeof programs extends fc.Arbitrary<infer T> ? T : never;

function run(m: SystemMachine, { accesses, budget, watches, interceptsFaults }: Program): unknown {
  const { cpu, memory, base } = m;
  const code = accesses.map(({ form, page, offset }) =>
    (ACCESSES[form] as (at: number) => string)((page < 0 ? ABSENT : DATA + page * 4096) + offset),
  );
  m.load(CODE, `dbe3 ${code.join("")} f4`);
  m.gate(14, 0x2000);
  // The handler: inc edx; add dword [esp+4],6: on to some byte behind, the same in both machines; pop ecx; iret.
  m.load(0x2000, "42 8344240406 59 cf");
  m.mmu.faulting.set(ABSENT, ERROR_CODE);
  cpu.cr0 = 0x11;
  cpu.cr4 = 0x600;
  cpu.exceptionBitmap = interceptsFaults ? 1 << 14 : 0;
  if (watches !== 0) {
    cpu.dr0 = BigInt(watches);
    cpu.dr7 = 0xf0401;
  }
  for (let i = 0; i < PAGES * 1024; i++) memory.u32[(base + DATA) / 4 + i] = Math.imul(i, 0x9e3779b1) >>> 0;
  const before = cpu.instructionsRetired;
  const stops: number[] = [];
  for (let i = 0; i < 20; i++) {
    stops.push(cpu.run(budget));
    if (stops.at(-1) !== STOP.budget) break;
  }
  const { vector, errorCode } = cpu.stop;
  const retired = cpu.instructionsRetired - before;
  const data = Buffer.from(memory.u8.buffer, base + DATA, PAGES * 4096).toString("latin1");
  return JSON.stringify({ stops, state: cpu.saveState(), fault: { vector, errorCode }, retired, data });
}

describe("an Mmu that emitted code asks", () => {
  it("makes no difference to what accesses, faults and breakpoints do", () => {
    const [emitted, plain] = [new EmittedMachine(""), new SystemMachine("")];
    const initial = plain.cpu.saveState();
    let asked = 0;
    fc.assert(
      fc.property(programs, (program) => {
        const [first, second] = [emitted, plain].map((machine) => {
          machine.cpu.restoreState(initial);
          machine.mmu.asked.length = 0;
          return run(machine, program);
        });
        expect(first === second).toBe(true);
        if (emitted.mmu.asked.length < plain.mmu.asked.length) asked++;
      }),
      { numRuns: 300 },
    );
    expect(asked).toBeGreaterThan(100);
  });

  it("is asked no more while data is watched", () => {
    const machine = new EmittedMachine("a100000100 a100100100 f4");
    expect(blockOf(machine)).not.toBe(0);
    machine.cpu.dr0 = BigInt(DATA);
    machine.cpu.dr7 = 0xf0401;
    machine.cpu.run(1);
    expect([blockOf(machine), machine.cpu.dr6 & 1]).toEqual([0, 0]);
    machine.cpu.run(1);
    machine.cpu.dr7 = 0x400;
    machine.cpu.run(1);
    expect(blockOf(machine)).not.toBe(0);
  });

  it("lets no write into decoded code go unseen", () => {
    // mov byte [1007h],42h: inc eax behind it becomes inc edx; twice.
    const machine = new EmittedMachine("c605 07100000 42 40 c605 0f100000 42 40 f4");
    machine.cpu.run(4);
    expect([machine.cpu.getRegister(0), machine.cpu.getRegister(2)]).toEqual([0n, 2n]);
  });

  it("lets no write go unseen into a page that holds decoded code since it was written last", () => {
    // mov byte [CALLED+1],5; call CALLED; mov byte [CALLED+1],7; call CALLED; hlt
    const write = (value: number): string => `c605${address(CALLED + 1)}0${value}`;
    const call = (next: number): string => `e8${address(CALLED - next)}`;
    const machine = new EmittedMachine(`${write(5)}${call(0x100c)}${write(7)}${call(0x1018)}f4`);
    machine.cpu.setRegister(4, 0x9000n);
    // add al,n; ret
    machine.memory.u8.set([0x04, 0, 0xc3], machine.base + CALLED);
    machine.cpu.setRegister(0, 0n);
    expect(machine.cpu.run(100)).toBe(STOP.halt);
    expect(machine.cpu.getRegister(0)).toBe(12n);
  });

  it("has the soft TLB grow as it does without", () => {
    // mov [ecx],ecx; add ecx,1000h; and ecx,0fffffh; or ecx,40000h; dec edx; jnz
    const loop = "8909 81c100100000 81e1ffff0f00 81c900000400 4a 75e8 f4";
    const masks = [new EmittedMachine(loop), new SystemMachine(loop)].map(({ cpu, memory }) => {
      cpu.setRegister(1, 0x40000n);
      cpu.setRegister(2, 3000n);
      cpu.run(100_000);
      return memory.i32[(cpu.contextAddress + CONTEXT.tlbMask) >> 2];
    });
    expect(masks[0]).toBe(masks[1]);
  });
});
