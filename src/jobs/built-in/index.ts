import type { Type } from '@nestjs/common';
import { CacheFlush } from './cache-flush.js';
import { DbOptimize } from './db-optimize.js';
import { HttpRequest } from './http-request.js';
import { DailyPrune } from './prune/daily-prune.js';
import { PruneJobs } from './prune/prune-jobs.js';

/** Job types that every installation has, and what asks for them. */
export const builtInJobs: Type[] = [CacheFlush, DbOptimize, HttpRequest, PruneJobs, DailyPrune];
