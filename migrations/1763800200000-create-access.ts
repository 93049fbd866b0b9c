import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateAccess1763800200000 implements MigrationInterface {
  async up(_runner: QueryRunner): Promise<void> {}

  async down(_runner: QueryRunner): Promise<void> {}
}
