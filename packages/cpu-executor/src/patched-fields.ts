import { type HostMemory, type HostPhysicalAddress, PAGE_SIZE } from "@likex/host-memory";
import { createDecodedInstruction, DECODE_STATUS, type DecodedInstruction, decodeInto } from "@likex/x86-decoder";
import type { InstructionSelector, Selection } from "./predecode.ts";

/** Bytes of a field. */
export const FIELD_BYTES = 4;

/** A field of an instruction that the guest has patched: its 32-bit immediate or displacement. */
export interface PatchedField {
  /** Host address of the field, and of the instruction's first byte. */
  readonly at: number;
  readonly start: number;
  /** Default operand and address size. */
  readonly bits: number;
  readonly kind: "immediate" | "displacement";
}

interface KnownField extends PatchedField {
  /** Version of the frame at which the instruction was last seen to have the field. */
  version: number;
}

/** Fields of one frame at most; then the oldest is forgotten. */
const MOST_IN_FRAME = 64;
const LONGEST_INSTRUCTION = 15;
/** No version of a frame. */
const UNSEEN = -1;
/** Decoded with these bits of the field turned round, all else must stay the same. */
const TURNED = [-1, 0x5a5a5a5a] as const;

/**
 * The fields that guests of an arena patch again and again, as stylised self-modifying code does. Compiled code loads them from the
 * guest's memory instead of having them as constants, so that it stays right: a field is added when the frame gets a
 * new version, so that all code compiled before is stale, and forgotten before code is compiled that has it as anything else.
 */
export class PatchedFields {
  readonly #memory: HostMemory;
  readonly #ofFrame = new Map<number, KnownField[]>();
  readonly #scratch = new Uint8Array(LONGEST_INSTRUCTION + 1);
  readonly #plain: DecodedInstruction = createDecodedInstruction();
  readonly #turned: DecodedInstruction = createDecodedInstruction();

  constructor(memory: HostMemory) {
    this.#memory = memory;
  }

  /** The field at a host address in a watched frame, if its instruction still has it. */
  find(at: number, selector: InstructionSelector): PatchedField | undefined {
    const field = this.#ofFrame.get(frameOf(at))?.find((one) => one.at === at);
    return field !== undefined && this.#isStill(field, selector) ? field : undefined;
  }

  /** Adds the field at a host address, if the instruction at `start` has one there. The frame's version is about to change. */
  add({ at, start, bits }: Omit<PatchedField, "kind">, selector: InstructionSelector): void {
    const kind = this.#kindOf({ at, start, bits }, selector);
    if (kind === undefined) return;
    const fields = (this.#ofFrame.get(frameOf(at)) ?? []).filter((one) => one.at !== at);
    if (fields.length === MOST_IN_FRAME) fields.shift();
    fields.push({ at, start, bits, kind, version: UNSEEN });
    this.#ofFrame.set(frameOf(at), fields);
  }

  /** The field has been written: what its bytes are to other instructions, whose fields they may overlap, is not known any more. */
  written({ at }: PatchedField): void {
    for (const other of this.#ofFrame.get(frameOf(at)) ?? []) {
      const mayOverlap = other.start < at + FIELD_BYTES && at < other.start + LONGEST_INSTRUCTION;
      if (mayOverlap && other.at !== at) other.version = UNSEEN;
    }
  }

  /** The field of an instruction that is about to be compiled. Those that it has as something else are forgotten. */
  ofInstruction(
    { start, length, bits }: { readonly start: number; readonly length: number; readonly bits: number },
    selector: InstructionSelector,
  ): PatchedField | undefined {
    const frame = frameOf(start);
    const fields = this.#ofFrame.get(frame);
    if (fields === undefined) return undefined;
    let found: PatchedField | undefined;
    const rest = fields.filter((field) => {
      if (!isWithin(field, start, length)) return true;
      const isIts = found === undefined && field.start === start && field.bits === bits;
      if (!isIts || !this.#isStill(field, selector)) return false;
      found = field;
      return true;
    });
    if (rest.length < fields.length) this.#ofFrame.set(frame, rest);
    return found;
  }

  /** Forgets fields in some bytes of a page, which are about to be compiled as part of an instruction that crosses into it. */
  forget(start: number, length: number): void {
    const fields = this.#ofFrame.get(frameOf(start));
    if (fields === undefined) return;
    this.#ofFrame.set(
      frameOf(start),
      fields.filter((field) => !isWithin(field, start, length)),
    );
  }

  #isStill(field: KnownField, selector: InstructionSelector): boolean {
    const version = this.#memory.frameVersion(frameOf(field.at));
    // Nobody changes a watched frame without a new version.
    if (field.version === version) return true;
    if (this.#kindOf(field, selector) !== field.kind) return false;
    field.version = version;
    return true;
  }

  /** What the four bytes are to the instruction: decoded with other ones it is the same but for that. */
  #kindOf(
    { at, start, bits }: Omit<PatchedField, "kind">,
    selector: InstructionSelector,
  ): PatchedField["kind"] | undefined {
    const { u8 } = this.#memory;
    const end = frameOf(start) + PAGE_SIZE;
    if (frameOf(at) !== frameOf(start) || !decodes(u8, start, end, bits, this.#plain)) return undefined;
    const plain = this.#plain;
    if (at < start || start + plain.length < at + FIELD_BYTES || !mayHaveField(selector.select(plain)))
      return undefined;
    const scratch = this.#scratch;
    scratch.set(u8.subarray(start, start + plain.length));
    const view = new DataView(scratch.buffer);
    const value = view.getInt32(at - start, true);
    const kinds = TURNED.map((mask) => {
      view.setInt32(at - start, value ^ mask, true);
      if (!decodes(scratch, 0, plain.length, bits, this.#turned)) return undefined;
      return differenceOf(plain, this.#turned, value, value ^ mask);
    });
    return kinds[0] === kinds[1] ? kinds[0] : undefined;
  }
}

/** Where control goes on is a constant of compiled code, and so are immediates of 64 bits. */
const mayHaveField = (selection: Selection | undefined): boolean =>
  selection !== undefined && !selection.endsBlock && !selection.branches && !selection.wideImmediate;

const isWithin = ({ at }: PatchedField, start: number, length: number): boolean =>
  at < start + length && start < at + FIELD_BYTES;

/** The frame that has a host address. */
export const frameOf = (at: number): HostPhysicalAddress => (at - (at % PAGE_SIZE)) as HostPhysicalAddress;

const decodes = (u8: Uint8Array, at: number, end: number, bits: number, into: DecodedInstruction): boolean =>
  decodeInto(u8, at, end, bits as 16 | 32 | 64, into) === DECODE_STATUS.ok;

const SAME = ["form", "length", "operandSize", "addressSize", "prefixes", "segment"] as const;
const SAME_OPERANDS = ["mod", "reg", "rm", "vvvv", "base", "index", "scaleShift", "immediate2"] as const;

/** The one of two fields that a changed value has changed, and nothing else. */
function differenceOf(
  plain: DecodedInstruction,
  turned: DecodedInstruction,
  value: number,
  changed: number,
): PatchedField["kind"] | undefined {
  if ([...SAME, ...SAME_OPERANDS].some((name) => plain[name] !== turned[name])) return undefined;
  const sameDisplacement =
    plain.displacement === turned.displacement && plain.displacementHigh === turned.displacementHigh;
  if (sameDisplacement && plain.immediate === value && turned.immediate === changed) return "immediate";
  const signs = plain.displacementHigh === value >> 31 && turned.displacementHigh === changed >> 31;
  const moves = plain.displacement === value && turned.displacement === changed;
  const sameImmediate = plain.immediate === turned.immediate && plain.immediateHigh === turned.immediateHigh;
  return signs && moves && sameImmediate ? "displacement" : undefined;
}
