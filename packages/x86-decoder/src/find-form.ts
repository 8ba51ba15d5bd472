import { TREE as TREE_TABLE } from "./generated/decode-tables.ts";
import { ENCODING, MAPS, NODE, NODE_BIT } from "./layout.ts";
import { MAP_3DNOW, type Opcode } from "./opcode.ts";
import { ROW_FLAGS } from "./row-fields.ts";

// Constants of this module V8 has the addresses of in its code; imported ones it loads at each use.
const TREE = TREE_TABLE;

/**
 * Finds the form of an opcode in the decode tree; 0: there is none. `operandSize` is 16 << n by prefixes alone.
 * `out.next` moves behind ModRM only if the answer is 0 and ModRM had a part in it; for 3DNow!, whose opcode stands
 * behind the operands, it does not move.
 */
export function findForm(
  bytes: Uint8Array,
  operandSize: number,
  addressSize: number,
  mode64: boolean,
  out: Opcode,
): number {
  const { flags, map, next } = out;
  const roots = (mode64 ? MAPS << 8 : 0) + (map << 8);
  if (map === MAP_3DNOW) {
    const suffix = operandsEnd(bytes, next, addressSize);
    out.flags = flags | (ENCODING["3DNow"] << ROW_FLAGS.encodingShift);
    // These forms take any prefix, so that the tree has no nodes here.
    const form = TREE[roots + bytes[suffix]!]!;
    if (form === 0) out.next = suffix + 1;
    return form;
  }
  let modrm = -1;
  let entry = TREE[roots + out.opcode]!;
  while (entry >= NODE_BIT) {
    const node = entry - NODE_BIT;
    let child = 0;
    switch (TREE[node]!) {
      case NODE.prefix:
        child = out.pp;
        break;
      case NODE.mod:
        modrm = bytes[next]!;
        child = modrm >= 0xc0 ? 1 : 0;
        break;
      case NODE.reg:
        modrm = bytes[next]!;
        child = (modrm >> 3) & 7;
        break;
      case NODE.modReg:
        modrm = bytes[next]!;
        child = ((modrm >> 3) & 7) + (modrm >= 0xc0 ? 8 : 0);
        break;
      case NODE.modrm:
        modrm = bytes[next]!;
        child = modrm >= 0xc0 ? (modrm & 63) + 8 : (modrm >> 3) & 7;
        break;
      case NODE.operandSize:
        child = operandSize;
        break;
      case NODE.length:
        modrm = bytes[next]!;
        child = (flags & ROW_FLAGS.evexB) !== 0 && modrm >= 0xc0 ? 2 : out.vectorLength;
        break;
      case NODE.w:
        child = (out.rex >> 3) & 1;
        break;
      default:
        child = out.rex & 1;
    }
    entry = TREE[node + 1 + child]!;
  }
  if (entry === 0 && modrm >= 0) out.next = next + 1;
  return entry;
}

/** Where ModRM, SIB and displacement end. */
function operandsEnd(bytes: Uint8Array, at: number, addressSize: number): number {
  const modrm = bytes[at]!;
  const [mod, rm] = [modrm >> 6, modrm & 7];
  if (mod === 3) return at + 1;
  if (addressSize === 0) return at + 1 + (mod === 1 ? 1 : mod === 2 || rm === 6 ? 2 : 0);
  const base = rm === 4 ? bytes[at + 1]! & 7 : rm;
  return at + (rm === 4 ? 2 : 1) + (mod === 1 ? 1 : mod === 2 || base === 5 ? 4 : 0);
}
