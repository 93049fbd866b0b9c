/** A short name from a long one: `Ægir & Søn A/S` → `gir-s-n-a-s` is not pretty, but letters with accents keep their base: `Café Zoë` → `cafe-zoe`. */
export function slugOf(name: string): string {
  const plain = name
    .normalize('NFKD')
    .replaceAll(/\p{Mark}/gu, '')
    .toLowerCase();
  const slug = plain
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+/g, '')
    .slice(0, 63)
    .replaceAll(/-+$/g, '');
  return slug || 'organization';
}
