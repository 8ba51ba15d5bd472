import type * as Iced from "iced-x86";
import { iced } from "../scripts/iced/iced.ts";
import { createInstructionRows, createOperandList, decodeBatch, readOperands } from "../src/index.ts";
import type { Workload } from "./measure.ts";

const ROWS = 4096;

/** Batch decoding, with operands, and with text, of one program's code in 64-bit mode. */
export function workloads(bytes: Uint8Array): Workload[] {
  const rows = createInstructionRows(ROWS);
  const list = createOperandList();
  // What is read is added up, so that no engine can leave the reading out.
  let sum = 0;

  const eachBatch = (use: (count: number) => void): number => {
    let total = 0;
    for (let at = 0; ; at = rows.next) {
      const count = decodeBatch(bytes, at, bytes.length, 64, rows);
      use(count);
      total += count;
      if (count < ROWS) return total;
    }
  };
  const instructions = eachBatch(() => {});

  const instruction = new iced.Instruction();
  const eachOfTheirs = (use: (instruction: Iced.Instruction) => void): void => {
    const decoder = new iced.Decoder(64, bytes, iced.DecoderOptions.None);
    while (decoder.canDecode) {
      decoder.decodeOut(instruction);
      use(instruction);
    }
    decoder.free();
  };

  // canDecode is a call of its own; counting instructions instead is iced's fastest way through a buffer.
  const eachCounted = (use: (instruction: Iced.Instruction) => void): void => {
    const decoder = new iced.Decoder(64, bytes, iced.DecoderOptions.None);
    for (let i = 0; i < theirCount; i++) {
      decoder.decodeOut(instruction);
      use(instruction);
    }
    decoder.free();
  };
  let theirCount = 0;
  eachOfTheirs(() => {
    theirCount++;
  });

  return [
    {
      name: "batch",
      instructions,
      ours: () =>
        void eachBatch((count) => {
          for (let i = 0; i < count; i++) sum += rows.length[i]!;
        }),
      theirs: () =>
        eachCounted(({ length }) => {
          sum += length;
        }),
    },
    {
      name: "operands",
      instructions,
      ours: () =>
        void eachBatch((count) => {
          for (let i = 0; i < count; i++) {
            readOperands(rows, i, list);
            sum += rows.form[i]! + rows.length[i]!;
            for (let n = 0; n < list.count; n++) {
              sum += list.kind[n]! + list.register[n]! + list.size[n]!;
              if (list.kind[n] === 1) sum += list.index[n]! + (rows.registers[i]! >>> 29) + rows.displacement[i]!;
            }
          }
        }),
      theirs: () =>
        eachCounted((i) => {
          sum += i.code + i.length;
          const count = i.opCount;
          for (let n = 0; n < count; n++) {
            const kind = i.opKind(n);
            if (kind === iced.OpKind.Register) sum += i.opRegister(n);
            else if (kind === iced.OpKind.Memory) {
              sum += i.memoryBase + i.memoryIndex + i.memoryIndexScale + i.memoryDisplSize + i.memorySize;
            }
          }
        }),
    },
  ];
}
