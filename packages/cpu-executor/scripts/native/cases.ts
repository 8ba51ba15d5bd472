import { FORMS, type InstructionForm } from "@likex/x86-decoder";
import { SEMANTICS } from "../../src/semantics/index.ts";
import { semanticsName, shapeKey, shapeOf } from "../../src/shapes.ts";
import { writeCase } from "../../test/support/native-case.ts";
import { ENVIRONMENTS } from "../../test/support/native-environment.ts";
import { type NativeRecords, RECORD } from "../../test/support/native-record.ts";
import { seedOf } from "../../test/support/native-state.ts";
import { Random } from "../../test/support/random.ts";
import { Encoder, type OperandKind } from "./encode.ts";

export type Mode = 16 | 32 | 64;
export const MODES: readonly Mode[] = [64, 32, 16];

/** A form with an operand size and kind, in a mode. */
export interface Variant {
  readonly form: InstructionForm;
  readonly mode: Mode;
  readonly size: 16 | 32 | 64;
  readonly operands: OperandKind;
  readonly kind: "integer" | "float";
  /** Numbers of the environments that it takes in turn. */
  readonly environments: readonly number[];
}

/** What cannot be compared in a user program under Linux, and why. */
const NOT_COMPARED: readonly (readonly [RegExp, string])[] = [
  [/^(syscall|sysenter)$/, "enters the host's kernel"],
  [/^(sgdt|sidt|sldt|str|smsw)$/, "Linux answers in the processor's place where UMIP is on"],
  [/^(cpuid|rdpid)$/, "says which processor it is"],
  [/^(rdtsc|rdtscp|rdrand|rdseed)$/, "answers differently each time"],
  [
    /^(vmcall|vmclear|vmlaunch|vmptrld|vmptrst|vmread|vmresume|vmwrite|vmxoff|vmxon|invept|invvpid)$/,
    "exits where the host is itself a virtual machine",
  ],
];

/** Why a form with semantics is not compared, or undefined. */
export const notComparedReason = (form: InstructionForm): string | undefined =>
  NOT_COMPARED.find(([pattern]) => pattern.test(form.mnemonic))?.[1];

const isCompared = (form: InstructionForm): boolean =>
  SEMANTICS[semanticsName(form)] !== undefined && notComparedReason(form) === undefined;

/** Forms with semantics that are not compared, by reason. */
export function notCompared(): Map<string, string[]> {
  const all = new Map<string, Set<string>>();
  for (const form of FORMS) {
    const reason = notComparedReason(form);
    if (reason === undefined || SEMANTICS[semanticsName(form)] === undefined) continue;
    all.set(reason, (all.get(reason) ?? new Set()).add(form.mnemonic));
  }
  return new Map([...all].map(([reason, names]) => [reason, [...names].sort()]));
}

export const variantName = ({ form, size, operands }: Variant): string =>
  `${form.mnemonic} ${form.operands.join(",")} (${form.encoding}), operand size ${size}, ${operands}`;

/** Numbers of those environments that are a mode's; the plain one of 64-bit mode three times as often as the others. */
function environmentsOf(mode: Mode, usable: readonly number[]): number[] {
  const numbers = usable.filter((n) => ENVIRONMENTS[n]?.bits === mode);
  return numbers.includes(PLAIN) ? [PLAIN, PLAIN, ...numbers] : numbers;
}

const PLAIN = 0;

export const ALL_ENVIRONMENTS: readonly number[] = ENVIRONMENTS.map((_, n) => n);

const random = new Random(0);
const encoder = new Encoder(random);
const TRIES = 16;

function exists(variant: Variant): boolean {
  for (let n = 0; n < TRIES; n++) {
    const seed = seedOf(environmentFor(variant, n), variant.kind, n);
    random.reseed(seed);
    if (encoder.encode(variant.form, variant.size, variant.operands, seed)) return true;
  }
  return false;
}

const environmentFor = ({ environments }: Variant, n: number): number =>
  environments[n % environments.length] as number;

/** Every form, operand size and operand kind that the executor has semantics for and that exists in the environments' modes. */
export function variants(usable: readonly number[]): Variant[] {
  const all: Variant[] = [];
  const places = MODES.map((mode) => ({ mode, environments: environmentsOf(mode, usable) }));
  const seen = new Set<string>();
  for (const form of FORMS.filter(isCompared)) {
    const isExtension = SEMANTICS[semanticsName(form)]?.extension === true;
    for (const { mode, environments } of places.filter((place) => place.environments.length > 0)) {
      for (const size of [16, 32, 64] as const) {
        for (const operands of ["register", "memory"] as const) {
          const hasChoice = form.operands.some((code) => /^[EMWQO]|^R[vy]\/M/.test(code));
          if (operands === "memory" && !hasChoice) continue;
          const shape = shapeOf(form, size, operands === "memory", "none");
          if (shape === undefined) continue;
          // Most vector and x87 forms are the same whatever the operand size.
          const key = `${form.id} ${mode} ${operands} ${shapeKey(shape)}`;
          if (isExtension && seen.has(key)) continue;
          const variant: Variant = {
            form,
            mode,
            size,
            operands,
            kind: isExtension ? "float" : "integer",
            environments,
          };
          if (!exists(variant)) continue;
          seen.add(key);
          all.push(variant);
        }
      }
    }
  }
  return all;
}

/** Compared forms of which no variant exists in any mode. */
export function unreachable(): string[] {
  const reached = new Set(variants(ALL_ENVIRONMENTS).map(({ form }) => form.id));
  const missing = FORMS.filter((form) => isCompared(form) && shapeExists(form) && !reached.has(form.id));
  return missing.map((form) => `${form.mnemonic} ${form.operands.join(",")} (${form.encoding})`);
}

const shapeExists = (form: InstructionForm): boolean =>
  ([16, 32, 64] as const).some((size) =>
    [false, true].some((memory) => shapeOf(form, size, memory, "none") !== undefined),
  );

/** Writes the n-th case of a variant; returns its seed, or -1 when its random operands do not make that form or have no defined result. */
export function writeVariant(records: NativeRecords, i: number, variant: Variant, n: number, number: number): number {
  const seed = seedOf(environmentFor(variant, n), variant.kind, number);
  random.reseed(seed + 0x5eed);
  if (!encoder.encode(variant.form, variant.size, variant.operands, seed)) return -1;
  writeCase(records, i, encoder.bytes, encoder.length, seed);
  return isUndefined(variant, records, i) ? -1 : seed;
}

/** INT 3, INT 4 and INT 80h are for programs; the others are refused. */
const ALLOWED_INTERRUPTS: readonly number[] = [3, 4, 0x80];

/** Results that the manual does not define, and interrupts that the host takes. */
function isUndefined(variant: Variant, records: NativeRecords, i: number): boolean {
  const { mnemonic } = variant.form;
  const last = records.u8[i * RECORD.size + RECORD.code + records.get(i, RECORD.codeLength) - 1] as number;
  if (mnemonic === "int") return ALLOWED_INTERRUPTS.includes(last);
  if (/^f2xm1$|^fyl2xp1$/.test(mnemonic)) return isOutOfRange(mnemonic, records, i);
  // SHLD and SHRD of 16 bits by more than 16 (SDM Vol 2, SHLD).
  if (variant.size !== 16 || !/^sh[lr]d$/.test(mnemonic)) return false;
  const count = variant.form.operands[2] === "CL" ? records.get(i, RECORD.gpr + 8) : last;
  return (count & 31) > 16;
}

/** F2XM1 is defined from -1 to 1, FYL2XP1 for magnitudes below 1 - sqrt(1/2) (SDM Vol 2). Both keep to a power of two here. */
function isOutOfRange(mnemonic: string, records: NativeRecords, i: number): boolean {
  const limit = mnemonic === "f2xm1" ? 0x3fff : 0x3ffd;
  const at = (i * RECORD.size + RECORD.fx + 40) >> 1;
  const exponent = (records.u16[at] as number) & 0x7fff;
  return exponent >= limit && exponent !== 0x7fff;
}
