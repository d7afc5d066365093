import type { Graph, Node } from './schema.js';
import { quoted } from './wire.js';

/** A node, for errors. */
export function titleOf({ operation, name, outputs }: Node): string {
  return `${operation} node ${quoted(name === '' ? (outputs[0] ?? '') : name)}`;
}

/**
 * The graph with its nodes in such an order that each comes after what it uses, and otherwise in theirs.
 *
 * @throws Error where a name is given two values or none, and where nodes wait for one another
 */
export function sorted(graph: Graph): Graph {
  const given = new Set<string>();
  const give = (name: string, what: string): void => {
    if (given.has(name)) throw new Error(`${what} ${quoted(name)} has a name that is taken already`);
    given.add(name);
  };
  for (const { name } of graph.inputs) give(name, 'input');
  for (const { name } of graph.constants) {
    if (name === '') throw new Error('an initializer has no name');
    give(name, 'initializer');
  }
  const producers = new Map<string, number>();
  for (const [i, node] of graph.nodes.entries()) {
    for (const name of node.outputs) {
      if (name === '') continue;
      if (given.has(name) || producers.has(name)) {
        throw new Error(`${titleOf(node)} gives ${quoted(name)}, a name that is taken already`);
      }
      producers.set(name, i);
    }
  }
  for (const node of graph.nodes) {
    for (const name of node.inputs) {
      if (name === '' || given.has(name) || producers.has(name)) continue;
      throw new Error(`${titleOf(node)} uses ${quoted(name)}, which nothing gives`);
    }
  }
  const outputs = new Set<string>();
  for (const { name } of graph.outputs) {
    if (!given.has(name) && !producers.has(name)) {
      throw new Error(`output ${quoted(name)} is given by nothing`);
    }
    if (outputs.has(name)) throw new Error(`output ${quoted(name)} is named twice`);
    outputs.add(name);
  }
  return { ...graph, nodes: inOrder(graph.nodes, producers) };
}

function inOrder(nodes: readonly Node[], producers: ReadonlyMap<string, number>): Node[] {
  const order: Node[] = [];
  /** 1: being visited, 2: in the order. */
  const state = new Uint8Array(nodes.length);
  for (let root = 0; root < nodes.length; root++) {
    if (state[root] === 2) continue;
    const stack = [{ at: root, next: 0 }];
    state[root] = 1;
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const node = nodes[top.at]!;
      const name = node.inputs[top.next++];
      if (name === undefined) {
        state[top.at] = 2;
        order.push(node);
        stack.pop();
        continue;
      }
      const before = producers.get(name);
      if (before === undefined || state[before] === 2) continue;
      if (state[before] === 1)
        throw new Error(`${titleOf(node)} waits for its own result: the graph has a cycle`);
      state[before] = 1;
      stack.push({ at: before, next: 0 });
    }
  }
  return order;
}
