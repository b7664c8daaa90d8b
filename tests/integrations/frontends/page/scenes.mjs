// Runs the page's extension on small graphs and prints what the list shows in each.
import { app, Node } from "./scripts/app.js";
import { api } from "./scripts/api.js";
import "./extensions/vaereg_nodes/vaereg.js";

const FULL = ["ae", "sd1", "sdxl", "pixel_space"];
const ANSWER = { available: true, fits: ["sdxl"], open: ["pixel_space"], unfit: ["ae", "sd1"] };
const pause = () => new Promise((done) => setTimeout(done, 150));
const results = {};

const loader = (value) => new Node("VAELoader", { vae_name: [value, [...FULL]] });
const checkpoint = (name) => new Node("CheckpointLoaderSimple", { ckpt_name: [name, []] });

async function scene(name, answer, nodes, after = () => {}) {
  api.asked = [];
  api.answer = answer;
  app.graph._nodes = [];
  nodes.forEach((node) => app.add(node));
  await pause();
  await after(nodes);
  await pause();
  const combo = nodes[0].widgets[0];
  results[name] = { shown: combo.options.values, value: combo.value, asked: api.asked };
}

await scene("filtered", ANSWER, [loader("sdxl"), checkpoint("harbour_xl")]);
await scene("chosen stays", ANSWER, [loader("ae"), checkpoint("harbour_xl")]);
await scene("no registry", { available: false, fits: [], open: [], unfit: [] }, [
  loader("ae"), checkpoint("harbour_xl"),
]);
await scene("hostile", { available: true, fits: "sdxl", unfit: 7 }, [loader("ae"), checkpoint("x")]);
await scene("server error", null, [loader("ae"), checkpoint("x")]);
await scene("no server", new Error("gone"), [loader("ae"), checkpoint("x")]);
await scene("two unwired", ANSWER, [loader("ae"), checkpoint("a"), checkpoint("b")]);

const decode = new Node("VAEDecode", {}, ["samples", "vae"]);
const sampler = new Node("KSampler", {}, ["model", "latent_image"]);
const lora = new Node("LoraLoader", {}, ["model"]);
const [vae, first, second] = [loader("sdxl"), checkpoint("a"), checkpoint("b")];
decode.wire("vae", vae);
decode.wire("samples", sampler);
sampler.wire("model", lora);
lora.wire("model", second);
await scene("wired", ANSWER, [vae, first, second, decode, sampler, lora]);

await scene("checkpoint changed", null, [loader("sdxl"), checkpoint("a")], ([, one]) => {
  api.answer = ANSWER;
  one.widgets[0].value = "b";
  one.widgets[0].callback("b");
});
await scene("list refreshed", ANSWER, [loader("sdxl"), checkpoint("a")], ([one]) => {
  one.widgets[0].options.values = [...FULL, "new"];
  app.extensions[0].refreshComboInNodes();
});
await scene("switched off", ANSWER, [loader("sdxl"), checkpoint("a")], () => {
  app.extensions[0].settings[0].onChange(false);
});
console.log(JSON.stringify(results));
