export { CONFIG, type Config, type DatabaseAddress } from './config.js';
export { ConfigurationError, loadConfig, loadMaintenanceConfig } from './load-config.js';
export { nearestName } from './nearest-name.js';
