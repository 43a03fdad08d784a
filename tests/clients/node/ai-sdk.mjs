import assert from 'node:assert/strict';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { Output, generateText, stepCountIs, streamText, tool } from 'ai';
import { Person, Place, assertAnswer, endless, key, leave, model as name, question, run, system, text, url, weather } from './shared.mjs';

const models = {
  openai: () => createOpenAI({ baseURL: `${url}/v1`, apiKey: key }).chat(name),
  'openai-responses': () => createOpenAI({ baseURL: `${url}/v1`, apiKey: key }).responses(name),
  'openai-compatible': () => createOpenAICompatible({ name: 'gemma2', baseURL: `${url}/v1`, apiKey: key, supportsStructuredOutputs: true, includeUsage: true })(name),
  anthropic: () => createAnthropic({ baseURL: `${url}/v1`, apiKey: key })(name),
};
const ask = (prompt) => ({ model: models[process.argv[2]](), system, prompt, temperature: 0, maxOutputTokens: 100, maxRetries: 0 });
const tools = { get_weather: tool({ description: 'Tells the weather.', inputSchema: Place, execute: async ({ city }) => `sunny in ${city}` }) };

await run({
  chat: async () => {
    const answer = await generateText(ask(question));
    assertAnswer(answer.text, answer.usage.inputTokens);
  },
  'typed answer': async () => {
    const answer = await generateText({ ...ask(text), output: Output.object({ schema: Person }) });
    Person.parse(answer.output);
  },
  'tool call': async () => {
    const answer = await generateText({
      ...ask(weather), tools, toolChoice: 'required', stopWhen: stepCountIs(2),
      prepareStep: ({ stepNumber }) => (stepNumber === 0 ? {} : { toolChoice: 'none' }),
    });
    assert.deepEqual([answer.steps.length, answer.steps[0].toolCalls[0].toolName], [2, 'get_weather']);
    assert.match(answer.steps[0].toolResults[0].output, /^sunny in /);
  },
  stream: async () => {
    const stream = streamText(ask(question));
    let answer = '';
    for await (const piece of stream.textStream) answer += piece;
    assertAnswer(answer, (await stream.usage).inputTokens);
  },
  abort: async () => {
    const controller = new AbortController();
    const stream = streamText({ ...ask(endless), maxOutputTokens: 6000, abortSignal: controller.signal });
    await leave(stream.textStream, () => controller.abort());
  },
});
