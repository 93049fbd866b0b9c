export { CONFIG, type Config, type DatabaseAddress } from './config.js';
export { ConfigurationError, loadConfig } from './load-config.js';
