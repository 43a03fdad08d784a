import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { zodTextFormat } from 'openai/helpers/zod';
import { Person, assertAnswer, endless, key, leave, model, placeSchema, question, run, system, text, url, weather } from './shared.mjs';

const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
const ask = (input) => ({ model, instructions: system, input, temperature: 0, max_output_tokens: 100, store: false });
const tools = [{ type: 'function', name: 'get_weather', description: 'Tells the weather.', strict: true, parameters: placeSchema }];

await run({
  chat: async () => {
    const answer = await client.responses.create(ask(question));
    assertAnswer(answer.output_text, answer.usage.input_tokens);
  },
  'typed answer': async () => {
    const answer = await client.responses.parse({ ...ask(text), text: { format: zodTextFormat(Person, 'person') } });
    Person.parse(answer.output_parsed);
  },
  'tool call': async () => {
    const request = { ...ask(weather), tools, parallel_tool_calls: false };
    const asked = await client.responses.create({ ...request, tool_choice: 'required' });
    const call = asked.output[0];
    assert.deepEqual([call.type, call.name, Object.keys(JSON.parse(call.arguments))], ['function_call', 'get_weather', ['city']]);
    const told = await client.responses.create({
      ...request, tool_choice: 'none',
      input: [{ role: 'user', content: weather }, ...asked.output, { type: 'function_call_output', call_id: call.call_id, output: 'sunny' }],
    });
    assert.equal(told.output[0].type, 'message');
  },
  stream: async () => {
    const stream = client.responses.stream(ask(question));
    let answer = '';
    stream.on('response.output_text.delta', (event) => (answer += event.delta));
    const response = await stream.finalResponse();
    assert.equal(response.output_text, answer);
    assertAnswer(answer, response.usage.input_tokens);
  },
  abort: async () => {
    const stream = await client.responses.create({ ...ask(endless), max_output_tokens: 6000, stream: true });
    await leave(stream, () => stream.controller.abort());
  },
});
