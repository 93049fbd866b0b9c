/** Every migration, in the order in which they run. */
export { CreateOrganizationsAndWalls1763800000000 } from './1763800000000-create-organizations-and-walls.js';
