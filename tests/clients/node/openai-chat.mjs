import assert from 'node:assert/strict';
import OpenAI, { AzureOpenAI } from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { Person, assertAnswer, endless, key, leave, model, placeSchema, question, run, system, text, url, weather } from './shared.mjs';

const client = process.argv[2] === 'azure'
  ? new AzureOpenAI({ endpoint: url, apiKey: key, apiVersion: '2024-10-21', deployment: model, maxRetries: 0 })
  : new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
const chat = (user) => [{ role: 'system', content: system }, { role: 'user', content: user }];
const tool = { type: 'function', function: { name: 'get_weather', description: 'Tells the weather.', strict: true, parameters: placeSchema } };

await run({
  chat: async () => {
    const answer = await client.chat.completions.create({ model, messages: chat(question), temperature: 0, max_completion_tokens: 40 });
    assertAnswer(answer.choices[0].message.content, answer.usage.prompt_tokens);
  },
  'typed answer': async () => {
    const answer = await client.chat.completions.parse({
      model, messages: chat(text), temperature: 0, max_completion_tokens: 100, response_format: zodResponseFormat(Person, 'person'),
    });
    Person.parse(answer.choices[0].message.parsed);
  },
  'tool call': async () => {
    const request = { model, temperature: 0, max_completion_tokens: 100, tools: [tool], parallel_tool_calls: false };
    const asked = (await client.chat.completions.create({ ...request, messages: chat(weather), tool_choice: 'required' })).choices[0];
    const call = asked.message.tool_calls[0];
    assert.deepEqual([asked.finish_reason, call.function.name, Object.keys(JSON.parse(call.function.arguments))], ['tool_calls', 'get_weather', ['city']]);
    const told = await client.chat.completions.create({
      ...request, tool_choice: 'none', messages: [...chat(weather), asked.message, { role: 'tool', tool_call_id: call.id, content: 'sunny' }],
    });
    assert.equal(told.choices[0].message.tool_calls, undefined);
    const streamed = await client.chat.completions.stream({ ...request, messages: chat(weather), tool_choice: 'required' }).finalChatCompletion();
    assert.equal(streamed.choices[0].message.tool_calls[0].function.arguments, call.function.arguments);
  },
  stream: async () => {
    let answer = '', usage;
    const stream = await client.chat.completions.create({
      model, messages: chat(question), temperature: 0, max_completion_tokens: 40, stream: true, stream_options: { include_usage: true },
    });
    for await (const chunk of stream) {
      answer += chunk.choices[0]?.delta.content ?? '';
      usage = chunk.usage ?? usage;
    }
    assertAnswer(answer, usage.prompt_tokens);
  },
  abort: async () => {
    const stream = await client.chat.completions.create({ model, messages: chat(endless), temperature: 0, max_completion_tokens: 6000, stream: true });
    await leave(stream, () => stream.controller.abort());
  },
});
