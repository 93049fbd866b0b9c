export { withGeneratedSecrets } from './generated-secrets.js';
