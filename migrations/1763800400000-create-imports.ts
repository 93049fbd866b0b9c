import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateImports1763800400000 implements MigrationInterface {
  async up(_runner: QueryRunner): Promise<void> {}

  async down(_runner: QueryRunner): Promise<void> {}
}
