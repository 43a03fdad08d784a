import assert from 'node:assert/strict';
import { HumanMessage, SystemMessage, ToolMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { ChatOpenAI } from '@langchain/openai';
import { Person, Place, assertAnswer, endless, key, leave, model, question, run, system, text, url, weather } from './shared.mjs';

const chat = (maxTokens = 100) => new ChatOpenAI({
  model, apiKey: key, configuration: { baseURL: `${url}/v1` }, temperature: 0, maxTokens, maxRetries: 0, useResponsesApi: process.argv[2] === 'responses',
});
const ask = (user) => [new SystemMessage(system), new HumanMessage(user)];
const getWeather = tool(async ({ city }) => `sunny in ${city}`, { name: 'get_weather', description: 'Tells the weather.', schema: Place });

await run({
  chat: async () => {
    const answer = await chat().invoke(ask(question));
    assertAnswer(answer.text, answer.usage_metadata.input_tokens);
  },
  'typed answer': async () => {
    Person.parse(await chat().withStructuredOutput(Person, { name: 'person' }).invoke(ask(text)));
    Person.parse(await chat().withStructuredOutput(Person, { name: 'person', method: 'functionCalling' }).invoke(ask(text)));
  },
  'tool call': async () => {
    const asked = await chat().bindTools([getWeather], { tool_choice: 'get_weather', parallel_tool_calls: false }).invoke(ask(weather));
    const result = await getWeather.invoke(asked.tool_calls[0]);
    assert.ok(result instanceof ToolMessage && result.content.startsWith('sunny in '));
    const told = await chat().bindTools([getWeather], { tool_choice: 'none' }).invoke([...ask(weather), asked, result]);
    assert.equal(told.tool_calls.length, 0);
  },
  stream: async () => {
    let answer;
    for await (const chunk of await chat().stream(ask(question))) answer = answer?.concat(chunk) ?? chunk;
    assertAnswer(answer.text, answer.usage_metadata.input_tokens);
  },
  abort: async () => {
    const controller = new AbortController();
    await leave(await chat(6000).stream(ask(endless), { signal: controller.signal }), () => controller.abort());
  },
});
