// Plays the suite on the machine's /dev/kvm and prints the answers. A program of its own, because the timer that ends a
// guest that never stops works on a main thread only.
import { HostKvm } from "@likex/kvm-host";
import { KVM_CASES } from "../src/cases/index.ts";
import { play } from "../src/player.ts";

const driver = HostKvm.create({ runTimeoutMs: 500 });
const answers = Object.fromEntries(KVM_CASES.map((one) => [one.name, play(driver, one)]));
process.stdout.write(JSON.stringify(answers));
driver.dispose();
