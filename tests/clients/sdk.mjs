// The JavaScript SDKs, as their users write them: sdk.mjs FOLDER openai|anthropic|ollama, the address in $HOLT.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import path from "node:path";

const [folder, name] = process.argv.slice(2);
const load = createRequire(path.resolve(folder, "package.json"));
const base = process.env.HOLT;
const hello = [{ role: "user", content: "hello" }];
const show = [{ role: "user", content: "show me notes.txt" }];
const schema = { type: "object", properties: { path: { type: "string" } }, required: ["path"] };
const tools = [{ type: "function", function: { name: "read_file", description: "Read a file.", parameters: schema } }];

async function useOpenai() {
  const { OpenAI } = load("openai");
  const client = new OpenAI({ baseURL: base + "/v1", apiKey: "holt" });
  const model = (await client.models.list()).data[0].id;
  const whole = await client.chat.completions.create({ model, messages: hello, temperature: 0 });
  let said = "";
  for await (const chunk of await client.chat.completions.create({ model, messages: hello, temperature: 0, stream: true }))
    said += chunk.choices[0]?.delta.content ?? "";
  assert.equal(said, whole.choices[0].message.content);
  const called = await client.chat.completions.create({ model, messages: show, tools, tool_choice: "required", temperature: 0 });
  const call = called.choices[0].message.tool_calls[0];
  assert.equal(call.function.name, "read_file");
  assert.ok("path" in JSON.parse(call.function.arguments));
}

async function useAnthropic() {
  const { Anthropic } = load("@anthropic-ai/sdk");
  const client = new Anthropic({ baseURL: base, apiKey: "holt" });
  const common = { model: "builtin", max_tokens: 200, temperature: 0 };
  const whole = await client.messages.create({ ...common, messages: hello });
  const final = await client.messages.stream({ ...common, messages: hello }).finalMessage();
  assert.deepEqual(final.content[0].text, whole.content[0].text);
  const stream = client.messages.stream({
    ...common, messages: show, tool_choice: { type: "any" },
    tools: [{ name: "read_file", description: "Read a file.", input_schema: schema }],
  });
  const message = await stream.finalMessage();
  assert.equal(message.stop_reason, "tool_use");
  assert.ok("path" in message.content.find((block) => block.type === "tool_use").input);
}

async function useOllama() {
  const { Ollama } = load("ollama");
  const client = new Ollama({ host: base });
  const model = (await client.list()).models[0].model;
  const whole = await client.chat({ model, messages: hello, options: { temperature: 0 } });
  let said = "";
  for await (const part of await client.chat({ model, messages: hello, options: { temperature: 0 }, stream: true }))
    said += part.message.content;
  assert.equal(said, whole.message.content);
  assert.ok((await client.show({ model })).capabilities.includes("tools"));
  const made = await client.create({ model: "baker", from: model, system: "You bake.", parameters: { num_predict: 3 } });
  assert.equal(made.status, "success");
  assert.match((await client.show({ model: "baker" })).modelfile, /You bake/);
  assert.equal((await client.chat({ model: "baker", messages: hello })).eval_count, 3);
  let last = "";
  for await (const part of await client.create({ model: "baker", from: "baker", system: "You rest.", stream: true })) last = part.status;
  assert.equal(last, "success");
  assert.equal((await client.delete({ model: "baker" })).status, "success");
  await assert.rejects(client.create({ model: "baker", from: "absent" }), /absent/);
}

await { openai: useOpenai, anthropic: useAnthropic, ollama: useOllama }[name]();
console.log("fine");
