import { Global, Module } from '@nestjs/common';
import { CacheFlushes } from './cache-flushes.js';
import { Caches } from './caches.js';

@Global()
@Module({ providers: [Caches, CacheFlushes], exports: [Caches, CacheFlushes] })
export class CachesModule {}
