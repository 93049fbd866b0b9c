import { Module } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { IdempotencyHousekeeping } from './idempotency/idempotency-housekeeping.js';
import { IdempotencyStore } from './idempotency/idempotency-store.js';
import { IdempotencyInterceptor } from './idempotency/idempotency.interceptor.js';
import { UndeclaredInputInterceptor } from './undeclared-input.interceptor.js';

/** The part of the HTTP conventions that needs the database or its place after the guards; the rest is `configureHttp`. */
@Module({
  providers: [
    IdempotencyStore,
    IdempotencyHousekeeping,
    // first, so that a malformed request never claims a key
    { provide: APP_INTERCEPTOR, useClass: UndeclaredInputInterceptor },
    { provide: APP_INTERCEPTOR, useClass: IdempotencyInterceptor },
  ],
})
export class HttpModule {}
