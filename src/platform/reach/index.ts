export { organizationOfNew, organizationOfRow, readWithinReach } from './reach.js';
