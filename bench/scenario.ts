/** What a benchmark is: work with figures as its result. */
import type { Figure } from './figure.js';
import type { Workbench } from './workbench.js';

export interface Scenario {
  /** For `--only`. */
  name: string;
  /** Begins with empty queues. `smoke`: a few jobs, so that it is shown to work; its figures say nothing. */
  run(bench: Workbench, options: { smoke: boolean; long: boolean }): Promise<Figure[]>;
}
