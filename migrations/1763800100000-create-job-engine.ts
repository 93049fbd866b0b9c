import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateJobEngine1763800100000 implements MigrationInterface {
  async up(_runner: QueryRunner): Promise<void> {}

  async down(_runner: QueryRunner): Promise<void> {}
}
