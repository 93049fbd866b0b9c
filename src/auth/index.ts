export { AuthModule } from './auth.module.js';

/** TypeORM entities of this room. */
export const authEntities: (new () => object)[] = [];
