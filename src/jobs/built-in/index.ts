import type { Type } from '@nestjs/common';
import { CacheFlush } from './cache-flush.js';
import { DbOptimize } from './db-optimize.js';
import { HttpRequest } from './http-request.js';

/** Job types that every installation has. */
export const builtInJobs: Type[] = [CacheFlush, DbOptimize, HttpRequest];
