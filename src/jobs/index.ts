export { JobsModule } from './jobs.module.js';

/** TypeORM entities of this room. */
export const jobEntities: (new () => object)[] = [];
