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

export const createMsrState = (): MsrState => ({
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
