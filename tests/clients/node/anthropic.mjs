import assert from 'node:assert/strict';
import Anthropic from '@anthropic-ai/sdk';
import { z } from 'zod';
import { Person, assertAnswer, endless, key, leave, model, placeSchema, question, run, system, text, url, weather } from './shared.mjs';

const client = new Anthropic({ baseURL: url, apiKey: key, maxRetries: 0 });
const ask = (user) => ({ model, max_tokens: 100, temperature: 0, system, messages: [{ role: 'user', content: user }] });
const tools = [{ name: 'get_weather', description: 'Tells the weather.', input_schema: placeSchema }];
const promptTokens = (usage) => usage.input_tokens + usage.cache_read_input_tokens;

await run({
  chat: async () => {
    const answer = await client.messages.create(ask(question));
    assertAnswer(answer.content[0].text, promptTokens(answer.usage));
    const count = await client.messages.countTokens({ model, system, messages: ask(question).messages });
    assert.equal(count.input_tokens, promptTokens(answer.usage));
  },
  'typed answer': async () => {
    const answer = await client.messages.create({ ...ask(text), output_config: { format: { type: 'json_schema', schema: z.toJSONSchema(Person) } } });
    Person.parse(JSON.parse(answer.content[0].text));
  },
  'tool call': async () => {
    const asked = await client.messages.create({ ...ask(weather), tools, tool_choice: { type: 'any', disable_parallel_tool_use: true } });
    const call = asked.content[0];
    assert.deepEqual([asked.stop_reason, call.type, call.name, Object.keys(call.input)], ['tool_use', 'tool_use', 'get_weather', ['city']]);
    const told = await client.messages.create({
      ...ask(weather), tools, tool_choice: { type: 'none' },
      messages: [...ask(weather).messages, { role: 'assistant', content: asked.content }, { role: 'user', content: [{ type: 'tool_result', tool_use_id: call.id, content: 'sunny' }] }],
    });
    assert.equal(told.content[0].type, 'text');
    const streamed = await client.messages.stream({ ...ask(weather), tools, tool_choice: { type: 'tool', name: 'get_weather', disable_parallel_tool_use: true } }).finalMessage();
    assert.deepEqual(streamed.content[0].input, call.input);
  },
  stream: async () => {
    const stream = client.messages.stream(ask(question));
    let answer = '';
    stream.on('text', (piece) => (answer += piece));
    const message = await stream.finalMessage();
    assert.equal(message.content[0].text, answer);
    assertAnswer(answer, promptTokens(message.usage));
  },
  abort: async () => {
    const stream = await client.messages.create({ ...ask(endless), max_tokens: 6000, stream: true });
    await leave(stream, () => stream.controller.abort());
  },
});
