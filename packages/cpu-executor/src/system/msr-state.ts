/** Model-specific registers that the processor's own operations read: plain values, as WRMSR left them. */
export interface MsrState {
  star: bigint;
  lstar: bigint;
  cstar: bigint;
  fmask: bigint;
  kernelGsBase: bigint;
  tscAux: bigint;
  sysenterCs: bigint;
  sysenterEsp: bigint;
  sysenterEip: bigint;
}

/** All MSRs of one virtual processor that are no other register: what changes hands when another one takes its turn. */
export interface MsrValues {
  readonly state: MsrState;
  /** MSRs that nothing but RDMSR and WRMSR looks at, by index; those that are absent have their reset value. */
  readonly others: Map<number, bigint>;
  /** IA32_APIC_BASE; the processor only keeps it. */
  apicBase: bigint;
  /** What WRMSR has added to the time-stamp counter. */
  tscAdjust: bigint;
}

export const createMsrValues = (): MsrValues => ({
  state: createMsrState(),
  others: new Map(),
  apicBase: 0xfee00900n,
  tscAdjust: 0n,
});

const createMsrState = (): MsrState => ({
  star: 0n,
  lstar: 0n,
  cstar: 0n,
  fmask: 0n,
  kernelGsBase: 0n,
  tscAux: 0n,
  sysenterCs: 0n,
  sysenterEsp: 0n,
  sysenterEip: 0n,
});
