// The JavaScript SDKs, as their users write them: sdk.mjs FOLDER openai|responses|anthropic|ollama|embeddings, on the server in $HOLT,
// and random-openai|random-responses|random-anthropic|random-ollama on the models with random weights of the server in $HOLT_RANDOM: what they say means nothing, but
// their calls must be valid.
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

const order = [
  "response.created", "response.in_progress", "response.output_item.added", "response.content_part.added", "response.output_text.delta",
  "response.output_text.done", "response.content_part.done", "response.output_item.done", "response.completed",
];

async function useResponses() {
  const { OpenAI } = load("openai");
  const client = new OpenAI({ baseURL: base + "/v1", apiKey: "holt" });
  const model = (await client.models.list()).data[0].id;
  const whole = await client.responses.create({ model, input: "hello", temperature: 0 });
  assert.equal(whole.status, "completed");
  assert.ok(whole.output_text);
  const kinds = [];
  let said = "";
  for await (const event of await client.responses.create({ model, input: "hello", temperature: 0, stream: true })) {
    assert.equal(event.sequence_number, kinds.length);
    kinds.push(event.type);
    if (event.type === "response.output_text.delta") said += event.delta;
  }
  assert.equal(said, whole.output_text);
  assert.deepEqual(kinds.filter((kind, i) => kind !== "response.output_text.delta" || kinds[i - 1] !== kind), order);
  assert.equal((await client.responses.stream({ model, input: "hello", temperature: 0 }).finalResponse()).output_text, said);
  const tools = [{ type: "function", name: "read_file", description: "Read a file.", parameters: schema, strict: false }];
  const common = { model, tools, temperature: 0 };
  const called = await client.responses.create({ ...common, input: show, tool_choice: "required", parallel_tool_calls: false });
  const call = called.output.at(-1);
  assert.equal(call.type, "function_call");
  assert.equal(call.name, "read_file");
  assert.ok("path" in JSON.parse(call.arguments));
  const result = { type: "function_call_output", call_id: call.call_id, output: "1 of 1 lines\nbuy milk" };
  const again = await client.responses.create({ ...common, input: [...show, ...called.output, result] });
  const on = await client.responses.create({ ...common, input: [result], previous_response_id: called.id });
  assert.equal(on.output_text, again.output_text);
  assert.equal(on.previous_response_id, called.id);
  assert.equal(on.usage.input_tokens, again.usage.input_tokens);
  await client.responses.delete(on.id);
  await assert.rejects(client.responses.create({ model, input: "hello", previous_response_id: on.id }), new RegExp(on.id));
}

async function useAnthropic() {
  const { Anthropic } = load("@anthropic-ai/sdk");
  const client = new Anthropic({ baseURL: base, apiKey: "holt" });
  const model = (await client.models.list()).data[0].id;
  const common = { model, max_tokens: 200, temperature: 0 };
  const whole = await client.messages.create({ ...common, messages: hello });
  const counted = await client.messages.countTokens({ model, messages: hello });
  assert.equal(counted.input_tokens, whole.usage.input_tokens + whole.usage.cache_read_input_tokens);
  const kinds = [];
  let said = "";
  for await (const event of await client.messages.create({ ...common, messages: hello, stream: true })) {
    if (event.type === "ping") continue;
    if (event.type !== kinds.at(-1)) kinds.push(event.type);
    if (event.type === "content_block_delta") said += event.delta.text;
  }
  assert.equal(said, whole.content[0].text);
  assert.deepEqual(kinds, [
    "message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "message_stop"]);
  const heard = [];
  const final = await client.messages.stream({ ...common, messages: hello }).on("text", (text) => heard.push(text)).finalMessage();
  assert.equal(final.content[0].text, said);
  assert.equal(heard.join(""), said);
  const tools = [{ name: "read_file", description: "Read a file.", input_schema: schema }];
  const message = await client.messages.stream({ ...common, messages: show, tools, tool_choice: { type: "any" } }).finalMessage();
  assert.equal(message.stop_reason, "tool_use");
  const block = message.content.find((block) => block.type === "tool_use");
  assert.ok("path" in block.input);
  const results = message.content.filter((block) => block.type === "tool_use").map((block) =>
    ({ type: "tool_result", tool_use_id: block.id, content: "1 of 1 lines\nbuy milk" }));
  const again = await client.messages.create({
    ...common, tools, messages: [...show, { role: "assistant", content: message.content }, { role: "user", content: results }] });
  assert.ok(["end_turn", "tool_use"].includes(again.stop_reason));
  assert.ok(again.usage.cache_read_input_tokens > 0);
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

async function useEmbeddings() {
  const { OpenAI } = load("openai");
  const { Ollama } = load("ollama");
  const client = new OpenAI({ baseURL: process.env.HOLT_VECTORS + "/v1", apiKey: "holt" });
  const input = ["an otter", "a den"];
  const model = (await client.models.list()).data[0].id;
  const packed = await client.embeddings.create({ model, input }); // asks for base64 by itself
  const plain = await client.embeddings.create({ model, input, encoding_format: "float" });
  const rows = plain.data.map((row) => row.embedding);
  assert.deepEqual(packed.data.map((row) => row.embedding.map(Math.fround)), rows.map((row) => row.map(Math.fround)));
  assert.equal((await client.embeddings.create({ model, input, dimensions: 16 })).data[1].embedding.length, 16);
  for (const row of rows) assert.ok(Math.abs(row.reduce((sum, x) => sum + x * x, 0) - 1) < 1e-5);
  const other = new Ollama({ host: process.env.HOLT_VECTORS });
  assert.deepEqual((await other.embed({ model, input })).embeddings, rows);
  assert.equal((await other.embeddings({ model, prompt: "a den" })).embedding.length, rows[0].length);
  await assert.rejects(other.chat({ model, messages: hello }), /embeddings/);
}

// ------------------------------------------------------------------ models with random weights
const rich = {
  type: "object", additionalProperties: false, required: ["path", "lines"],
  properties: { path: { type: "string", maxLength: 20 }, lines: { type: "array", minItems: 1, maxItems: 3, items: { enum: [7, 9] } } },
};

function judge(name, input) {
  assert.equal(name, "read_file");
  assert.deepEqual(Object.keys(input).sort(), ["lines", "path"]);
  assert.ok(typeof input.path === "string" && [...input.path].length <= 20, input.path);
  assert.ok(Array.isArray(input.lines) && input.lines.length >= 1 && input.lines.length <= 3 && input.lines.every((x) => x === 7 || x === 9), input.lines);
}

async function randomOpenai() {
  const { OpenAI } = load("openai");
  const client = new OpenAI({ baseURL: process.env.HOLT_RANDOM + "/v1", apiKey: "holt" });
  const offered = [{ type: "function", function: { name: "read_file", description: "Read a file.", parameters: rich } }];
  const models = (await client.models.list()).data.map((row) => row.id).filter((id) => id !== "builtin");
  assert.equal(models.length, 3);
  for (const model of models)
    for (const choice of ["required", "auto", { type: "function", function: { name: "read_file" } }])
      for (let seed = 0; seed < 4; seed++) {
        const body = { model, messages: show, tools: offered, tool_choice: choice, seed, max_tokens: 300 };
        const calls = (await client.chat.completions.create(body)).choices[0].message.tool_calls ?? [];
        for (const call of calls) judge(call.function.name, JSON.parse(call.function.arguments));
        assert.ok(choice === "auto" || calls.length);
        const final = await client.chat.completions.stream({ ...body, stream: true }).finalChatCompletion();
        assert.deepEqual((final.choices[0].message.tool_calls ?? []).map((call) => call.function.arguments), calls.map((call) => call.function.arguments));
        const format = { type: "json_schema", json_schema: { name: "r", schema: rich, strict: true } };
        const held = (await client.chat.completions.create({ model, messages: show, seed, max_tokens: 300, response_format: format })).choices[0];
        if (held.finish_reason !== "length" || held.message.content) judge("read_file", JSON.parse(held.message.content));
      }
}

async function randomAnthropic() {
  const { Anthropic } = load("@anthropic-ai/sdk");
  const client = new Anthropic({ baseURL: process.env.HOLT_RANDOM, apiKey: "holt" });
  const offered = [{ name: "read_file", description: "Read a file.", input_schema: rich }];
  const models = (await client.models.list()).data.map((row) => row.id).filter((id) => id !== "builtin");
  assert.equal(models.length, 3);
  for (const model of models)
    for (const type of ["any", "auto", "tool"])
      for (let i = 0; i < 4; i++) {
        const choice = type === "tool" ? { type, name: "read_file" } : { type };
        const body = { model, messages: show, tools: offered, tool_choice: choice, max_tokens: 300 };
        for (const message of [await client.messages.create(body), await client.messages.stream(body).finalMessage()]) {
          const blocks = message.content.filter((block) => block.type === "tool_use");
          for (const block of blocks) judge(block.name, block.input);
          assert.ok(type === "auto" || blocks.length);
        }
      }
}

async function randomResponses() {
  const { OpenAI } = load("openai");
  const client = new OpenAI({ baseURL: process.env.HOLT_RANDOM + "/v1", apiKey: "holt" });
  const offered = [{ type: "function", name: "read_file", description: "Read a file.", parameters: rich, strict: true }];
  const models = (await client.models.list()).data.map((row) => row.id).filter((id) => id !== "builtin");
  assert.equal(models.length, 3);
  const calls = (response) => response.output.filter((item) => item.type === "function_call");
  for (const model of models)
    for (const choice of ["required", "auto", { type: "function", name: "read_file" }])
      for (let i = 0; i < 4; i++) {
        const body = { model, input: show, tools: offered, tool_choice: choice, max_output_tokens: 300 };
        const events = [];
        for await (const event of await client.responses.create({ ...body, stream: true })) events.push(event);
        assert.deepEqual(events.map((event) => event.sequence_number), events.map((_, index) => index));
        const last = events.at(-1);
        assert.deepEqual(events.filter((event) => event.type === "response.output_item.done").map((event) => event.item), last.response.output);
        for (const response of [await client.responses.create(body), last.response]) {
          for (const call of calls(response)) judge(call.name, JSON.parse(call.arguments));
          assert.ok(choice === "auto" || calls(response).length);
        }
        const text = { format: { type: "json_schema", name: "r", schema: rich, strict: true } };
        const held = await client.responses.create({ model, input: show, max_output_tokens: 300, text });
        if (held.status !== "incomplete" || held.output_text) judge("read_file", JSON.parse(held.output_text));
      }
}

async function randomOllama() {
  const { Ollama } = load("ollama");
  const client = new Ollama({ host: process.env.HOLT_RANDOM });
  const offered = [{ type: "function", function: { name: "read_file", description: "Read a file.", parameters: rich } }];
  const models = (await client.list()).models.map((row) => row.model).filter((name) => !name.startsWith("builtin"));
  assert.equal(models.length, 3);
  for (const model of models)
    for (let seed = 0; seed < 6; seed++) {
      const options = { seed, num_predict: 300, temperature: 1 };
      const whole = (await client.chat({ model, messages: show, tools: offered, options })).message;
      for (const call of whole.tool_calls ?? []) judge(call.function.name, call.function.arguments);
      let said = "";
      for await (const part of await client.chat({ model, messages: show, tools: offered, options, stream: true })) said += part.message.content;
      assert.equal(said, whole.content);
      const held = await client.chat({ model, messages: show, format: rich, options });
      if (held.done_reason !== "length" || held.message.content) judge("read_file", JSON.parse(held.message.content));
    }
}

await {
  openai: useOpenai, responses: useResponses, anthropic: useAnthropic, ollama: useOllama, embeddings: useEmbeddings,
  "random-openai": randomOpenai, "random-responses": randomResponses,
  "random-anthropic": randomAnthropic, "random-ollama": randomOllama,
}[name]();
console.log("fine");
