/** Whether one organisation's flood is felt by another, and whether weights share out what is short. */
import { setTimeout as delay } from 'node:timers/promises';
import { type Figure, percentile, until } from '../figure.js';
import type { Scenario } from '../scenario.js';
import type { Organization, Workbench } from '../workbench.js';

export const fairnessScenario: Scenario = {
  name: 'fairness',
  async run(bench, { smoke }) {
    const scale = smoke ? { flood: 500, probes: 5, share: 400 } : { flood: 100_000, probes: 150, share: 30_000 };
    const [flooding, other] = (await bench.makeOrganizations(2)) as [Organization, Organization];
    const figures: Figure[] = [];
    // 20 ms: slots are what is short; nothing at all: the claim and the writing of results are
    for (const jobMs of [20, 0]) figures.push(...(await waits(bench, { flooding, other, jobMs, ...scale })));
    return [...figures, ...(await weights(bench, flooding, other, scale.share))];
  },
};

interface Waits {
  flooding: Organization;
  other: Organization;
  jobMs: number;
  flood: number;
  probes: number;
}

/** From the call of enqueue to the first line of the handler, one job every 30 ms, without and with the other's flood. */
async function waits(bench: Workbench, { flooding, other, jobMs, flood, probes }: Waits): Promise<Figure[]> {
  const idle = await probe(bench, other, probes, jobMs);
  await bench.empty();
  await bench.fill(flood, [flooding]);
  const flooded = await probe(bench, other, probes, jobMs);
  await bench.empty();
  const beside = `beside ${flood.toLocaleString('en')} jobs of ${jobMs === 0 ? 'no work' : `${jobMs} ms`} of another`;
  const idleP95 = percentile(idle, 95);
  return [
    ...[50, 95].map((p): Figure => ({
      name: `wait alone (jobs of ${jobMs} ms), p${p}`,
      value: percentile(idle, p),
      unit: 'ms',
    })),
    { name: `wait ${beside}, p50`, value: percentile(flooded, 50), unit: 'ms' },
    { name: `wait ${beside}, p95`, value: percentile(flooded, 95), unit: 'ms', goal: { atMost: idleP95 + 50 } },
  ];
}

async function probe(bench: Workbench, organization: Organization, probes: number, jobMs: number): Promise<number[]> {
  const asked = new Map<number, number>();
  const took: number[] = [];
  const work = async () => {
    if (jobMs > 0) await delay(jobMs);
  };
  const { client, start, stop } = bench.engine({
    noop: work,
    probe: (payload) => {
      const { number } = payload as { number: number };
      took.push(performance.now() - asked.get(number)!);
      return work();
    },
  });
  await start();
  await delay(200);
  for (let number = 0; number < probes; number++) {
    asked.set(number, performance.now());
    void client.enqueueGathered({ organizationId: organization.id, jobType: 'probe', payload: { number } });
    await delay(30);
  }
  await until(() => took.length >= probes, `all of ${probes} probes started`, 60_000);
  await stop();
  return took;
}

async function weights(bench: Workbench, heavy: Organization, light: Organization, each: number): Promise<Figure[]> {
  await bench.db.owner.query(`insert into organization_controls (org, weight) values ($1, 3), ($2, 1)`, [
    heavy.number,
    light.number,
  ]);
  await bench.fill(each * 2, [heavy, light]);
  const both = await shares(bench, each, heavy, light);
  await bench.empty();
  await bench.fill(each * 2, [light]);
  const alone = await shares(bench, each, heavy, light);
  await bench.empty();
  const off = Math.abs(both.heavy / both.light / 3 - 1);
  return [
    { name: 'starts at weights 3 : 1 while both have work', value: both.heavy / both.light, unit: '×' },
    { name: 'off 3 : 1 by a part of', value: off, unit: '×', goal: { atMost: 0.1 } },
    {
      name: 'rate of the lighter alone : of both together',
      value: alone.rate / both.rate,
      unit: '×',
      goal: { atLeast: 0.9 },
    },
  ];
}

/** Who got how many of the first `count` starts. */
async function shares(bench: Workbench, count: number, heavy: Organization, light: Organization) {
  const byOrganization = new Map([
    [heavy.id, 0],
    [light.id, 0],
  ]);
  let total = 0;
  const began = performance.now();
  let ended = 0;
  const { start, stop } = bench.engine({
    noop: async (_, ctx) => {
      if (total >= count) return;
      byOrganization.set(ctx.organizationId, byOrganization.get(ctx.organizationId)! + 1);
      if (++total === count) ended = performance.now();
    },
  });
  await start();
  await until(() => total >= count, `${count} jobs started`);
  await stop();
  return {
    heavy: byOrganization.get(heavy.id)!,
    light: byOrganization.get(light.id)!,
    rate: count / ((ended - began) / 1_000),
  };
}
