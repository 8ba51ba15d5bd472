import { Cpu } from "@likex/cpu-executor";
import type { RegionCompiler } from "@likex/cpu-executor/jit";
import { GuestMmu, SPTE_FORMAT, TdpMmu } from "@likex/ept-mmu";
import { HostMemory, type HostPhysicalAddress } from "@likex/host-memory";
import { Arena } from "./arena.ts";
import { DeviceMmu } from "./device-mmu.ts";
import { isTable, PAGE, RAM_BYTES, RAM_PAGES } from "./layout.ts";
import { Neighbour } from "./neighbour.ts";
import type { Scenario } from "./scenario.ts";
import type { CpuStateImage } from "./state.ts";

const ARENA_BYTES = 3 << 20;
/** EPTP bit 6: accessed and dirty flags in EPT entries. */
const EPTP_TRACKS_ACCESS = 1 << 6;
const CR0_PG = 0x80000000;
const CR4 = { pae: 0x20, pge: 0x80, pcide: 0x20000 } as const;
const EFER_LMA = 0x400;
const EPT_VIOLATION = 48;

/**
 * A guest made from a scenario: its memory, its MMU, and two processors on either of which it can run, in an arena whose
 * other frames are guards or belong to a neighbour. Two guests of one scenario are alike to the byte.
 */
export class Guest {
  readonly scenario: Scenario;
  readonly arena: Arena = new Arena(HostMemory.create({ bytes: ARENA_BYTES }));
  readonly mmu: GuestMmu;
  readonly devices: DeviceMmu;
  readonly neighbour: Neighbour;
  /** The processor that the guest runs on now. */
  cpu: Cpu;
  /** False from when on the result may depend on what the processor has cached of its translations. */
  isExact = true;
  #other: Cpu;
  readonly #ept: TdpMmu | undefined;
  readonly #eptPointer: number;
  /** Host address of each page of the guest's RAM. */
  readonly #frames: readonly number[];
  /** Where the EPT entry stands that was written last. */
  #lastEntry = 0;
  /** Instructions that both processors had retired when the guest last changed over. */
  #retiredElsewhere = 0;
  #random = 0;
  #lastRoot = -1;

  readonly #jit: RegionCompiler | undefined;

  /** Interpreted and translated by TypeScript, or with a compiler and an Mmu that emitted code can ask. */
  constructor(scenario: Scenario, jit?: RegionCompiler) {
    this.#jit = jit;
    this.scenario = scenario;
    const { arena } = this;
    const { memory } = arena;
    const isDirect = scenario.translation === "none";
    this.#frames = this.#allocateRam(isDirect);
    for (const [page, frame] of this.#frames.entries())
      memory.u8.set(scenario.ram.subarray(page * PAGE, (page + 1) * PAGE), frame);
    // Without EPT the guest's addresses are the arena's: for the MMU it ends behind the RAM.
    const guestPhysical = jit === undefined ? "walked" : "kept";
    // The frame that it may have is the processor's.
    const { made: mmu, range: mmuFrames } = arena.between(
      () => new GuestMmu(isDirect ? endingAt(memory, RAM_BYTES) : memory, { guestPhysical }),
    );
    arena.open(mmuFrames);
    this.mmu = mmu;
    this.devices = new DeviceMmu(this.mmu);
    if (!isDirect) {
      const { made, range } = arena.between(() => this.#buildEpt());
      this.#ept = made;
      if (scenario.tracksAccess) arena.open(range);
    }
    this.#eptPointer = (this.#ept?.eptPointer ?? 0) | (scenario.tracksAccess ? EPTP_TRACKS_ACCESS : 0);
    this.cpu = this.#createCpu();
    this.#other = this.#createCpu();
    this.neighbour = new Neighbour(arena);
    this.#follow(this.cpu);
    arena.seal(scenario.spareFrames);
  }

  /** Instructions that the guest has retired on both processors. */
  get instructionsRetired(): number {
    return this.#retiredElsewhere + this.cpu.instructionsRetired;
  }

  /** Takes a state, as the embedding program may at any time. */
  takeState(image: CpuStateImage): void {
    const { cpu } = this;
    cpu.restoreState(image);
    const isPae = (cpu.cr0 & CR0_PG) !== 0 && (cpu.cr4 & CR4.pae) !== 0 && (cpu.efer & EFER_LMA) === 0;
    if (isPae) this.mmu.loadPdptes(Number(BigInt.asIntN(32, cpu.cr3)));
  }

  /** Moves to the other processor; the text says what of the state did not arrive. */
  migrate(): string | undefined {
    const [from, to] = [this.cpu, this.#other];
    const saved = JSON.stringify(from.saveState());
    this.#retiredElsewhere += from.instructionsRetired - to.instructionsRetired;
    to.intercepts.set(from.intercepts);
    to.exceptionBitmap = from.exceptionBitmap;
    to.windowRequest = from.windowRequest;
    to.restoreState(JSON.parse(saved));
    this.cpu = to;
    this.#other = from;
    const arrived = JSON.stringify(to.saveState());
    return arrived === saved ? undefined : `the state ${saved} arrived as ${arrived}`;
  }

  /** Maps the page that the MMU has stopped at, if that is left to the hypervisor; false for any other reason. */
  mapPage(): boolean {
    const { mmu } = this;
    if (this.#ept === undefined || mmu.stopReason !== EPT_VIOLATION) return false;
    const leaf = this.scenario.leaves[Math.floor(mmu.guestPhysicalAddress / PAGE)];
    if (leaf === undefined || !leaf.onDemand || this.#ept.lookup(leaf.page) !== 0n) return false;
    const entry = this.#mapLeaf(this.#ept, leaf.page);
    this.arena.accept({ start: entry, end: entry + 8 });
    this.cpu.flushTlb();
    return true;
  }

  /** Writes the guest's memory from outside, as a device does. */
  write(physical: number, bytes: Uint8Array): void {
    const frame = this.#frames[Math.floor(physical / PAGE)];
    if (frame === undefined) return;
    const { memory } = this.arena;
    const at = physical % PAGE;
    memory.u8.set(bytes.subarray(0, PAGE - at), frame + at);
    memory.noteWrite(frame as HostPhysicalAddress);
  }

  /** The guest's RAM as it is now. */
  ram(): Uint8Array {
    const ram = new Uint8Array(RAM_BYTES);
    for (const [page, frame] of this.#frames.entries())
      ram.set(this.arena.memory.u8.subarray(frame, frame + PAGE), page * PAGE);
    return ram;
  }

  dispose(): void {
    this.cpu.dispose();
    this.#other.dispose();
    this.neighbour.dispose();
  }

  /** Without EPT the arena's first frames, with frame 0, which is nobody else's; else single frames between guards, in no order. */
  #allocateRam(isDirect: boolean): number[] {
    const { arena } = this;
    const { memory } = arena;
    if (isDirect) {
      const frames = Array.from({ length: RAM_PAGES }, (_, page) => page * PAGE);
      memory.allocateFrames(RAM_PAGES - 1);
      arena.open({ start: 0, end: RAM_BYTES });
      return frames;
    }
    const frames: number[] = [];
    for (let i = 0; i < RAM_PAGES; i++) {
      const { made, range } = arena.between(() => memory.allocateFrame());
      frames.push(made);
      arena.open(range);
    }
    // 29 and 64 have no common factor: every frame once.
    return frames.map((_, page) => frames[(page * 29) % RAM_PAGES] as number);
  }

  #buildEpt(): TdpMmu {
    const ept = new TdpMmu(this.arena.memory, {
      format: SPTE_FORMAT.likex,
      trace: ({ tableHpa, index }) => {
        this.#lastEntry = tableHpa + index * 8;
      },
    });
    for (let page = 0; page < RAM_PAGES; page++) this.#mapLeaf(ept, page);
    for (const { page, onDemand } of this.scenario.leaves) if (onDemand) ept.zap(page, 1);
    return ept;
  }

  /** Returns where the entry stands. */
  #mapLeaf(ept: TdpMmu, page: number): HostPhysicalAddress {
    const { write, execute, flip } = this.scenario.leaves[page]!;
    ept.map(page, (this.#frames[page] as number) / PAGE, { write, execute });
    const { memory } = this.arena;
    const at = this.#lastEntry as HostPhysicalAddress;
    memory.writeU64(at, memory.readU64(at) ^ flip);
    return at;
  }

  #createCpu(): Cpu {
    const { arena, scenario } = this;
    const { made, range } = arena.between(() =>
      Cpu.create({
        memory: arena.memory,
        mmu: this.devices,
        ...(this.#jit === undefined ? {} : { jit: this.#jit }),
        clock: () => BigInt(this.instructionsRetired),
        random: () => (BigInt(++this.#random) * 0x9e3779b97f4a7c15n) & 0xffff_ffff_ffff_ffffn,
      }),
    );
    arena.open(range);
    made.intercepts.set(scenario.intercepts);
    made.exceptionBitmap = scenario.exceptionBitmap;
    made.onTranslationChange = () => this.#follow(made);
    return made;
  }

  /** What a hypervisor does when control registers have changed. */
  #follow(cpu: Cpu): void {
    const { cr0, cr4, efer } = cpu;
    const cr3Low = Number(BigInt.asIntN(32, cpu.cr3));
    const cr3High = Number(BigInt.asIntN(32, cpu.cr3 >> 32n));
    this.mmu.configure({ eptPointer: this.#eptPointer, cr0, cr3Low, cr3High, cr4, efer });
    if ((cr0 & CR0_PG) === 0) return;
    const isLong = (efer & EFER_LMA) !== 0;
    const root = Math.floor(((isLong ? cr3High : 0) * 2 ** 32 + (cr3Low >>> 0)) / PAGE);
    const keeps = (cr4 & (CR4.pge | CR4.pcide)) !== 0 && root !== this.#lastRoot && this.#lastRoot >= 0;
    this.#lastRoot = root;
    // Paging structures that the guest can write, or translations that survive a change of the root.
    if (this.scenario.translation !== "sealed" || !isTable(root) || keeps) this.isExact = false;
  }
}

/** The arena as the MMU of a guest without EPT sees it: nothing is behind the guest's RAM. */
function endingAt(memory: HostMemory, bytes: number): HostMemory {
  const noteWrite = (address: HostPhysicalAddress): void => memory.noteWrite(address);
  const allocateFrame = (): HostPhysicalAddress => memory.allocateFrame();
  const shortened: HostMemory = Object.create(memory, {
    bytes: { value: bytes },
    noteWrite: { value: noteWrite },
    allocateFrame: { value: allocateFrame },
  });
  return shortened;
}
