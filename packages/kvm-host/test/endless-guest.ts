// Runs `jmp $` twice on the machine's KVM with a limit of 50 ms each, and prints what KVM_RUN answered.
import { bytesOf, create, KVM_IOCTL, kvm_regs, kvm_sregs, kvm_userspace_memory_region } from "@likex/kvm-abi";
import { HostKvm } from "../src/index.ts";

const driver = HostKvm.create({ runTimeoutMs: 50 });
const system = driver.open("/dev/kvm");
const vm = driver.ioctl(system, KVM_IOCTL.KVM_CREATE_VM);
const memory = driver.mmap(-1, 4096);
if (typeof memory === "number") throw new Error(`mmap answered ${memory}`);
memory.write(0, Uint8Array.of(0xeb, 0xfe));
const region = create(kvm_userspace_memory_region, { memory_size: 4096n, userspace_addr: memory.address });
driver.ioctl(vm, KVM_IOCTL.KVM_SET_USER_MEMORY_REGION, bytesOf(region));
const vcpu = driver.ioctl(vm, KVM_IOCTL.KVM_CREATE_VCPU, 0);
const sregs = create(kvm_sregs);
driver.ioctl(vcpu, KVM_IOCTL.KVM_GET_SREGS, bytesOf(sregs));
sregs.cs.base = 0n;
sregs.cs.selector = 0;
driver.ioctl(vcpu, KVM_IOCTL.KVM_SET_SREGS, bytesOf(sregs));
driver.ioctl(vcpu, KVM_IOCTL.KVM_SET_REGS, bytesOf(create(kvm_regs, { rflags: 2n })));
const start = performance.now();
const results = [driver.ioctl(vcpu, KVM_IOCTL.KVM_RUN, 0), driver.ioctl(vcpu, KVM_IOCTL.KVM_RUN, 0)];
console.log(JSON.stringify({ results, milliseconds: performance.now() - start }));
driver.dispose();
