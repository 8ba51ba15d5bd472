import { type Assembler, PROGRAM, REGISTERS } from "./assembler.ts";
import type { Random } from "./random.ts";

/** Addresses at the end of a program's code, for jumps and calls through a table. */
export const TABLE_ENTRIES = 8;
const TABLE = PROGRAM.codeBytes - TABLE_ENTRIES * 8;

/** Writes the table: `starts` are positions in the code. */
export function putTable(a: Assembler, starts: readonly number[]): void {
  a.at = TABLE;
  for (const start of starts) {
    a.put32(PROGRAM.code + start);
    if (a.bits === 64) a.put32(0);
  }
}

/** JMP or CALL through the table, by a register; sometimes past its end, or by the register's value. */
export function jumpThroughTable(a: Assembler, random: Random): void {
  const index = random.pick(REGISTERS);
  // AND index, mask
  a.put(0x83, 0xe0 | index, random.pick([TABLE_ENTRIES - 1, TABLE_ENTRIES - 1, 3, TABLE_ENTRIES]));
  const operation = random.pick([4, 4, 4, 2]);
  const scale = a.bits === 64 ? 3 : 2;
  const address = PROGRAM.code + TABLE;
  if (random.below(4) !== 0) {
    a.put(0xff, (operation << 3) | 4, (scale << 6) | (index << 3) | 5);
    a.put32(address);
    return;
  }
  // MOV index, [table + index * size]; JMP or CALL index
  if (a.bits === 64) a.put(0x48);
  a.put(0x8b, (index << 3) | 4, (scale << 6) | (index << 3) | 5);
  a.put32(address);
  a.put(0xff, 0xc0 | (operation << 3) | index);
}

/** Changes what a function's RET takes for its return address, or where it takes it from. */
export function changeReturn(a: Assembler, random: Random): void {
  const wide = a.bits === 64 ? [0x48] : [];
  switch (random.below(5)) {
    case 0:
      // ADD [RSP], n
      a.put(...wide, 0x83, 0x04, 0x24, random.pick([0, 1, 2, 5]));
      return;
    case 1:
      // MOV register, [RSP]; MOV [RSP], register: the same.
      a.put(...wide, 0x8b, 0x04, 0x24, ...wide, 0x89, 0x04, 0x24);
      return;
    case 2:
      // LEA RSP, [RSP + n]: another return address, or the same below.
      a.put(...wide, 0x8d, 0x64, 0x24, random.pick([8, 4, -8]));
      return;
    case 3:
      // PUSH, POP
      a.put(0x50, 0x58);
      return;
    default:
      // MOV dword [RSP], the table's first target
      a.put(0xc7, 0x04, 0x24);
      a.put32(PROGRAM.code + random.below(0x40));
  }
}

/** MOV byte [somewhere in a function], NOP: through RBX, which points to data. */
export function patchCode(a: Assembler, random: Random, start: number): void {
  a.put(0xc6, 0x83);
  a.put32(PROGRAM.code - PROGRAM.data + start + random.below(8));
  a.put(0x90);
}
