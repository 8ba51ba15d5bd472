import {
  type FunctionBuilder,
  type I32,
  i32,
  type Label,
  type Local,
  load,
  ModuleBuilder,
  select,
} from "@likex/wasm-emitter";
import { PREFIX, SEGMENT } from "../../src/constants.ts";
import { NO_BASE, NO_INDEX, TAIL } from "../../src/decode-tables.ts";
import { ENCODING, FORM_BITS, IMMEDIATE, MAP_INDEX, MAPS, NODE, NODE_BIT } from "../../src/layout.ts";
import { ROW_FLAGS, ROW_REGISTERS } from "../../src/row-fields.ts";
import * as layout from "../../src/short-path-layout.ts";

type Variable = Local<"i32">;

const c = i32.const;
const DS_TO_SS = (SEGMENT.ds ^ SEGMENT.ss) << ROW_FLAGS.segmentShift;
const SEGMENT_PREFIX = 7 << ROW_FLAGS.segmentPrefixShift;
const NO_MODRM = 3 | NO_BASE | NO_INDEX;
const VVVV = 15 << ROW_REGISTERS.vvvvShift;
const MAP_VEX_0F = MAP_INDEX["VEX 0F"]!;
/** Before VEX these make an instruction invalid (SDM Vol 2, 2.3.2 to 2.3.4). */
const NOT_BEFORE_VEX = PREFIX.lock | PREFIX.rep | PREFIX.repne | PREFIX.operandSize;

/** In one mode: what differs between 32 and 64 bits. */
class ShortPath {
  readonly #f: FunctionBuilder;
  readonly #bits: 32 | 64;
  readonly #at: Variable;
  readonly #limit: Variable;
  readonly #row: Variable;
  readonly #capacity: Variable;
  readonly #origin: Variable;
  readonly #opcode: Variable;
  readonly #prefixes: Variable;
  /** 2 for 66, 4 for F3, 6 for F2. */
  readonly #pp: Variable;
  readonly #rex: Variable;
  /** What VEX adds to the row's flags, and VEX.vvvv where the row's registers have it; 0 without VEX. */
  readonly #vex: Variable;
  readonly #next: Variable;
  readonly #entry: Variable;
  readonly #node: Variable;
  readonly #info: Variable;
  /** Whether the operand size is 16 bits. */
  readonly #is16: Variable;
  readonly #flags: Variable;
  readonly #registers: Variable;
  readonly #displacement: Variable;
  readonly #modrm: Variable;
  readonly #tail: Variable;
  readonly #size: Variable;
  readonly #scratch: Variable;
  readonly #base: Variable;
  readonly #kind: Variable;
  readonly #immediate: Variable;
  readonly #sign: Variable;

  constructor(f: FunctionBuilder, bits: 32 | 64) {
    this.#f = f;
    this.#bits = bits;
    const parameter = (n: number): Variable => f.param(n, "i32");
    const local = (): Variable => f.local("i32");
    this.#at = parameter(0);
    this.#limit = parameter(1);
    this.#row = parameter(2);
    this.#capacity = parameter(3);
    this.#origin = parameter(4);
    this.#opcode = local();
    this.#prefixes = local();
    this.#pp = local();
    this.#rex = local();
    this.#vex = local();
    this.#next = local();
    this.#entry = local();
    this.#node = local();
    this.#info = local();
    this.#is16 = local();
    this.#flags = local();
    this.#registers = local();
    this.#displacement = local();
    this.#modrm = local();
    this.#tail = local();
    this.#size = local();
    this.#scratch = local();
    this.#base = local();
    this.#kind = local();
    this.#immediate = local();
    this.#sign = local();
  }

  #get(variable: Variable): I32 {
    return this.#f.get(variable);
  }

  #advance(bytes: I32): void {
    this.#f.set(this.#next, i32.add(this.#get(this.#next), bytes));
  }

  #rexBit(bit: number): I32 {
    return this.#bits === 64 ? i32.and(this.#get(this.#rex), c(bit)) : c(0);
  }

  write(): void {
    const f = this.#f;
    f.block((stop) => {
      f.loop((again) => {
        f.brIf(stop, i32.geS(this.#get(this.#at), this.#get(this.#limit)));
        f.brIf(stop, i32.geS(this.#get(this.#row), this.#get(this.#capacity)));
        this.#readOpcode(stop);
        this.#findForm(stop);
        this.#readOperands(stop);
        this.#readImmediate(stop);
        if (this.#bits === 64) f.if(this.#get(this.#vex), () => this.#addVex(stop));
        this.#writeRow();
        f.br(again);
      });
    });
    f.store("i32", c(layout.STOPPED_AT), this.#get(this.#at));
    f.return(this.#get(this.#row));
    f.unreachable();
  }

  /**
   * A segment override and one of 66, F2 and F3, REX, an opcode of one or two bytes, and the root of its decode tree; or
   * VEX and an opcode. A prefix has no root: only then is it looked at, so that the many instructions without one pay
   * nothing for it.
   */
  #readOpcode(stop: Label): void {
    const f = this.#f;
    const roots = this.#bits === 64 ? MAPS * 256 : 0;
    const nextOpcode = (): void => {
      f.set(this.#opcode, load.u8(this.#get(this.#next)));
      this.#advance(c(1));
    };
    f.set(this.#next, this.#get(this.#at));
    f.set(this.#prefixes, c(0));
    f.set(this.#pp, c(0));
    f.set(this.#vex, c(0));
    f.loop((behindPrefix) => {
      f.set(this.#rex, c(0));
      nextOpcode();
      if (this.#bits === 64) {
        f.if(i32.eq(i32.and(this.#get(this.#opcode), c(0xf0)), c(0x40)), () => {
          f.set(this.#rex, this.#get(this.#opcode));
          nextOpcode();
        });
      }
      f.if(i32.eq(this.#get(this.#opcode), c(0x0f)), () => {
        f.set(this.#opcode, i32.add(load.u8(this.#get(this.#next)), c(0x100)));
        this.#advance(c(1));
      });
      f.set(this.#entry, load.u16(i32.shl(this.#get(this.#opcode), c(1)), layout.TREE_AT + roots * 2));
      f.if(i32.eqz(this.#get(this.#entry)), () => {
        f.brIf(stop, this.#get(this.#rex));
        if (this.#bits === 32) this.#readPrefix(stop, behindPrefix);
        else {
          const isVex = i32.eq(i32.and(this.#get(this.#opcode), c(0x1fe)), c(0xc4));
          f.if(
            isVex,
            () => this.#readVex(stop),
            () => this.#readPrefix(stop, behindPrefix),
          );
        }
      });
    });
  }

  /** What follows C4 or C5 in 64-bit mode, the opcode, and the root of its decode tree (SDM Vol 2, 2.3.5). */
  #readVex(stop: Label): void {
    const f = this.#f;
    const [map, last] = [this.#kind, this.#scratch];
    const inverted = (byte: I32): I32 => i32.shrU(i32.xor(byte, c(0xff)), c(5));
    f.brIf(stop, i32.and(this.#get(this.#prefixes), c(NOT_BEFORE_VEX)));
    f.set(last, load.u8(this.#get(this.#next)));
    f.if(
      i32.eq(this.#get(this.#opcode), c(0xc5)),
      () => {
        f.set(map, c(1));
        f.set(this.#rex, i32.and(inverted(this.#get(last)), c(4)));
        this.#advance(c(1));
      },
      () => {
        f.set(map, i32.and(this.#get(last), c(31)));
        f.brIf(stop, i32.gtU(i32.sub(this.#get(map), c(1)), c(2)));
        f.set(this.#rex, inverted(this.#get(last)));
        f.set(last, load.u8(this.#get(this.#next), 1));
        f.set(this.#rex, i32.or(this.#get(this.#rex), i32.and(i32.shrU(this.#get(last), c(4)), c(8))));
        this.#advance(c(2));
      },
    );
    f.set(this.#pp, i32.shl(i32.and(this.#get(last), c(3)), c(1)));
    const length = i32.and(i32.shrU(this.#get(last), c(2)), c(1));
    const vvvv = i32.and(i32.shrU(i32.xor(this.#get(last), c(0x78)), c(3)), c(15));
    f.set(
      this.#vex,
      i32.or(
        c(ENCODING.VEX << ROW_FLAGS.encodingShift),
        i32.or(i32.shl(length, c(ROW_FLAGS.vectorLengthShift)), i32.shl(vvvv, c(ROW_REGISTERS.vvvvShift))),
      ),
    );
    f.set(this.#opcode, load.u8(this.#get(this.#next)));
    this.#advance(c(1));
    const root = i32.or(i32.shl(this.#get(map), c(8)), this.#get(this.#opcode));
    f.set(this.#entry, load.u16(i32.shl(root, c(1)), layout.TREE_AT + (MAPS + MAP_VEX_0F - 1) * 512));
    f.brIf(stop, i32.eqz(this.#get(this.#entry)));
  }

  /** Takes the opcode for a prefix: a segment override, LOCK, one of 66, F2 and F3, and 66 more than once. */
  #readPrefix(stop: Label, behindPrefix: Label): void {
    const f = this.#f;
    // So many that no instruction with them is longer than 15 bytes.
    f.brIf(stop, i32.gtS(i32.sub(this.#get(this.#next), this.#get(this.#at)), c(3)));
    const note = (flag: I32): void => {
      f.set(this.#prefixes, i32.or(this.#get(this.#prefixes), flag));
      f.br(behindPrefix);
    };
    const prefix = (byte: number, pp: number, flag: number): void => {
      const isFirst = i32.or(i32.eqz(this.#get(this.#pp)), i32.eq(this.#get(this.#pp), c(pp * 2)));
      f.if(i32.and(i32.eq(this.#get(this.#opcode), c(byte)), isFirst), () => {
        f.set(this.#pp, c(pp * 2));
        note(c(flag));
      });
    };
    prefix(0x66, 1, PREFIX.operandSize);
    prefix(0xf3, 2, PREFIX.rep);
    prefix(0xf2, 3, PREFIX.repne);
    f.if(i32.eq(this.#get(this.#opcode), c(0xf0)), () => note(c(PREFIX.lock)));
    f.brIf(stop, i32.and(this.#get(this.#prefixes), c(SEGMENT_PREFIX)));
    const override = (field: I32): void => note(i32.shl(field, c(ROW_FLAGS.segmentPrefixShift)));
    // FS and GS are 64 and 65; ES, CS, SS and DS are 26, 2E, 36 and 3E, and have no effect in 64-bit mode.
    f.if(i32.eq(i32.and(this.#get(this.#opcode), c(0x1fe)), c(0x64)), () =>
      override(i32.add(i32.and(this.#get(this.#opcode), c(1)), c(SEGMENT.fs + 1))),
    );
    f.brIf(stop, i32.ne(i32.and(this.#get(this.#opcode), c(0x1e7)), c(0x26)));
    override(i32.add(i32.and(i32.shrU(this.#get(this.#opcode), c(3)), c(3)), c(SEGMENT.es + 1)));
  }

  /** Down the decode tree; what it does not know there, and forms that are not short, end the loop. */
  #findForm(stop: Label): void {
    const f = this.#f;
    const child = (offset: I32): void => {
      f.set(this.#entry, load.u16(i32.add(this.#get(this.#node), offset), layout.TREE_AT + 2));
    };
    f.block((found) => {
      f.loop((deeper) => {
        f.brIf(found, i32.ltU(this.#get(this.#entry), c(NODE_BIT)));
        f.set(this.#node, i32.shl(i32.sub(this.#get(this.#entry), c(NODE_BIT)), c(1)));
        f.set(this.#modrm, load.u8(this.#get(this.#next)));
        f.set(this.#kind, load.u16(this.#get(this.#node), layout.TREE_AT));
        const reg2 = i32.and(i32.shrU(this.#get(this.#modrm), c(2)), c(14));
        const isRegister = i32.geU(this.#get(this.#modrm), c(0xc0));
        const on = (kind: number, offset: I32): void =>
          f.if(i32.eq(this.#get(this.#kind), c(kind)), () => {
            child(offset);
            f.br(deeper);
          });
        on(NODE.reg, reg2);
        f.if(i32.eq(this.#get(this.#kind), c(NODE.prefix)), () => {
          child(this.#get(this.#pp));
          f.br(deeper);
        });
        on(NODE.mod, i32.shl(isRegister, c(1)));
        on(NODE.modReg, i32.add(reg2, i32.shl(isRegister, c(4))));
        const byte = i32.add(i32.and(this.#get(this.#modrm), c(63)), c(8));
        on(NODE.modrm, select(isRegister, i32.shl(byte, c(1)), reg2));
        on(NODE.rexB, i32.shl(this.#rexBit(1), c(1)));
        if (this.#bits === 64) {
          on(NODE.length, i32.and(i32.shrU(this.#get(this.#vex), c(ROW_FLAGS.vectorLengthShift - 1)), c(2)));
          on(NODE.w, i32.shrU(this.#rexBit(8), c(2)));
        }
        f.brIf(stop, i32.ne(this.#get(this.#kind), c(NODE.operandSize)));
        const is16 = i32.and(this.#get(this.#prefixes), c(PREFIX.operandSize));
        child(select(this.#rexBit(8), c(4), select(is16, c(0), c(2))));
        f.br(deeper);
      });
    });
    f.set(this.#info, load.i32(i32.shl(this.#get(this.#entry), c(2)), layout.BITS_AT));
    f.brIf(stop, i32.and(this.#get(this.#info), c(FORM_BITS.notShort)));
    // 66 is an operand size unless the form has it in its opcode or is of 64 bits all the same.
    f.set(this.#is16, c(0));
    f.if(i32.and(this.#get(this.#prefixes), c(PREFIX.operandSize)), () => {
      const otherSize = this.#bits === 64 ? FORM_BITS.consumes66 | FORM_BITS.force64 : FORM_BITS.consumes66;
      const keepsSize = i32.or(i32.and(this.#get(this.#info), c(otherSize)), this.#rexBit(8));
      f.set(this.#is16, i32.eqz(keepsSize));
    });
  }

  /** ModRM, SIB, displacement; or the register in the opcode. */
  #readOperands(stop: Label): void {
    const f = this.#f;
    const mode = this.#bits >> 5;
    const size =
      (mode << ROW_FLAGS.modeShift) | (mode << ROW_FLAGS.addressSizeShift) | (SEGMENT.ds << ROW_FLAGS.segmentShift);
    f.set(this.#flags, i32.or(c(size), this.#get(this.#prefixes)));
    if (this.#bits === 64) {
      // 4x gives PREFIX.rex, and bit 3 PREFIX.rexW.
      const rexFlags = i32.or(
        i32.and(i32.shrU(this.#get(this.#rex), c(1)), c(PREFIX.rex)),
        i32.shl(this.#rexBit(8), c(3)),
      );
      f.set(this.#flags, i32.or(this.#get(this.#flags), rexFlags));
    }
    f.if(i32.and(this.#get(this.#prefixes), c(PREFIX.lock)), () => {
      f.brIf(stop, i32.eqz(i32.and(this.#get(this.#info), c(FORM_BITS.lock))));
      f.brIf(stop, i32.geU(load.u8(this.#get(this.#next)), c(0xc0)));
    });
    f.set(this.#registers, c(NO_MODRM));
    f.set(this.#displacement, c(0));
    f.if(
      i32.and(this.#get(this.#info), c(FORM_BITS.modrm)),
      () => this.#readModrm(),
      () => {
        const register = i32.or(i32.and(this.#get(this.#opcode), c(7)), i32.shl(this.#rexBit(1), c(3)));
        const has = i32.and(this.#get(this.#info), c(FORM_BITS.registerInOpcode));
        f.set(
          this.#registers,
          i32.or(this.#get(this.#registers), select(has, i32.shl(register, c(ROW_REGISTERS.rmShift)), c(0))),
        );
      },
    );
  }

  #readModrm(): void {
    const f = this.#f;
    f.set(this.#modrm, load.u8(this.#get(this.#next)));
    this.#advance(c(1));
    f.set(this.#tail, load.u8(this.#get(this.#modrm), layout.MODRM_TAIL_AT));
    f.set(this.#size, i32.and(this.#get(this.#tail), c(TAIL.sizeMask)));
    f.set(this.#scratch, i32.shl(this.#get(this.#modrm), c(2)));
    const rowAt = this.#bits === 64 ? layout.MODRM_ROW_64_AT : layout.MODRM_ROW_LEGACY_AT;
    const row = load.i32(this.#get(this.#scratch), rowAt);
    if (this.#bits === 64) {
      const ofRexB = i32.and(load.i32(this.#get(this.#scratch), layout.MODRM_REX_B_AT), i32.sub(c(0), this.#rexBit(1)));
      const ofRexR = i32.shl(this.#rexBit(4), c(ROW_REGISTERS.regShift + 1));
      f.set(this.#registers, i32.or(i32.or(row, ofRexB), ofRexR));
    } else f.set(this.#registers, row);
    f.if(
      i32.and(this.#get(this.#tail), c(TAIL.sib)),
      () => this.#readSib(),
      () => {
        const stack = i32.and(
          i32.shrU(this.#get(this.#tail), c(Math.log2(TAIL.stackSegment))),
          i32.xor(this.#rexBit(1), c(1)),
        );
        f.set(this.#flags, i32.xor(this.#get(this.#flags), select(stack, c(DS_TO_SS), c(0))));
      },
    );
    f.if(this.#get(this.#size), () => {
      const isByte = i32.eq(this.#get(this.#size), c(1));
      f.set(this.#displacement, select(isByte, load.s8(this.#get(this.#next)), load.i32(this.#get(this.#next))));
      this.#advance(this.#get(this.#size));
    });
  }

  #readSib(): void {
    const f = this.#f;
    const sib = this.#scratch;
    f.set(sib, load.u8(this.#get(this.#next)));
    this.#advance(c(1));
    f.set(this.#base, i32.or(i32.and(this.#get(sib), c(7)), i32.shl(this.#rexBit(1), c(3))));
    f.set(this.#kind, i32.or(i32.and(i32.shrU(this.#get(sib), c(3)), c(7)), i32.shl(this.#rexBit(2), c(2))));
    const index = select(i32.eq(this.#get(this.#kind), c(4)), c(63), this.#get(this.#kind));
    const isDirect = i32.and(i32.ltU(this.#get(this.#modrm), c(0x40)), i32.eq(i32.and(this.#get(sib), c(7)), c(5)));
    f.if(
      isDirect,
      () => {
        f.set(this.#base, c(63));
        f.set(this.#size, c(4));
      },
      () => {
        // rSP and rBP: 4 and 5.
        const isStack = i32.eq(i32.and(this.#get(this.#base), c(0xe)), c(4));
        f.set(this.#flags, i32.xor(this.#get(this.#flags), select(isStack, c(DS_TO_SS), c(0))));
      },
    );
    const withoutIndex = i32.and(this.#get(this.#registers), c(~NO_INDEX));
    f.set(
      this.#registers,
      i32.or(
        i32.or(withoutIndex, i32.shl(this.#get(this.#base), c(ROW_REGISTERS.baseShift))),
        i32.or(
          i32.shl(index, c(ROW_REGISTERS.indexShift)),
          i32.shl(i32.shrU(this.#get(sib), c(6)), c(ROW_REGISTERS.scaleShift)),
        ),
      ),
    );
  }

  #readImmediate(stop: Label): void {
    const f = this.#f;
    const field = (n: number): I32 => load.i32(this.#get(this.#kind), layout.IMMEDIATES_AT + n * 4);
    const mask = (IMMEDIATE.firstComplex | 7) << 4;
    f.set(this.#kind, i32.and(i32.shl(this.#get(this.#info), c(4 - FORM_BITS.immediateShift)), c(mask)));
    f.set(this.#immediate, c(0));
    f.set(this.#sign, c(0));
    f.if(this.#get(this.#kind), () => {
      if (this.#bits === 64) {
        const is64 = i32.eq(this.#get(this.#kind), c(IMMEDIATE.upTo64 << 4));
        f.brIf(stop, i32.and(is64, i32.shrU(this.#rexBit(8), c(3))));
      }
      f.set(this.#kind, i32.or(this.#get(this.#kind), i32.shl(this.#get(this.#is16), c(7))));
      f.set(this.#scratch, field(3));
      const value = load.i32(this.#get(this.#next));
      f.set(this.#immediate, i32.shrS(i32.shl(value, this.#get(this.#scratch)), this.#get(this.#scratch)));
      f.set(this.#sign, i32.and(i32.shrS(this.#get(this.#immediate), c(31)), field(2)));
      f.set(this.#immediate, i32.and(this.#get(this.#immediate), field(1)));
      this.#advance(field(0));
    });
  }

  /** VEX.vvvv and the vector length into the row; vvvv must be 1111 where it is no register. */
  #addVex(stop: Label): void {
    const f = this.#f;
    const vvvv = i32.and(this.#get(this.#vex), c(VVVV));
    const isUnused = i32.eqz(i32.and(this.#get(this.#info), c(FORM_BITS.vvvv)));
    f.brIf(stop, i32.and(i32.ne(vvvv, c(0)), isUnused));
    f.set(this.#registers, i32.or(this.#get(this.#registers), vvvv));
    f.set(this.#flags, i32.or(this.#get(this.#flags), i32.and(this.#get(this.#vex), c(~VVVV))));
  }

  #writeRow(): void {
    const f = this.#f;
    const { operandSizeShift } = ROW_FLAGS;
    const sizeByRex = i32.add(c(1 << operandSizeShift), i32.shl(this.#rexBit(8), c(operandSizeShift - 3)));
    const is64 = i32.and(this.#get(this.#info), c(FORM_BITS.default64 | FORM_BITS.force64));
    const larger = this.#bits === 64 ? select(is64, c(2 << operandSizeShift), sizeByRex) : c(1 << operandSizeShift);
    const size = select(this.#get(this.#is16), c(0), larger);
    // In 64-bit mode only FS and GS count.
    const least = (this.#bits === 64 ? SEGMENT.fs : SEGMENT.es) + 1;
    f.if(i32.geU(this.#get(this.#prefixes), c(least << ROW_FLAGS.segmentPrefixShift)), () => {
      const segment = i32.sub(i32.shrU(this.#get(this.#prefixes), c(ROW_FLAGS.segmentPrefixShift)), c(1));
      const others = i32.and(this.#get(this.#flags), c(~(7 << ROW_FLAGS.segmentShift)));
      f.set(this.#flags, i32.or(others, i32.shl(segment, c(ROW_FLAGS.segmentShift))));
    });
    f.set(this.#scratch, i32.shl(this.#get(this.#row), c(2)));
    const store = (value: I32, at: number): void => f.store("i32", this.#get(this.#scratch), value, at);
    store(i32.add(this.#get(this.#at), this.#get(this.#origin)), layout.ROWS_AT.offset);
    store(i32.or(this.#get(this.#flags), size), layout.ROWS_AT.flags);
    store(this.#get(this.#registers), layout.ROWS_AT.registers);
    store(this.#get(this.#displacement), layout.ROWS_AT.displacement);
    store(this.#get(this.#immediate), layout.ROWS_AT.immediate);
    store(this.#get(this.#sign), layout.ROWS_AT.immediate2);
    f.store("i32to16", i32.shl(this.#get(this.#row), c(1)), this.#get(this.#entry), layout.ROWS_AT.form);
    const length = i32.sub(this.#get(this.#next), this.#get(this.#at));
    f.store("i32to8", this.#get(this.#row), length, layout.ROWS_AT.length);
    f.set(this.#row, i32.add(this.#get(this.#row), c(1)));
    f.set(this.#at, this.#get(this.#next));
  }
}

/**
 * The module of src/short-path.ts: functions `run32` and `run64` decode from window address `at` to `limit` into rows from
 * `row` on while there is nothing but short forms; offsets in rows are window addresses plus `origin`.
 */
export function shortPathModule(): Uint8Array {
  const module = new ModuleBuilder();
  module.importMemory("decoder", "memory", { minimum: layout.MEMORY_PAGES });
  for (const bits of [32, 64] as const) {
    const f = module.function(`run${bits}`, ["i32", "i32", "i32", "i32", "i32"], ["i32"]);
    new ShortPath(f, bits).write();
    module.exportFunction(`run${bits}`, f);
  }
  return module.finish();
}
