/** Pin-based VM-execution controls (SDM Vol 3C, "Definitions of Pin-Based VM-Execution Controls"). */
export const PIN_BASED = {
  externalInterruptExiting: 0x1,
  nmiExiting: 0x8,
  virtualNmis: 0x20,
  vmxPreemptionTimer: 0x40,
  postedInterrupts: 0x80,
} as const;

/** Primary processor-based VM-execution controls. */
export const CPU_BASED = {
  interruptWindowExiting: 0x4,
  useTscOffsetting: 0x8,
  hltExiting: 0x80,
  invlpgExiting: 0x200,
  mwaitExiting: 0x400,
  rdpmcExiting: 0x800,
  rdtscExiting: 0x1000,
  cr3LoadExiting: 0x8000,
  cr3StoreExiting: 0x10000,
  tertiaryControls: 0x20000,
  cr8LoadExiting: 0x80000,
  cr8StoreExiting: 0x100000,
  useTprShadow: 0x200000,
  nmiWindowExiting: 0x400000,
  movDrExiting: 0x800000,
  unconditionalIoExiting: 0x1000000,
  useIoBitmaps: 0x2000000,
  monitorTrapFlag: 0x8000000,
  useMsrBitmaps: 0x10000000,
  monitorExiting: 0x20000000,
  pauseExiting: 0x40000000,
  secondaryControls: 0x80000000,
} as const;

/** Secondary processor-based VM-execution controls. */
export const CPU_BASED2 = {
  virtualizeApicAccesses: 0x1,
  enableEpt: 0x2,
  descriptorTableExiting: 0x4,
  enableRdtscp: 0x8,
  virtualizeX2apic: 0x10,
  enableVpid: 0x20,
  wbinvdExiting: 0x40,
  unrestrictedGuest: 0x80,
  apicRegisterVirtualization: 0x100,
  virtualInterruptDelivery: 0x200,
  pauseLoopExiting: 0x400,
} as const;

/** VM-exit controls. */
export const VM_EXIT = {
  saveDebugControls: 0x4,
  hostAddressSpaceSize: 0x200,
  loadPerfGlobalCtrl: 0x1000,
  acknowledgeInterruptOnExit: 0x8000,
  savePat: 0x40000,
  loadPat: 0x80000,
  saveEfer: 0x100000,
  loadEfer: 0x200000,
  savePreemptionTimer: 0x400000,
} as const;

/** VM-entry controls. */
export const VM_ENTRY = {
  loadDebugControls: 0x4,
  ia32eModeGuest: 0x200,
  entryToSmm: 0x400,
  deactivateDualMonitor: 0x800,
  loadPerfGlobalCtrl: 0x2000,
  loadPat: 0x4000,
  loadEfer: 0x8000,
} as const;

/** Bits of the guest interruptibility-state field (SDM Vol 3C, "Guest Non-Register State"). */
export const INTERRUPTIBILITY = { sti: 1, movSs: 2, smi: 4, nmi: 8, enclave: 16 } as const;

/** Guest activity states. */
export const ACTIVITY_STATE = { active: 0, hlt: 1, shutdown: 2, waitForSipi: 3 } as const;

/** Types in the VM-entry and VM-exit interruption-information and IDT-vectoring information fields, bits 10:8. */
export const INTERRUPTION_TYPE = {
  externalInterrupt: 0,
  nmi: 2,
  hardwareException: 3,
  softwareInterrupt: 4,
  privilegedSoftwareException: 5,
  softwareException: 6,
  other: 7,
} as const;

/** Other bits of the interruption-information fields. */
export const INTERRUPTION_INFO = {
  vector: 0xff,
  errorCodeValid: 0x800,
  nmiUnblocking: 0x1000,
  valid: 0x80000000,
} as const;
