import { ACCESS, type EmittedMmu, MMIO_RESULT, MMU_RESULT, type Mmu } from "@likex/cpu-executor";
import type { GuestMmu } from "@likex/ept-mmu";
import { EXIT_REASON } from "@likex/vmx";

/** Who answers for guest-physical pages that the EPT does not map, while an instruction is emulated. */
export interface DeviceMemory {
  /** Maps the page if memory stands behind it; false if it is a device's, or memory that this access may not write. */
  mapPage(guestPhysical: number, access: number): boolean;
  /** Reads or writes device memory; a MMIO_RESULT. */
  read(guestPhysical: number, size: number, data: Uint8Array): number;
  write(guestPhysical: number, size: number, data: Uint8Array): number;
  /** The instruction starts again: its reads are answered as before, its writes were not made. */
  restart(): void;
}

/** EPT violation qualification bits: the access, and whether the address is what a linear one translates to (SDM Vol 3C, table 28-7). */
const QUALIFICATION = { write: 1 << 1, fetch: 1 << 2, finalAddress: 1 << 8 } as const;

/**
 * The MMU that the processor translates with: the guest's, behind the EPT. While `devices` is set, one instruction is
 * being emulated: then an EPT violation does not stop it; the page is mapped, or the access goes to the devices.
 */
export class EmulationMmu implements Mmu {
  readonly #guest: GuestMmu;
  devices: DeviceMemory | undefined;
  hostPage = 0;
  guestPage = 0;
  permissions = 0;
  pageFaultErrorCode = 0;

  constructor(guest: GuestMmu) {
    this.#guest = guest;
  }

  translate(linearLow: number, linearHigh: number, access: number): number {
    let result = this.#guest.translate(linearLow, linearHigh, access);
    const { devices } = this;
    if (result === MMU_RESULT.stop && devices !== undefined) {
      result = this.#violation(devices, linearLow, linearHigh, access);
    }
    const guest = this.#guest;
    this.hostPage = guest.hostPage;
    this.permissions = guest.permissions;
    this.pageFaultErrorCode = guest.pageFaultErrorCode;
    if (result !== MMU_RESULT.mmio) this.guestPage = guest.guestPage;
    return result;
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

  get pkru(): number {
    return this.#guest.pkru;
  }

  set pkru(value: number) {
    this.#guest.pkru = value;
  }

  forget(): void {
    this.#guest.forget();
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

  invpcid(type: number, pcidLow: number, pcidHigh: number, linearHigh: number): number {
    return this.#guest.invpcid(type, pcidLow, pcidHigh, linearHigh);
  }

  mmioRead(guestPhysical: number, size: number, data: Uint8Array): number {
    return this.devices?.read(guestPhysical, size, data) ?? MMIO_RESULT.stop;
  }

  mmioWrite(guestPhysical: number, size: number, data: Uint8Array): number {
    return this.devices?.write(guestPhysical, size, data) ?? MMIO_RESULT.stop;
  }

  mmioRestart(): void {
    this.devices?.restart();
  }

  /** Each round maps one page that the walk needs: at most its tables and the page itself. */
  #violation(devices: DeviceMemory, linearLow: number, linearHigh: number, access: number): number {
    const guest = this.#guest;
    let result: number = MMU_RESULT.stop;
    while (result === MMU_RESULT.stop && guest.stopReason === EXIT_REASON.EPT_VIOLATION) {
      const { qualification, guestPhysicalAddress } = guest;
      const kind =
        (qualification & QUALIFICATION.write) !== 0
          ? ACCESS.write
          : (qualification & QUALIFICATION.fetch) !== 0
            ? ACCESS.execute
            : ACCESS.read;
      if (!devices.mapPage(guestPhysicalAddress, kind)) {
        const isData = (qualification & QUALIFICATION.finalAddress) !== 0 && kind !== ACCESS.execute;
        if (!isData) return MMU_RESULT.stop;
        this.guestPage = guestPhysicalAddress - (guestPhysicalAddress % 4096);
        return MMU_RESULT.mmio;
      }
      result = guest.translate(linearLow, linearHigh, access);
    }
    return result;
  }
}
