import { Column, Entity, PrimaryColumn } from 'typeorm';

/** What a reader may see of a secret. */
export interface SecretHint {
  /** Its last characters, or none where it is short. */
  hint: string;
  updatedAt: string;
}

/** How an organisation reaches a provider of its own. */
@Entity('channel_settings')
export class ChannelSettings {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('uuid', { name: 'organization_id' })
  organizationId!: string;

  @Column('text')
  channel!: string;

  @Column('text')
  provider!: string;

  /** By the provider's schema, without its secret fields. */
  @Column('jsonb')
  settings!: Record<string, unknown>;

  /** Sealed JSON of the secret fields. */
  @Column('text', { nullable: true })
  secrets!: string | null;

  @Column('jsonb', { name: 'secret_hints' })
  secretHints!: Record<string, SecretHint>;

  @Column('int')
  version!: number;

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;

  @Column('timestamptz', { name: 'updated_at' })
  updatedAt!: Date;
}
