import { type HostPhysicalAddress, type HostVirtualAddress, hpa, hva, PAGE_SIZE, USER_LIMIT } from "./address.ts";
import { BadAddressError, InvalidMemoryArgumentError } from "./errors.ts";
import type { HostMemory } from "./host-memory.ts";
import { PageTable } from "./page-table.ts";

export type MemoryAccess = "read" | "write";

export interface MapOptions {
  /** Bytes, rounded up to whole pages. */
  readonly length: number;
  /** Page-aligned; a free place is chosen when absent. */
  readonly at?: HostVirtualAddress;
  /** Lazy: a frame for each page when it is first written. Contiguous: one run of frames at once, and a live view of it. */
  readonly backing: "lazy" | "contiguous";
}

export interface Mapping {
  readonly address: HostVirtualAddress;
  readonly length: number;
  /** Contiguous mappings only: their bytes, live. Writes through it are not noted for decoded code. */
  readonly bytes?: Uint8Array;
  /** Contiguous mappings only: the first frame. */
  readonly hpa?: HostPhysicalAddress;
}

/** Where a page is; a page that is not writable must not be written: it is shared, or never written so far. */
export interface PageTranslation {
  readonly hpa: HostPhysicalAddress;
  readonly writable: boolean;
}

/** Told before the frame behind a range of pages changes, so that translations kept elsewhere can be dropped. */
export interface AddressSpaceNotifier {
  invalidate(start: HostVirtualAddress, end: HostVirtualAddress): void;
}

interface Area {
  readonly start: number;
  readonly end: number;
  readonly table: PageTable;
}

/** 1 TiB: page numbers of a mapping stay small integers. */
const LARGEST_MAPPING = 2 ** 40;
const FIRST_ADDRESS = 0x7f0000000000;

/** A process's user space: mappings of pages to frames, as mmap makes them, with copy-on-write forks. */
export class AddressSpace {
  readonly #memory: HostMemory;
  /** Sorted by address, without overlap. */
  #areas: Area[] = [];
  #last: Area | undefined;
  #next = FIRST_ADDRESS;
  readonly #notifiers = new Set<AddressSpaceNotifier>();

  constructor(memory: HostMemory) {
    this.#memory = memory;
  }

  /** Throws InvalidMemoryArgumentError for a range that cannot be or overlaps, OutOfHostMemoryError for a contiguous one without room. */
  map(options: MapOptions): Mapping {
    const length = Math.ceil(options.length / PAGE_SIZE) * PAGE_SIZE;
    if (!(length > 0) || length > LARGEST_MAPPING)
      throw new InvalidMemoryArgumentError(`a mapping of ${options.length} bytes was asked: give 1 to 2^40`);
    const start = options.at ?? this.#place(length);
    if (start % PAGE_SIZE !== 0 || start < 0 || start + length > USER_LIMIT)
      throw new InvalidMemoryArgumentError(
        `0x${start.toString(16)} is no page-aligned user address for ${length} bytes`,
      );
    if (this.#areas.some((area) => start < area.end && area.start < start + length))
      throw new InvalidMemoryArgumentError(`0x${start.toString(16)} + ${length} bytes overlaps an existing mapping`);
    const table = new PageTable(this.#memory, length / PAGE_SIZE);
    const address = hva(start);
    if (options.backing === "lazy") {
      this.#insert({ start, end: start + length, table });
      return { address, length };
    }
    const first = this.#memory.allocateFrames(length / PAGE_SIZE);
    table.fill(first);
    this.#insert({ start, end: start + length, table });
    return { address, length, hpa: first, bytes: this.#memory.u8.subarray(first, first + length) };
  }

  /** Removes what is mapped in the range, in part if need be; pages that are not mapped do not matter. */
  unmap(address: HostVirtualAddress, length: number): void {
    const end = address + Math.ceil(length / PAGE_SIZE) * PAGE_SIZE;
    if (address % PAGE_SIZE !== 0)
      throw new InvalidMemoryArgumentError(`0x${address.toString(16)} is not page-aligned: unmap whole pages`);
    this.#last = undefined;
    this.#areas = this.#areas.flatMap((area) => {
      const from = Math.max(area.start, address);
      const to = Math.min(area.end, end);
      if (from >= to) return [area];
      this.#invalidate(from, to);
      const kept: Area[] = [];
      if (area.start < from) kept.push(this.#part(area, area.start, from));
      if (to < area.end) kept.push(this.#part(area, to, area.end));
      area.table.dispose();
      return kept;
    });
  }

  /** Where a byte is in host memory. A write gets the page a frame of its own. undefined: not mapped. */
  translate(address: HostVirtualAddress, access: MemoryAccess): HostPhysicalAddress | undefined {
    const area = this.#find(address);
    if (area === undefined) return undefined;
    const page = Math.floor((address - area.start) / PAGE_SIZE);
    const frame = access === "write" ? this.#own(area, page) : area.table.frame(page);
    return hpa((frame === 0 ? this.#memory.zeroFrame : frame) + (address % PAGE_SIZE));
  }

  /** The page of an address, and whether it may be written where it is. undefined: not mapped. */
  translatePage(address: HostVirtualAddress, access: MemoryAccess): PageTranslation | undefined {
    const area = this.#find(address);
    if (area === undefined) return undefined;
    const page = Math.floor((address - area.start) / PAGE_SIZE);
    if (access === "write") return { hpa: this.#own(area, page), writable: true };
    const frame = area.table.frame(page);
    if (frame === 0) return { hpa: this.#memory.zeroFrame, writable: false };
    return { hpa: frame, writable: !area.table.isShared(page) };
  }

  /** True when every page of the range is mapped. */
  isMapped(address: HostVirtualAddress, length: number): boolean {
    for (let at: number = address; at < address + length; ) {
      const area = this.#find(at);
      if (area === undefined) return false;
      at = area.end;
    }
    return true;
  }

  /** A copy of `length` bytes; throws BadAddressError. */
  read(address: HostVirtualAddress, length: number): Uint8Array {
    const result = new Uint8Array(length);
    this.#forPages(address, length, (at, offset, count) => {
      const from = this.translate(hva(at), "read") as number;
      result.set(this.#memory.u8.subarray(from, from + count), offset);
    });
    return result;
  }

  /** Writes all bytes or, when a page is not mapped, none; throws BadAddressError. */
  write(address: HostVirtualAddress, bytes: Uint8Array): void {
    this.#forPages(address, bytes.length, (at, offset, count) => {
      const to = this.translate(hva(at), "write") as HostPhysicalAddress;
      this.#memory.u8.set(bytes.subarray(offset, offset + count), to);
      this.#memory.noteWrite(to);
    });
  }

  /** A copy-on-write copy of every mapping: both sides share frames until one writes. Costs time for page tables, not for bytes. */
  fork(): AddressSpace {
    const copy = new AddressSpace(this.#memory);
    for (const area of this.#areas) {
      this.#invalidate(area.start, area.end);
      copy.#areas.push({ start: area.start, end: area.end, table: area.table.fork() });
    }
    copy.#next = this.#next;
    return copy;
  }

  /** Returns the function that removes the notifier. */
  addNotifier(notifier: AddressSpaceNotifier): () => void {
    this.#notifiers.add(notifier);
    return () => {
      this.#notifiers.delete(notifier);
    };
  }

  dispose(): void {
    for (const area of this.#areas) {
      this.#invalidate(area.start, area.end);
      area.table.dispose();
    }
    this.#areas = [];
    this.#last = undefined;
  }

  /** The page's own frame, given to it now if it has none or shares one. */
  #own(area: Area, page: number): HostPhysicalAddress {
    const frame = area.table.frame(page);
    if (frame !== 0 && !area.table.isShared(page)) return frame;
    const start = area.start + page * PAGE_SIZE;
    this.#invalidate(start, start + PAGE_SIZE);
    return area.table.own(page);
  }

  #find(address: number): Area | undefined {
    const last = this.#last;
    if (last !== undefined && address >= last.start && address < last.end) return last;
    let low = 0;
    let high = this.#areas.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const area = this.#areas[middle] as Area;
      if (address < area.start) high = middle - 1;
      else if (address >= area.end) low = middle + 1;
      else {
        this.#last = area;
        return area;
      }
    }
    return undefined;
  }

  #insert(area: Area): void {
    const at = this.#areas.findIndex((other) => other.start > area.start);
    if (at < 0) this.#areas.push(area);
    else this.#areas.splice(at, 0, area);
  }

  #part(area: Area, start: number, end: number): Area {
    const first = (start - area.start) / PAGE_SIZE;
    return { start, end, table: area.table.slice(first, (end - start) / PAGE_SIZE) };
  }

  /** A free range, searched upwards from the last one. */
  #place(length: number): number {
    if (this.#next + length > USER_LIMIT) this.#next = PAGE_SIZE * 16;
    let start = this.#next;
    for (let area = this.#overlap(start, length); area !== undefined; area = this.#overlap(start, length))
      start = area.end;
    this.#next = start + length + PAGE_SIZE;
    return start;
  }

  #overlap(start: number, length: number): Area | undefined {
    return this.#areas.find((area) => start < area.end && area.start < start + length);
  }

  #forPages(address: number, length: number, visit: (at: number, offset: number, count: number) => void): void {
    for (let at = address; at < address + length; ) {
      const area = this.#find(at);
      if (area === undefined) throw new BadAddressError(at);
      at = area.end;
    }
    let done = 0;
    while (done < length) {
      const at = address + done;
      const count = Math.min(length - done, PAGE_SIZE - (at % PAGE_SIZE));
      visit(at, done, count);
      done += count;
    }
  }

  #invalidate(start: number, end: number): void {
    for (const notifier of this.#notifiers) notifier.invalidate(hva(start), hva(end));
  }
}
