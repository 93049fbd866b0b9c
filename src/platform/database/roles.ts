/**
 * The runtime roles (security.md, wall 2). All are NOLOGIN: the configured login owns the schema, is a member of each,
 * and every pool assumes its role when a connection opens.
 */
export const databaseRoles = ['carillon_app', 'carillon_platform', 'carillon_engine'] as const;
export type DatabaseRole = (typeof databaseRoles)[number];
