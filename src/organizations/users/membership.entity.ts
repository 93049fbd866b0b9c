import { Column, Entity, PrimaryColumn } from 'typeorm';

/** What a person is in an organisation. */
@Entity('memberships')
export class Membership {
  @PrimaryColumn('uuid', { name: 'organization_id' })
  organizationId!: string;

  @PrimaryColumn('uuid', { name: 'user_id' })
  userId!: string;

  @Column('text')
  role!: 'OrgAdmin' | 'Member';

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;
}
