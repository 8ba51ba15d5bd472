import type { HostMemory } from "@likex/host-memory";
import { FPU } from "./context.ts";

/** Bytes of the legacy region of an XSAVE area, and of the whole area with the header and the upper halves of YMM registers. */
const FX_BYTES = 512;
const HEADER_BYTES = 64;
const YMM_BYTES = 256;
export const XSAVE_BYTES: number = FX_BYTES + HEADER_BYTES + YMM_BYTES;

/** Bits of XCR0 and XSTATE_BV that this processor knows (SDM Vol 1, 13.1). */
export const XSTATE = { x87: 1, sse: 2, avx: 4 } as const;

/** The two pieces of the context that hold the state: x87 with MXCSR and XCR0, and the vector registers. */
const PIECES = [
  { at: FPU.registers, bytes: FPU.cr0 - FPU.registers },
  { at: FPU.vectors, bytes: FPU.buffer - FPU.vectors },
] as const;
const IMAGE_BYTES = PIECES[0].bytes + PIECES[1].bytes;

/** State as FNINIT leaves it, with the reset values of MXCSR and XCR0: for `FpuState.swapIn`. */
export const createFpuImage = (): Uint8Array => {
  const image = new Uint8Array(IMAGE_BYTES);
  const view = new DataView(image.buffer);
  view.setUint32(FPU.control - FPU.registers, INIT_CONTROL, true);
  view.setUint32(FPU.mxcsr - FPU.registers, RESET_MXCSR, true);
  view.setUint32(FPU.xcr0 - FPU.registers, XSTATE.x87, true);
  return image;
};

const INIT_CONTROL = 0x37f;
const RESET_CONTROL = 0x40;
const RESET_MXCSR = 0x1f80;
const MXCSR_MASK = 0xffff;

/** x87, MMX, SSE and AVX state of one processor, in its context. Images have the layout of FXSAVE64 and XSAVE64. */
export class FpuState {
  readonly #memory: HostMemory;
  readonly #context: number;

  constructor(memory: HostMemory, context: number) {
    this.#memory = memory;
    this.#context = context;
    this.reset();
  }

  /** State after RESET (SDM Vol 3A, table 9-1). */
  reset(): void {
    this.#memory.u8.fill(0, this.#context + FPU.registers, this.#context + FPU.xcr0);
    this.#memory.u8.fill(0, this.#context + FPU.vectors, this.#context + FPU.buffer);
    this.#set32(FPU.control, RESET_CONTROL);
    this.#set32(FPU.tags, 0xff);
    this.#set32(FPU.mxcsr, RESET_MXCSR);
    this.#set32(FPU.xcr0, XSTATE.x87);
  }

  /** Copies the whole state, XCR0 included, to an image of `createFpuImage`: a layout of its own. */
  swapOut(image: Uint8Array): void {
    const { u8 } = this.#memory;
    let offset = 0;
    for (const { at, bytes } of PIECES) {
      image.set(u8.subarray(this.#context + at, this.#context + at + bytes), offset);
      offset += bytes;
    }
  }

  /** Takes the state from such an image. */
  swapIn(image: Uint8Array): void {
    const { u8 } = this.#memory;
    u8.set(image.subarray(0, PIECES[0].bytes), this.#context + PIECES[0].at);
    u8.set(image.subarray(PIECES[0].bytes), this.#context + PIECES[1].at);
  }

  get control(): number {
    return this.#get32(FPU.control);
  }

  set control(value: number) {
    this.#set32(FPU.control, (value & 0x1f3f) | 0x40);
  }

  /** Status word with TOP. */
  get status(): number {
    return this.#get32(FPU.status) | (this.#get32(FPU.top) << 11);
  }

  set status(value: number) {
    this.#set32(FPU.status, value & 0xc7ff);
    this.#set32(FPU.top, (value >>> 11) & 7);
  }

  get mxcsr(): number {
    return this.#get32(FPU.mxcsr);
  }

  set mxcsr(value: number) {
    this.#set32(FPU.mxcsr, value & MXCSR_MASK);
  }

  /** Low half of XCR0. */
  get xcr0(): number {
    return this.#get32(FPU.xcr0);
  }

  set xcr0(value: number) {
    this.#set32(FPU.xcr0, value);
  }

  /** An XSAVE64 area in the standard format with all components, XSAVE_BYTES long. */
  save(): Uint8Array {
    const image = new Uint8Array(XSAVE_BYTES);
    const view = new DataView(image.buffer);
    const { u8, u16 } = this.#memory;
    view.setUint16(0, this.control, true);
    view.setUint16(2, this.status, true);
    image[4] = this.#get32(FPU.tags);
    view.setUint16(6, this.#get32(FPU.opcode), true);
    this.#copyOut(FPU.instruction, image, 8, 8);
    this.#copyOut(FPU.data, image, 16, 8);
    view.setUint32(24, this.mxcsr, true);
    view.setUint32(28, MXCSR_MASK, true);
    for (let i = 0; i < 8; i++) {
      const from = this.#stackRegister(i);
      image.set(u8.subarray(from, from + 8), 32 + i * 16);
      view.setUint16(40 + i * 16, u16[(from + 8) >> 1] as number, true);
    }
    for (let i = 0; i < 16; i++) {
      this.#copyOut(FPU.vectors + i * 32, image, 160 + i * 16, 16);
      this.#copyOut(FPU.vectors + i * 32 + 16, image, FX_BYTES + HEADER_BYTES + i * 16, 16);
    }
    view.setUint32(FX_BYTES, XSTATE.x87 | XSTATE.sse | XSTATE.avx, true);
    return image;
  }

  /** Loads an FXSAVE64 or XSAVE64 area of at least 512 bytes; what the image does not hold becomes 0. XSTATE_BV is not regarded. */
  load(image: Uint8Array): void {
    const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
    const { u8, u16 } = this.#memory;
    this.control = view.getUint16(0, true);
    this.status = view.getUint16(2, true);
    this.#set32(FPU.tags, image[4] as number);
    this.#set32(FPU.opcode, view.getUint16(6, true) & 0x7ff);
    u8.set(image.subarray(8, 16), this.#context + FPU.instruction);
    u8.set(image.subarray(16, 24), this.#context + FPU.data);
    this.mxcsr = view.getUint32(24, true);
    for (let i = 0; i < 8; i++) {
      const to = this.#stackRegister(i);
      u8.set(image.subarray(32 + i * 16, 40 + i * 16), to);
      u16[(to + 8) >> 1] = view.getUint16(40 + i * 16, true);
    }
    for (let i = 0; i < 16; i++) {
      const to = this.#context + FPU.vectors + i * 32;
      u8.fill(0, to, to + 32);
      u8.set(image.subarray(160 + i * 16, 176 + i * 16), to);
      const high = FX_BYTES + HEADER_BYTES + i * 16;
      u8.set(image.subarray(high, high + 16), to + 16);
    }
  }

  #stackRegister(i: number): number {
    return this.#context + FPU.registers + ((this.#get32(FPU.top) + i) & 7) * 16;
  }

  #copyOut(field: number, image: Uint8Array, at: number, bytes: number): void {
    const from = this.#context + field;
    image.set(this.#memory.u8.subarray(from, from + bytes), at);
  }

  #get32(field: number): number {
    return this.#memory.i32[(this.#context + field) >> 2] as number;
  }

  #set32(field: number, value: number): void {
    this.#memory.i32[(this.#context + field) >> 2] = value;
  }
}
