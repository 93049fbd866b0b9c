import { randomBytes } from 'node:crypto';
import { hash, verify } from '@node-rs/argon2';

/** argon2id with OWASP's minimum: 19 MiB, two passes, one lane (Password Storage Cheat Sheet); about 20 ms a hash. */
const cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

/** Longer ones are refused before they are hashed, so that a password cannot be used to burn CPU. */
export const passwordLength = { min: 12, max: 200 } as const;

/** A PHC string (`$argon2id$…`); argon2id is the library's default algorithm. */
export function hashPassword(password: string): Promise<string> {
  return hash(password.normalize('NFC'), cost);
}

let decoy: Promise<string> | undefined;

/**
 * Whether the password belongs to the hash. Without a hash (an unknown account, or one that has no password) it works
 * as long on a decoy and answers false: the time does not tell who has an account.
 */
export async function passwordMatches(passwordHash: string | null | undefined, password: string): Promise<boolean> {
  decoy ??= hashPassword(randomBytes(16).toString('hex'));
  const matches = await verify(passwordHash ?? (await decoy), password.normalize('NFC'));
  return matches && typeof passwordHash === 'string';
}

/** 120 random bits in letters and digits that nobody confuses (no 0 and o, 1 and l), in groups that can be read aloud. */
export function oneTimePassword(random: (size: number) => Uint8Array = randomBytes): string {
  const alphabet = 'abcdefghijkmnpqrstuvwxyz23456789';
  const letters = Array.from(random(24), (byte) => alphabet[byte % alphabet.length]!).join('');
  return letters.match(/.{6}/g)!.join('-');
}
