// What all scripts share: what they ask, and how they tell what worked.
import assert from 'node:assert/strict';
import { z } from 'zod';

export const url = process.env.SERVICE_URL;
export const model = process.env.SERVICE_MODEL;
export const key = process.env.SERVICE_KEY;

export const system = 'Be brief.';
export const question = 'What is the capital of France?';
export const text = 'Extract name and age as JSON: Anna is 31 years old and lives in Rome.';
export const weather = 'What is the weather in Paris?';
// The embedded model never ends its answer to this one.
export const endless = 'Write the alphabet again and again.';

export const Person = z.object({ name: z.string().max(20), age: z.number().int().min(0).max(150) });
export const Place = z.object({ city: z.string().max(10) });
export const placeSchema = {
  type: 'object', properties: { city: { type: 'string', maxLength: 10 } }, required: ['city'], additionalProperties: false,
};

/** The answer says something, and its prompt is the one that every client's question becomes. */
export function assertAnswer(answer, promptTokens) {
  assert.ok(answer.trim().length > 0, 'the answer is empty');
  assert.equal(promptTokens, Number(process.env.PROMPT_TOKENS), 'tokens of the prompt');
}

/** Reads a few pieces of an endless stream, then leaves. */
export async function leave(pieces, abort) {
  let read = 0;
  try {
    for await (const _ of pieces) if (++read === 5) abort();
  } catch (error) {
    assert.ok(read >= 5, `it ended after ${read} pieces: ${error.message}`);
    return;
  }
  assert.ok(read >= 5 && read < 1000, `it ended after ${read} pieces`);
}

/** Runs features one after the other, and tells of each in a line of JSON. */
export async function run(features) {
  for (const [feature, run] of Object.entries(features)) {
    let error = null;
    try {
      await run();
    } catch (thrown) {
      error = String(thrown?.stack ?? thrown);
    }
    console.log(JSON.stringify({ feature, error }));
  }
  // Connections that clients keep would keep the process.
  process.exit(0);
}
