// The round trip of a VM exit: VMRESUME, `out dx, al` in the guest, exit 30, VMREADs and the VMWRITE of RIP that a handler needs.
import { EXIT_REASON, VMCS } from "../src/index.ts";
import { RealMachine } from "../test/real-machine.ts";

const BATCHES = 40;
const EXITS = 20_000;
/** out dx, al; jmp back. */
const OUT_LOOP = [0xee, 0xeb, 0xfd];

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] as number;

/** Nanoseconds an exit, the median over the batches. */
const measure = (guest: RealMachine, rewritten: number | undefined): number => {
  const { vmx } = guest;
  const times: number[] = [];
  guest.enter();
  for (let batch = 0; batch < BATCHES; batch++) {
    const start = performance.now();
    for (let i = 0; i < EXITS; i++) {
      const rip = vmx.vmreadNumber(VMCS.GUEST_RIP) + vmx.vmread32(VMCS.VM_EXIT_INSTRUCTION_LEN);
      vmx.vmwriteNumber(VMCS.GUEST_RIP, rip);
      if (rewritten !== undefined) vmx.vmwriteNumber(rewritten, vmx.vmreadNumber(rewritten));
      vmx.vmresume(1_000_000);
      if (vmx.vmread32(VMCS.VM_EXIT_REASON) !== EXIT_REASON.IO_INSTRUCTION)
        throw new Error("the guest did not exit for its port access");
    }
    times.push(((performance.now() - start) / EXITS) * 1e6);
  }
  return median(times);
};

const results = [
  { name: "io-exit", value: measure(new RealMachine(OUT_LOOP).map(), undefined), unit: "ns" },
  {
    name: "io-exit-all-checks",
    value: measure(new RealMachine(OUT_LOOP).map(), VMCS.PIN_BASED_VM_EXEC_CONTROL),
    unit: "ns",
  },
];

if (process.argv.includes("--json")) {
  console.log(JSON.stringify({ name: "vmx-exit", ok: true, skipped: [], results }));
} else {
  console.log("VM exit round trip (VMRESUME, out, exit, three VMREADs, one VMWRITE)\n");
  for (const { name, value, unit } of results)
    console.log(`  ${name.padEnd(20)} ${value.toFixed(0).padStart(6)} ${unit}`);
}
