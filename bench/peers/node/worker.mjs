// Worker process of a fleet that shares one limiter: `node worker.mjs NAME URL KEY BUDGET TASKS`.
//
// Each limiter is a module whose `start` connects and returns a function that waits until one call may start. The worker
// around it is the same for all limiters, and does the same as `../rust/worker.rs`.

import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const maxStampedBudget = 10_000; // largest budget at which the time of each permit is recorded
const [name, url, key, budget, tasks] = process.argv.slice(2);

const { start } = await import(`./${name}.mjs`);
const permit = await start({ url, key, budget: Number(budget) });
await permit();
console.log('ready');
const lines = createInterface({ input: process.stdin });
const [line] = await new Promise((resolve) => lines.once('line', (line) => resolve([line])));
const duration = Number(line) * 1_000;

let permits = 0;
const stamps = [];
const begun = performance.now();
const processor = process.cpuUsage();
for (let task = 0; task < Number(tasks); task += 1) {
  (async () => {
    while (performance.now() - begun < duration) {
      await permit();
      permits += 1;
      if (Number(budget) <= maxStampedBudget) stamps.push(process.hrtime.bigint());
    }
  })();
}
await sleep(duration);
const seconds = (performance.now() - begun) / 1_000;
const used = process.cpuUsage(processor);
const result = [`permits ${permits}`, `seconds ${seconds}`, `processor ${used.user + used.system}`, `at ${stamps.join(' ')}`];
process.stdout.write(`${result.join('\n')}\n`, () => process.exit(0)); // tasks that still wait are abandoned
