import { CR0, CR4, EFER, PAGING_MODE, type PagingRegisters, pagingModeOf } from "./paging-registers.ts";

/**
 * Kinds of access, and with which privilege: `user` for CPL 3; `userAllowed` for a supervisor access with EFLAGS.AC set, which
 * SMAP lets reach user pages; `implicit` for what the processor itself reads and writes of descriptor tables and task-state
 * segments, which is a supervisor access whatever CPL is and wins over both. The values are those of cpu-executor's `Mmu`.
 */
export const ACCESS = { read: 1, write: 2, execute: 4, user: 8, userAllowed: 16, implicit: 32 } as const;

/** Bits of paging-structure entries that all modes share (SDM Vol 3A, tables 4-5 to 4-20). `write` is ACCESS.write. */
export const PTE = {
  present: 1,
  write: 2,
  user: 4,
  accessed: 0x20,
  dirty: 0x40,
  large: 0x80,
  global: 0x100,
} as const;

/** Bits of a page fault's error code (SDM Vol 3A, 4.7). */
export const PAGE_FAULT = { present: 1, write: 2, user: 4, reserved: 8, fetch: 16, protectionKey: 32 } as const;

const { read: READ, write: WRITE, execute: EXECUTE, user: USER, userAllowed: ALLOWED, implicit: IMPLICIT } = ACCESS;
const PRIVILEGE = USER | IMPLICIT;
const ALL = READ | WRITE | EXECUTE;

/** What a complete translation allows to an access (SDM Vol 3A, 4.6), and error codes. */
export class AccessRights {
  #writeProtects = false;
  #smep = false;
  #smap = false;
  #usesProtectionKeys = false;
  #reportsFetches = false;
  /** PKRU: access-disable of key i is bit 2i, write-disable bit 2i + 1. */
  pkru = 0;

  configure(registers: PagingRegisters): void {
    const { cr0, cr4, efer } = registers;
    this.#writeProtects = (cr0 & CR0.wp) !== 0;
    this.#smep = (cr4 & CR4.smep) !== 0;
    this.#smap = (cr4 & CR4.smap) !== 0;
    this.#usesProtectionKeys = (cr4 & CR4.pke) !== 0 && pagingModeOf(registers) === PAGING_MODE.level4;
    this.#reportsFetches = this.#smep || ((cr4 & CR4.pae) !== 0 && (efer & EFER.nxe) !== 0);
  }

  /**
   * ACCESS bits that a page grants to accesses with the privilege of `access`. `entries`: PTE.user and PTE.write of all
   * entries together; `executable`: ACCESS.execute, or 0 when an entry has XD; `key`: the page's protection key, 0..15.
   */
  granted(access: number, entries: number, executable: number, key: number): number {
    const isUserPage = (entries & PTE.user) !== 0;
    if ((access & PRIVILEGE) === USER) {
      if (!isUserPage) return 0;
      return (READ | (entries & WRITE) | executable) & ~this.deniedByKey(access, entries, key);
    }
    const writable = this.#writeProtects ? entries & WRITE : WRITE;
    if (!isUserPage) return READ | writable | executable;
    const data = !this.#smap || (access & (IMPLICIT | ALLOWED)) === ALLOWED ? READ | writable : 0;
    return (data | (this.#smep ? 0 : executable)) & ~this.deniedByKey(access, entries, key);
  }

  /** ACCESS bits that the page's protection key takes away: of data accesses to user pages only (SDM Vol 3A, 4.6.2). */
  deniedByKey(access: number, entries: number, key: number): number {
    if (!this.#usesProtectionKeys || (entries & PTE.user) === 0) return 0;
    const rights = this.pkru >>> (2 * key);
    if ((rights & 1) !== 0) return READ | WRITE;
    const holds = this.#writeProtects || (access & PRIVILEGE) === USER;
    return (rights & 2) !== 0 && holds ? WRITE : 0;
  }

  /** The error code of a page fault; `base` has what the walk found: PAGE_FAULT.present, reserved, protectionKey. */
  errorCode(access: number, base: number): number {
    return (
      base |
      ((access & WRITE) !== 0 ? PAGE_FAULT.write : 0) |
      ((access & PRIVILEGE) === USER ? PAGE_FAULT.user : 0) |
      ((access & EXECUTE) !== 0 && this.#reportsFetches ? PAGE_FAULT.fetch : 0)
    );
  }
}

/** The kinds of access, without privilege. */
export const kindsOf = (access: number): number => access & ALL;
