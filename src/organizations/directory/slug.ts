/** A short name from a long one: `Café Zoë & Söhne` → `cafe-zoe-sohne`. Of scripts other than Latin nothing is left: then `organization`. */
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
