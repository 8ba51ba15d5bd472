import { REGS_NAMES } from "@likex/kvm-client";
import { InvalidRegisterValueError, UnknownRegisterError } from "./errors.ts";

export const GENERAL_REGISTERS: typeof REGS_NAMES = REGS_NAMES;
export const CONTROL_REGISTERS = ["cr0", "cr2", "cr3", "cr4", "cr8", "efer"] as const;
export const SEGMENT_REGISTERS = ["cs", "ds", "es", "fs", "gs", "ss"] as const;

export type GeneralRegister = (typeof GENERAL_REGISTERS)[number];
export type ControlRegister = (typeof CONTROL_REGISTERS)[number];
export type SegmentRegisterName = (typeof SEGMENT_REGISTERS)[number];
/** A segment's name alone loads selector and base as real-address mode does: base = selector times 16. */
export type RegisterName =
  | GeneralRegister
  | ControlRegister
  | SegmentRegisterName
  | `${SegmentRegisterName}.${"selector" | "base" | "limit"}`;

/** Initial values by register name. */
export type RegisterValues = { readonly [name in RegisterName]?: bigint | number };

/** One register to set, with its checked value. */
export type RegisterAssignment =
  | { readonly kind: "general"; readonly register: GeneralRegister; readonly value: bigint }
  | { readonly kind: "control"; readonly register: ControlRegister; readonly value: bigint }
  | {
      readonly kind: "segment";
      readonly register: SegmentRegisterName;
      readonly field: "selector" | "base" | "limit";
      readonly value: bigint;
    };

const SEGMENT_FIELD_BITS = { selector: 16, base: 64, limit: 32 } as const;

const includes = <T extends string>(names: readonly T[], name: string): name is T =>
  (names as readonly string[]).includes(name);

function checkedValue(name: string, value: bigint | number, bits: number): bigint {
  const isInteger = typeof value === "bigint" || Number.isSafeInteger(value);
  const checked = isInteger ? BigInt(value) : -1n;
  if (checked < 0n || checked >= 1n << BigInt(bits)) {
    throw new InvalidRegisterValueError(
      `Register ${name} cannot hold ${value}. Give an integer from 0 to 2^${bits} - 1${isInteger ? "" : "; above 2^53 - 1 as a bigint"}.`,
    );
  }
  return checked;
}

function unknownRegister(name: string): UnknownRegisterError {
  return new UnknownRegisterError(
    `There is no register "${name}". Use rax to r15, rip, rflags, ${CONTROL_REGISTERS.join(", ")}, or a segment: ${SEGMENT_REGISTERS.join(", ")}, alone or with .selector, .base or .limit.`,
  );
}

/**
 * What has to be written for one named register.
 *
 * @throws UnknownRegisterError, InvalidRegisterValueError.
 */
export function assignRegister(name: string, value: bigint | number): RegisterAssignment[] {
  if (includes(GENERAL_REGISTERS, name)) {
    return [{ kind: "general", register: name, value: checkedValue(name, value, 64) }];
  }
  if (includes(CONTROL_REGISTERS, name)) {
    return [{ kind: "control", register: name, value: checkedValue(name, value, 64) }];
  }
  if (includes(SEGMENT_REGISTERS, name)) {
    const selector = checkedValue(name, value, 16);
    return [
      { kind: "segment", register: name, field: "selector", value: selector },
      { kind: "segment", register: name, field: "base", value: selector << 4n },
    ];
  }
  const [segment = "", field = "", ...rest] = name.split(".");
  const fields = ["selector", "base", "limit"] as const;
  if (rest.length > 0 || !includes(SEGMENT_REGISTERS, segment) || !includes(fields, field)) throw unknownRegister(name);
  return [{ kind: "segment", register: segment, field, value: checkedValue(name, value, SEGMENT_FIELD_BITS[field]) }];
}

/** As `assignRegister`, for all of them. */
export function assignRegisters(values: RegisterValues): RegisterAssignment[] {
  return Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : assignRegister(name, value)));
}
