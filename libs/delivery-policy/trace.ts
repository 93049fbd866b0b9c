/** Why a decision fell: the rules in the order tried, each with the layer and the value it read, in at most 200 bytes. */
import type { Layer } from './preferences.js';

export interface TraceStep {
  /** Number of the rule in the planner's table. */
  rule: number;
  layer?: Layer;
  /** What the rule saw, in a word: `on`, `off`, or an instant. */
  value?: string;
}

const letters = { 'built-in': 'b', organization: 'o', user: 'u' } as const satisfies Record<Layer, string>;
const layers = Object.fromEntries(Object.entries(letters).map(([layer, letter]) => [letter, layer])) as Record<
  string,
  Layer
>;

/** `2o=on 4 5u=off`: rule, layer, value. */
export function encodeTrace(steps: readonly TraceStep[]): string {
  return steps
    .map(({ rule, layer, value }) => `${rule}${layer ? letters[layer] : ''}${value === undefined ? '' : `=${value}`}`)
    .join(' ');
}

/** @throws RangeError for a text that `encodeTrace` did not write */
export function readTrace(text: string): TraceStep[] {
  if (text === '') return [];
  return text.split(' ').map((part) => {
    const [, rule, letter, value] = /^(\d+)([bou])?(?:=(\S+))?$/.exec(part) ?? [];
    if (!rule) throw new RangeError(`"${part}" is no step of a trace`);
    const step: TraceStep = { rule: Number(rule) };
    if (letter) step.layer = layers[letter];
    if (value !== undefined) step.value = value;
    return step;
  });
}
