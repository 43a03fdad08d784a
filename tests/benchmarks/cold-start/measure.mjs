// Starts the app in turns by itself and under a host; prints the ratios of the times until its first answer and until its model is loaded.
// usage: node measure.mjs APP_FOLDER PLAYED_HOST MODEL_FOLDER ROUNDS
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';

const [app, host, model, rounds] = process.argv.slice(2);
const patienceSeconds = 120;
const environment = {
  ...process.env,
  ASPNETCORE_URLS: 'http://127.0.0.1:0',
  DOTNET_RUNNING_IN_CONTAINER: '',
  CONTAINER_APP_NAME: '',
  Gemma2__Model: resolve(model),
  Gemma2__AllowSoftwareDevice: 'true',
};
const ways = {
  'by itself': [resolve(app, 'Gemma2.Functions')],
  'under a host': [resolve(host), '--app', resolve(app), '--urls', 'http://127.0.0.1:0'],
};
const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

/** Seconds from a process's start to its app's first answer, and to the answer that its model is loaded. */
async function start([program, ...options]) {
  const began = performance.now();
  const seconds = () => (performance.now() - began) / 1000;
  // A group of its own: the host's worker ends with it.
  const child = spawn(program, options, { cwd: app, env: environment, detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const url = await listening(child);
    const answered = await until(() => fetch(url).then((response) => response.ok), seconds);
    const loaded = await until(() => fetch(`${url}/healthz`).then((response) => response.ok), seconds);
    return { answered, loaded };
  } finally {
    process.kill(-child.pid, 'SIGKILL');
  }
}

function listening(child) {
  return new Promise((found, failed) => {
    // A host says it first; then it passes on what its worker says, which is another address.
    createInterface({ input: child.stdout }).on('line', (line) => {
      const url = line.match(/Now listening on: (\S+)/)?.[1];
      if (url) found(url);
    });
    child.on('exit', (code) => failed(new Error(`${child.spawnfile} ended with exit code ${code}`)));
  });
}

async function until(succeeds, seconds) {
  while (seconds() < patienceSeconds) {
    if (await succeeds().catch(() => false)) return seconds();
    await pause(20);
  }
  throw new Error(`nothing within ${patienceSeconds} s`);
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
const show = (numbers) => `${median(numbers).toFixed(2)} (${Math.min(...numbers).toFixed(2)} to ${Math.max(...numbers).toFixed(2)})`;

// Once each, uncounted: the driver compiles shaders, the system reads files.
for (const way of Object.values(ways)) await start(way);
const times = { answered: [], loaded: [] };
for (let round = 0; round < Number(rounds); round++) {
  const [alone, hosted] = [await start(ways['by itself']), await start(ways['under a host'])];
  for (const key of Object.keys(times)) times[key].push(hosted[key] / alone[key]);
}
console.log(`The time under a played Functions host, divided by the time without one, median of ${rounds} (least to most):`);
console.log(`  first answer   ${show(times.answered)}`);
console.log(`  model loaded   ${show(times.loaded)}`);
