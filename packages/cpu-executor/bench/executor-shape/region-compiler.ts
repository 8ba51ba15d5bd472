import {
  type FunctionBuilder,
  type I32,
  type I64,
  i32,
  i64,
  type Label,
  load,
  ModuleBuilder,
} from "@likex/wasm-emitter";
import {
  createDecodedInstruction,
  DECODE_STATUS,
  type DecodedInstruction,
  decodeInto,
  FORMS,
} from "@likex/x86-decoder";
import { CONTEXT } from "../../src/context.ts";
import { defineFlagFunctions } from "../../src/interpreter/flag-functions.ts";
import type { KnownFlags } from "../../src/semantics/builder.ts";
import { SEMANTICS } from "../../src/semantics/index.ts";
import { importSlowPath, type SlowPath } from "../../src/semantics/memory-access.ts";
import { type OperandSize, type Repeat, semanticsName, shapeOf } from "../../src/shapes.ts";
import { STATUS } from "../../src/status.ts";
import type { Machine, Region } from "./machine.ts";
import { RegionBuilder, type RegionFrame, type RegionInstruction, storeFlagLocals } from "./region-builder.ts";

const MOST_INSTRUCTIONS = 200;

interface RegionBlock {
  readonly start: number;
  readonly instructions: readonly RegionInstruction[];
  /** Instruction pointer behind the last one. */
  readonly end: number;
  readonly successors: readonly number[];
}

/** Blocks that direct branches reach from an entry without leaving its page. */
function discover(machine: Machine, entry: number): Map<number, RegionBlock> {
  const blocks = new Map<number, RegionBlock>();
  const open = [entry];
  let count = 0;
  for (let start = open.shift(); start !== undefined && count < MOST_INSTRUCTIONS; start = open.shift()) {
    if (blocks.has(start) || start >> 12 !== entry >> 12) continue;
    const block = readBlock(machine, start);
    if (block.instructions.length === 0) continue;
    blocks.set(start, block);
    count += block.instructions.length;
    open.push(...block.successors);
  }
  return blocks;
}

function readBlock(machine: Machine, start: number): RegionBlock {
  const instructions: RegionInstruction[] = [];
  let rip = start;
  while (instructions.length < 64) {
    const decoded = createDecodedInstruction();
    const at = machine.base + rip;
    if (decodeInto(machine.memory.u8, at, (at & ~0xfff) + 4096, 64, decoded) !== DECODE_STATUS.ok) break;
    const instruction = describe(decoded, rip);
    if (instruction === undefined) break;
    instructions.push(instruction);
    rip += decoded.length;
    const { mnemonic } = instruction.shape;
    if (SEMANTICS[mnemonic]?.endsBlock !== true) continue;
    const target = rip + decoded.immediate;
    if (mnemonic === "jmp" && instruction.shape.operands[0]?.kind === "immediate")
      return { start, instructions, end: rip, successors: [target] };
    const conditional = /^(j|loop)/.test(mnemonic) && mnemonic !== "jmp";
    return { start, instructions, end: rip, successors: conditional ? [target, rip] : [] };
  }
  return { start, instructions, end: rip, successors: instructions.length === 64 ? [rip] : [] };
}

/** undefined for what regions leave to the interpreter. */
function describe(decoded: DecodedInstruction, rip: number): RegionInstruction | undefined {
  const form = FORMS[decoded.form];
  if (form === undefined) return undefined;
  const memory = decoded.mod !== 3;
  const repeat: Repeat = (decoded.prefixes & 2) !== 0 ? "rep" : (decoded.prefixes & 4) !== 0 ? "repne" : "none";
  const shape = shapeOf(form, decoded.operandSize as OperandSize, memory, repeat);
  if (shape === undefined || shape.repeat !== "none" || decoded.segment > 3) return undefined;
  const entry = SEMANTICS[shape.mnemonic];
  if (entry?.endsBlock === true && !/^(j|call$|ret$|loop)/.test(semanticsName(form))) return undefined;
  const rex = (decoded.prefixes & 32) !== 0;
  const operands = form.operands.flatMap((code) => {
    const source = code.startsWith("G") ? decoded.reg : /^([RZ][a-z]|E)/.test(code) ? decoded.rm : -1;
    if (source < 0 || (code.startsWith("E") && memory)) return [];
    const isHigh = code.endsWith("b") && !rex && source >= 4 && source < 8;
    return [isHigh ? { number: source - 4, high: 1 } : { number: source, high: 0 }];
  });
  return { shape, decoded, rip, operands };
}

/** The region from an entry as one function: a loop around a branch table of its blocks; the entry's own loop is direct. */
function writeRegion(
  module: ModuleBuilder,
  slow: SlowPath,
  flagFunctions: RegionFrame["flagFunctions"],
  blocks: Map<number, RegionBlock>,
  entry: number,
): FunctionBuilder {
  const code = module.function(`region.${entry.toString(16)}`, ["i32"], ["i32"]);
  const context = code.param(0, "i32");
  const registers = Array.from({ length: 16 }, () => code.local("i64"));
  const flags = { operation: code.local("i32"), result: code.local("i64"), source: code.local("i64") };
  const budget = code.local("i32");
  const next = code.local("i32");
  const at = (): I32 => code.get(context);
  registers.forEach((register, i) => {
    code.set(register, load.i64(at(), CONTEXT.gpr + i * 8));
  });
  code.set(flags.operation, load.i32(at(), CONTEXT.flagOperation));
  code.set(flags.result, load.i64(at(), CONTEXT.flagResult));
  code.set(flags.source, load.i64(at(), CONTEXT.flagSource));
  code.set(budget, load.i32(at(), CONTEXT.budget));
  const exitRip = code.local("i64");
  const exitStatus = code.local("i32");
  const order = [...blocks.values()];
  code.block((exit) => {
    const leave = (rip: I64, status: I32): void => {
      code.set(exitRip, rip);
      code.set(exitStatus, status);
      code.br(exit);
    };
    code.loop((again) => {
      const nest = (depth: number, labels: readonly Label[]): void => {
        if (depth === order.length) {
          code.brTable([...labels].reverse(), labels[0] as Label, code.get(next));
          return;
        }
        code.block((label) => nest(depth + 1, [...labels, label]));
        const position = order.length - 1 - depth;
        const block = order[position] as RegionBlock;
        code.loop((self) => {
          code.set(budget, i32.sub(code.get(budget), i32.const(block.instructions.length)));
          code.if(i32.ltS(code.get(budget), i32.const(0)), () => {
            code.set(budget, i32.add(code.get(budget), i32.const(block.instructions.length)));
            leave(i64.const(block.start), i32.const(STATUS.budget));
          });
          const jump = (rip: number): void => {
            const known = order.findIndex((candidate) => candidate.start === rip);
            if (known < 0) leave(i64.const(rip), i32.const(STATUS.lookup));
            else if (known === position) code.br(self);
            else {
              code.set(next, i32.const(known));
              code.br(again);
            }
          };
          writeBlock({ code, context, registers, flags, slow, flagFunctions, leave, jump }, block);
          if (SEMANTICS[(block.instructions.at(-1) as RegionInstruction).shape.mnemonic]?.endsBlock !== true)
            jump(block.end);
        });
        code.unreachable();
      };
      nest(0, []);
      code.unreachable();
    });
  });
  registers.forEach((register, i) => {
    code.store("i64", at(), code.get(register), CONTEXT.gpr + i * 8);
  });
  storeFlagLocals({ code, context, flags });
  code.store("i32", at(), code.get(budget), CONTEXT.budget);
  code.store("i64", at(), code.get(exitRip), CONTEXT.rip);
  code.return(code.get(exitStatus));
  return code;
}

function writeBlock(frame: RegionFrame, block: RegionBlock): void {
  let known: KnownFlags | undefined;
  for (const instruction of block.instructions) {
    const builder = new RegionBuilder(frame, instruction, known);
    SEMANTICS[instruction.shape.mnemonic]?.write(builder);
    known = builder.known;
  }
}

export interface CompiledRegions {
  readonly regions: ReadonlyMap<number, Region>;
  readonly instructions: number;
  readonly bytes: number;
  readonly emitMs: number;
  readonly compileMs: number;
}

/** Compiles the regions from the given entries into one module. */
export function compileRegions(machine: Machine, entries: readonly number[]): CompiledRegions {
  const start = performance.now();
  const module = new ModuleBuilder();
  module.importMemory("host", "memory", { minimum: 1 });
  const slow = importSlowPath(module);
  const flagFunctions = defineFlagFunctions(module);
  let instructions = 0;
  for (const entry of entries) {
    const blocks = discover(machine, entry);
    if (!blocks.has(entry)) continue;
    for (const block of blocks.values()) instructions += block.instructions.length;
    module.exportFunction(entry.toString(16), writeRegion(module, slow, flagFunctions, blocks, entry));
  }
  const bytes = module.finish();
  const emitted = performance.now();
  const compiled = new WebAssembly.Module(bytes);
  const finished = performance.now();
  const instance = new WebAssembly.Instance(compiled, {
    host: { memory: machine.memory.memory },
    slow: { ...machine.slow },
  });
  const regions = new Map(
    Object.entries(instance.exports).map(([name, f]) => [Number.parseInt(name, 16), f as Region]),
  );
  return { regions, instructions, bytes: bytes.length, emitMs: emitted - start, compileMs: finished - emitted };
}
