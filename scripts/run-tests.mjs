// Runs test executables and sums them up; the last line is "N passed, N failed[, N skipped]".
// usage: node run-tests.mjs [--lanes=N] [--failed=CHECK]... EXECUTABLE...
// N of them run at a time (default 1), started in the order given. A CHECK is one that failed before the tests; it counts as a failed test.
// A test that hangs is named and its process ended.
import { spawn } from 'node:child_process';
import { basename } from 'node:path';
import { createInterface } from 'node:readline';

const longestTestSeconds = Number(process.env.LONGEST_TEST_SECONDS ?? 600);
const totals = { passed: 0, failed: 0, skipped: 0 };
const children = new Set();

const problem = (title, text = '') => console.log(`FAILED   ${title}${text ? '\n' + text.replace(/^/gm, '         ') : ''}`);

/** One test executable; xunit's json reporter prints a line at each event. */
function run(executable) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const running = new Map();
  const project = basename(executable);
  const started = Date.now();

  function fail(title, text) {
    counts.failed++;
    problem(title, text);
  }

  function count(event) {
    const name = running.get(event.TestUniqueID)?.name;
    switch (event.$type) {
      case 'test-starting':
        running.set(event.TestUniqueID, { name: event.TestDisplayName, since: Date.now() });
        break;
      case 'test-finished':
        running.delete(event.TestUniqueID);
        break;
      case 'test-passed':
        counts.passed++;
        break;
      case 'test-skipped':
        counts.skipped++;
        console.log(`SKIPPED  ${name}: ${event.Reason}`);
        break;
      case 'test-failed':
        fail(name, describe(event));
        break;
      default:
        // A collection, class or fixture that cannot be set up or cleaned up, or an error outside all tests.
        if (event.$type.endsWith('-cleanup-failure') || event.$type === 'error-message') fail(`${project}: ${event.$type}`, describe(event));
    }
  }

  return new Promise((resolve) => {
    // A group of its own, so that what a test leaves behind ends with it.
    const child = spawn(executable, ['-reporter', 'json', '-noAutoReporters', '-noColor'], { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    children.add(child);
    const watch = setInterval(() => {
      const hung = [...running.values()].find((test) => Date.now() - test.since > longestTestSeconds * 1000);
      if (hung) end(child);
    }, 1000);

    // What a test prints itself is told apart from what another project's tests print at the same time.
    const print = (line) => console.log(`${project}: ${line}`);
    createInterface({ input: child.stdout }).on('line', (line) => {
      const event = parse(line);
      if (event) count(event);
      else print(line);
    });
    createInterface({ input: child.stderr }).on('line', print);
    child.on('error', (error) => fail(project, error.message));
    child.on('exit', () => end(child));
    child.on('close', (code, signal) => {
      clearInterval(watch);
      children.delete(child);
      for (const test of running.values()) fail(test.name, `did not end: running for ${seconds(test.since)} s when its process ended`);
      if (code !== 0 && counts.failed === 0) fail(project, `its process ended with ${signal ?? 'exit code ' + code}`);
      if (counts.passed + counts.failed + counts.skipped === 0) fail(project, 'no test ran');
      console.log(`${project}: ${summary(counts)} (${seconds(started)} s)`);
      resolve(counts);
    });
  });
}

function parse(line) {
  try {
    const event = JSON.parse(line);
    return typeof event?.$type === 'string' ? event : undefined;
  } catch {
    return undefined; // A test printed it.
  }
}

function end(child) {
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // All of it has ended.
  }
}

const describe = (event) => (event.Messages ?? []).map((message, i) => [message, event.StackTraces?.[i]].filter(Boolean).join('\n')).join('\n');
const seconds = (since) => ((Date.now() - since) / 1000).toFixed(1);
const summary = ({ passed, failed, skipped }) => `${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ''}`;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.on(signal, () => {
    for (const child of children) end(child);
    process.exit(1);
  });

const checks = [];
const waiting = [];
let lanes = 1;
for (const argument of process.argv.slice(2)) {
  const [, option, value] = argument.match(/^--(lanes(?==[1-9]\d*$)|failed)=(.*)/) ?? [];
  if (option === 'lanes') lanes = Number(value);
  else if (option === 'failed') checks.push(value);
  else if (argument.startsWith('-')) refuse(argument);
  else waiting.push(argument);
}

function refuse(argument) {
  console.error(`run-tests.mjs: ${argument}? Allowed are --lanes=N with N of 1 or more, --failed=CHECK and executables.`);
  process.exit(2);
}

function add(counts) {
  for (const key of Object.keys(totals)) totals[key] += counts[key];
}

async function lane() {
  while (waiting.length > 0) add(await run(waiting.shift()));
}

for (const check of checks) {
  problem(check);
  add({ passed: 0, failed: 1, skipped: 0 });
}
await Promise.all(Array.from({ length: lanes }, lane));
console.log(summary(totals));
process.exitCode = totals.failed > 0 || totals.passed === 0 ? 1 : 0;
