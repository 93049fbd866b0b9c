import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateNotifications1763800300000 implements MigrationInterface {
  async up(_runner: QueryRunner): Promise<void> {}

  async down(_runner: QueryRunner): Promise<void> {}
}
