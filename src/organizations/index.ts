import { Organization } from './directory/organization.entity.js';
import { Membership } from './users/membership.entity.js';
import { User } from './users/user.entity.js';

export { OrganizationService } from './directory/organization.service.js';
export { OrganizationsModule } from './organizations.module.js';
export { hashPassword, oneTimePassword, passwordLength, passwordMatches } from './password.js';
export { UserService } from './users/user.service.js';

/** TypeORM entities of this room. */
export const organizationEntities: (new () => object)[] = [Organization, User, Membership];
