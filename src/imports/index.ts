export { ImportsModule } from './imports.module.js';

/** TypeORM entities of this room. */
export const importEntities: (new () => object)[] = [];
