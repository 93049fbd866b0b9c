import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A person; what the person may do in an organisation stands in its membership. */
@Entity('users')
export class User {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('text')
  email!: string;

  @Column('text')
  name!: string;

  /** E.164. */
  @Column('text', { nullable: true })
  phone!: string | null;

  /** argon2id; null for an account that cannot sign in by password. Not selected unless asked for. */
  @Column('text', { name: 'password_hash', nullable: true, select: false })
  passwordHash!: string | null;

  @Column({ type: 'boolean', name: 'is_system_admin', insert: false, update: false })
  isSystemAdmin!: boolean;

  @Column('timestamptz', { name: 'disabled_at', nullable: true })
  disabledAt!: Date | null;

  @Column('int', { name: 'token_version' })
  tokenVersion!: number;

  @Column('int')
  version!: number;

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;

  @Column('timestamptz', { name: 'updated_at' })
  updatedAt!: Date;
}
