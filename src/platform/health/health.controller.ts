import { Controller, Get } from '@nestjs/common';
import { Problem, Public } from '../http/index.js';
import { HealthDto } from './health.dto.js';
import { type Obstacle, Readiness } from './readiness.js';

const obstacles: Record<Obstacle, string> = {
  draining: 'This process is shutting down.',
  database_unreachable: 'The database does not answer.',
  migrations_pending: 'The database lacks migrations: run "carillon migrate".',
};

@Controller()
@Public()
export class HealthController {
  constructor(private readonly readiness: Readiness) {}

  /** Whether the process lives: asks nothing of anybody, so it answers as long as the event loop turns. */
  @Get('livez')
  live(): HealthDto {
    return { status: 'ok' };
  }

  /** Whether the process should get requests: the database answers, its migrations have run, no shutdown has begun. */
  @Get('readyz')
  async ready(): Promise<HealthDto> {
    const obstacle = await this.readiness.obstacle();
    if (obstacle) throw new Problem(503, obstacle, obstacles[obstacle], { headers: { 'retry-after': '5' } });
    return { status: 'ok' };
  }
}
