import { ApiKey } from './api-keys/api-key.entity.js';

export { AuthModule } from './auth.module.js';

/** TypeORM entities of this room. Refresh tokens have none: no role may read their table. */
export const authEntities: (new () => object)[] = [ApiKey];
