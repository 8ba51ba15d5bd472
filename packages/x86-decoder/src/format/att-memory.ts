import { ROW_NO_REGISTER } from "../constants.ts";
import { NO_REGISTER_ID, REGISTER_CLASS, REGISTER_NAMES } from "../registers.ts";
import { ROW_REGISTERS } from "../row-fields.ts";

const GENERAL = [REGISTER_CLASS.gpr16, REGISTER_CLASS.gpr32, REGISTER_CLASS.gpr64] as const;

/** Bits of a row's registers that hold index, base and scale. */
const FIELDS_SHIFT = ROW_REGISTERS.indexShift;

/** Texts "(base,index,scale)", each made once. */
export class AddressText {
  readonly #texts = new Map<number, string>();
  readonly #letters: (text: string) => string;

  constructor(letters: (text: string) => string) {
    this.#letters = letters;
  }

  /**
   * For a row's registers that have a base or an index. `addressSize` is 0, 1 or 2 for 16, 32 or 64 bits, `indexClass` the
   * REGISTER_CLASS of a vector index, 0 for a general one.
   */
  text(registers: number, addressSize: number, indexClass: number): string {
    const key = (registers >>> FIELDS_SHIFT) | (addressSize << 15) | (indexClass << 17);
    let text = this.#texts.get(key);
    if (text === undefined) {
      text = this.#letters(make(registers, GENERAL[addressSize] ?? REGISTER_CLASS.gpr64, indexClass));
      this.#texts.set(key, text);
    }
    return text;
  }
}

const nameOf = (id: number): string => (id === NO_REGISTER_ID ? "" : `%${REGISTER_NAMES[id]}`);

/** A scale of 1 is not written (GNU as manual, "Memory References"), nor is one without an index. */
function make(registers: number, general: number, indexClass: number): string {
  const id = (shift: number, registerClass: number): number => {
    const number = (registers >> shift) & 63;
    return number === ROW_NO_REGISTER ? NO_REGISTER_ID : (registerClass << 5) | number;
  };
  const base = nameOf(id(ROW_REGISTERS.baseShift, general));
  const index = nameOf(id(ROW_REGISTERS.indexShift, indexClass || general));
  if (index === "") return `(${base})`;
  const scale = 1 << (registers >>> ROW_REGISTERS.scaleShift);
  return `(${base},${index}${scale === 1 ? "" : `,${scale}`})`;
}
