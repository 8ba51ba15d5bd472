import { type EmittedMmu, MMIO_RESULT, MMU_RESULT, type Mmu } from "@likex/cpu-executor";
import type { GuestMmu } from "@likex/ept-mmu";
import { MMIO, PAGE } from "./layout.ts";
import { isDevice } from "./scenario.ts";

const EPT_VIOLATION = 48;
/** EPT violation qualification: the address is what the linear one translates to. */
const FINAL_ADDRESS = 1 << 8;

/** The guest's MMU with devices in a hole of its memory, which answer with what depends on the address alone. */
export class DeviceMmu implements Mmu {
  readonly #guest: GuestMmu;
  /** What the guest has written to devices, in order. */
  readonly writes: string[] = [];
  hostPage = 0;
  guestPage = 0;
  permissions = 0;
  pageFaultErrorCode = 0;

  constructor(guest: GuestMmu) {
    this.#guest = guest;
  }

  translate(linearLow: number, linearHigh: number, access: number): number {
    const guest = this.#guest;
    const result = guest.translate(linearLow, linearHigh, access);
    this.hostPage = guest.hostPage;
    this.permissions = guest.permissions;
    this.pageFaultErrorCode = guest.pageFaultErrorCode;
    this.guestPage = guest.guestPage;
    if (result !== MMU_RESULT.stop || guest.stopReason !== EPT_VIOLATION) return result;
    const page = Math.floor(guest.guestPhysicalAddress / PAGE);
    if (!isDevice(page) || (guest.qualification & FINAL_ADDRESS) === 0) return result;
    this.guestPage = page * PAGE;
    return MMU_RESULT.mmio;
  }

  get pageSize(): number {
    return this.#guest.pageSize;
  }

  get isGlobal(): boolean {
    return this.#guest.isGlobal;
  }

  get pcid(): number {
    return this.#guest.pcid;
  }

  loadPdptes(cr3Low: number): number {
    return this.#guest.loadPdptes(cr3Low);
  }

  movToCr3(operandHigh: number): number {
    return this.#guest.movToCr3(operandHigh);
  }

  emitted(): EmittedMmu | undefined {
    return this.#guest.emitted();
  }

  forget(): void {
    this.#guest.forget();
  }

  invpcid(type: number, pcidLow: number, pcidHigh: number, linearHigh: number): number {
    return this.#guest.invpcid(type, pcidLow, pcidHigh, linearHigh);
  }

  get pkru(): number {
    return this.#guest.pkru;
  }

  set pkru(value: number) {
    this.#guest.pkru = value;
  }

  mmioRead(guestPhysical: number, size: number, data: Uint8Array): number {
    if (stops(guestPhysical)) return MMIO_RESULT.stop;
    for (let i = 0; i < size; i++) data[i] = Math.imul(guestPhysical + i, 0x9e3779b1) >>> 24;
    return MMIO_RESULT.done;
  }

  mmioWrite(guestPhysical: number, size: number, data: Uint8Array): number {
    if (stops(guestPhysical)) return MMIO_RESULT.stop;
    this.writes.push(`${guestPhysical.toString(16)}=${Buffer.from(data.subarray(0, size)).toString("hex")}`);
    return MMIO_RESULT.done;
  }
}

const stops = (guestPhysical: number): boolean => Math.floor(guestPhysical / PAGE) === MMIO.stops;
