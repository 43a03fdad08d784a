import assert from 'node:assert/strict';
import { Agent, OpenAIChatCompletionsModel, OpenAIResponsesModel, Runner, setTracingDisabled, tool } from '@openai/agents';
import OpenAI from 'openai';
import { Person, Place, assertAnswer, endless, key, leave, model, question, run, system, text, url, weather } from './shared.mjs';

setTracingDisabled(true);
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
const served = process.argv[2] === 'responses' ? new OpenAIResponsesModel(client, model) : new OpenAIChatCompletionsModel(client, model);
const runner = new Runner();
const agent = (more = {}) => new Agent({ name: 'Helper', instructions: system, model: served, ...more, modelSettings: { temperature: 0, maxTokens: 100, ...more.modelSettings } });
const getWeather = tool({ name: 'get_weather', description: 'Tells the weather.', parameters: Place, execute: async ({ city }) => `sunny in ${city}` });
const usage = (result) => result.rawResponses[0].usage.inputTokens;

await run({
  chat: async () => {
    const result = await runner.run(agent(), question);
    assertAnswer(result.finalOutput, usage(result));
  },
  'typed answer': async () => {
    Person.parse((await runner.run(agent({ outputType: Person }), text)).finalOutput);
  },
  'tool call': async () => {
    // After the first call the choice is free again: a model so small replies then.
    const result = await runner.run(agent({ tools: [getWeather], modelSettings: { toolChoice: 'required', parallelToolCalls: false } }), weather);
    const kinds = result.newItems.map((item) => item.type);
    assert.deepEqual(kinds, ['tool_call_item', 'tool_call_output_item', 'message_output_item']);
  },
  stream: async () => {
    const result = await runner.run(agent(), question, { stream: true });
    let answer = '';
    for await (const piece of result.toTextStream()) answer += piece;
    await result.completed;
    assertAnswer(answer, usage(result));
  },
  abort: async () => {
    const controller = new AbortController();
    const result = await runner.run(agent({ modelSettings: { maxTokens: 6000 } }), endless, { stream: true, signal: controller.signal });
    result.completed.catch(() => {});
    await leave(result.toTextStream(), () => controller.abort());
  },
});
