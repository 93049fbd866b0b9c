/** Takes secrets out of words that others wrote: a mail server may well repeat the login that it refused. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  const forms = secrets.flatMap(formsOf).filter((form) => form.length >= 4);
  // the longest first, or what it contains would leave its ends standing
  return forms.sort((a, b) => b.length - a.length).reduce((rest, form) => rest.replaceAll(form, '[secret]'), text);
}

function formsOf(secret: string): string[] {
  const path = URL.canParse(secret) ? [new URL(secret).pathname] : [];
  return [secret, ...path, encodeURIComponent(secret), Buffer.from(secret).toString('base64')];
}
