import type { VmcsFieldName } from "../src/index.ts";

type Fields = Partial<Record<VmcsFieldName, bigint>>;

/** Field values that make a valid VMCS invalid, and what VM entry does then. */
export interface EntryVector {
  readonly fields: Fields;
  /** "entered", "error N" (VMfailValid) or "exit N qualification Q" (entry failure). */
  readonly expect: string;
  /** The guest to start from; default real mode under unrestricted guest. */
  readonly base?: "protected" | "restricted";
  readonly profile?: "likex" | "default";
}

/** A flat 32-bit guest without paging. */
export const PROTECTED_MODE: Fields = {
  GUEST_CR0: 0x31n,
  GUEST_CS_SELECTOR: 8n,
  GUEST_CS_AR_BYTES: 0xc09bn,
  GUEST_CS_LIMIT: 0xffffffffn,
  GUEST_SS_SELECTOR: 0x10n,
  GUEST_SS_AR_BYTES: 0xc093n,
  GUEST_SS_LIMIT: 0xffffffffn,
};

/** EPT without unrestricted guest: CR0.PE and CR0.PG must be set. */
export const RESTRICTED: Fields = { SECONDARY_VM_EXEC_CONTROL: 2n, GUEST_CR0: 0x80000031n };

const CONTROLS = "error 7";
const HOST = "error 8";
const GUEST = "exit 33 qualification 0";
const ENTERED = "entered";

const all = (expect: string, rows: readonly Fields[], more: Partial<EntryVector> = {}): readonly EntryVector[] =>
  rows.map((fields) => ({ fields, expect, ...more }));

const EXECUTION = all(CONTROLS, [
  { PIN_BASED_VM_EXEC_CONTROL: 0n },
  { PIN_BASED_VM_EXEC_CONTROL: 0x97n },
  { PIN_BASED_VM_EXEC_CONTROL: 0x37n },
  { CPU_BASED_VM_EXEC_CONTROL: 0n },
  { CPU_BASED_VM_EXEC_CONTROL: 0xa583e5f2n },
  { CPU_BASED_VM_EXEC_CONTROL: 0xa5c1e5f2n },
  { SECONDARY_VM_EXEC_CONTROL: 0x83n },
  { SECONDARY_VM_EXEC_CONTROL: 0x80n },
  { CR3_TARGET_COUNT: 5n },
  { CPU_BASED_VM_EXEC_CONTROL: 0xa781e5f2n, IO_BITMAP_A: 0x4001n },
  { CPU_BASED_VM_EXEC_CONTROL: 0xa781e5f2n, IO_BITMAP_B: 1n << 46n },
  { CPU_BASED_VM_EXEC_CONTROL: 0xb581e5f2n, MSR_BITMAP: 0x6800n },
  { EPT_POINTER: 0x8018n | 1n },
  { EPT_POINTER: 0x8006n | (2n << 3n) },
  { EPT_POINTER: 0x809en },
  { EPT_POINTER: (1n << 46n) | 0x1en },
]);

const EXIT_AND_ENTRY = all(CONTROLS, [
  { VM_EXIT_CONTROLS: 0x3c8200n },
  { VM_EXIT_CONTROLS: 0x43fefffn },
  { VM_EXIT_MSR_STORE_COUNT: 1n, VM_EXIT_MSR_STORE_ADDR: 8n },
  { VM_EXIT_MSR_LOAD_COUNT: 2n, VM_EXIT_MSR_LOAD_ADDR: (1n << 46n) - 16n },
  { VM_ENTRY_CONTROLS: 0n },
  { VM_ENTRY_CONTROLS: 0xd5ffn },
  { VM_ENTRY_MSR_LOAD_COUNT: 1n, VM_ENTRY_MSR_LOAD_ADDR: 1n },
]);

const INJECTION = [
  ...all(CONTROLS, [
    { VM_ENTRY_INTR_INFO: 0x80000120n },
    { VM_ENTRY_INTR_INFO: 0x80000203n },
    { VM_ENTRY_INTR_INFO: 0x80000320n },
    { VM_ENTRY_INTR_INFO: 0x80000701n },
    { VM_ENTRY_INTR_INFO: 0x80000b0dn },
    { VM_ENTRY_INTR_INFO: 0x80001306n },
    { VM_ENTRY_INTR_INFO: 0x80000480n, VM_ENTRY_INSTRUCTION_LEN: 16n },
  ]),
  ...all(CONTROLS, [{ VM_ENTRY_INTR_INFO: 0x8000030dn }, { VM_ENTRY_INTR_INFO: 0x80000b06n }], { base: "protected" }),
  ...all(CONTROLS, [{ VM_ENTRY_INTR_INFO: 0x80000b0dn, VM_ENTRY_EXCEPTION_ERROR_CODE: 0x10000n }], {
    base: "protected",
  }),
  ...all(ENTERED, [{ VM_ENTRY_INTR_INFO: 0x80000b0dn, VM_ENTRY_EXCEPTION_ERROR_CODE: 0x10n }], { base: "protected" }),
  ...all(GUEST, [
    { VM_ENTRY_INTR_INFO: 0x80000020n },
    { VM_ENTRY_INTR_INFO: 0x80000020n, GUEST_RFLAGS: 0x202n, GUEST_INTERRUPTIBILITY_INFO: 1n },
    { VM_ENTRY_INTR_INFO: 0x80000202n, GUEST_INTERRUPTIBILITY_INFO: 2n },
    { VM_ENTRY_INTR_INFO: 0x80000306n, GUEST_ACTIVITY_STATE: 1n },
    { VM_ENTRY_INTR_INFO: 0x80000020n, GUEST_RFLAGS: 0x202n, GUEST_ACTIVITY_STATE: 2n },
  ]),
];

const HOST_STATE = all(HOST, [
  { HOST_CR0: 0x50033n },
  { HOST_CR0: 0x180050033n },
  { HOST_CR4: 0x6e0n },
  { HOST_CR4: 0x26c0n },
  { HOST_CR4: 0x8026e0n },
  { HOST_CR3: 1n << 46n },
  { HOST_IA32_SYSENTER_ESP: 1n << 47n },
  { HOST_IA32_SYSENTER_EIP: 1n << 63n },
  { HOST_IA32_PAT: 2n },
  { HOST_IA32_EFER: 0x2d01n },
  { HOST_IA32_EFER: 0x901n },
  { HOST_IA32_EFER: 0n },
  { HOST_CS_SELECTOR: 0n },
  { HOST_CS_SELECTOR: 0x11n },
  { HOST_SS_SELECTOR: 0x1cn },
  { HOST_DS_SELECTOR: 3n },
  { HOST_ES_SELECTOR: 4n },
  { HOST_FS_SELECTOR: 1n },
  { HOST_GS_SELECTOR: 2n },
  { HOST_TR_SELECTOR: 0n },
  { HOST_FS_BASE: 1n << 47n },
  { HOST_GS_BASE: 1n << 62n },
  { HOST_GDTR_BASE: 1n << 47n },
  { HOST_IDTR_BASE: 1n << 47n },
  { HOST_TR_BASE: 1n << 47n },
  { HOST_RIP: 1n << 47n },
  { VM_EXIT_CONTROLS: 0x3fedffn },
]);

const GUEST_REGISTERS = all(GUEST, [
  { GUEST_CR0: 0x10n },
  { GUEST_CR0: 0x100000030n },
  { GUEST_CR0: 0x80000030n },
  { GUEST_CR4: 0x40n },
  { GUEST_CR4: 0x802040n },
  { GUEST_CR4: 0x22040n },
  { GUEST_CR3: 1n << 46n },
  { GUEST_DR7: 1n << 32n },
  { GUEST_IA32_DEBUGCTL: 4n },
  { GUEST_SYSENTER_ESP: 1n << 47n },
  { GUEST_SYSENTER_EIP: 1n << 47n },
  { GUEST_IA32_PAT: 2n },
  { GUEST_IA32_EFER: 2n },
  { GUEST_IA32_EFER: 0x400n },
  { VM_ENTRY_CONTROLS: 0xd3ffn },
  { GUEST_GDTR_BASE: 1n << 47n },
  { GUEST_IDTR_BASE: 1n << 47n },
  { GUEST_GDTR_LIMIT: 0x10000n },
  { GUEST_IDTR_LIMIT: 0x10000n },
  { GUEST_RIP: 1n << 32n },
  { GUEST_RFLAGS: 0n },
  { GUEST_RFLAGS: 0xan },
  { GUEST_RFLAGS: 0x100000002n },
  { GUEST_RFLAGS: 0x20002n },
]);

const GUEST_SEGMENTS = [
  ...all(GUEST, [
    { GUEST_TR_SELECTOR: 4n },
    { GUEST_LDTR_SELECTOR: 4n },
    { GUEST_TR_BASE: 1n << 47n },
    { GUEST_FS_BASE: 1n << 47n },
    { GUEST_GS_BASE: 1n << 47n },
    { GUEST_LDTR_BASE: 1n << 47n },
    { GUEST_CS_BASE: 1n << 32n },
    { GUEST_SS_BASE: 1n << 32n },
    { GUEST_DS_BASE: 1n << 32n },
    { GUEST_ES_BASE: 1n << 32n },
    { GUEST_CS_AR_BYTES: 0x90n },
    { GUEST_CS_AR_BYTES: 0x8bn },
    { GUEST_CS_AR_BYTES: 0x1bn },
    { GUEST_CS_AR_BYTES: 0x19bn },
    { GUEST_CS_AR_BYTES: 0x809bn, GUEST_CS_LIMIT: 0xfffen },
    { GUEST_CS_LIMIT: 0x100000n },
    { GUEST_CS_AR_BYTES: 0xbbn },
    { GUEST_SS_AR_BYTES: 0x9bn },
    { GUEST_SS_AR_BYTES: 0xf3n },
    { GUEST_DS_AR_BYTES: 0x92n },
    { GUEST_ES_AR_BYTES: 0x99n },
    { GUEST_FS_AR_BYTES: 0x83n },
    { GUEST_GS_AR_BYTES: 0x13n },
    { GUEST_TR_AR_BYTES: 0x89n },
    { GUEST_TR_AR_BYTES: 0x1008bn },
    { GUEST_TR_AR_BYTES: 0x9bn },
    { GUEST_TR_AR_BYTES: 0xbn },
    { GUEST_TR_AR_BYTES: 0x18bn },
    { GUEST_TR_LIMIT: 0x100000n },
    { GUEST_LDTR_AR_BYTES: 0x83n },
    { GUEST_LDTR_AR_BYTES: 0x92n },
    { GUEST_LDTR_AR_BYTES: 2n },
  ]),
  ...all(ENTERED, [
    { GUEST_CS_AR_BYTES: 0x93n },
    { GUEST_LDTR_AR_BYTES: 0x10000n, GUEST_LDTR_SELECTOR: 4n, GUEST_LDTR_BASE: 1n << 47n },
    { GUEST_DS_AR_BYTES: 0x10000n, GUEST_DS_BASE: 1n << 32n },
    { GUEST_TR_AR_BYTES: 0x83n },
  ]),
  ...all(
    GUEST,
    [
      { GUEST_SS_SELECTOR: 0x13n },
      { GUEST_CS_SELECTOR: 9n },
      { GUEST_CS_AR_BYTES: 0xc093n },
      { GUEST_DS_SELECTOR: 3n },
      { GUEST_CR0: 0x31n },
    ],
    { base: "restricted" },
  ),
  // Virtual-8086 mode: bases follow the selectors, limits are ffff and access rights f3.
  ...all(GUEST, [{ GUEST_RFLAGS: 0x20002n }], { base: "protected" }),
];

const NON_REGISTER = [
  ...all(GUEST, [
    { GUEST_ACTIVITY_STATE: 4n },
    { GUEST_ACTIVITY_STATE: 1n, GUEST_INTERRUPTIBILITY_INFO: 1n, GUEST_RFLAGS: 0x202n },
    { GUEST_INTERRUPTIBILITY_INFO: 0x20n },
    { GUEST_INTERRUPTIBILITY_INFO: 3n, GUEST_RFLAGS: 0x202n },
    { GUEST_INTERRUPTIBILITY_INFO: 1n },
    { GUEST_INTERRUPTIBILITY_INFO: 4n },
    { GUEST_PENDING_DBG_EXCEPTIONS: 0x10n },
    { GUEST_PENDING_DBG_EXCEPTIONS: 1n << 32n },
    { GUEST_PENDING_DBG_EXCEPTIONS: 0x4000n, GUEST_INTERRUPTIBILITY_INFO: 2n },
  ]),
  ...all("exit 33 qualification 4", [
    { VMCS_LINK_POINTER: 0n },
    { VMCS_LINK_POINTER: 1n },
    { VMCS_LINK_POINTER: 0x2000n },
    { VMCS_LINK_POINTER: 1n << 46n },
  ]),
  // PAE paging with EPT takes the page-directory-pointer-table entries from the VMCS.
  ...all("exit 33 qualification 2", [{ GUEST_CR0: 0x80000031n, GUEST_CR4: 0x2060n, GUEST_PDPTR2: 3n }], {
    base: "protected",
  }),
  ...all(ENTERED, [
    { GUEST_ACTIVITY_STATE: 1n },
    { GUEST_INTERRUPTIBILITY_INFO: 2n },
    { GUEST_INTERRUPTIBILITY_INFO: 8n },
    { VM_ENTRY_INTR_INFO: 0x80000202n },
  ]),
];

export const ENTRY_VECTORS: readonly EntryVector[] = [
  ...EXECUTION,
  ...EXIT_AND_ENTRY,
  ...INJECTION,
  ...HOST_STATE,
  ...GUEST_REGISTERS,
  ...GUEST_SEGMENTS,
  ...NON_REGISTER,
];
