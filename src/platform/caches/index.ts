export { type Cache, Caches } from './caches.js';
export { CacheFlushes } from './cache-flushes.js';
export { CachesModule } from './caches.module.js';
