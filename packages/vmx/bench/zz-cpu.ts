import { Cpu, STOP } from "@likex/cpu-executor";
import { GuestMmu } from "@likex/ept-mmu";
import { HostMemory } from "@likex/host-memory";
import { VMCS } from "@likex/vmx";

const N = 500_000;
const time = (name: string, f: () => void) => {
  let best = 1e9;
  for (let r = 0; r < 12; r++) {
    const a = process.cpuUsage();
    f();
    const b = process.cpuUsage(a);
    best = Math.min(best, ((b.user + b.system) * 1000) / N);
  }
  console.log(name.padEnd(20), best.toFixed(0), "ns");
};
const memory = HostMemory.create({ bytes: 16 << 20 });
if (process.argv[2] === "cpu") {
  const mmu = new GuestMmu(memory);
  const cpu = Cpu.create({ memory, mmu });
  const page = memory.allocateFrame();
  memory.u8.set([0xee, 0xec, 0xeb, 0xfc], page);
  mmu.configure({ eptPointer: 0, cr0: 0x10, cr3Low: 0, cr3High: 0, cr4: 0, efer: 0 });
  cpu.cr0 = 0x10;
  cpu.setSegmentRaw(1, 0, page, 0, 0xffff, 0x9b);
  cpu.setRip(0, 0);
  time("cpu.run+complete", () => {
    for (let i = 0; i < N; i++) {
      if (cpu.run(1 << 30) !== STOP.port) throw new Error("no port stop");
      cpu.completeInstruction();
    }
  });
  time("cpu.run+setRip", () => {
    for (let i = 0; i < N; i++) {
      if (cpu.run(1 << 30) !== STOP.port) throw new Error("no port stop");
      cpu.setRip(cpu.ripLow + cpu.stop.instructionLength, 0);
    }
  });
} else {
  const { RealMachine } = await import("../test/real-machine.ts");
  const g = new RealMachine([0xee, 0xec, 0xeb, 0xfc]).map();
  const { vmx } = g;
  g.enter();
  time("vmresume+rip", () => {
    for (let i = 0; i < N; i++) {
      vmx.advanceRip(vmx.vmread32(VMCS.VM_EXIT_INSTRUCTION_LEN));
      vmx.vmresume(1_000_000);
      if (vmx.vmread32(VMCS.VM_EXIT_REASON) !== 30) throw new Error("no");
    }
  });
}
