import type { Type } from '@nestjs/common';
import { HttpRequest } from './http-request.js';

/** Job types that every installation has. */
export const builtInJobs: Type[] = [HttpRequest];
