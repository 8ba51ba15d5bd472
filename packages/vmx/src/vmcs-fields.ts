import { VMCS, type VmcsFieldName } from "./vmcs-table.ts";

export type VmcsFieldKind = "control" | "readonly" | "guest" | "host";
export type VmcsFieldWidth = 16 | 32 | 64 | "natural";

/** One field of the VMCS. */
export interface VmcsField {
  readonly name: VmcsFieldName;
  /** Encoding with access type "full". */
  readonly encoding: number;
  /** Natural width is 64 bits on a processor with Intel 64 architecture. */
  readonly width: VmcsFieldWidth;
  readonly kind: VmcsFieldKind;
  /**
   * Access types that VMREAD and VMWRITE accept: "full", and for 64-bit fields also "high": the encoding with bit 0 set is bits
   * 63:32.
   */
  readonly access: readonly ("full" | "high")[];
  /** Byte offset in the VMCS region. */
  readonly offset: number;
  /** Bytes that the field takes in the region: 2, 4 or 8. */
  readonly bytes: number;
}

/** The head of a VMCS region (SDM Vol 3C, "Format of the VMCS Region") and what precedes the fields in ours. */
export const VMCS_REGION = {
  /** Bits 30:0 revision identifier, bit 31 shadow-VMCS indicator. */
  revision: 0,
  abortIndicator: 4,
  /** Launch state: 0 clear, 1 launched. Where hardware keeps it is not architectural. */
  launchState: 8,
  /** Which VMXON of the processor the launch was under. */
  session: 12,
  fields: 16,
  bytes: 4096,
} as const;

// SDM Vol 3C, "Structure of VMCS Component Encoding": 0 access type, 9:1 index, 11:10 type, 14:13 width.
const KINDS: readonly VmcsFieldKind[] = ["control", "readonly", "guest", "host"];
const WIDTHS: readonly VmcsFieldWidth[] = [16, 64, 32, "natural"];
const BYTES: readonly number[] = [2, 8, 4, 8];

const widthCode = (encoding: number): number => (encoding >> 13) & 3;
const bytesOf = (encoding: number): number => BYTES[widthCode(encoding)] as number;

const layOut = (): readonly VmcsField[] => {
  const names = Object.keys(VMCS) as VmcsFieldName[];
  const offsets = new Map<VmcsFieldName, number>();
  let next: number = VMCS_REGION.fields;
  for (const bytes of [8, 4, 2]) {
    for (const name of names.filter((name) => bytesOf(VMCS[name]) === bytes)) {
      offsets.set(name, next);
      next += bytes;
    }
  }
  return names.map((name) => {
    const encoding = VMCS[name];
    return {
      name,
      encoding,
      width: WIDTHS[widthCode(encoding)] as VmcsFieldWidth,
      kind: KINDS[(encoding >> 10) & 3] as VmcsFieldKind,
      access: widthCode(encoding) === 1 ? ["full", "high"] : ["full"],
      offset: offsets.get(name) as number,
      bytes: bytesOf(encoding),
    };
  });
};

/** All fields, in the order of the table. */
export const VMCS_FIELDS: readonly VmcsField[] = layOut();

/** Byte offset in the VMCS region of each field. */
export const VMCS_OFFSET: Readonly<Record<VmcsFieldName, number>> = Object.fromEntries(
  VMCS_FIELDS.map((field) => [field.name, field.offset]),
) as Record<VmcsFieldName, number>;

/** Highest index of any encoding: what IA32_VMX_VMCS_ENUM reports in bits 9:1. */
export const VMCS_HIGHEST_INDEX: number = Math.max(...VMCS_FIELDS.map((field) => (field.encoding >> 1) & 0x1ff));
