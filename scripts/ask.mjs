// Asks the app one question over HTTP as soon as its model is loaded, and prints the answer with timings.
// usage: node ask.mjs URL MODEL STARTED MAX_TOKENS QUESTION   (STARTED: when the app's process was started, in seconds since 1970)
const [url, model, started, maxTokens, question] = process.argv.slice(2);
const patienceSeconds = 300;
const now = () => Date.now() / 1000 - Number(started);
const seconds = (value) => `${value.toFixed(2)} s`;

async function untilReady() {
  while (now() < patienceSeconds) {
    const response = await fetch(`${url}/healthz`).catch(() => undefined);
    if (response?.ok) return now();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`${url}/healthz is not ready after ${patienceSeconds} s`);
}

/** The JSON of each server-sent event until [DONE]. */
async function* events(response) {
  let text = '';
  for await (const part of response.body.pipeThrough(new TextDecoderStream())) {
    const lines = (text + part).split('\n');
    text = lines.pop();
    for (const line of lines) {
      if (line === 'data: [DONE]') return;
      if (line.startsWith('data: ')) yield JSON.parse(line.slice('data: '.length));
    }
  }
  throw new Error('the stream ended without [DONE]');
}

const ready = await untilReady();
const response = await fetch(`${url}/v1/chat/completions`, {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  signal: AbortSignal.timeout(patienceSeconds * 1000),
  body: JSON.stringify({
    model,
    messages: [{ role: 'user', content: question }],
    max_tokens: Number(maxTokens),
    temperature: 0,
    stream: true,
    stream_options: { include_usage: true },
  }),
});
if (!response.ok) throw new Error(`status ${response.status}: ${await response.text()}`);

let answer = '';
let first;
let usage;
for await (const event of events(response)) {
  if (event.error) throw new Error(event.error.message);
  usage ??= event.usage;
  const piece = event.choices[0]?.delta.content;
  if (piece) first ??= now();
  answer += piece ?? '';
}
const last = now();
if (answer.trim() === '') throw new Error('the answer is empty');

const show = (name, value) => console.log(`    ${name.padEnd(12)} ${value}`);
show('question', question);
show('answer', answer.trim());
show('model loaded', `${seconds(ready)} after the app's process started`);
show('first token', `${seconds(first)} after the app's process started`);
show('whole answer', `${usage.completion_tokens} tokens, ${seconds(last - ready)} after the model was loaded`);
