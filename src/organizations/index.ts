export { OrganizationsModule } from './organizations.module.js';

/** TypeORM entities of this room. */
export const organizationEntities: (new () => object)[] = [];
