// ComfyUI's page, as far as extensions meet it: a graph of nodes with widgets and wires.
export class Node {
  constructor(comfyClass, widgets, inputs = []) {
    this.comfyClass = comfyClass;
    this.widgets = Object.entries(widgets).map(([name, [value, values]]) => ({
      name, value, options: { values }, callback() {},
    }));
    this.inputs = inputs.map((name) => ({ name, from: null }));
  }
  wire(input, from) {
    this.inputs.find((one) => one.name === input).from = from;
    (from.users ??= []).push(this);
  }
  getInputNode(slot) {
    return this.inputs[slot]?.from ?? null;
  }
  getOutputNodes() {
    return this.users ?? null;
  }
}

export const app = {
  graph: { _nodes: [] },
  extensions: [],
  registerExtension(extension) {
    this.extensions.push(extension);
  },
  add(node) {
    this.graph._nodes.push(node);
    for (const one of this.extensions) one.nodeCreated?.(node);
    return node;
  },
};
