import {
  createOperandList,
  type InstructionRows,
  OPERAND_KIND,
  type OperandList,
  REGISTER_NAMES,
  ROW_REGISTERS,
  readOperands,
} from "@likex/x86-decoder";
import { branchTarget, isRipRelative, memoryAddress } from "./references.ts";

/** An operand as JSON shows it. Numbers that may have 64 bits are hexadecimal strings. */
export type PlainOperand =
  | { readonly kind: "register"; readonly name: string }
  | {
      readonly kind: "memory";
      /** Bytes; 0 when it is only an address, or a structure without a size of its own. */
      readonly size: number;
      readonly segment: string;
      readonly base?: string;
      readonly index?: string;
      readonly scale?: number;
      readonly displacement?: string;
      /** Of an operand relative to RIP. */
      readonly address?: string;
    }
  | { readonly kind: "immediate"; readonly value: string }
  | { readonly kind: "branch"; readonly target: string }
  | { readonly kind: "farPointer"; readonly selector: string; readonly offset: string };

const SEGMENTS = ["es", "cs", "ss", "ds", "fs", "gs"];

const hex = (value: bigint | number): string => (value < 0 ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`);

/** Reads the explicit operands of instructions, in Intel order. */
export function createOperandReader(): (rows: InstructionRows, i: number, base: bigint) => PlainOperand[] {
  const list = createOperandList();
  return (rows, i, base) => {
    readOperands(rows, i, list);
    return Array.from({ length: list.count }, (_, n) => operandAt(list, n, rows, i, base));
  };
}

function operandAt(list: OperandList, n: number, rows: InstructionRows, i: number, base: bigint): PlainOperand {
  switch (list.kind[n]) {
    case OPERAND_KIND.register:
      return { kind: "register", name: REGISTER_NAMES[list.register[n]!]! };
    case OPERAND_KIND.memory:
      return memoryOperand(list, n, rows, i, base);
    case OPERAND_KIND.branch:
      return { kind: "branch", target: hex(branchTarget(rows, i, base) ?? 0n) };
    case OPERAND_KIND.farPointer: {
      const offset = rows.immediate[i]! >>> 0;
      return { kind: "farPointer", selector: hex(rows.immediate2[i]! & 0xffff), offset: hex(offset) };
    }
    default:
      return { kind: "immediate", value: hex(immediateValue(list, n, rows, i)) };
  }
}

/** The immediate as an unsigned number of its operand's size. */
function immediateValue(list: OperandList, n: number, rows: InstructionRows, i: number): bigint {
  const first = rows.immediate[i]!;
  const bits = 8 * (list.size[n]! || 1);
  switch (list.part[n]) {
    case 1:
      return BigInt.asUintN(bits, BigInt(rows.immediate2[i]!));
    case 2:
      return 1n;
    case 3:
      return BigInt(first & 3);
    default:
      return BigInt.asUintN(bits, (BigInt(rows.immediate2[i]!) << 32n) | BigInt(first >>> 0));
  }
}

function memoryOperand(list: OperandList, n: number, rows: InstructionRows, i: number, base: bigint): PlainOperand {
  const register = REGISTER_NAMES[list.register[n]!] ?? "";
  const index = REGISTER_NAMES[list.index[n]!] ?? "";
  // String operands have a register and no ModRM byte: nothing in the row is theirs.
  const isExplicit = (rows.registers[i]! & 3) !== 3;
  const absolute = isExplicit && register === "" && index === "" ? memoryAddress(rows, i, base) : undefined;
  const displacement = absolute ?? (isExplicit ? rows.displacement[i]! : 0);
  return {
    kind: "memory",
    size: list.size[n]!,
    segment: SEGMENTS[list.segment[n]!]!,
    ...(register === "" ? {} : { base: register }),
    ...(index === "" ? {} : { index, scale: 1 << (rows.registers[i]! >>> ROW_REGISTERS.scaleShift) }),
    ...(displacement === 0 ? {} : { displacement: hex(displacement) }),
    ...(isExplicit && isRipRelative(rows, i) ? { address: hex(memoryAddress(rows, i, base) ?? 0n) } : {}),
  };
}
