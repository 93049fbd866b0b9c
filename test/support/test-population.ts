/** Organisations A and B and their people, as most tests need them. */
import { hash } from '@node-rs/argon2';
import type pg from 'pg';
import { v7 as uuidv7 } from 'uuid';

/** SystemAdmin belongs to the platform's own organisation, OrgAdmin and Member to A, the others to B. */
export const people = {
  SystemAdmin: person('root@carillon.test', 'P', 'OrgAdmin'),
  OrgAdmin: person('admin@a.test', 'A', 'OrgAdmin'),
  Member: person('member@a.test', 'A', 'Member'),
  OtherOrgAdmin: person('admin@b.test', 'B', 'OrgAdmin'),
  OtherMember: person('member@b.test', 'B', 'Member'),
};
export type Person = keyof typeof people;

export interface Population {
  /** Ids; P is the platform's own. */
  organizations: { A: string; B: string; P: string };
  /** Ids. */
  users: Record<Person, string>;
}

function person(email: string, organization: 'A' | 'B' | 'P', role: 'OrgAdmin' | 'Member') {
  return { email, password: `the password of ${email}`, organization, role };
}

export async function populate(owner: pg.Pool): Promise<Population> {
  const organizations = { A: uuidv7(), B: uuidv7(), P: uuidv7() };
  await owner.query(
    `insert into organizations (id, name, slug) values ($1, 'Organisation A', 'a'), ($2, 'Organisation B', 'b'), ($3, 'Carillon', 'carillon')`,
    [organizations.A, organizations.B, organizations.P],
  );
  const users = {} as Record<Person, string>;
  for (const [name, { email, password, organization, role }] of Object.entries(people)) {
    const id = (users[name as Person] = uuidv7());
    await owner.query(
      `insert into users (id, email, name, password_hash, is_system_admin) values ($1, $2, $3, $4, $5)`,
      [id, email, name, await cheapHash(password), name === 'SystemAdmin'],
    );
    await owner.query(`insert into memberships (organization_id, user_id, role) values ($1, $2, $3)`, [
      organizations[organization],
      id,
      role,
    ]);
  }
  return { organizations, users };
}

/** argon2id as in production, but at a cost that tests can pay. */
export const cheapHash = (password: string) => hash(password, { memoryCost: 64, timeCost: 1, parallelism: 1 });
