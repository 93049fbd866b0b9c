import { Module } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { IdempotencyHousekeeping } from './idempotency/idempotency-housekeeping.js';
import { IdempotencyStore } from './idempotency/idempotency-store.js';
import { IdempotencyInterceptor } from './idempotency/idempotency.interceptor.js';

/** The part of the HTTP conventions that needs the database; the rest is `configureHttp`. */
@Module({
  providers: [
    IdempotencyStore,
    IdempotencyHousekeeping,
    { provide: APP_INTERCEPTOR, useClass: IdempotencyInterceptor },
  ],
})
export class HttpModule {}
