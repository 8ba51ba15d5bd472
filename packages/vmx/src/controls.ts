/** Pin-based VM-execution controls (SDM Vol 3C, "Definitions of Pin-Based VM-Execution Controls"). */
export const PIN_BASED = {
  externalInterruptExiting: 1 << 0,
  nmiExiting: 1 << 3,
  virtualNmis: 1 << 5,
  vmxPreemptionTimer: 1 << 6,
  postedInterrupts: 1 << 7,
} as const;

/** Primary processor-based VM-execution controls. */
export const CPU_BASED = {
  interruptWindowExiting: 1 << 2,
  useTscOffsetting: 1 << 3,
  hltExiting: 1 << 7,
  invlpgExiting: 1 << 9,
  mwaitExiting: 1 << 10,
  rdpmcExiting: 1 << 11,
  rdtscExiting: 1 << 12,
  cr3LoadExiting: 1 << 15,
  cr3StoreExiting: 1 << 16,
  tertiaryControls: 1 << 17,
  cr8LoadExiting: 1 << 19,
  cr8StoreExiting: 1 << 20,
  useTprShadow: 1 << 21,
  nmiWindowExiting: 1 << 22,
  movDrExiting: 1 << 23,
  unconditionalIoExiting: 1 << 24,
  useIoBitmaps: 1 << 25,
  monitorTrapFlag: 1 << 27,
  useMsrBitmaps: 1 << 28,
  monitorExiting: 1 << 29,
  pauseExiting: 1 << 30,
  secondaryControls: 0x80000000,
} as const;

/** Secondary processor-based VM-execution controls. */
export const CPU_BASED2 = {
  virtualizeApicAccesses: 1 << 0,
  enableEpt: 1 << 1,
  descriptorTableExiting: 1 << 2,
  enableRdtscp: 1 << 3,
  virtualizeX2apic: 1 << 4,
  enableVpid: 1 << 5,
  wbinvdExiting: 1 << 6,
  unrestrictedGuest: 1 << 7,
  apicRegisterVirtualization: 1 << 8,
  virtualInterruptDelivery: 1 << 9,
  pauseLoopExiting: 1 << 10,
} as const;

/** VM-exit controls. */
export const VM_EXIT = {
  saveDebugControls: 1 << 2,
  hostAddressSpaceSize: 1 << 9,
  loadPerfGlobalCtrl: 1 << 12,
  acknowledgeInterruptOnExit: 1 << 15,
  savePat: 1 << 18,
  loadPat: 1 << 19,
  saveEfer: 1 << 20,
  loadEfer: 1 << 21,
  savePreemptionTimer: 1 << 22,
} as const;

/** VM-entry controls. */
export const VM_ENTRY = {
  loadDebugControls: 1 << 2,
  ia32eModeGuest: 1 << 9,
  entryToSmm: 1 << 10,
  deactivateDualMonitor: 1 << 11,
  loadPerfGlobalCtrl: 1 << 13,
  loadPat: 1 << 14,
  loadEfer: 1 << 15,
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
  errorCodeValid: 1 << 11,
  nmiUnblocking: 1 << 12,
  valid: 0x80000000,
} as const;
