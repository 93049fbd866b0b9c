import { applyDecorators, Injectable, SetMetadata, type Type } from '@nestjs/common';
import type { HandlerDefaults } from '@carillon/job-engine';

export const jobHandlerMetadata = 'carillon:job-handler';

export interface JobHandlerOptions extends HandlerDefaults {
  /** class-validator class of the payload; without one only `{}` is taken. */
  payload?: Type<object>;
}

/** Makes a class the handler of a job type; found at boot in every module's providers. */
export const JobHandler = (type: string, options: JobHandlerOptions = {}) =>
  applyDecorators(Injectable(), SetMetadata(jobHandlerMetadata, { type, ...options }));
