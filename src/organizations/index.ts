export { OrganizationsModule } from './organizations.module.js';
export { hashPassword, oneTimePassword, passwordLength, passwordMatches } from './password.js';

/** TypeORM entities of this room. */
export const organizationEntities: (new () => object)[] = [];
