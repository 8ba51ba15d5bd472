import { KVM_EXIT, KVM_EXIT_IO, kvm_run, offsetOf } from "@likex/kvm-abi";
import type {
  DebugExit,
  FailEntryExit,
  InternalErrorExit,
  IoapicEoiExit,
  IoExit,
  MmioExit,
  OtherExit,
  SystemEventExit,
  UnknownExit,
  VcpuExit,
} from "./exits.ts";

const OFFSET = {
  immediateExit: offsetOf(kvm_run, "immediate_exit"),
  exitReason: offsetOf(kvm_run, "exit_reason"),
  union: offsetOf(kvm_run, "io"),
  ioDirection: offsetOf(kvm_run, "io.direction"),
  ioCount: offsetOf(kvm_run, "io.count"),
  ioDataOffset: offsetOf(kvm_run, "io.data_offset"),
  mmioAddress: offsetOf(kvm_run, "mmio.phys_addr"),
  mmioData: offsetOf(kvm_run, "mmio.data"),
  mmioLength: offsetOf(kvm_run, "mmio.len"),
  mmioIsWrite: offsetOf(kvm_run, "mmio.is_write"),
};

const {
  exitReason: OFFSET_REASON,
  ioDirection: OFFSET_IO,
  ioCount: OFFSET_IO_COUNT,
  ioDataOffset: OFFSET_IO_DATA,
} = OFFSET;

// Copies: compilers load a field of an imported object anew at each use, and know a constant of the file.
const { IO, MMIO, HLT, INTR, SHUTDOWN, IRQ_WINDOW_OPEN } = KVM_EXIT;
const { IN } = KVM_EXIT_IO;

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** direction, size and port of `struct kvm_run`'s io, which share a word. */
const SIZE_SHIFT = 8;
const PORT_SHIFT = 16;
/** No exit's: words are unsigned. */
const NO_WORD = -1;

const NO_BYTES: Uint8Array = new Uint8Array(0);

const noPortExit = (direction: "in" | "out"): Writable<IoExit> => {
  return { reason: "io", direction, port: 0, size: 1, count: 1, data: NO_BYTES };
};

/** A string transfer never spans more than one page of port data. */
const WINDOWS = 65;

/**
 * Decodes a vCPU's `struct kvm_run` into {@link VcpuExit}s. One object per exit form is made here and reused, and the
 * views handed out are kept, so that a port or MMIO exit allocates nothing.
 */
export class RunPage {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  // A device is polled at one port and written at another: an object for each, which often fits as it is.
  readonly #in: Writable<IoExit> = noPortExit("in");
  readonly #out: Writable<IoExit> = noPortExit("out");
  #inWord = NO_WORD;
  #outWord = NO_WORD;
  readonly #mmio: Writable<MmioExit> = { reason: "mmio", physAddr: 0, data: NO_BYTES, isWrite: false };
  readonly #mmioData: readonly Uint8Array[];
  #ioDataOffset = -1;
  #ioData: (Uint8Array | undefined)[] = [];
  static readonly #plain = {
    hlt: { reason: "hlt" },
    shutdown: { reason: "shutdown" },
    intr: { reason: "intr" },
    irqWindowOpen: { reason: "irqWindowOpen" },
  } as const satisfies Record<string, VcpuExit>;

  /** `bytes` is the live view of the mapped run page, at least the 2352 bytes of `struct kvm_run`. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const mmioData: Uint8Array[] = [];
    for (let length = 0; length <= 8; length++) {
      mmioData.push(bytes.subarray(OFFSET.mmioData, OFFSET.mmioData + length));
    }
    this.#mmioData = mmioData;
  }

  get immediateExit(): boolean {
    return this.#bytes[OFFSET.immediateExit] !== 0;
  }

  set immediateExit(value: boolean) {
    this.#bytes[OFFSET.immediateExit] = value ? 1 : 0;
  }

  /** The exit of a KVM_RUN that was interrupted. */
  interrupted(): VcpuExit {
    return RunPage.#plain.intr;
  }

  /** The exit that the page now describes. */
  decode(): VcpuExit {
    const reason = this.#view.getUint32(OFFSET_REASON, true);
    return reason === IO ? this.#decodeIo() : this.#decodeOther(reason);
  }

  #decodeOther(reason: number): VcpuExit {
    switch (reason) {
      case MMIO:
        return this.#decodeMmio();
      case HLT:
        return RunPage.#plain.hlt;
      case INTR:
        return RunPage.#plain.intr;
      case SHUTDOWN:
        return RunPage.#plain.shutdown;
      case IRQ_WINDOW_OPEN:
        return RunPage.#plain.irqWindowOpen;
      case KVM_EXIT.FAIL_ENTRY:
        return { reason: "failEntry", hardwareEntryFailureReason: this.#u64(0) } satisfies FailEntryExit;
      case KVM_EXIT.INTERNAL_ERROR:
        return {
          reason: "internalError",
          suberror: this.#u32(0),
          data: this.#words(8, Math.min(this.#u32(4), 16)),
        } satisfies InternalErrorExit;
      case KVM_EXIT.DEBUG:
        return {
          reason: "debug",
          exception: this.#u32(0),
          pc: this.#u64(8),
          dr6: this.#u64(16),
          dr7: this.#u64(24),
        } satisfies DebugExit;
      case KVM_EXIT.SYSTEM_EVENT:
        return {
          reason: "systemEvent",
          type: this.#u32(0),
          data: this.#words(8, Math.min(this.#u32(4), 16)),
        } satisfies SystemEventExit;
      case KVM_EXIT.IOAPIC_EOI:
        return { reason: "ioapicEoi", vector: this.#bytes[OFFSET.union]! } satisfies IoapicEoiExit;
      case KVM_EXIT.UNKNOWN:
        return { reason: "unknown", hardwareExitReason: this.#u64(0) } satisfies UnknownExit;
      default:
        return { reason: "other", exitReason: reason } satisfies OtherExit;
    }
  }

  #decodeIo(): IoExit {
    const word = this.#view.getUint32(OFFSET_IO, true);
    const count = this.#view.getUint32(OFFSET_IO_COUNT, true);
    const dataOffset = this.#view.getUint32(OFFSET_IO_DATA, true);
    const isIn = (word & 0xff) === IN;
    const io = isIn ? this.#in : this.#out;
    const known = isIn ? this.#inWord : this.#outWord;
    if (word !== known || count !== io.count || dataOffset !== this.#ioDataOffset)
      this.#update(io, word, count, dataOffset);
    return io;
  }

  #update(io: Writable<IoExit>, word: number, count: number, dataOffset: number): void {
    if (dataOffset !== this.#ioDataOffset) {
      this.#ioDataOffset = dataOffset;
      this.#ioData = new Array<Uint8Array | undefined>(WINDOWS).fill(undefined);
      this.#inWord = NO_WORD;
      this.#outWord = NO_WORD;
    }
    if (io === this.#in) this.#inWord = word;
    else this.#outWord = word;
    io.size = (word >>> SIZE_SHIFT) & 0xff;
    io.port = word >>> PORT_SHIFT;
    io.count = count;
    io.data = this.#window(dataOffset, io.size * count);
  }

  /** The view of the port data. It sits at one offset for the life of a vCPU, so short views are kept by length. */
  #window(offset: number, length: number): Uint8Array {
    if (length >= WINDOWS) {
      return this.#bytes.subarray(offset, offset + length);
    }
    const kept = this.#ioData[length];
    if (kept !== undefined) {
      return kept;
    }
    const view = this.#bytes.subarray(offset, offset + length);
    this.#ioData[length] = view;
    return view;
  }

  #decodeMmio(): MmioExit {
    const mmio = this.#mmio;
    const low = this.#view.getUint32(OFFSET.mmioAddress, true);
    const high = this.#view.getUint32(OFFSET.mmioAddress + 4, true);
    mmio.physAddr = high * 0x1_0000_0000 + low;
    mmio.data = this.#mmioData[Math.min(this.#view.getUint32(OFFSET.mmioLength, true), 8)]!;
    mmio.isWrite = this.#bytes[OFFSET.mmioIsWrite] !== 0;
    return mmio;
  }

  #u32(at: number): number {
    return this.#view.getUint32(OFFSET.union + at, true);
  }

  #u64(at: number): bigint {
    return this.#view.getBigUint64(OFFSET.union + at, true);
  }

  #words(at: number, count: number): bigint[] {
    return Array.from({ length: count }, (_, index) => this.#u64(at + 8 * index));
  }
}
