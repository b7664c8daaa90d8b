// Filters the VAE list of a VAELoader by the checkpoint whose latents it decodes.
//
// The full list stays in the node's definition, so that workflows load and run without this file.
// Hooks and graph: Comfy-Org/ComfyUI_frontend src/types/comfy.ts, src/lib/litegraph LGraphNode.
import { app } from "../../scripts/app.js";
import { api } from "../../scripts/api.js";

const CHECKPOINT_WIDGETS = { ckpt_name: "checkpoints", unet_name: "diffusion_models" };
const FARTHEST = 100; // nodes followed along wires, which may form a circle
const DELAY = 100; // milliseconds in which changes are gathered

const kept = new WeakMap(); // widget -> { full, shown }
let enabled = true;
let waiting = null;

const widget = (node, name) => node.widgets?.find((one) => one.name === name);

function checkpointOf(node) {
  for (const [name, folder] of Object.entries(CHECKPOINT_WIDGETS)) {
    const value = widget(node, name)?.value;
    if (typeof value === "string") return { name: value, folder };
  }
  return null;
}

function source(node, input) {
  const slot = node.inputs?.findIndex((one) => one.name === input) ?? -1;
  return slot < 0 ? null : (node.getInputNode?.(slot) ?? null);
}

// From a node that takes latents to the loader of the model that makes them.
function checkpointBehind(node) {
  for (let step = 0; node && step < FARTHEST; step++) {
    const found = checkpointOf(node);
    if (found) return found;
    node = source(node, "samples") ?? source(node, "model") ?? source(node, "latent_image");
  }
  return null;
}

function checkpointFor(loader) {
  for (const user of loader.getOutputNodes?.(0) ?? []) {
    const found = checkpointBehind(source(user, "samples") ?? source(user, "model"));
    if (found) return found;
  }
  // Not wired up yet: a workflow with one checkpoint leaves no doubt.
  const all = (app.graph?._nodes ?? []).map(checkpointOf).filter(Boolean);
  const names = new Set(all.map((one) => `${one.folder}/${one.name}`));
  return names.size === 1 ? all[0] : null;
}

async function answerFor(checkpoint) {
  const query = new URLSearchParams(checkpoint);
  try {
    const response = await api.fetchApi(`/vaereg/compatible?${query}`);
    const answer = response.ok ? await response.json() : null;
    const lists = [answer?.fits, answer?.unfit];
    return answer?.available === true && lists.every(Array.isArray) ? answer : null;
  } catch {
    return null;
  }
}

function fullList(combo) {
  const values = combo.options?.values;
  const before = kept.get(combo);
  // A list that is not ours is ComfyUI's own, refreshed since.
  return before && before.shown === values ? before.full : values;
}

function show(combo, answer) {
  const full = fullList(combo);
  if (!Array.isArray(full)) return;
  let shown = full;
  if (answer) {
    const unfit = new Set(answer.unfit);
    const fits = answer.fits.filter((name) => full.includes(name));
    const rest = full.filter((name) => !unfit.has(name) && !fits.includes(name));
    shown = [...fits, ...rest];
    // What is chosen stays chosen, and in sight.
    if (full.includes(combo.value) && !shown.includes(combo.value)) shown.push(combo.value);
  }
  combo.options.values = shown;
  kept.set(combo, { full, shown });
}

async function filter(loader) {
  const combo = widget(loader, "vae_name");
  if (!combo) return;
  const checkpoint = enabled ? checkpointFor(loader) : null;
  show(combo, checkpoint ? await answerFor(checkpoint) : null);
}

function filterAll() {
  waiting = null;
  const loaders = (app.graph?._nodes ?? []).filter((node) => node.comfyClass === "VAELoader");
  return Promise.all(loaders.map(filter));
}

function soon() {
  waiting ??= setTimeout(filterAll, DELAY);
}

function follow(owner, method) {
  const before = owner[method];
  owner[method] = function (...words) {
    const result = before?.apply(this, words);
    soon();
    return result;
  };
}

app.registerExtension({
  name: "vaereg.filter",
  settings: [
    {
      id: "vaereg.filter",
      name: "vaereg: leave VAEs out of the list that do not fit the checkpoint",
      type: "boolean",
      defaultValue: true,
      onChange: (value) => {
        enabled = value !== false;
        soon();
      },
    },
  ],
  nodeCreated(node) {
    for (const name of Object.keys(CHECKPOINT_WIDGETS)) {
      const combo = widget(node, name);
      if (combo) follow(combo, "callback");
    }
    follow(node, "onConnectionsChange");
    soon();
  },
  afterConfigureGraph: soon,
  refreshComboInNodes: soon,
});
