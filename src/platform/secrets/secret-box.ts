import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

/** Where a sealed value stands; it opens nowhere else, so that a row copied to another organisation stays shut. */
export interface SecretPlace {
  organizationId: string;
  table: string;
  column: string;
  id: string;
}

/** A sealed value cannot be opened: unknown key, wrong key, or not the place it was sealed for. Says which, never what. */
export class SecretUnreadable extends Error {}

interface Key {
  id: string;
  key: Uint8Array;
}

/**
 * AES-256-GCM with a data key for each value, wrapped by the first of the configured keys; every configured key unwraps.
 * Rotation re-wraps the 32-byte data key and leaves the value as it is.
 */
export class SecretBox {
  constructor(private readonly keys: readonly Key[]) {}

  /** `v1.<key id>.<wrapped data key>.<sealed value>`, base64url. */
  seal(plain: string, place: SecretPlace): string {
    const [first] = this.keys;
    if (!first) throw new Error('SECRET_KEYS is empty: there is no key to seal a secret with');
    const dataKey = randomBytes(32);
    const wrapped = encrypt(first.key, dataKey, `${first.id}|${labelOf(place)}`);
    const sealed = encrypt(dataKey, Buffer.from(plain, 'utf8'), labelOf(place));
    return ['v1', first.id, wrapped.toString('base64url'), sealed.toString('base64url')].join('.');
  }

  /** @throws SecretUnreadable */
  open(sealed: string, place: SecretPlace): string {
    const [version, keyId, wrapped, value, ...rest] = sealed.split('.');
    const where = `${place.table}.${place.column} of row ${place.id}`;
    if (version !== 'v1' || !keyId || !wrapped || !value || rest.length > 0)
      throw new SecretUnreadable(`${where} holds no sealed secret`);
    const key = this.keys.find(({ id }) => id === keyId);
    if (!key)
      throw new SecretUnreadable(
        `${where} is sealed with key "${keyId}", which SECRET_KEYS does not have: add it again`,
      );
    try {
      const dataKey = decrypt(key.key, Buffer.from(wrapped, 'base64url'), `${key.id}|${labelOf(place)}`);
      return decrypt(dataKey, Buffer.from(value, 'base64url'), labelOf(place)).toString('utf8');
    } catch {
      throw new SecretUnreadable(
        `${where} does not open with key "${keyId}": the key is not the one it was sealed with, or the row was moved or altered`,
      );
    }
  }
}

const labelOf = ({ organizationId, table, column, id }: SecretPlace) => [organizationId, table, column, id].join('|');
const nonceBytes = 12;
const tagBytes = 16;

function encrypt(key: Uint8Array, plain: Uint8Array, label: string): Buffer {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(Buffer.from(label, 'utf8'));
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

function decrypt(key: Uint8Array, sealed: Buffer, label: string): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, nonceBytes), { authTagLength: tagBytes });
  decipher.setAAD(Buffer.from(label, 'utf8'));
  decipher.setAuthTag(sealed.subarray(-tagBytes));
  return Buffer.concat([decipher.update(sealed.subarray(nonceBytes, -tagBytes)), decipher.final()]);
}
