import type { CpuState } from "./state.ts";

/** 64-bit values are hexadecimal strings, so that a snapshot is plain data for JSON and structured clones. */
export interface SegmentSnapshot {
  readonly selector: number;
  readonly base: string;
  readonly limit: number;
  readonly accessRights: number;
}

/** The registers of a processor between two instructions. */
export interface CpuSnapshot {
  /** RAX RCX RDX RBX RSP RBP RSI RDI R8..R15. */
  readonly general: readonly string[];
  readonly rip: string;
  readonly rflags: number;
  /** ES CS SS DS FS GS LDTR TR. */
  readonly segments: readonly SegmentSnapshot[];
  readonly gdtr: { readonly base: string; readonly limit: number };
  readonly idtr: { readonly base: string; readonly limit: number };
  readonly cr0: number;
  readonly cr2: string;
  readonly cr3: string;
  readonly cr4: number;
  readonly cr8: number;
  readonly pkru: number;
  readonly efer: number;
  readonly xcr0: string;
  /** x87, MMX, SSE and AVX state: an XSAVE64 area of the standard format, hexadecimal. */
  readonly extended: string;
  /** DR0 to DR3. */
  readonly breakpoints: readonly string[];
  readonly dr6: number;
  readonly dr7: number;
  readonly interruptShadow: number;
  readonly halted: boolean;
  readonly nmiBlocked: boolean;
}

const REGISTERS = Array.from({ length: 16 }, (_, register) => register);
const SEGMENTS = Array.from({ length: 8 }, (_, register) => register);

const hex = (value: bigint): string => value.toString(16);
const fromHex = (text: string): bigint => BigInt(`0x${text}`);

export function saveRegisters(state: CpuState): CpuSnapshot {
  return {
    general: REGISTERS.map((register) => hex(state.getRegister(register))),
    rip: hex(state.rip),
    rflags: state.rflagsNumber,
    segments: SEGMENTS.map((register) => {
      const segment = state.getSegment(register);
      return { ...segment, base: hex(segment.base) };
    }),
    gdtr: { base: hex(state.gdtrBase), limit: state.gdtrLimit },
    idtr: { base: hex(state.idtrBase), limit: state.idtrLimit },
    cr0: state.cr0,
    cr2: hex(state.cr2),
    cr3: hex(state.cr3),
    cr4: state.cr4,
    cr8: state.cr8,
    pkru: state.pkru,
    efer: state.efer,
    xcr0: hex(state.xcr0),
    extended: Array.from(state.fpu.save(), (byte) => byte.toString(16).padStart(2, "0")).join(""),
    breakpoints: [state.dr0, state.dr1, state.dr2, state.dr3].map(hex),
    dr6: state.dr6,
    dr7: state.dr7,
    interruptShadow: state.interruptShadow,
    halted: state.halted,
    nmiBlocked: state.nmiBlocked,
  };
}

export function restoreRegisters(state: CpuState, snapshot: CpuSnapshot): void {
  snapshot.general.forEach((value, register) => {
    state.setRegister(register, fromHex(value));
  });
  state.rip = fromHex(snapshot.rip);
  state.cr0 = snapshot.cr0;
  state.cr2 = fromHex(snapshot.cr2);
  state.cr3 = fromHex(snapshot.cr3);
  state.cr4 = snapshot.cr4;
  state.cr8 = snapshot.cr8;
  state.pkru = snapshot.pkru;
  state.efer = snapshot.efer;
  state.rflagsNumber = snapshot.rflags;
  snapshot.segments.forEach((segment, register) => {
    state.setSegment(register, { ...segment, base: fromHex(segment.base) });
  });
  state.gdtrBase = fromHex(snapshot.gdtr.base);
  state.gdtrLimit = snapshot.gdtr.limit;
  state.idtrBase = fromHex(snapshot.idtr.base);
  state.idtrLimit = snapshot.idtr.limit;
  state.xcr0 = fromHex(snapshot.xcr0);
  const image = snapshot.extended.match(/../g) ?? [];
  state.fpu.load(Uint8Array.from(image, (byte) => Number.parseInt(byte, 16)));
  const [dr0, dr1, dr2, dr3] = snapshot.breakpoints.map(fromHex);
  state.dr0 = dr0 ?? 0n;
  state.dr1 = dr1 ?? 0n;
  state.dr2 = dr2 ?? 0n;
  state.dr3 = dr3 ?? 0n;
  state.dr6 = snapshot.dr6;
  state.dr7 = snapshot.dr7;
  state.interruptShadow = snapshot.interruptShadow;
  state.halted = snapshot.halted;
  state.nmiBlocked = snapshot.nmiBlocked;
}
