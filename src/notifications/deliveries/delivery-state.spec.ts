import { deliveryStates, sourcesOf, transitions } from './delivery-state.js';

/** Written from docs, not from the code: row by row, where each state leads. */
const allowed = new Set(
  `planned>sending planned>held planned>digesting planned>dropped planned>failed planned>cancelled
   held>planned held>dropped held>cancelled digesting>planned digesting>dropped digesting>cancelled
   sending>sent sending>failed sending>ambiguous sending>planned
   sent>delivered sent>read sent>failed delivered>read
   failed>planned ambiguous>sent ambiguous>failed ambiguous>planned`.split(/\s+/),
);
const pairs = deliveryStates.flatMap((from) => deliveryStates.map((to) => [from, to] as const));

describe('the states of a delivery', () => {
  it.each(pairs)('%s → %s', (from, to) => {
    expect(transitions[from].includes(to)).toBe(allowed.has(`${from}>${to}`));
    expect(sourcesOf(to).includes(from)).toBe(allowed.has(`${from}>${to}`));
  });
});
