export { withGeneratedSecrets } from './generated-secrets.js';
export { SecretBox, type SecretPlace, SecretUnreadable } from './secret-box.js';
